/**
 * Reads the records of a batch. `RecordCursor` steps through them without allocating, for lookups by timestamp and for
 * compaction; `readBatch` makes plain objects, for the control plane and our client. Both open compressed batches. What
 * they read was checked when it was produced, so anything malformed is a Fault: a damaged disk or a lying peer.
 */
import { Fault } from '../base/fault.ts';
import {
  BATCH_HEADER_BYTES,
  BATCH_RECORDS,
  type BatchMemory,
  batchBaseOffset,
  batchBaseTimestamp,
  batchBytes,
  batchCodec,
  batchCount,
  batchIsLogAppendTime,
  batchMaxTimestamp,
} from './batch.ts';
import { decompress } from './compression.ts';

export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

export interface BatchRecord {
  readonly offset: number;
  readonly timestamp: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

const NO_HEADERS: readonly RecordHeader[] = [];
const VARINT_BYTES_MAX = 5;
const VARLONG_BYTES_MAX = 10;

export class RecordCursor {
  /** Where the records lie: the batch's own memory, or what it was decompressed to. The `…At` fields point into it. */
  bytes: Uint8Array = new Uint8Array(0);

  // The record `next` went to. A length of -1 stands for null.
  offset = -1;
  timestamp = -1;
  recordAt = 0;
  /** Its first byte behind its length, and what follows timestamp and offset. */
  bodyAt = 0;
  fieldsAt = 0;
  recordEnd = 0;
  keyAt = 0;
  keyLength = -1;
  valueAt = 0;
  valueLength = -1;
  headerCount = 0;
  headersAt = 0;

  private at = 0;
  private end = 0;
  private left = 0;
  private firstAt = 0;
  private count = 0;
  private baseOffset = 0;
  private baseTimestamp = 0;
  private fixedTimestamp = -1;
  private hasFixedTimestamp = false;

  /** Starts before the first record of the batch at `at`, of which `length` bytes are there. */
  open(memory: BatchMemory, at: number, length: number, inflatedBytesMax: number): void {
    const view = memory.view;
    if (length < BATCH_HEADER_BYTES || batchBytes(view, at) > length || batchBytes(view, at) < BATCH_HEADER_BYTES) {
      throw damaged('it is cut');
    }
    const codec = batchCodec(view, at);
    const end = at + batchBytes(view, at);
    if (codec === 0) {
      this.bytes = memory.bytes;
      this.at = at + BATCH_RECORDS;
      this.end = end;
    } else {
      const inflated = decompress(codec, memory.bytes.subarray(at + BATCH_RECORDS, end), inflatedBytesMax);
      if (inflated === null) throw damaged(`its records cannot be decompressed into ${inflatedBytesMax} bytes`);
      this.bytes = inflated;
      this.at = 0;
      this.end = inflated.length;
    }
    this.firstAt = this.at;
    this.count = batchCount(view, at);
    this.left = this.count;
    this.baseOffset = batchBaseOffset(view, at);
    this.baseTimestamp = batchBaseTimestamp(view, at);
    this.hasFixedTimestamp = batchIsLogAppendTime(view, at);
    this.fixedTimestamp = batchMaxTimestamp(view, at);
  }

  /** Before the first record of the opened batch again. */
  rewind(): void {
    this.at = this.firstAt;
    this.left = this.count;
  }

  /** Goes to the next record; false behind the last one. */
  next(): boolean {
    if (this.left <= 0) return false;
    this.left--;
    this.recordAt = this.at;
    const length = this.length(this.end);
    this.bodyAt = this.at;
    this.recordEnd = this.at + length;
    if (length === 0) throw damaged('a record is empty');
    this.at++;
    const delta = this.varlong();
    this.timestamp = this.hasFixedTimestamp ? this.fixedTimestamp : this.baseTimestamp + delta;
    this.offset = this.baseOffset + this.varint();
    this.fieldsAt = this.at;
    this.keyLength = this.nullableLength(this.recordEnd);
    this.keyAt = this.at;
    if (this.keyLength > 0) this.at += this.keyLength;
    this.valueLength = this.nullableLength(this.recordEnd);
    this.valueAt = this.at;
    if (this.valueLength > 0) this.at += this.valueLength;
    this.headerCount = this.length(this.recordEnd);
    this.headersAt = this.at;
    this.at = this.recordEnd;
    return true;
  }

  key(): Uint8Array | null {
    return this.keyLength < 0 ? null : copyOf(this.bytes, this.keyAt, this.keyLength);
  }

  value(): Uint8Array | null {
    return this.valueLength < 0 ? null : copyOf(this.bytes, this.valueAt, this.valueLength);
  }

  headers(): readonly RecordHeader[] {
    if (this.headerCount === 0) return NO_HEADERS;
    const resumeAt = this.at;
    this.at = this.headersAt;
    const headers: RecordHeader[] = [];
    for (let index = 0; index < this.headerCount; index++) {
      const keyLength = this.length(this.recordEnd);
      const key = textOf(this.bytes, this.at, keyLength);
      this.at += keyLength;
      const valueLength = this.nullableLength(this.recordEnd);
      const value = valueLength < 0 ? null : copyOf(this.bytes, this.at, valueLength);
      if (valueLength > 0) this.at += valueLength;
      headers.push({ key, value });
    }
    this.at = resumeAt;
    return headers;
  }

  private length(end: number): number {
    const length = this.varint();
    if (length < 0 || length > end - this.at) throw damaged('a length does not fit');
    return length;
  }

  private nullableLength(end: number): number {
    const length = this.varint();
    if (length < -1 || length > end - this.at) throw damaged('a length does not fit');
    return length;
  }

  private varint(): number {
    let value = 0;
    for (let index = 0; index < VARINT_BYTES_MAX && this.at < this.end; index++) {
      const byte = this.bytes[this.at++]!;
      value |= (byte & 0x7f) << (7 * index);
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
    }
    throw damaged('a number does not end');
  }

  private varlong(): number {
    let value = 0;
    let scale = 1;
    for (let index = 0; index < VARLONG_BYTES_MAX && this.at < this.end; index++) {
      const byte = this.bytes[this.at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      scale *= 128;
    }
    throw damaged('a number does not end');
  }
}

/** All records of one batch, their bytes copied out of its memory. */
export function readBatch(memory: BatchMemory, at: number, length: number, inflatedBytesMax: number): BatchRecord[] {
  const cursor = new RecordCursor();
  cursor.open(memory, at, length, inflatedBytesMax);
  const records: BatchRecord[] = [];
  while (cursor.next()) {
    records.push({
      offset: cursor.offset,
      timestamp: cursor.timestamp,
      key: cursor.key(),
      value: cursor.value(),
      headers: cursor.headers(),
    });
  }
  return records;
}

/** Memory over plain bytes, for those who have no address to offer. */
export function memoryOver(bytes: Uint8Array): BatchMemory {
  return { bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

/** Not `slice`: that of a Buffer copies nothing. */
function copyOf(bytes: Uint8Array, at: number, length: number): Uint8Array {
  const copy = new Uint8Array(length);
  copy.set(bytes.subarray(at, at + length));
  return copy;
}

/** Not TextDecoder: it refuses shared memory. */
function textOf(bytes: Uint8Array, at: number, length: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, length).toString('utf8');
}

function damaged(what: string): Fault {
  return new Fault('PB_PROTOCOL', `a record batch cannot be read: ${what}`);
}
