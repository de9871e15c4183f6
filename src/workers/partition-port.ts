/**
 * Main's hand on the data of partitions: the control plane appends and reads like a front, through a lane of its own to
 * every worker, so whatever holds for a client's batch (checks, one write a turn, the ack gate, leases) holds for a
 * coordinator's. Promises here, slots and numbers on the other side.
 *
 * Batches travel in memory that main shares with the workers. What finds no room in it, or in a lane, waits here in order;
 * callers are coordinators, which have at most one batch under way for each of their logs. `drain` takes receipts.
 */
import { assert, must } from '../base/assert.ts';
import type { Disk } from '../storage/disk.ts';
import type { Board } from '../zerocopy/board.ts';
import {
  ABORTED_COUNT,
  ABORTED_FIRST_NUMBER,
  APPEND_AT,
  APPEND_FLAG_ACKS_ALL,
  APPEND_FLAG_INTERNAL,
  APPEND_FLAGS,
  APPEND_LENGTH,
  APPEND_SENT_NUMBER,
  APPENDED_BASE_OFFSET_NUMBER,
  FIND_EPOCH_EPOCH,
  FIND_OFFSET_FLAGS,
  FIND_OFFSET_TIMESTAMP_NUMBER,
  FOUND_EPOCH_END_OFFSET_NUMBER,
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
  RECEIPT_ERROR,
  RECEIPT_FIND_EPOCH,
  RECEIPT_WAKE,
  RELEASE_LEASE,
  SLOT_ENTRY,
  SLOT_EXCHANGE,
  SLOT_KIND,
  SLOT_PARTITION,
  SLOT_WORDS,
} from '../zerocopy/layout.ts';
import type { Slab } from '../zerocopy/slab.ts';
import type { LaneEnd } from './lane.ts';

/** Where a partition runs. */
export interface PortPlace {
  readonly slot: number;
  readonly worker: number;
}

export interface PortAppended {
  /** A Kafka error code; 0: written, and flushed where the settings ask for that. */
  readonly error: number;
  readonly baseOffset: number;
}

export interface PortRead {
  readonly error: number;
  /** Whole batches; a copy. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly stable: number;
  readonly high: number;
  /** Aborted transactions of the range, of a read of committed records. */
  readonly aborted: readonly { readonly producerId: number; readonly firstOffset: number }[];
}

export interface PortFound {
  readonly error: number;
  readonly offset: number;
  readonly timestamp: number;
  readonly leaderEpoch: number;
}

export interface ReadWish {
  readonly isCommitted: boolean;
  /** Left out: the first batch comes whole, however large it is. */
  readonly isFirstBatchCut?: boolean;
}

export interface PartitionPortParts {
  /** By worker. */
  readonly lanes: readonly LaneEnd[];
  /** Memory that the workers see as well; its largest block bounds a batch. */
  readonly slab: Slab;
  readonly board: Board;
  /** Main's bit among those who watch rows of the board. */
  readonly watcher: number;
  readonly disk: Disk;
}

interface Asked {
  readonly place: PortPlace;
  /** Fills the slot's own words; false: no memory for it now. */
  readonly fill: (words: Int32Array, at: number, numbers: Float64Array) => boolean;
  readonly settle: (words: Int32Array, at: number, numbers: Float64Array) => void;
  spanAt: number;
}

interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

const NO_BYTES = new Uint8Array(0);
const NO_SPAN = -1;

export class PartitionPort {
  private readonly parts: PartitionPortParts;
  private readonly asked = new Map<number, Asked>();
  /** By worker: what found its lane full, or no memory for its batch. */
  private readonly waiting: Asked[][];
  private readonly aborted = new Map<number, AbortedTransaction[]>();
  private readonly listeners = new Map<number, Set<() => void>>();
  private readonly touched = new Set<number>();
  private nextId = 0;
  private isDraining = false;

  constructor(parts: PartitionPortParts) {
    this.parts = parts;
    this.waiting = parts.lanes.map(() => []);
  }

