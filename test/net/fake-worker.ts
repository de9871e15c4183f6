/**
 * A worker for tests of the front: drains jobs, appends batches to files of the fake disk, answers as a real one does.
 * It keeps every lease it grants until it comes back, and lets a test choose errors, and how much it does per turn.
 */
import { assert, must } from '../../src/base/assert.ts';
import { errorCode } from '../../src/protocol/errors.ts';
import type { LaneEnd } from '../../src/workers/lane.ts';
import { Receipts } from '../../src/workers/receipts.ts';
import type { Board } from '../../src/zerocopy/board.ts';
import {
  ABORTED_COUNT,
  ABORTED_FIRST_NUMBER,
  APPEND_AT,
  APPEND_FLAGS,
  APPEND_LENGTH,
  APPENDED_BASE_OFFSET_NUMBER,
  APPENDED_LOG_START_NUMBER,
  APPENDED_REASON,
  APPENDED_RECORD_INDEX,
  APPENDED_TIME_NUMBER,
  FIND_EPOCH_EPOCH,
  FIND_OFFSET_FLAGS,
  FIND_OFFSET_TIMESTAMP_NUMBER,
  FOUND_EPOCH_END_OFFSET_NUMBER,
  FOUND_EPOCH_EPOCH,
  FOUND_LEADER_EPOCH,
  FOUND_OFFSET_NUMBER,
  FOUND_TIMESTAMP_NUMBER,
  JOB_APPEND,
  JOB_FIND_EPOCH,
  JOB_FIND_OFFSET,
  JOB_LEADER_EPOCH,
  JOB_READ,
  JOB_RELEASE,
  READ_BYTES_MAX,
  READ_DONE_FD,
  READ_DONE_HIGH_NUMBER,
  READ_DONE_LEASE,
  READ_DONE_LENGTH,
  READ_DONE_LOG_START_NUMBER,
  READ_DONE_POSITION_NUMBER,
  READ_DONE_STABLE_NUMBER,
  READ_FLAG_COMMITTED,
  READ_FLAG_FIRST_BATCH_WHOLE,
  READ_FLAGS,
  READ_OFFSET_NUMBER,
  RECEIPT_ABORTED,
  RECEIPT_APPEND,
  RECEIPT_FIND_EPOCH,
  RECEIPT_FIND_OFFSET,
  RECEIPT_READ,
  RECEIPT_WAKE,
  RELEASE_LEASE,
  SLOT_ENTRY,
  SLOT_EXCHANGE,
  SLOT_KIND,
  SLOT_PARTITION,
  SLOT_WORDS,
} from '../../src/zerocopy/layout.ts';
import type { Memory } from '../../src/zerocopy/memory.ts';
import type { FakeDisk } from '../support/fake-disk.ts';
import { plainMemory } from '../support/plain-memory.ts';

interface Batch {
  readonly offset: number;
  readonly count: number;
  readonly position: number;
  readonly length: number;
}

interface PartitionLog {
  readonly fd: number;
  readonly batches: Batch[];
  start: number;
  stable: number;
  end: number;
  bytes: number;
  epoch: number;
  /** stable follows end. */
  followsEnd: boolean;
  /** Producer id and first offset of aborted transactions, answered to every committed read. */
  aborted: readonly (readonly [number, number])[];
}

/** In a v2 batch: how many records. */
const COUNT_AT = 57;
const COUNT_END = 61;

export class FakeWorker {
  readonly logs = new Map<number, PartitionLog>();
  /** Error of the next appends, by slot. */
  readonly appendErrors = new Map<number, number>();
  /** Error of reads that would be answered, by slot. */
  readonly readErrors = new Map<number, number>();
  /** Jobs per turn; 0 stops it. */
  jobsPerTurn = Number.POSITIVE_INFINITY;
  appendedFlags = 0;
  readCount = 0;
  appendCount = 0;
  readonly readBytesMax: number[] = [];
  private readonly lane: LaneEnd;
  private readonly receipts: Receipts;
  private readonly slab: Memory;
  private readonly board: Board;
  private readonly disk: FakeDisk;
  private readonly index: number;
  private readonly leases = new Set<number>();
  private nextLease = 0;

  constructor(index: number, lane: LaneEnd, slab: Memory, board: Board, disk: FakeDisk) {
    this.index = index;
    this.lane = lane;
    this.slab = slab;
    this.board = board;
    this.disk = disk;
    this.receipts = new Receipts(lane.outgoing);
  }

  get leaseCount(): number {
    return this.leases.size;
  }

  open(slot: number): void {
    this.disk.makeFolder('/logs');
    const fd = this.disk.open(`/logs/${this.index}-${slot}.log`, 'create');
    this.logs.set(slot, {
      fd,
      batches: [],
      start: 0,
      stable: 0,
      end: 0,
      bytes: 0,
      epoch: 0,
      followsEnd: true,
      aborted: [],
    });
    this.board.set(slot, 0, 0, 0, 0, 0);
    this.board.setEpoch(slot, 0);
  }

