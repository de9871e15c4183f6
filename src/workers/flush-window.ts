/**
 * The flush window (`perfbroker.flush.window.ms`): whatever the topics ask for, nothing that was written stays unflushed
 * for longer, so that a power cut takes no more than the window. Logs wait in the order in which they became dirty; when
 * the first has waited half the window, all that are dirty are flushed, and the other half is for the flush to take.
 * Nobody's acknowledgement waits for it, and a log that nobody writes to is not looked at.
 *
 * Few logs are flushed one by one: a flush of the whole file system makes writers wait when there is much in each. Of
 * thousands with little in each it is the one that ends within the window. When it fails, or cannot be told from one that
 * fails, each log asks for its own, whose outcome counts.
 *
 *   resting ──> gathering ──sent──> under way ──> settling ──> resting      a slice of logs a turn at most
 */
import { assert, must } from '../base/assert.ts';
import { isFault } from '../base/fault.ts';
import { Fifo } from '../base/fifo.ts';
import type { StorageTools } from '../storage/storage-tools.ts';
import { AIDE_FD, BOARD_SLOTS_MAX, JOB_SYNC_SYSTEM, RECEIPT_ERROR, SLOT_KIND, SLOT_WORDS } from '../zerocopy/layout.ts';
import type { LaneEnd } from './lane.ts';
import type { LogFlushes } from './log-flushes.ts';
import type { OwnedPartition, PartitionTable } from './partition-table.ts';

/** More dirty logs than that are flushed together. */
export const ONE_BY_ONE_MAX = 64;
/** About 2 µs each. */
const LOGS_PER_TURN = 128;
const NEVER = -1;

type GroupState = 'resting' | 'gathering' | 'under way' | 'settling';

export interface FlushWindowParts {
  readonly flusher: LaneEnd;
  readonly table: PartitionTable;
  readonly flushes: LogFlushes;
  readonly tools: StorageTools;
  /** 0: off. */
  readonly windowMs: number;
  /** Lies on the file system of the logs. */
  readonly folder: string;
}

export class FlushWindow {
  private readonly parts: FlushWindowParts;
  private readonly beginAfterMs: number;
  private readonly dirty = new Fifo<OwnedPartition>(BOARD_SLOTS_MAX * 2);
  private readonly group: OwnedPartition[] = [];
  private state: GroupState = 'resting';
  private gatheredUpToMs = 0;
  private groupError = 0;
  /** Opened before the first write: a flush of everything tells of what was lost since then. */
  private systemFd = NEVER;
  private isPrepared = false;

  constructor(parts: FlushWindowParts) {
    this.parts = parts;
    this.beginAfterMs = parts.windowMs === 0 ? Number.POSITIVE_INFINITY : parts.windowMs / 2;
  }

  /** Before a log is opened. */
  prepare(): void {
    if (this.isPrepared || this.parts.windowMs === 0) return;
    this.isPrepared = true;
    try {
      this.systemFd = this.parts.tools.disk.open(this.parts.folder, 'read');
    } catch (error) {
      if (!isFault(error)) throw error;
      this.parts.tools.logger.warn(`logs are flushed one by one: ${error.message}`);
    }
  }

  /** Something of the log was written, and is not flushed. */
  note(partition: OwnedPartition, sinceMs: number): void {
    if (partition.dirtySinceMs !== NEVER || this.parts.windowMs === 0) return;
    const isTaken = this.dirty.push(partition);
    assert(isTaken, 'every log has a place, and so has one that was closed while it waited');
    partition.dirtySinceMs = sinceMs;
  }

  /** Behind the publication of a turn. Whether it did anything. */
  step(nowMs: number): boolean {
    if (this.state === 'gathering') return this.gather(nowMs);
    if (this.state !== 'resting' || this.dueInMs(nowMs) > 0) return false;
    if (this.dirty.count > ONE_BY_ONE_MAX && this.systemFd !== NEVER) {
      this.state = 'gathering';
      this.gatheredUpToMs = nowMs;
      return this.gather(nowMs);
    }
    for (let left = Math.min(this.dirty.count, LOGS_PER_TURN); left > 0; left--) {
      const partition = this.take();
      if (this.parts.table.at(partition.slot) !== partition) continue;
      partition.isFlushDue = true;
      if (!this.parts.flushes.ask(partition, nowMs)) this.note(partition, nowMs);
    }
    this.parts.flusher.publish();
    return true;
  }