  /** Jobs whose receipt has not come. */
  get pendingCount(): number {
    return this.asked.size + this.waiting.reduce((sum, jobs) => sum + jobs.length, 0);
  }

  get board(): Board {
    return this.parts.board;
  }

  /** One whole batch with its checksum; offsets are given where it lands. Control batches are allowed. */
  append(place: PortPlace, batch: Uint8Array, flags = 0): Promise<PortAppended> {
    assert(batch.length <= this.parts.slab.bytesTotal, 'a batch fits into the memory shared with the workers');
    return new Promise((resolve) => {
      const asked: Asked = {
        place,
        spanAt: NO_SPAN,
        fill: (words, at, numbers) => {
          const { slab } = this.parts;
          const span = slab.allocate(batch.length);
          if (span < 0) return false;
          asked.spanAt = span;
          slab.memory.bytes.set(batch, span);
          words[at + SLOT_KIND] = JOB_APPEND;
          words[at + APPEND_AT] = span;
          words[at + APPEND_LENGTH] = batch.length;
          words[at + APPEND_FLAGS] = flags | APPEND_FLAG_INTERNAL | APPEND_FLAG_ACKS_ALL;
          numbers[(at >> 1) + APPEND_SENT_NUMBER] = 0;
          return true;
        },
        settle: (words, at, numbers) =>
          resolve({ error: words[at + RECEIPT_ERROR]!, baseOffset: numbers[(at >> 1) + APPENDED_BASE_OFFSET_NUMBER]! }),
      };
      this.ask(asked);
    });
  }

  /** Bytes from the batch that holds the offset on; none at the end of what may be read. */
  read(place: PortPlace, offset: number, bytesMax: number, wish: ReadWish): Promise<PortRead> {
    return new Promise((resolve) => {
      const fill = (words: Int32Array, at: number, numbers: Float64Array): boolean => {
        words[at + SLOT_KIND] = JOB_READ;
        words[at + READ_BYTES_MAX] = bytesMax;
        const committed = wish.isCommitted ? READ_FLAG_COMMITTED : 0;
        const whole = wish.isFirstBatchCut === true ? 0 : READ_FLAG_FIRST_BATCH_WHOLE;
        words[at + READ_FLAGS] = committed | whole;
        words[at + JOB_LEADER_EPOCH] = -1;
        numbers[(at >> 1) + READ_OFFSET_NUMBER] = offset;
        return true;
      };
      this.ask({
        place,
        fill,
        spanAt: NO_SPAN,
        settle: (words, at, numbers) => resolve(this.takeRegion(place, words, at, numbers)),
      });
    });
  }

  /** `timestamp`: milliseconds, or one of ListOffsets' special values (-1 latest, -2 earliest, …). */
  findOffset(place: PortPlace, timestamp: number, wish: { readonly isCommitted: boolean }): Promise<PortFound> {
    return new Promise((resolve) => {
      const fill = (words: Int32Array, at: number, numbers: Float64Array): boolean => {
        words[at + SLOT_KIND] = JOB_FIND_OFFSET;
        words[at + FIND_OFFSET_FLAGS] = wish.isCommitted ? READ_FLAG_COMMITTED : 0;
        words[at + JOB_LEADER_EPOCH] = -1;
        numbers[(at >> 1) + FIND_OFFSET_TIMESTAMP_NUMBER] = timestamp;
        return true;
      };
      const settle = (words: Int32Array, at: number, numbers: Float64Array): void =>
        resolve({
          error: words[at + RECEIPT_ERROR]!,
          offset: numbers[(at >> 1) + FOUND_OFFSET_NUMBER]!,
          timestamp: numbers[(at >> 1) + FOUND_TIMESTAMP_NUMBER]!,
          leaderEpoch: words[at + FOUND_LEADER_EPOCH]!,
        });
      this.ask({ place, fill, settle, spanAt: NO_SPAN });
    });
  }