  log(slot: number): PartitionLog {
    return must(this.logs.get(slot), 'the worker owns this slot');
  }

  /** Bytes of everything appended, as the file has them. */
  contentOf(slot: number): Uint8Array {
    return this.disk.contentOf(`/logs/${this.index}-${slot}.log`).slice(0, this.log(slot).bytes);
  }

  /** Appends from within the test, as another client's produce would. */
  append(slot: number, batch: Uint8Array, count = 1): void {
    const memory = plainMemory(Math.max(1, batch.length));
    memory.bytes.set(batch);
    this.store(slot, memory, 0, batch.length, count);
    this.show(slot);
    this.lane.publish();
  }

  setStable(slot: number, offset: number): void {
    const log = this.log(slot);
    log.followsEnd = false;
    log.stable = offset;
    this.show(slot);
    this.lane.publish();
  }

  setStart(slot: number, offset: number): void {
    this.log(slot).start = offset;
    this.show(slot);
    this.lane.publish();
  }

  setEpoch(slot: number, epoch: number): void {
    this.log(slot).epoch = epoch;
    this.board.setEpoch(slot, epoch);
  }

  turn(): boolean {
    if (this.receipts.hasOverflow) {
      const moved = this.receipts.drainOverflow();
      this.lane.publish();
      if (this.receipts.hasOverflow) return moved;
    }
    const { incoming } = this.lane;
    const changed = new Set<number>();
    let count = 0;
    for (let slot = incoming.peek(); slot >= 0 && count < this.jobsPerTurn; slot = incoming.peek()) {
      this.take(incoming.words, incoming.numbers, slot * SLOT_WORDS, changed);
      incoming.advance();
      count += 1;
      if (this.receipts.hasOverflow) break;
    }
    for (const slot of changed) this.show(slot);
    this.lane.publish();
    return count > 0;
  }

  private take(words: Int32Array, numbers: Float64Array, at: number, changed: Set<number>): void {
    const kind = words[at + SLOT_KIND]!;
    const exchange = words[at + SLOT_EXCHANGE]!;
    const entry = words[at + SLOT_ENTRY]!;
    const slot = words[at + SLOT_PARTITION]!;
    if (kind === JOB_RELEASE) {
      assert(this.leases.delete(words[at + RELEASE_LEASE]!), 'a lease comes back once');
    } else if (kind === JOB_APPEND) {
      this.takeAppend(words, at, exchange, entry, slot);
      changed.add(slot);
    } else if (kind === JOB_READ) {
      this.takeRead(words, numbers, at, exchange, entry, slot);
    } else if (kind === JOB_FIND_OFFSET) {
      this.takeFindOffset(words, numbers, at, exchange, entry, slot);
    } else {
      assert(kind === JOB_FIND_EPOCH, 'the fake worker knows its jobs');
      const log = this.log(slot);
      this.receipts.begin(
        RECEIPT_FIND_EPOCH,
        exchange,
        entry,
        slot,
        this.epochError(log, words[at + JOB_LEADER_EPOCH]!),
      );
      this.receipts.words[this.receipts.wordAt + FOUND_EPOCH_EPOCH] = words[at + FIND_EPOCH_EPOCH]!;
      this.receipts.numbers[this.receipts.numberAt + FOUND_EPOCH_END_OFFSET_NUMBER] = log.end;
    }
  }

  private takeAppend(words: Int32Array, at: number, exchange: number, entry: number, slot: number): void {
    this.appendedFlags = words[at + APPEND_FLAGS]!;
    this.appendCount += 1;
    const error = this.appendErrors.get(slot) ?? 0;
    const from = words[at + APPEND_AT]!;
    const length = words[at + APPEND_LENGTH]!;
    const count = length >= COUNT_END ? Math.max(1, this.slab.view.getInt32(from + COUNT_AT) & 0xffff) : 1;
    const base = error === 0 ? this.store(slot, this.slab, from, length, count) : -1;
    this.receipts.begin(RECEIPT_APPEND, exchange, entry, slot, error);
    const { words: out, numbers, wordAt, numberAt } = this.receipts;
    out[wordAt + APPENDED_RECORD_INDEX] = error === 0 ? -1 : 0;
    out[wordAt + APPENDED_REASON] = error === 0 ? 0 : 8;
    numbers[numberAt + APPENDED_BASE_OFFSET_NUMBER] = base;
    numbers[numberAt + APPENDED_TIME_NUMBER] = -1;
    numbers[numberAt + APPENDED_LOG_START_NUMBER] = this.log(slot).start;
  }

