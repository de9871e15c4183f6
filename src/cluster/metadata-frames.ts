/**
 * The bytes of `perfbroker.metadata`, without any file:
 *
 *   "PBMETA\0" and the format version (1 byte)         8 bytes, once
 *   length of the payload (u32) · CRC-32C of the payload (u32) · the payload         again and again, big-endian
 *
 * A payload is a JSON array of records: all that one append wrote. An append begins only when the one before is on the
 * device, so a crash can leave nothing but one unfinished frame at the very end (its pages may even have arrived out of
 * order): the tail is torn, and what was never whole was never promised to anyone. A frame that is wrong while a whole
 * one follows it means that the disk lost what was promised: damaged.
 */
import { Fault } from '../base/fault.ts';
import { crc32cInTypeScript } from '../zerocopy/fallback.ts';
import { type CatalogRecord, decodeRecords, encodeRecords } from './catalog-records.ts';

export const FORMAT_VERSION = 1;
const MAGIC = new TextEncoder().encode('PBMETA\0');
export const FILE_HEADER_BYTES = 8;
const FRAME_HEADER_BYTES = 8;
/** More than any change of the catalog: ten thousand topics at once with some settings each are 4 MB. */
const PAYLOAD_BYTES_MAX = 64 * 1024 * 1024;

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

/** One frame with all the records: they are read back together or not at all. */
export function encodeFrame(records: readonly CatalogRecord[]): Uint8Array {
  const payload = encodeRecords(records);
  if (payload.length > PAYLOAD_BYTES_MAX) {
    throw new Fault(
      'PB_LIMIT',
      `a change of the catalog takes ${payload.length} bytes, more than ${PAYLOAD_BYTES_MAX}; ask for less at once`,
    );
  }
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, payload.length);
  view.setUint32(4, checksumOf(payload) >>> 0);
  bytes.set(payload, FRAME_HEADER_BYTES);
  return bytes;
}

/** Throws Fault PB_DATA_DAMAGED or PB_DATA_NEWER; a torn tail is only counted. */
export function scanFile(bytes: Uint8Array, path: string): ScannedFile {
  if (bytes.length < FILE_HEADER_BYTES) return { records: [], wholeBytes: 0 };
  checkHeader(bytes, path);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const records: CatalogRecord[] = [];
  let position = FILE_HEADER_BYTES;
  while (position < bytes.length) {
    const length = wholeFrameLength(bytes, view, position);
    if (length === 0) break;
    const payload = bytes.subarray(position + FRAME_HEADER_BYTES, position + length);
    records.push(...readPayload(payload, path, position));
    position += length;
  }
  if (hasWholeFrameBehind(bytes, view, position + 1)) throw damagedAt(path, position);
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
      `${path} was written by a newer perfbroker (format ${version}, this one reads up to ${FORMAT_VERSION}); start that version, or restore it if none ever ran here`,
    );
  }
}

/** Bytes of the frame at `position`, 0 when there is no whole and sound frame. */
function wholeFrameLength(bytes: Uint8Array, view: DataView, position: number): number {
  if (position + FRAME_HEADER_BYTES > bytes.length) return 0;
  const length = view.getUint32(position);
  if (length === 0 || length > PAYLOAD_BYTES_MAX || position + FRAME_HEADER_BYTES + length > bytes.length) return 0;
  const payload = bytes.subarray(position + FRAME_HEADER_BYTES, position + FRAME_HEADER_BYTES + length);
  return checksumOf(payload) >>> 0 === view.getUint32(position + 4) ? FRAME_HEADER_BYTES + length : 0;
}

/** Small and rare: the plain body is fast enough, and the same everywhere. */
function checksumOf(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return crc32cInTypeScript({ bytes, view, address: 0 }, 0, bytes.length);
}

/** Looks at every byte behind a bad frame; a checksum is only computed where an array could begin. */
function hasWholeFrameBehind(bytes: Uint8Array, view: DataView, from: number): boolean {
  const bracket = 0x5b;
  for (let position = from; position + FRAME_HEADER_BYTES < bytes.length; position++) {
    if (bytes[position + FRAME_HEADER_BYTES] !== bracket) continue;
    if (wholeFrameLength(bytes, view, position) > 0) return true;
  }
  return false;
}

function readPayload(payload: Uint8Array, path: string, position: number): readonly CatalogRecord[] {
  const read = decodeRecords(payload);
  if (read.state === 'good') return read.records;
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
