/**
 * Flushes to the device for a worker, group-committed: a log that owes one asks the disk aide once for all that was
 * written so far; what is written meanwhile rides on the next. Acknowledgements that need the flush wait in the ack gate.
 */
import { assert, must } from '../base/assert.ts';
import { errorCode } from '../protocol/errors.ts';
import { AIDE_FD, JOB_SYNC, RECEIPT_ERROR, SLOT_EXCHANGE, SLOT_KIND, SLOT_WORDS } from '../zerocopy/layout.ts';
import type { AckGate } from './ack-gate.ts';
import type { LaneEnd } from './lane.ts';
import type { OwnedPartition, PartitionTable } from './partition-table.ts';

export class LogFlushes {
  private readonly aide: LaneEnd;
  private readonly table: PartitionTable;
  /** Flushes under way by ticket: a partition may be closing while it is flushed, so its slot would not find it. */
  private readonly underWay = new Map<number, OwnedPartition>();
  private nextTicket = 0;
  private readonly gate: AckGate;
  /** Logs that owe a flush while the aide's ring has no room for it. */
  private readonly waiting = new Set<OwnedPartition>();

  constructor(aide: LaneEnd, table: PartitionTable, gate: AckGate) {
    this.aide = aide;
    this.table = table;
    this.gate = gate;
  }

  get hasWaiting(): boolean {
    return this.waiting.size > 0;
  }

  /** Begins a flush of the log if it owes one and none is under way. */
  ask(partition: OwnedPartition, nowMs: number): void {
    if (partition.syncsPending > 0 || !partition.log.owesSync(nowMs)) return;
    const jobs = this.aide.outgoing;
    // A flush covers a handful of files; half the ring is kept for cold reads.
    if (jobs.freeCount < jobs.slotCount / 2) {
      this.waiting.add(partition);
      return;
    }
    const count = partition.log.beginSync(nowMs);
    partition.syncsPending = count;
    partition.syncError = 0;
    const ticket = this.nextTicket;
    this.nextTicket = (ticket + 1) & 0x7fffffff;
    if (count > 0) this.underWay.set(ticket, partition);
    for (let index = 0; index < count; index++) {
      const job = jobs.claim();
      assert(job >= 0, 'the aide has room for the flushes of one log');
      const to = job * SLOT_WORDS;
      jobs.words[to + SLOT_KIND] = JOB_SYNC;
      jobs.words[to + SLOT_EXCHANGE] = ticket;
      jobs.words[to + AIDE_FD] = partition.log.sync.fds[index]!;
    }
    if (count === 0) partition.log.endSync(0);
  }

  /** One file of a flush is done. Returns the partition whose flush is complete with it, else null. */
  synced(words: Int32Array, at: number, nowMs: number): OwnedPartition | null {
    const ticket = words[at + SLOT_EXCHANGE]!;
    const partition = must(this.underWay.get(ticket), 'the aide answers a flush that is under way');
    assert(partition.syncsPending > 0, 'a flush ends once per file');
    const error = words[at + RECEIPT_ERROR]!;
    if (error < 0 && partition.syncError === 0) partition.syncError = error;
    partition.syncsPending -= 1;
    if (partition.syncsPending > 0) return null;
    this.underWay.delete(ticket);
    partition.log.endSync(partition.syncError);
    if (this.table.at(partition.slot) !== partition) return partition;
    if (partition.syncError < 0) this.gate.fail(partition.slot, errorCode.KAFKA_STORAGE_ERROR);
    else this.ask(partition, nowMs);
    this.askWaiting(nowMs);
    return partition;
  }

  private askWaiting(nowMs: number): void {
    for (const partition of this.waiting) {
      this.waiting.delete(partition);
      if (this.table.at(partition.slot) === partition) this.ask(partition, nowMs);
      if (this.waiting.has(partition)) return;
    }
  }
}
