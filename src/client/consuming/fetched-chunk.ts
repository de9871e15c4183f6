/**
 * What one fetch brought of one partition: whole batches, opened one at a time when somebody reads them. A reader of
 * committed records gets those of aborted transactions left out: the broker names each producer that aborted in the range
 * and where its transaction began; from there on its batches are skipped until its abort marker.
 */
import { Fault } from '../../base/fault.ts';
import {
  BATCH_HEADER_BYTES,
  batchBytes,
  batchCrcHolds,
  batchIsControl,
  batchIsTransactional,
  batchLastOffset,
  batchLeaderEpoch,
  batchMagic,
  batchProducerId,
  MAGIC,
} from '../../protocol/batch.ts';
import { memoryOver, RecordCursor, type RecordHeader } from '../../protocol/records.ts';
import { crc32c } from '../checksum.ts';
import { type ConsumedRecord, placeOf } from '../record.ts';

export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

export interface ChunkOptions {
  readonly topic: string;
  readonly partition: number;
  /** Records before it belong to a batch that was asked for its end. */
  readonly fromOffset: number;
  /** Null for readers of everything. */
  readonly aborted: readonly AbortedTransaction[] | null;
  readonly checksCrc: boolean;
}

export interface OpenedBatch {
  readonly records: readonly ConsumedRecord[];
  /** Where reading goes on behind the batch, whether it had visible records or not. */
  readonly nextOffset: number;
}

const INFLATED_BYTES_MAX = 256 * 1024 * 1024;
/** Key of a control record: version (2), then type (2): 0 aborts, 1 commits. */
const MARKER_KEY_BYTES = 4;
const MARKER_ABORT = 0;
const NO_HEADERS: readonly RecordHeader[] = [];
const NO_RECORDS: readonly ConsumedRecord[] = [];

export class FetchedChunk {
  readonly bytes: Uint8Array;
  /** Behind the last whole batch: where the next fetch goes on. -1 when there is not one whole batch. */
  readonly endOffset: number;
  readonly #options: ChunkOptions;
  readonly #memory;
  readonly #wholeBytes: number;
  readonly #aborted: AbortedTransaction[];
  readonly #abortedNow = new Set<number>();
  #at = 0;

  constructor(bytes: Uint8Array, options: ChunkOptions) {
    this.bytes = bytes;
    this.#options = options;
    this.#memory = memoryOver(bytes);
    this.#aborted = [...(options.aborted ?? [])].sort((one, other) => one.firstOffset - other.firstOffset);
    const { view } = this.#memory;
    let at = 0;
    let endOffset = -1;
    while (at + BATCH_HEADER_BYTES <= bytes.length) {
      const length = batchBytes(view, at);
      if (batchMagic(view, at) !== MAGIC || length < BATCH_HEADER_BYTES) throw this.#damaged('it is not a batch');
      if (at + length > bytes.length) break;
      endOffset = batchLastOffset(view, at) + 1;
      at += length;
    }
    this.endOffset = endOffset;
    this.#wholeBytes = at;
  }

  /** The next batch; null behind the last whole one. */
  next(): OpenedBatch | null {
    if (this.#at >= this.#wholeBytes) return null;
    const { view } = this.#memory;
    const at = this.#at;
    const length = batchBytes(view, at);
    this.#at += length;
    const lastOffset = batchLastOffset(view, at);
    const nextOffset = lastOffset + 1;
    if (this.#options.checksCrc && !batchCrcHolds(this.#memory, at, length, crc32c)) {
      throw this.#damaged(`the checksum of the batch before offset ${nextOffset} is wrong`);
    }
    const isHidden = this.#isHidden(at, length, lastOffset);
    return { nextOffset, records: isHidden ? NO_RECORDS : this.#open(at, length) };
  }

  #isHidden(at: number, length: number, lastOffset: number): boolean {
    const { view } = this.#memory;
    const isControl = batchIsControl(view, at);
    if (this.#options.aborted === null) return isControl;
    while (this.#aborted[0] !== undefined && this.#aborted[0].firstOffset <= lastOffset) {
      const begun = this.#aborted.shift();
      if (begun !== undefined) this.#abortedNow.add(begun.producerId);
    }
    const producerId = batchProducerId(view, at);
    if (isControl) {
      if (this.#isAbortMarker(at, length)) this.#abortedNow.delete(producerId);
      return true;
    }
    return batchIsTransactional(view, at) && this.#abortedNow.has(producerId);
  }

  #isAbortMarker(at: number, length: number): boolean {
    const cursor = new RecordCursor();
    cursor.open(this.#memory, at, length, INFLATED_BYTES_MAX);
    if (!cursor.next() || cursor.keyLength < MARKER_KEY_BYTES) return false;
    return ((cursor.bytes[cursor.keyAt + 2]! << 8) | cursor.bytes[cursor.keyAt + 3]!) === MARKER_ABORT;
  }

  /** Keys and values are views: of the fetched bytes, or of what they were decompressed to. */
  #open(at: number, length: number): ConsumedRecord[] {
    const { topic, partition, fromOffset } = this.#options;
    const leaderEpoch = batchLeaderEpoch(this.#memory.view, at);
    const cursor = new RecordCursor();
    cursor.open(this.#memory, at, length, INFLATED_BYTES_MAX);
    const records: ConsumedRecord[] = [];
    while (cursor.next()) {
      if (cursor.offset < fromOffset) continue;
      const { bytes } = cursor;
      const key = viewOf(bytes, cursor.keyAt, cursor.keyLength);
      const value = viewOf(bytes, cursor.valueAt, cursor.valueLength);
      const headers = cursor.headerCount === 0 ? NO_HEADERS : cursor.headers();
      const { offset, timestamp } = cursor;
      records.push({ topic, partition, offset, timestamp, key, value, headers, leaderEpoch });
    }
    return records;
  }

  #damaged(what: string): Fault {
    const { topic, partition } = this.#options;
    return new Fault('PB_PROTOCOL', `what was fetched of ${placeOf(topic, partition)} is damaged: ${what}`);
  }
}

function viewOf(bytes: Uint8Array, at: number, length: number): Buffer | null {
  return length < 0 ? null : Buffer.from(bytes.buffer, bytes.byteOffset + at, length);
}
