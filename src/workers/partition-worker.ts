/**
 * The partition worker: owns logs, turns jobs into batches in files and regions of files, and answers with receipts. It
 * sequences; what a batch must look like and where it lies is the log's business (`storage/log`).
 *
 * One turn: mail from main, what the disk aide finished, jobs up to the budget, then one write per touched log, the
 * watermarks to the board, the receipts, and one publication per lane.
 */
import { assert, must } from '../base/assert.ts';
import { errorCode } from '../protocol/errors.ts';
import type { Board } from '../zerocopy/board.ts';
import {
  APPEND_AT,
  APPEND_FLAGS,
  APPEND_LENGTH,
  APPEND_SENT_NUMBER,
  APPENDED_BASE_OFFSET_NUMBER,
  APPENDED_DONE_NUMBER,
  APPENDED_LOG_START_NUMBER,
  APPENDED_REASON,
  APPENDED_RECORD_INDEX,
  APPENDED_TIME_NUMBER,
  JOB_APPEND,
  JOB_FIND_EPOCH,
  JOB_FIND_OFFSET,
  JOB_READ,
  JOB_RELEASE,
  RECEIPT_APPEND,
  RECEIPT_SYNC,
  RECEIPT_SYNC_SYSTEM,
  RECEIPT_WAKE,
  RECEIPT_WARM,
  RECEIPT_WRITE_BACK,
  RELEASE_LEASE,
  SLOT_ENTRY,
  SLOT_EXCHANGE,
  SLOT_KIND,
  SLOT_PARTITION,
  SLOT_WORDS,
} from '../zerocopy/layout.ts';
import type { Memory } from '../zerocopy/memory.ts';
import type { AckGate } from './ack-gate.ts';
import type { AppendStages } from './append-stages.ts';
import type { FlushWindow } from './flush-window.ts';
import type { Housekeeping } from './housekeeping.ts';
import type { LaneEnd } from './lane.ts';
import type { LogFlushes } from './log-flushes.ts';
import type { LogReads } from './log-reads.ts';
import type { Mailbox } from './mailbox.ts';
import type { PartitionKeeper } from './partition-keeper.ts';
import type { OwnedPartition, PartitionTable } from './partition-table.ts';
import { PendingAppends } from './pending-appends.ts';
import type { ReadLeases } from './read-leases.ts';
import type { Receipts } from './receipts.ts';
import type { Recoder } from './recoder.ts';
import type { WriteBacks } from './write-backs.ts';

export interface PartitionWorkerParts {
  /** One from each front, and behind them main's. */
  readonly lanes: readonly LaneEnd[];
  readonly receipts: readonly Receipts[];
  /** The slab of each of them, where its spans point into. */
  readonly slabs: readonly Memory[];
  readonly aide: LaneEnd;
  /** To the flusher, for what nobody waits for. */
  readonly flusher: LaneEnd;
  readonly board: Board;
  readonly table: PartitionTable;
  readonly leases: ReadLeases;
  readonly gate: AckGate;
  readonly reads: LogReads;
  readonly flushes: LogFlushes;
  readonly flushWindow: FlushWindow;
  readonly writeBacks: WriteBacks;
  readonly keeper: PartitionKeeper;
  readonly housekeeping: Housekeeping;
  readonly recoder: Recoder;
  readonly mailbox: Mailbox;
  /** Null: nobody asks how long appends take. */
  readonly stages: AppendStages | null;
}

/** Jobs of one lane in one turn: enough to fill a large write, few enough that no other lane waits long. */
const JOBS_PER_LANE_MAX = 512;
/** Appends of one turn: bounds what is written, and acknowledged, at once. */
export const APPENDS_PER_TURN_MAX = 1024;
/** Logs of one turn whose flush is complete. */
const FLUSHED_PER_TURN_MAX = 128;
const TICK_MS = 1000;

export class PartitionWorker {
  private readonly parts: PartitionWorkerParts;
  private readonly appends = new PendingAppends(APPENDS_PER_TURN_MAX);
  private readonly touched: OwnedPartition[] = [];
  private touchedCount = 0;
  /** Refused batches touch their log as well, so every job of every lane may touch another one. */
  private readonly touchedMax: number;
  private turnNumber = 0;
  private tickDueMs = 0;
  /** The first job of the lane waits for the aide or the background pool, whose answers ring the bell. */
  private readonly isStuck: Uint8Array;

