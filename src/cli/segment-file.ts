/**
 * Reads files of a partition's folder from outside, one batch at a time: for looking at them and for checking them. Knows
 * the formats, trusts nothing in them, and needs no broker.
 */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { crc32c } from '../client/checksum.ts';
import {
  BATCH_HEADER_BYTES,
  type BatchMemory,
  batchBaseOffset,
  batchBytes,
  batchCrcHolds,
  batchLastOffset,
  batchMagic,
  MAGIC,
  readInt64,
} from '../protocol/batch.ts';
import { memoryOver } from '../protocol/records.ts';

export interface BatchInFile {
  readonly position: number;
  readonly bytes: number;
  /** Null when the bytes are whole and sound; else what is wrong with them. */
  readonly problem: string | null;
  readonly memory: BatchMemory;
}

/** No batch of a sound log is larger: positions in a segment are 32-bit numbers. */
const BATCH_BYTES_MAX = 2 ** 31 - 1;

/** Ends at the first bytes that are no batch; a last item with a problem tells of them. */
export function* batchesOf(path: string): Generator<BatchInFile> {
  const fileBytes = statSync(path).size;
  const fd = openSync(path, 'r');
  try {
    let previousLast = -1;
    for (let position = 0; position < fileBytes; ) {
      const batch = batchAt(fd, position, fileBytes, previousLast);
      yield batch;
      if (batch.bytes === 0) return;
      previousLast = batchLastOffset(batch.memory.view, 0);
      position += batch.bytes;
    }
  } finally {
    closeSync(fd);
  }
}

function batchAt(fd: number, position: number, fileBytes: number, previousLast: number): BatchInFile {
  const header = readAt(fd, position, Math.min(BATCH_HEADER_BYTES, fileBytes - position));
  const broken = (problem: string): BatchInFile => ({ position, bytes: 0, problem, memory: header });
  if (header.bytes.length < BATCH_HEADER_BYTES) return broken(`the file ends within a batch header`);
  const magic = batchMagic(header.view, 0);
  if (magic !== MAGIC) return broken(`a batch of format ${magic} (only ${MAGIC} is known)`);
  const bytes = batchBytes(header.view, 0);
  if (bytes < BATCH_HEADER_BYTES || bytes > BATCH_BYTES_MAX) return broken(`a batch says it has ${bytes} bytes`);
  if (position + bytes > fileBytes) return broken(`a batch of ${bytes} bytes goes beyond the end of the file`);
  const memory = readAt(fd, position, bytes);
  const problems: string[] = [];
  if (!batchCrcHolds(memory, 0, bytes, crc32c)) problems.push('its checksum does not fit');
  const base = batchBaseOffset(memory.view, 0);
  if (base <= previousLast) problems.push(`its base offset ${base} comes after offset ${previousLast}`);
  return { position, bytes, problem: problems.length === 0 ? null : problems.join(', '), memory };
}

function readAt(fd: number, position: number, length: number): BatchMemory {
  const bytes = new Uint8Array(length);
  let got = 0;
  while (got < length) {
    const count = readSync(fd, bytes, got, length - got, position + got);
    if (count === 0) break;
    got += count;
  }
  return memoryOver(bytes.subarray(0, got));
}

export interface IndexEntry {
  readonly offset: number;
  readonly position: number;
}

/** `.index`: last offset of a batch, and where the batch begins. */
export function offsetIndexOf(bytes: Uint8Array, baseOffset: number): IndexEntry[] {
  const { view } = memoryOver(bytes);
  const entries: IndexEntry[] = [];
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    const entry = { offset: baseOffset + view.getInt32(at), position: view.getInt32(at + 4) };
    if (at > 0 && entry.offset === baseOffset) break;
    entries.push(entry);
  }
  return entries;
}

export interface TimeEntry {
  readonly timestamp: number;
  readonly offset: number;
}

export function timeIndexOf(bytes: Uint8Array, baseOffset: number): TimeEntry[] {
  const { view } = memoryOver(bytes);
  const entries: TimeEntry[] = [];
  for (let at = 0; at + 12 <= bytes.length; at += 12) {
    const entry = { timestamp: readInt64(view, at), offset: baseOffset + view.getInt32(at + 8) };
    if (at > 0 && entry.timestamp === 0) break;
    entries.push(entry);
  }
  return entries;
}

export interface AbortedEntry {
  readonly producerId: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly lastStableOffset: number;
}

export function abortedIndexOf(bytes: Uint8Array): AbortedEntry[] {
  const { view } = memoryOver(bytes);
  const entries: AbortedEntry[] = [];
  for (let at = 0; at + 34 <= bytes.length; at += 34) {
    entries.push({
      producerId: readInt64(view, at + 2),
      firstOffset: readInt64(view, at + 10),
      lastOffset: readInt64(view, at + 18),
      lastStableOffset: readInt64(view, at + 26),
    });
  }
  return entries;
}

export interface ProducerRow {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly lastSequence: number;
  readonly lastOffset: number;
  readonly lastTimestamp: number;
  readonly coordinatorEpoch: number;
  readonly openSince: number;
}

/** `.snapshot`; null when it is damaged. */
export function producersOf(bytes: Uint8Array): ProducerRow[] | null {
  const memory = memoryOver(bytes);
  const { view } = memory;
  if (bytes.length < 10 || view.getInt16(0) !== 1) return null;
  if (crc32c(memory, 6, bytes.length - 6) >>> 0 !== view.getUint32(2)) return null;
  const count = view.getInt32(6);
  if (count < 0 || 10 + count * 46 > bytes.length) return null;
  return Array.from({ length: count }, (_, index) => {
    const at = 10 + index * 46;
    return {
      producerId: readInt64(view, at),
      producerEpoch: view.getInt16(at + 8),
      lastSequence: view.getInt32(at + 10),
      lastOffset: readInt64(view, at + 14),
      lastTimestamp: readInt64(view, at + 26),
      coordinatorEpoch: view.getInt32(at + 34),
      openSince: readInt64(view, at + 38),
    };
  });
}
