/**
 * The log of one coordinator: a partition of an internal topic in which it writes down what it knows, key by key. Used by
 * the coordinators of groups, transactions and share groups; it knows none of their records.
 *
 * A coordinator applies a record to its memory at once and answers its client when `append` has resolved. Entries of one
 * call stand or fall together. While a write is under way, further calls gather and leave as one batch: the more there is
 * to write, the less a single entry costs. When a write fails, or too many wait for theirs, memory and log disagree: the log
 * is lost (`isLost`), every waiting call is rejected with PB_LOG_LOST, and the owner drops what it holds and loads a new one.
 */
import { must } from '../base/assert.ts';
import { Fault } from '../base/fault.ts';
import {
  BATCH_HEADER_BYTES,
  type BatchMemory,
  batchBytes,
  batchCrcHolds,
  batchIsControl,
  batchIsTransactional,
  batchLastOffset,
  batchLeaderEpoch,
  batchProducerEpoch,
  batchProducerId,
  type Crc32c,
} from '../protocol/batch.ts';
import { BatchBuilder } from '../protocol/batch-builder.ts';
import { INFLATED_BYTES_MAX } from '../protocol/batch-check.ts';
import { memoryOver, RecordCursor } from '../protocol/records.ts';
import { ControlMarker, MARKER_COMMIT, MARKER_OTHER } from '../storage/control-marker.ts';
import type { PartitionPort, PortPlace } from '../workers/partition-port.ts';

export interface StoredEntry {
  readonly key: Uint8Array;
  /** Null: the key is forgotten. */
  readonly value: Uint8Array | null;
}

/** Whose transaction entries belong to. */
export interface LogProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
}

export interface EntryFacts {
  readonly offset: number;
  readonly timestampMs: number;
  /** Under which it was written: an earlier one than the log's own is of a life that did not end well. */
  readonly leaderEpoch: number;
  /** Null outside of transactions: the entry counts only when its transaction is committed. */
  readonly producer: LogProducer | null;
}

export interface LogReplay {
  entry(key: Uint8Array, value: Uint8Array | null, facts: EntryFacts): void;
  marker(producer: LogProducer, isCommit: boolean): void;
  /** Something lay here, and nobody knows of which keys: what was said of any so far may not be the latest. */
  passedOver?(): void;
}

export interface CoordinatorLogParts {
  readonly port: Pick<PartitionPort, 'append' | 'read'>;
  readonly place: PortPlace;
  /** "__consumer_offsets-3", for messages. */
  readonly name: string;
  readonly crc32c: Crc32c;
  readonly nowMs: () => number;
  /** Told what of the log is damaged and passed over. */
  readonly warn: (message: string) => void;
  /** Calls that may wait for their write; left out: WAITING_MAX. */
  readonly waitingMax?: number;
}

interface Waiting {
  readonly entries: readonly StoredEntry[];
  readonly producer: LogProducer | null;
  readonly isWanted: () => boolean;
  readonly resolve: () => void;
  readonly reject: (fault: Fault) => void;
}

const OFFSET_OUT_OF_RANGE = 1;
const CORRUPT_MESSAGE = 2;
const INVALID_PRODUCER_EPOCH = 47;
const INVALID_TXN_STATE = 48;
const LOAD_BYTES = 4 << 20;
/** A batch takes further calls up to this size. */
const BATCH_BYTES = 1 << 20;
const ALWAYS = (): boolean => true;
/** Calls that wait for their write; beyond that the log is lost, and all clients are told to come back. */
const WAITING_MAX = 100_000;

export class CoordinatorLog {
  isLost = false;
  private readonly parts: CoordinatorLogParts;
  private queue: Waiting[] = [];
  private isWriting = false;
  private isPassing = false;

  constructor(parts: CoordinatorLogParts) {
    this.parts = parts;
  }

  /**
   * Everything that is in the log now, oldest first. A damaged batch is passed over and told of: what it said is lost, but not
   * what all the others say. Throws Fault when the log cannot be read.
   */
  async load(replay: LogReplay): Promise<void> {
    const { port, place, name } = this.parts;
    const cursor = new RecordCursor();
    let offset = 0;
    for (;;) {
      const read = await port.read(place, offset, LOAD_BYTES, { isCommitted: false });
      const { error, bytes, start, high } = read;
      if (error === OFFSET_OUT_OF_RANGE && offset < start) {
        offset = start;
        continue;
      }
      if (error === CORRUPT_MESSAGE && offset < high) {
        offset = this.passOver(offset, replay);
        continue;
      }
      if (error !== 0) throw new Fault('PB_DISK_ERROR', `${name} cannot be read at offset ${offset}: error ${error}`);
      if (bytes.length > 0) offset = this.replayBatches(memoryOver(bytes), offset, cursor, replay);
      // Compaction may have left nothing of the last offsets: what cannot be read is answered with an error instead.
      if (offset >= high || bytes.length === 0) return;
    }
  }

  /**
   * Resolves when the entries are written. Asked right before that, `isWanted` may say that their transaction has ended
   * while they waited: behind its marker they would begin another one that nobody ends.
   */
  append(
    entries: readonly StoredEntry[],
    producer: LogProducer | null = null,
    isWanted: () => boolean = ALWAYS,
  ): Promise<void> {
    if (this.isLost) return Promise.reject(this.lost());
    if (this.queue.length >= (this.parts.waitingMax ?? WAITING_MAX)) {
      // Its owner has this in memory already and has to drop it all, so that nothing else of it may be written any more.
      this.lose([]);
      return Promise.reject(this.lost());
    }
    return new Promise((resolve, reject) => {
      this.queue.push({ entries, producer, isWanted, resolve, reject });
      if (this.isWriting) return;
      this.isWriting = true;
      // Calls of the same moment join.
      queueMicrotask(() => void this.writeAll());
    });
  }