  constructor(parts: PartitionWorkerParts) {
    this.isStuck = new Uint8Array(parts.lanes.length);
    assert(parts.lanes.length === parts.slabs.length, 'every lane has a slab');
    this.parts = parts;
    this.touchedMax = parts.lanes.length * JOBS_PER_LANE_MAX + APPENDS_PER_TURN_MAX;
  }

  turn(nowMs: number): boolean {
    this.turnNumber += 1;
    this.parts.recoder.beginTurn();
    let didWork = this.parts.keeper.takeMail(nowMs);
    if (this.drainAide(this.parts.aide, nowMs)) didWork = true;
    if (this.drainAide(this.parts.flusher, nowMs)) didWork = true;
    if (this.settleFlushed(nowMs)) didWork = true;
    if (this.parts.recoder.hasReady && this.appendRecoded(nowMs)) didWork = true;
    // Another lane first each time: what a turn may spend on re-encoding is shared by all of them.
    for (let index = 0; index < this.parts.lanes.length; index++) {
      if (this.drainLane((this.turnNumber - 1 + index) % this.parts.lanes.length, nowMs)) didWork = true;
    }
    if (this.touchedCount > 0) this.settleTouched(nowMs);
    if (this.parts.stages !== null) this.parts.stages.endTurn();
    // Behind the writes: a log that failed in this turn must not have healed before its batches are answered.
    if (nowMs >= this.tickDueMs) {
      this.tickDueMs = nowMs + TICK_MS;
      this.parts.housekeeping.tick(nowMs);
      this.showHealed();
    }
    this.publish();
    // Behind the receipts: no acknowledgement waits until the flusher is told.
    if (this.parts.flushWindow.step(nowMs)) didWork = true;
    this.parts.flusher.publish();
    return didWork;
  }

  /** A fresh look at everything that could give work, for the moment before the thread falls asleep. */
  get isIdle(): boolean {
    if (this.parts.keeper.isBusy || this.parts.flushWindow.isBusy) return false;
    if (this.parts.mailbox.hasMail || !this.parts.aide.incoming.isEmpty || this.parts.recoder.hasReady) return false;
    if (!this.parts.flusher.incoming.isEmpty) return false;
    for (let lane = 0; lane < this.parts.lanes.length; lane++) {
      if (this.parts.receipts[lane]!.hasOverflow || this.isStuck[lane] === 1) continue;
      if (!this.parts.lanes[lane]!.incoming.isEmpty) return false;
    }
    return true;
  }

  sleepMs(nowMs: number): number {
    // A full receipt ring gives no signal when the front makes room; look again soon.
    for (let lane = 0; lane < this.parts.lanes.length; lane++) {
      if (this.parts.receipts[lane]!.hasOverflow) return 1;
    }
    return Math.max(1, Math.min(this.tickDueMs - nowMs, this.parts.flushWindow.dueInMs(nowMs)));
  }

  private drainLane(lane: number, nowMs: number): boolean {
    const end = this.parts.lanes[lane]!;
    const receipts = this.parts.receipts[lane]!;
    if (receipts.hasOverflow) {
      receipts.drainOverflow();
      if (receipts.hasOverflow) return false;
    }
    let count = 0;
    this.isStuck[lane] = 0;
    while (count < JOBS_PER_LANE_MAX && !this.appends.isFull) {
      const slot = end.incoming.peek();
      if (slot < 0) break;
      if (!this.take(lane, end.incoming.words, end.incoming.numbers, slot * SLOT_WORDS, nowMs)) {
        this.isStuck[lane] = this.parts.recoder.isSpent ? 0 : 1;
        break;
      }
      end.incoming.advance();
      count += 1;
    }
    return count > 0;
  }

