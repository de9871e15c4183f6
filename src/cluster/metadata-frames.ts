/**
 * The bytes of `perfbroker.metadata`, without any file:
 *
 *   "PBMETA\0" and the format version (1 byte)         8 bytes, once
 *   length of the record (u32) · CRC-32C of the record (u32) · the record         again and again, big-endian
 *
 * A crash can only leave an unfinished frame at the very end: the tail is torn, and what was never whole was never
 * promised to anyone. A frame that is wrong while whole frames follow it means the disk lost what was promised: damaged.
 */
import { Fault } from '../base/fault.ts';
import { type CatalogRecord, decodeRecord, encodeRecord } from './catalog-records.ts';

export type Checksum = (bytes: Uint8Array) => number;

export const FORMAT_VERSION = 1;
const MAGIC = new TextEncoder().encode('PBMETA\0');
export const FILE_HEADER_BYTES = 8;
const FRAME_HEADER_BYTES = 8;
/** A topic with every setting and 100,000 partitions stays below. */
const RECORD_BYTES_MAX = 16 * 1024 * 1024;

export interface ScannedFile {
  readonly records: readonly CatalogRecord[];
  /** Bytes that are whole; what lies behind is torn. */
  readonly wholeBytes: number;
}

export function fileHeader(): Uint8Array {
  const header = new Uint8Array(FILE_HEADER_BYTES);
  header.set(MAGIC);
  header[FILE_HEADER_BYTES - 1] = FORMAT_VERSION;
  return header;
}

export function encodeFrames(records: readonly CatalogRecord[], checksum: Checksum): Uint8Array {
  const payloads = records.map(encodeRecord);
  const bytes = new Uint8Array(payloads.reduce((sum, payload) => sum + FRAME_HEADER_BYTES + payload.length, 0));
  const view = new DataView(bytes.buffer);
  let position = 0;
  for (const payload of payloads) {
    view.setUint32(position, payload.length);
    view.setUint32(position + 4, checksum(payload) >>> 0);
    bytes.set(payload, position + FRAME_HEADER_BYTES);
    position += FRAME_HEADER_BYTES + payload.length;
  }
  return bytes;
}

/** Throws Fault PB_DATA_DAMAGED or PB_DATA_NEWER; a torn tail is only counted. */
export function scanFile(bytes: Uint8Array, path: string, checksum: Checksum): ScannedFile {
  if (bytes.length < FILE_HEADER_BYTES) return { records: [], wholeBytes: 0 };
  checkHeader(bytes, path);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: CatalogRecord[] = [];
  let position = FILE_HEADER_BYTES;
  while (position < bytes.length) {
    const length = wholeFrameLength(bytes, view, position, checksum);
    if (length === 0) break;
    const payload = bytes.subarray(position + FRAME_HEADER_BYTES, position + length);
    records.push(readPayload(payload, path, position));
    position += length;
  }
  if (hasWholeFrameBehind(bytes, view, position + 1, checksum)) throw damagedAt(path, position);
  return { records, wholeBytes: position };
}

function checkHeader(bytes: Uint8Array, path: string): void {
  if (MAGIC.some((byte, index) => bytes[index] !== byte)) {
    throw new Fault(
      'PB_DATA_DAMAGED',
      `${path} is not a perfbroker metadata file; restore it from a backup or choose another folder with --data`,
    );
  }
  const version = bytes[FILE_HEADER_BYTES - 1] ?? 0;
  if (version > FORMAT_VERSION) {
    throw new Fault(
      'PB_DATA_NEWER',
      `${path} was written by a newer perfbroker (format ${version}, this one reads up to ${FORMAT_VERSION}); start that version`,
    );
  }
}

/** Bytes of the frame at `position`, 0 when there is no whole and sound frame. */
function wholeFrameLength(bytes: Uint8Array, view: DataView, position: number, checksum: Checksum): number {
  if (position + FRAME_HEADER_BYTES > bytes.length) return 0;
  const length = view.getUint32(position);
  if (length === 0 || length > RECORD_BYTES_MAX || position + FRAME_HEADER_BYTES + length > bytes.length) return 0;
  const payload = bytes.subarray(position + FRAME_HEADER_BYTES, position + FRAME_HEADER_BYTES + length);
  return checksum(payload) >>> 0 === view.getUint32(position + 4) ? FRAME_HEADER_BYTES + length : 0;
}

/** Looks at every byte behind a bad frame; a checksum is only computed where the record could begin with a brace. */
function hasWholeFrameBehind(bytes: Uint8Array, view: DataView, from: number, checksum: Checksum): boolean {
  const brace = 0x7b;
  for (let position = from; position + FRAME_HEADER_BYTES < bytes.length; position++) {
    if (bytes[position + FRAME_HEADER_BYTES] !== brace) continue;
    if (wholeFrameLength(bytes, view, position, checksum) > 0) return true;
  }
  return false;
}

function readPayload(payload: Uint8Array, path: string, position: number): CatalogRecord {
  const read = decodeRecord(payload);
  if (read.state === 'good') return read.record;
  if (read.state === 'damaged') throw damagedAt(path, position);
  throw new Fault(
    'PB_DATA_NEWER',
    `${path} holds records of the kind '${read.kind}', which a newer perfbroker wrote; start that version`,
  );
}

function damagedAt(path: string, position: number): Fault {
  return new Fault(
    'PB_DATA_DAMAGED',
    `${path} is damaged at byte ${position} though records follow; restore it from a backup (the logs beside it are untouched)`,
  );
}