  /** The group is gathered, or told of its flush, a slice a turn: the next one has nothing to wait for. */
  get isBusy(): boolean {
    if (this.state === 'gathering') return true;
    return this.state === 'settling' && (this.groupError === 0 || this.parts.flushes.hasRoom(true));
  }

  /** Until `step` has something to do; Infinity: until something is written. */
  dueInMs(nowMs: number): number {
    const first = this.dirty.peek();
    if (first === undefined || this.state !== 'resting') return Number.POSITIVE_INFINITY;
    return first.dirtySinceMs + this.beginAfterMs - nowMs;
  }

  /** The flush of everything came back. */
  synced(words: Int32Array, at: number): void {
    assert(this.state === 'under way', 'a flush of everything ends that was begun');
    this.state = 'settling';
    this.groupError = words[at + RECEIPT_ERROR]!;
    if (this.groupError === 0) return;
    this.parts.tools.logger.warn(
      `a flush of all logs failed with error ${-this.groupError}; each is asked for its own`,
    );
    // What was lost is told once; from here on only a log's own flush can be believed.
    this.close();
  }

  /** The next log of the group whose flush is complete; null when no more of them are. */
  takeFlushed(nowMs: number): OwnedPartition | null {
    if (this.state !== 'settling') return null;
    const { flushes } = this.parts;
    while (this.group.length > 0) {
      if (this.groupError < 0 && !flushes.hasRoom(true)) return null;
      const partition = must(this.group.pop(), 'the group has another log');
      if (this.groupError < 0 && partition.log.sync.count > 0) {
        flushes.send(partition, partition.log.sync.count);
        continue;
      }
      flushes.end(partition, 0, nowMs);
      return partition;
    }
    this.state = 'resting';
    return null;
  }

  /** A flush of the log is complete, by whatever way: what it did not cover waits for the next. */
  settled(partition: OwnedPartition): void {
    const sinceMs = partition.log.unsyncedSinceMs;
    if (sinceMs !== NEVER && this.parts.table.at(partition.slot) === partition) this.note(partition, sinceMs);
  }

  /** Everything, while nothing else is done. False: it failed, or nobody could tell. */
  flushAll(): boolean {
    return this.systemFd !== NEVER && this.parts.tools.disk.syncSystem(this.systemFd) === 0;
  }

  close(): void {
    if (this.systemFd !== NEVER) this.parts.tools.disk.close(this.systemFd);
    this.systemFd = NEVER;
  }

  private gather(nowMs: number): boolean {
    const { table, flushes } = this.parts;
    for (let left = LOGS_PER_TURN; left > 0; left--) {
      const first = this.dirty.peek();
      if (first === undefined || first.dirtySinceMs > this.gatheredUpToMs) {
        this.send();
        return true;
      }
      const partition = this.take();
      if (table.at(partition.slot) !== partition) continue;
      partition.isFlushDue = true;
      // Its flush under way was begun earlier, and does not cover everything; the next begins when it ends.
      if (partition.syncsPending > 0) continue;
      if (partition.log.holdsAcks || !partition.log.owesSync(nowMs, true)) {
        if (!flushes.ask(partition, nowMs)) this.note(partition, nowMs);
        continue;
      }
      if (partition.log.beginSync(nowMs) < 0) {
        this.note(partition, nowMs);
        continue;
      }
      partition.isFlushDue = false;
      partition.isWithFlusher = true;
      partition.syncsPending = 1;
      this.group.push(partition);
    }
    return true;
  }

  private send(): void {
    if (this.group.length === 0) {
      this.state = 'resting';
      return;
    }
    const jobs = this.parts.flusher.outgoing;
    const job = jobs.claim();
    // Nothing of the group is under way yet; the next turn tries again.
    if (job < 0) return;
    this.state = 'under way';
    jobs.words[job * SLOT_WORDS + SLOT_KIND] = JOB_SYNC_SYSTEM;
    jobs.words[job * SLOT_WORDS + AIDE_FD] = this.systemFd;
    this.parts.flusher.publish();
  }

  private take(): OwnedPartition {
    const partition = must(this.dirty.shift(), 'a dirty log waits');
    partition.dirtySinceMs = NEVER;
    return partition;
  }
}