  /** False: the job must stay where it is and come again. */
  private take(lane: number, words: Int32Array, numbers: Float64Array, at: number, nowMs: number): boolean {
    switch (words[at + SLOT_KIND]!) {
      case JOB_APPEND:
        return this.takeAppend(lane, words, numbers, at, nowMs);
      case JOB_READ:
        return this.parts.reads.read(lane, words, numbers, at);
      case JOB_RELEASE:
        this.parts.leases.end(words[at + RELEASE_LEASE]!);
        return true;
      case JOB_FIND_OFFSET:
        return this.parts.reads.findOffset(lane, words, numbers, at);
      case JOB_FIND_EPOCH:
        return this.parts.reads.findEpoch(lane, words, at);
      default:
        assert(false, 'a worker knows the kind of its job');
    }
  }

  private takeAppend(lane: number, words: Int32Array, numbers: Float64Array, at: number, nowMs: number): boolean {
    const exchange = words[at + SLOT_EXCHANGE]!;
    const entry = words[at + SLOT_ENTRY]!;
    const slot = words[at + SLOT_PARTITION]!;
    const partition = this.parts.table.at(slot);
    if (partition === null) {
      this.refuse(lane, exchange, entry, slot, errorCode.NOT_LEADER_OR_FOLLOWER, -1, 0);
      return true;
    }
    const memory = this.parts.slabs[lane]!;
    const spanAt = words[at + APPEND_AT]!;
    const length = words[at + APPEND_LENGTH]!;
    const flags = words[at + APPEND_FLAGS]!;
    const { stages } = this.parts;
    if (stages !== null) stages.begin();
    if (partition.recodes || this.parts.recoder.holds(partition)) {
      if (!this.takeRecoded(partition, lane, exchange, entry, memory, spanAt, length, flags, nowMs)) return false;
    } else {
      this.append(partition, lane, exchange, entry, memory, spanAt, length, flags, nowMs);
    }
    if (stages !== null) stages.taken(slot, numbers[(at >> 1) + APPEND_SENT_NUMBER]!);
    return true;
  }

  /** A topic with a codec of its own: the recoder gives the batch back in that codec, now or later. */
  private takeRecoded(
    partition: OwnedPartition,
    lane: number,
    exchange: number,
    entry: number,
    memory: Memory,
    at: number,
    length: number,
    flags: number,
    nowMs: number,
  ): boolean {
    const recoder = this.parts.recoder;
    if (!recoder.hasRoom || recoder.isSpent) return false;
    const error = recoder.recode(partition, lane, exchange, entry, memory, at, length, flags, nowMs);
    if (error !== 0) {
      this.refuse(lane, exchange, entry, partition.slot, error, recoder.recordIndex, recoder.reason);
    } else if (recoder.isDone) {
      const encoded = must(recoder.memory, 'what is done has bytes');
      this.append(partition, lane, exchange, entry, encoded, recoder.at, recoder.length, flags, nowMs);
    }
    return true;
  }

  /** What the background pool has re-encoded, in the order in which it came, as far as this turn's budget goes. */
  private appendRecoded(nowMs: number): boolean {
    const recoder = this.parts.recoder;
    let count = 0;
    while (!this.appends.isFull && recoder.takeReady()) {
      const job = must(recoder.ready, 'what is ready has a job');
      const partition = this.parts.table.at(job.slot);
      const isSame = partition !== null && partition === job.partition;
      if (!isSame) this.refuse(job.lane, job.exchange, job.entry, job.slot, errorCode.NOT_LEADER_OR_FOLLOWER, -1, 0);
      else if (job.error !== 0)
        this.refuse(job.lane, job.exchange, job.entry, job.slot, job.error, recoder.recordIndex, recoder.reason);
      else {
        const encoded = must(recoder.memory, 'what is ready has bytes');
        this.append(
          partition,
          job.lane,
          job.exchange,
          job.entry,
          encoded,
          recoder.at,
          recoder.length,
          job.flags,
          nowMs,
        );
      }
      count += 1;
    }
    return count > 0;
  }