  /** Where a leader epoch ended; -1: nobody knows. */
  findEpochEnd(place: PortPlace, epoch: number): Promise<{ readonly error: number; readonly endOffset: number }> {
    return new Promise((resolve) => {
      const fill = (words: Int32Array, at: number): boolean => {
        words[at + SLOT_KIND] = JOB_FIND_EPOCH;
        words[at + FIND_EPOCH_EPOCH] = epoch;
        words[at + JOB_LEADER_EPOCH] = -1;
        return true;
      };
      const settle = (words: Int32Array, at: number, numbers: Float64Array): void =>
        resolve({
          error: words[at + RECEIPT_ERROR]!,
          endOffset: numbers[(at >> 1) + FOUND_EPOCH_END_OFFSET_NUMBER]!,
        });
      this.ask({ place, fill, settle, spanAt: NO_SPAN });
    });
  }

  /**
   * `listener` is called when the partition's watermarks have moved, or might have. Look at the board after this call, not
   * before. The returned function ends it.
   */
  watch(slot: number, listener: () => void): () => void {
    const listeners = this.listeners.get(slot) ?? new Set();
    listeners.add(listener);
    this.listeners.set(slot, listeners);
    this.parts.board.watch(slot, this.parts.watcher);
    return () => {
      if (!listeners.delete(listener) || listeners.size > 0) return;
      if (this.listeners.get(slot) === listeners) this.listeners.delete(slot);
      this.parts.board.unwatch(slot, this.parts.watcher);
    };
  }

  /** Takes what the workers answered, sends what waited for room. */
  drain(): void {
    if (this.isDraining) return;
    this.isDraining = true;
    for (let worker = 0; worker < this.parts.lanes.length; worker++) this.take(worker);
    // After that: memory that one worker's receipts gave back is what jobs for the workers before it wait for.
    for (let worker = 0; worker < this.parts.lanes.length; worker++) {
      this.sendWaiting(worker);
      this.parts.lanes[worker]!.publish();
    }
    this.isDraining = false;
    this.tellWatchers();
  }

  private take(worker: number): void {
    const { incoming } = this.parts.lanes[worker]!;
    const { words, numbers } = incoming;
    for (let slot = incoming.peek(); slot >= 0; slot = incoming.peek()) {
      const at = slot * SLOT_WORDS;
      const kind = words[at + SLOT_KIND]!;
      if (kind === RECEIPT_WAKE) this.touched.add(words[at + SLOT_PARTITION]!);
      else if (kind === RECEIPT_ABORTED) this.takeAborted(words, at, numbers);
      else this.settle(kind, words, at, numbers);
      incoming.advance();
    }
  }

  private settle(kind: number, words: Int32Array, at: number, numbers: Float64Array): void {
    assert(kind >= RECEIPT_APPEND && kind <= RECEIPT_FIND_EPOCH, 'a worker answers what main asked');
    const id = words[at + SLOT_EXCHANGE]!;
    const asked = must(this.asked.get(id), 'a receipt answers a job');
    this.asked.delete(id);
    if (asked.spanAt >= 0) this.parts.slab.release(asked.spanAt);
    asked.settle(words, at, numbers);
  }

  private takeAborted(words: Int32Array, at: number, numbers: Float64Array): void {
    const id = words[at + SLOT_EXCHANGE]!;
    const list = this.aborted.get(id) ?? [];
    this.aborted.set(id, list);
    for (let pair = 0; pair < words[at + ABORTED_COUNT]!; pair++) {
      const number = (at >> 1) + ABORTED_FIRST_NUMBER + pair * 2;
      list.push({ producerId: numbers[number]!, firstOffset: numbers[number + 1]! });
    }
  }