  /** Never rejects: whoever waits is told. */
  private async writeAll(): Promise<void> {
    while (this.queue.length > 0) {
      const taken = this.takeCalls();
      const calls = taken.filter(({ isWanted }) => isWanted());
      if (calls.length < taken.length) this.fence(taken.filter((call) => !calls.includes(call)));
      if (calls.length === 0) continue;
      try {
        const { error } = await this.parts.port.append(this.parts.place, this.batchOf(calls));
        if (isProducersFault(error, calls)) this.fence(calls);
        else if (error !== 0) this.lose(calls);
        else for (const { resolve } of calls) resolve();
      } catch (error) {
        this.lose(calls);
        throw error;
      }
    }
    this.isWriting = false;
  }

  /** The oldest call and those behind it that fit into its batch. */
  private takeCalls(): Waiting[] {
    const first = must(this.queue[0], 'there is something to write');
    let bytes = 0;
    let count = 0;
    for (const { entries, producer } of this.queue) {
      const isSame =
        producer?.producerId === first.producer?.producerId &&
        producer?.producerEpoch === first.producer?.producerEpoch;
      if (count > 0 && (!isSame || bytes >= BATCH_BYTES)) break;
      for (const { key, value } of entries) bytes += key.length + (value?.length ?? 0);
      count += 1;
    }
    const calls = this.queue.slice(0, count);
    this.queue = this.queue.slice(count);
    return calls;
  }

  private batchOf(calls: readonly Waiting[]): Uint8Array {
    const timestamp = this.parts.nowMs();
    const producer = calls[0]?.producer ?? null;
    const builder = new BatchBuilder(
      this.parts.crc32c,
      producer === null ? {} : { ...producer, isTransactional: true },
    );
    for (const { entries } of calls) {
      for (const { key, value } of entries) builder.add({ key, value, timestamp });
    }
    return builder.build();
  }

  /** Refused for their producer, and nothing of them is written: only these calls have failed. */
  private fence(calls: readonly Waiting[]): void {
    const { name } = this.parts;
    const fault = new Fault('PB_FENCED', `${name} takes no more from this producer: another has taken its place`);
    for (const { reject } of calls) reject(fault);
  }

  private lose(calls: readonly Waiting[]): void {
    this.isLost = true;
    const waiting = [...calls, ...this.queue];
    this.queue = [];
    const fault = this.lost();
    for (const { reject } of waiting) reject(fault);
  }

  private lost(): Fault {
    return new Fault('PB_LOG_LOST', `${this.parts.name} could not be written; it will be loaded anew`);
  }

  /** One offset on; told once for a damaged place. */
  private passOver(offset: number, replay: LogReplay): number {
    const { name, warn } = this.parts;
    if (!this.isPassing) {
      warn(`${name} is damaged at offset ${offset}: what was written there is passed over`);
      replay.passedOver?.();
    }
    this.isPassing = true;
    return offset + 1;
  }

  /** Returns the offset behind the last batch. Batches before `from` are those of a compacted log's first read. */
  private replayBatches(memory: BatchMemory, from: number, cursor: RecordCursor, replay: LogReplay): number {
    const { view, bytes } = memory;
    const { crc32c } = this.parts;
    let next = from;
    for (let at = 0; at + BATCH_HEADER_BYTES <= bytes.length; ) {
      const length = batchBytes(view, at);
      const isWhole = length >= BATCH_HEADER_BYTES && at + length <= bytes.length;
      if (isWhole && batchCrcHolds(memory, at, length, crc32c)) {
        replayBatch(memory, at, length, from, cursor, replay);
        this.isPassing = false;
        next = Math.max(next, batchLastOffset(view, at) + 1);
      } else if (isWhole || at === 0) {
        // Its numbers are not to be believed; one offset on, the log finds what follows.
        return this.passOver(next, replay);
      } else break;
      at += length;
    }
    // Less than a header: no batch begins there, and the next read would bring the same.
    return next > from ? next : this.passOver(from, replay);
  }
}

function isProducersFault(error: number, calls: readonly Waiting[]): boolean {
  const isOfProducer = error === INVALID_PRODUCER_EPOCH || error === INVALID_TXN_STATE;
  return isOfProducer && calls[0]?.producer !== null;
}

function replayBatch(
  memory: BatchMemory,
  at: number,
  length: number,
  from: number,
  cursor: RecordCursor,
  replay: LogReplay,
): void {
  const { view } = memory;
  const producer = { producerId: batchProducerId(view, at), producerEpoch: batchProducerEpoch(view, at) };
  if (batchIsControl(view, at)) {
    const marker = new ControlMarker();
    marker.read(view, at, at + length);
    if (marker.kind !== MARKER_OTHER) replay.marker(producer, marker.kind === MARKER_COMMIT);
    return;
  }
  cursor.open(memory, at, length, INFLATED_BYTES_MAX);
  const owner = batchIsTransactional(view, at) ? producer : null;
  const leaderEpoch = batchLeaderEpoch(view, at);
  while (cursor.next()) {
    if (cursor.offset < from) continue;
    const key = cursor.key();
    // A record without a key says nothing in a log of keys.
    if (key === null) continue;
    const { offset, timestamp: timestampMs } = cursor;
    replay.entry(key, cursor.value(), { offset, timestampMs, leaderEpoch, producer: owner });
  }
}