  private append(
    partition: OwnedPartition,
    lane: number,
    exchange: number,
    entry: number,
    memory: Memory,
    at: number,
    length: number,
    flags: number,
    nowMs: number,
  ): void {
    const log = partition.log;
    this.touch(partition);
    const error = log.append(memory, at, length, flags, nowMs);
    const appended = log.appended;
    if (error !== 0) {
      this.refuse(lane, exchange, entry, partition.slot, error, appended.recordIndex, appended.reason);
      return;
    }
    const index = this.appends.push(lane, exchange, entry, partition.slot, flags);
    this.appends.baseOffset[index] = appended.baseOffset;
    this.appends.neededOffset[index] = appended.lastOffset + 1;
    this.appends.appendTimeMs[index] = appended.logAppendTimeMs;
  }

  private touch(partition: OwnedPartition): void {
    if (partition.touchedTurn === this.turnNumber) return;
    assert(this.touchedCount < this.touchedMax, 'a turn touches no more logs than its budget allows');
    partition.touchedTurn = this.turnNumber;
    partition.hasFailed = false;
    this.touched[this.touchedCount] = partition;
    this.touchedCount += 1;
  }

  /** One write per touched log; then, and only then, its watermarks and receipts. */
  private settleTouched(nowMs: number): void {
    for (let index = 0; index < this.touchedCount; index++) {
      const partition = this.touched[index]!;
      partition.hasFailed = partition.log.flushWrites() < 0;
      this.parts.housekeeping.watch(partition);
      if (partition.hasFailed) {
        this.parts.gate.fail(partition.slot, errorCode.KAFKA_STORAGE_ERROR);
        // Earlier parts of the turn may have been written well.
        this.parts.flushWindow.note(partition, nowMs);
      } else {
        this.noteWritten(partition, nowMs);
      }
      this.show(partition);
    }
    if (this.parts.stages !== null) this.parts.stages.written();
    this.acknowledge();
    this.touchedCount = 0;
  }

  /** Asks for nothing that is done in this turn. */
  private noteWritten(partition: OwnedPartition, nowMs: number): void {
    this.parts.flushes.ask(partition, nowMs);
    this.parts.flushWindow.note(partition, nowMs);
    this.parts.writeBacks.ask(partition);
  }

  private acknowledge(): void {
    const appends = this.appends;
    const { stages } = this.parts;
    for (let index = 0; index < appends.count; index++) {
      const slot = appends.partition[index]!;
      const partition = this.parts.table.at(slot)!;
      const lane = appends.lane[index]!;
      const needed = appends.neededOffset[index]!;
      // Of a log that failed within the turn, earlier parts may have been written well. What waits for a flush is refused
      // with all that waits on this log: nobody can say when it takes the next batch.
      if (partition.hasFailed && partition.log.watermarks.high < needed) {
        this.refuse(lane, appends.exchange[index]!, appends.entry[index]!, slot, errorCode.KAFKA_STORAGE_ERROR, -1, 0);
        continue;
      }
      if (stages !== null) stages.appended(slot);
      if (partition.log.watermarks.high >= needed) {
        this.receipt(
          lane,
          appends.exchange[index]!,
          appends.entry[index]!,
          partition,
          appends.baseOffset[index]!,
          appends.appendTimeMs[index]!,
        );
      } else {
        this.parts.gate.hold(
          slot,
          lane,
          appends.exchange[index]!,
          appends.entry[index]!,
          needed,
          appends.baseOffset[index]!,
          appends.appendTimeMs[index]!,
        );
      }
    }
    appends.clear();
  }

  private receipt(
    lane: number,
    exchange: number,
    entry: number,
    partition: OwnedPartition,
    baseOffset: number,
    appendTimeMs: number,
  ): void {
    const receipts = this.parts.receipts[lane]!;
    receipts.begin(RECEIPT_APPEND, exchange, entry, partition.slot, 0);
    const { words, wordAt, numbers, numberAt } = receipts;
    words[wordAt + APPENDED_RECORD_INDEX] = -1;
    words[wordAt + APPENDED_REASON] = 0;
    numbers[numberAt + APPENDED_BASE_OFFSET_NUMBER] = baseOffset;
    numbers[numberAt + APPENDED_TIME_NUMBER] = appendTimeMs;
    numbers[numberAt + APPENDED_LOG_START_NUMBER] = partition.log.watermarks.start;
    numbers[numberAt + APPENDED_DONE_NUMBER] = this.parts.stages === null ? 0 : this.parts.stages.writtenMs;
  }