  /** The bytes are in memory, the worker saw to that, so reading them waits for nothing. */
  private takeRegion(place: PortPlace, words: Int32Array, at: number, numbers: Float64Array): PortRead {
    const id = words[at + SLOT_EXCHANGE]!;
    const aborted = this.aborted.get(id) ?? [];
    this.aborted.delete(id);
    const number = at >> 1;
    const marks = {
      start: numbers[number + READ_DONE_LOG_START_NUMBER]!,
      stable: numbers[number + READ_DONE_STABLE_NUMBER]!,
      high: numbers[number + READ_DONE_HIGH_NUMBER]!,
    };
    const error = words[at + RECEIPT_ERROR]!;
    const length = words[at + READ_DONE_LENGTH]!;
    if (error !== 0 || length === 0) return { error, bytes: NO_BYTES, ...marks, aborted };
    const { disk } = this.parts;
    const memory = disk.allocate(length);
    const position = numbers[number + READ_DONE_POSITION_NUMBER]!;
    let got = 0;
    while (got < length) {
      const count = disk.read(words[at + READ_DONE_FD]!, position + got, memory, got, length - got);
      if (count <= 0) break;
      got += count;
    }
    this.release(place, words[at + READ_DONE_LEASE]!);
    if (got < length) return { error: KAFKA_STORAGE_ERROR, bytes: NO_BYTES, ...marks, aborted };
    return { error, bytes: memory.bytes, ...marks, aborted };
  }

  private release(place: PortPlace, lease: number): void {
    const fill = (words: Int32Array, at: number): boolean => {
      words[at + SLOT_KIND] = JOB_RELEASE;
      words[at + RELEASE_LEASE] = lease;
      return true;
    };
    this.ask({ place, fill, settle: NOT_ANSWERED, spanAt: NO_SPAN });
  }

  private ask(asked: Asked): void {
    const worker = asked.place.worker;
    const queue = must(this.waiting[worker], 'a place names a worker');
    if (queue.length > 0 || !this.send(asked)) queue.push(asked);
    if (!this.isDraining) this.parts.lanes[worker]!.publish();
  }

  private sendWaiting(worker: number): void {
    const queue = this.waiting[worker]!;
    let sent = 0;
    while (sent < queue.length && this.send(queue[sent]!)) sent += 1;
    if (sent > 0) queue.splice(0, sent);
  }

  /** False: the lane is full, or the memory. */
  private send(asked: Asked): boolean {
    const { outgoing } = this.parts.lanes[asked.place.worker]!;
    if (outgoing.freeCount === 0) return false;
    const { words, numbers } = outgoing;
    // Filled in a copy first: a claimed slot is sent, whatever it says.
    if (!asked.fill(SCRATCH_WORDS, 0, SCRATCH_NUMBERS)) return false;
    const at = outgoing.claim() * SLOT_WORDS;
    assert(at >= 0, 'the lane had room');
    words.set(SCRATCH_WORDS, at);
    assert(words.buffer === numbers.buffer, 'words and numbers of a slot are the same bytes');
    words[at + SLOT_ENTRY] = 0;
    words[at + SLOT_PARTITION] = asked.place.slot;
    words[at + SLOT_EXCHANGE] = -1;
    if (asked.settle === NOT_ANSWERED) return true;
    words[at + SLOT_EXCHANGE] = this.nextId;
    this.asked.set(this.nextId, asked);
    this.nextId = (this.nextId + 1) & ID_MASK;
    return true;
  }

  private tellWatchers(): void {
    if (this.touched.size === 0) return;
    const slots = [...this.touched];
    this.touched.clear();
    for (const slot of slots) {
      for (const listener of [...(this.listeners.get(slot) ?? [])]) listener();
    }
  }
}

const KAFKA_STORAGE_ERROR = 56;
/** More than can ever be under way at once, so that a number has come home before it is given again. */
const ID_MASK = 0x3fffffff;
const SCRATCH = new ArrayBuffer(SLOT_WORDS * 4);
const SCRATCH_WORDS = new Int32Array(SCRATCH);
const SCRATCH_NUMBERS = new Float64Array(SCRATCH);

/** Giving a lease back has no receipt. */
function NOT_ANSWERED(): void {
  assert(false, 'a job without a receipt is not answered');
}
