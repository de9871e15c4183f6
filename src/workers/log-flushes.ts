/**
 * Flushes to the device for a worker, group-committed: a log that owes one is flushed once for all that was written so
 * far; what is written meanwhile rides on the next. Acknowledgements that need the flush wait in the ack gate.
 *
 * Where they do, the disk aide flushes. What nobody waits for goes to the flusher: a gigabyte left behind by a log that
 * goes on in a new segment would hold up cold reads, and others' acknowledgements, for as long as it takes.
 */
import { assert, must } from '../base/assert.ts';
import { errorCode } from '../protocol/errors.ts';
import { SYNC_FDS_MAX } from '../storage/log-sync.ts';
import { AIDE_FD, JOB_SYNC, RECEIPT_ERROR, SLOT_EXCHANGE, SLOT_KIND, SLOT_WORDS } from '../zerocopy/layout.ts';
import type { AckGate } from './ack-gate.ts';
import type { LaneEnd } from './lane.ts';
import type { OwnedPartition, PartitionTable } from './partition-table.ts';

/** The share of a ring that flushes may take. The aide's other half is for cold reads, the flusher's for write-back. */
const FLUSHES_SHARE = 2;

export class LogFlushes {
  private readonly aide: LaneEnd;
  private readonly flusher: LaneEnd;
  private readonly table: PartitionTable;
  /** Flushes under way by ticket: a partition may be closing while it is flushed, so its slot would not find it. */
  private readonly underWay = new Map<number, OwnedPartition>();
  private nextTicket = 0;
  private readonly gate: AckGate;
  /** Logs that owe a flush while the ring has no room for it. */
  private readonly waiting = new Set<OwnedPartition>();
  /** Logs that owe a flush and whose files could not be opened when their turn came: nothing tells when they can be. */
  private readonly refused = new Set<OwnedPartition>();
  /** Files being flushed by the aide, and by the flusher. */
  private aideCount = 0;
  private flusherCount = 0;

  constructor(aide: LaneEnd, flusher: LaneEnd, table: PartitionTable, gate: AckGate) {
    this.aide = aide;
    this.flusher = flusher;
    this.table = table;
    this.gate = gate;
  }

  /** Begins a flush of the log if it owes one and none is under way. False: it cannot be begun now, and is to be asked for again. */
  ask(partition: OwnedPartition, nowMs: number): boolean {
    if (partition.syncsPending > 0) return true;
    if (!partition.log.owesSync(nowMs, partition.isFlushDue)) {
      partition.isFlushDue = false;
      return true;
    }
    partition.isWithFlusher = !partition.log.holdsAcks;
    if (!this.hasRoom(partition.isWithFlusher)) {
      this.waiting.add(partition);
      return true;
    }
    const count = partition.log.beginSync(nowMs);
    if (count < 0) return false;
    partition.isFlushDue = false;
    if (count > 0) this.send(partition, count);
    else partition.log.endSync(0);
    return true;
  }

  hasRoom(isWithFlusher: boolean): boolean {
    const count = isWithFlusher ? this.flusherCount : this.aideCount;
    const jobs = isWithFlusher ? this.flusher.outgoing : this.aide.outgoing;
    return count === 0 || count + SYNC_FDS_MAX <= jobs.slotCount / FLUSHES_SHARE;
  }

  /** The log has begun a flush of so many files, and there is room for it. */
  send(partition: OwnedPartition, count: number): void {
    const jobs = partition.isWithFlusher ? this.flusher.outgoing : this.aide.outgoing;
    partition.syncsPending = count;
    partition.syncError = 0;
    const ticket = this.nextTicket;
    this.nextTicket = (ticket + 1) & 0x7fffffff;
    this.underWay.set(ticket, partition);
    for (let index = 0; index < count; index++) {
      const job = jobs.claim();
      assert(job >= 0, 'there is room for the flushes of one log');
      const to = job * SLOT_WORDS;
      jobs.words[to + SLOT_KIND] = JOB_SYNC;
      jobs.words[to + SLOT_EXCHANGE] = ticket;
      jobs.words[to + AIDE_FD] = partition.log.sync.fds[index]!;
    }
    if (partition.isWithFlusher) this.flusherCount += count;
    else this.aideCount += count;
  }

  /** One file of a flush is done. Returns the partition whose flush is complete with it, else null. */
  synced(words: Int32Array, at: number, nowMs: number): OwnedPartition | null {
    const ticket = words[at + SLOT_EXCHANGE]!;
    const partition = must(this.underWay.get(ticket), 'a flush that is under way is answered');
    assert(partition.syncsPending > 0, 'a flush ends once per file');
    if (partition.isWithFlusher) this.flusherCount -= 1;
    else this.aideCount -= 1;
    const error = words[at + RECEIPT_ERROR]!;
    if (error < 0 && partition.syncError === 0) partition.syncError = error;
    partition.syncsPending -= 1;
    if (partition.syncsPending > 0) return null;
    this.underWay.delete(ticket);
    this.end(partition, partition.syncError, nowMs);
    this.askWaiting(nowMs);
    return partition;
  }

  /** The flush of a log is complete. */
  end(partition: OwnedPartition, error: number, nowMs: number): void {
    partition.syncsPending = 0;
    partition.log.endSync(error);
    if (this.table.at(partition.slot) !== partition) return;
    if (error < 0) this.gate.fail(partition.slot, errorCode.KAFKA_STORAGE_ERROR);
    else this.askOnBehalf(partition, nowMs);
  }

  /** Every so often. */
  askRefused(nowMs: number): void {
    let left = this.refused.size;
    for (const partition of this.refused) {
      this.refused.delete(partition);
      if (this.table.at(partition.slot) === partition) this.askOnBehalf(partition, nowMs);
      left -= 1;
      if (left === 0) return;
    }
  }

  private askWaiting(nowMs: number): void {
    for (const partition of this.waiting) {
      this.waiting.delete(partition);
      if (this.table.at(partition.slot) === partition) this.askOnBehalf(partition, nowMs);
      if (this.waiting.has(partition)) return;
    }
  }

  /** Nobody hears of it who would ask again: acknowledgements would wait until the log is appended to. */
  private askOnBehalf(partition: OwnedPartition, nowMs: number): void {
    if (!this.ask(partition, nowMs)) this.refused.add(partition);
  }
}