  private refuse(
    lane: number,
    exchange: number,
    entry: number,
    slot: number,
    error: number,
    recordIndex: number,
    reason: number,
  ): void {
    const receipts = this.parts.receipts[lane]!;
    receipts.begin(RECEIPT_APPEND, exchange, entry, slot, error);
    const { words, wordAt, numbers, numberAt } = receipts;
    words[wordAt + APPENDED_RECORD_INDEX] = recordIndex;
    words[wordAt + APPENDED_REASON] = reason;
    numbers[numberAt + APPENDED_BASE_OFFSET_NUMBER] = -1;
    numbers[numberAt + APPENDED_TIME_NUMBER] = -1;
    numbers[numberAt + APPENDED_LOG_START_NUMBER] = this.parts.table.at(slot)?.log.watermarks.start ?? -1;
    numbers[numberAt + APPENDED_DONE_NUMBER] = 0;
  }

  private drainAide({ incoming }: LaneEnd, nowMs: number): boolean {
    let count = 0;
    for (let slot = incoming.peek(); slot >= 0; slot = incoming.peek()) {
      const words = incoming.words;
      const at = slot * SLOT_WORDS;
      const kind = words[at + SLOT_KIND]!;
      if (kind === RECEIPT_WARM) this.parts.reads.warmed(words, at);
      else if (kind === RECEIPT_WRITE_BACK) this.parts.writeBacks.done(words, at);
      else if (kind === RECEIPT_SYNC_SYSTEM) this.parts.flushWindow.synced(words, at);
      else {
        assert(kind === RECEIPT_SYNC, 'the aide answers what it was asked');
        const partition = this.parts.flushes.synced(words, at, nowMs);
        if (partition !== null) this.afterSync(partition);
      }
      incoming.advance();
      count += 1;
    }
    return count > 0;
  }

  /** What a flush of everything covered, as far as this turn's budget goes. */
  private settleFlushed(nowMs: number): boolean {
    for (let count = 0; count < FLUSHED_PER_TURN_MAX; count++) {
      const partition = this.parts.flushWindow.takeFlushed(nowMs);
      if (partition === null) return count > 0;
      this.afterSync(partition);
    }
    return true;
  }

  private afterSync(partition: OwnedPartition): void {
    this.parts.flushWindow.settled(partition);
    if (partition.log.isPoisoned) this.parts.housekeeping.watch(partition);
    if (this.parts.table.at(partition.slot) === partition) this.show(partition);
    else this.parts.keeper.finishClosing(partition);
  }

  private showHealed(): void {
    const { healed } = this.parts.housekeeping;
    for (let index = 0; index < healed.length; index++) this.show(healed[index]!);
    healed.length = 0;
  }

  /** Publishes a log's watermarks, lets gated receipts go, wakes the fronts that watch. */
  private show(partition: OwnedPartition): void {
    const { log, slot } = partition;
    const marks = log.watermarks;
    this.parts.board.set(slot, marks.start, marks.stable, marks.high, marks.end, log.bytesAppended);
    if (this.parts.gate.count > 0) this.parts.gate.open(slot, marks.high, marks.start);
    for (let group = 0; group << 5 < this.parts.receipts.length; group++) {
      const watchers = this.parts.board.watchers(slot, group);
      if (watchers !== 0) this.wake(slot, group << 5, watchers);
    }
  }

  /** Bit n is the watcher of lane `first + n`. */
  private wake(slot: number, first: number, watchers: number): void {
    const end = Math.min(first + 32, this.parts.receipts.length);
    for (let lane = first; lane < end; lane++) {
      if ((watchers & (1 << (lane - first))) === 0) continue;
      this.parts.receipts[lane]!.begin(RECEIPT_WAKE, -1, -1, slot, 0);
    }
  }

  private publish(): void {
    for (let lane = 0; lane < this.parts.lanes.length; lane++) {
      this.parts.receipts[lane]!.drainOverflow();
      this.parts.lanes[lane]!.publish();
    }
    this.parts.aide.publish();
  }
}