  private takeRead(
    words: Int32Array,
    numbers: Float64Array,
    at: number,
    exchange: number,
    entry: number,
    slot: number,
  ): void {
    this.readCount += 1;
    const log = this.log(slot);
    const flags = words[at + READ_FLAGS]!;
    const bytesMax = words[at + READ_BYTES_MAX]!;
    this.readBytesMax.push(bytesMax);
    const offset = numbers[(at >> 1) + READ_OFFSET_NUMBER]!;
    const isCommitted = (flags & READ_FLAG_COMMITTED) !== 0;
    let error = this.epochError(log, words[at + JOB_LEADER_EPOCH]!);
    if (error === 0 && (offset < log.start || offset > log.end)) error = errorCode.OFFSET_OUT_OF_RANGE;
    if (error === 0) error = this.readErrors.get(slot) ?? 0;
    let position = 0;
    let length = 0;
    const limit = isCommitted ? log.stable : log.end;
    for (const batch of error === 0 ? log.batches : []) {
      if (batch.offset + batch.count <= offset || batch.offset >= limit) continue;
      const isFirst = length === 0;
      const isWhole = isFirst && (flags & READ_FLAG_FIRST_BATCH_WHOLE) !== 0;
      if (length + batch.length > bytesMax && !isWhole) break;
      if (isFirst) position = batch.position;
      length += batch.length;
    }
    if (isCommitted && length > 0) this.sendAborted(log, exchange, entry, slot);
    this.receipts.begin(RECEIPT_READ, exchange, entry, slot, error);
    const { words: out, numbers: outNumbers, wordAt, numberAt } = this.receipts;
    out[wordAt + READ_DONE_FD] = log.fd;
    out[wordAt + READ_DONE_LENGTH] = length;
    out[wordAt + READ_DONE_LEASE] = length > 0 ? this.grant() : -1;
    outNumbers[numberAt + READ_DONE_POSITION_NUMBER] = position;
    outNumbers[numberAt + READ_DONE_HIGH_NUMBER] = log.end;
    outNumbers[numberAt + READ_DONE_STABLE_NUMBER] = log.stable;
    outNumbers[numberAt + READ_DONE_LOG_START_NUMBER] = log.start;
  }

  private sendAborted(log: PartitionLog, exchange: number, entry: number, slot: number): void {
    for (let index = 0; index < log.aborted.length; index += 2) {
      const pairs = log.aborted.slice(index, index + 2);
      this.receipts.begin(RECEIPT_ABORTED, exchange, entry, slot, 0);
      this.receipts.words[this.receipts.wordAt + ABORTED_COUNT] = pairs.length;
      pairs.forEach(([producer, first], pair) => {
        this.receipts.numbers[this.receipts.numberAt + ABORTED_FIRST_NUMBER + pair * 2] = producer;
        this.receipts.numbers[this.receipts.numberAt + ABORTED_FIRST_NUMBER + pair * 2 + 1] = first;
      });
    }
  }

  private takeFindOffset(
    words: Int32Array,
    numbers: Float64Array,
    at: number,
    exchange: number,
    entry: number,
    slot: number,
  ): void {
    const log = this.log(slot);
    const timestamp = numbers[(at >> 1) + FIND_OFFSET_TIMESTAMP_NUMBER]!;
    const isCommitted = (words[at + FIND_OFFSET_FLAGS]! & READ_FLAG_COMMITTED) !== 0;
    this.receipts.begin(
      RECEIPT_FIND_OFFSET,
      exchange,
      entry,
      slot,
      this.epochError(log, words[at + JOB_LEADER_EPOCH]!),
    );
    const latest = isCommitted ? log.stable : log.end;
    this.receipts.words[this.receipts.wordAt + FOUND_LEADER_EPOCH] = log.epoch;
    this.receipts.numbers[this.receipts.numberAt + FOUND_OFFSET_NUMBER] =
      timestamp === -2 ? log.start : timestamp === -1 ? latest : -1;
    this.receipts.numbers[this.receipts.numberAt + FOUND_TIMESTAMP_NUMBER] = -1;
  }

  private epochError(log: PartitionLog, asked: number): number {
    if (asked < 0 || asked === log.epoch) return 0;
    return asked < log.epoch ? errorCode.FENCED_LEADER_EPOCH : errorCode.UNKNOWN_LEADER_EPOCH;
  }

  private store(slot: number, memory: Memory, at: number, length: number, count: number): number {
    const log = this.log(slot);
    const written = this.disk.write(log.fd, log.bytes, memory, at, length);
    assert(written === length, 'the fake disk takes all of it');
    const base = log.end;
    log.batches.push({ offset: base, count, position: log.bytes, length });
    log.bytes += length;
    log.end += count;
    if (log.followsEnd) log.stable = log.end;
    return base;
  }

  private show(slot: number): void {
    const log = this.log(slot);
    this.board.set(slot, log.start, log.stable, log.end, log.end, log.bytes);
    if (this.board.watchers(slot, 0) !== 0) this.receipts.begin(RECEIPT_WAKE, -1, -1, slot, 0);
  }

  private grant(): number {
    const lease = this.nextLease++;
    this.leases.add(lease);
    return lease;
  }
}
