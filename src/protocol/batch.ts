/**
 * The header of a record batch (format 2): where its fields lie and how to read and stamp them in place. Used by the
 * checks on produce, by storage, recovery and replication, and by whoever builds batches. It knows nothing of records
 * inside a batch (`record-walk`, `records`) nor of what a topic permits (`batch-check`).
 *
 *      0 base offset (8) │ 8 length of what follows (4) │ 12 leader epoch (4) │ 16 magic (1) │ 17 crc (4)
 *     21 attributes (2) │ 23 last offset delta (4) │ 27 base timestamp (8) │ 35 max timestamp (8)
 *     43 producer id (8) │ 51 producer epoch (2) │ 53 base sequence (4) │ 57 count (4) │ 61 records …
 *
 * The CRC-32C covers attributes to end. Base offset, length, epoch and magic lie before it, which is why a broker can
 * stamp its offsets into the bytes a producer sent without touching the checksum.
 */
export const BATCH_BASE_OFFSET = 0;
export const BATCH_LENGTH = 8;
export const BATCH_LEADER_EPOCH = 12;
export const BATCH_MAGIC = 16;
export const BATCH_CRC = 17;
export const BATCH_ATTRIBUTES = 21;
export const BATCH_LAST_OFFSET_DELTA = 23;
export const BATCH_BASE_TIMESTAMP = 27;
export const BATCH_MAX_TIMESTAMP = 35;
export const BATCH_PRODUCER_ID = 43;
export const BATCH_PRODUCER_EPOCH = 51;
export const BATCH_BASE_SEQUENCE = 53;
export const BATCH_COUNT = 57;
export const BATCH_RECORDS = 61;

export const BATCH_HEADER_BYTES = BATCH_RECORDS;
/** The length field counts what follows it: these 12 bytes come on top. */
export const BATCH_PREFIX_BYTES = 12;
export const BATCH_CRC_FROM = BATCH_ATTRIBUTES;
export const MAGIC = 2;

export const ATTRIBUTE_CODEC_MASK = 0x07;
export const ATTRIBUTE_LOG_APPEND_TIME = 0x08;
export const ATTRIBUTE_TRANSACTIONAL = 0x10;
export const ATTRIBUTE_CONTROL = 0x20;
export const ATTRIBUTE_DELETE_HORIZON = 0x40;
export const ATTRIBUTES_UNUSED_MASK = 0xff80;

export const CODEC_NONE = 0;
export const CODEC_GZIP = 1;
export const CODEC_SNAPPY = 2;
export const CODEC_LZ4 = 3;
export const CODEC_ZSTD = 4;

export const NO_TIMESTAMP = -1;
export const NO_PRODUCER_ID = -1;
export const NO_PRODUCER_EPOCH = -1;
export const NO_SEQUENCE = -1;

/** What this folder needs of memory; a `Memory` of the floor above fits. */
export interface BatchMemory {
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** CRC-32C of `length` bytes from `at` on, signed or unsigned. Passed in: the fast one lives a floor above. */
export type Crc32c<M extends BatchMemory = BatchMemory> = (memory: M, at: number, length: number) => number;

const TWO_32 = 4_294_967_296;

/** Exact within ±2^53; beyond that the nearest number, which `Number.isSafeInteger` tells. */
export function readInt64(view: DataView, at: number): number {
  return view.getInt32(at) * TWO_32 + view.getUint32(at + 4);
}

export function writeInt64(view: DataView, at: number, value: number): void {
  view.setInt32(at, Math.floor(value / TWO_32));
  view.setUint32(at + 4, value >>> 0);
}

// ── accessors: `at` is where the batch begins ───────────────────────────────────────────────────────────────────────

export function batchBaseOffset(view: DataView, at: number): number {
  return readInt64(view, at + BATCH_BASE_OFFSET);
}

/** Bytes of the whole batch, its first twelve included. Not to be trusted before it was checked against what is there. */
export function batchBytes(view: DataView, at: number): number {
  return view.getInt32(at + BATCH_LENGTH) + BATCH_PREFIX_BYTES;
}

export function batchLeaderEpoch(view: DataView, at: number): number {
  return view.getInt32(at + BATCH_LEADER_EPOCH);
}

export function batchMagic(view: DataView, at: number): number {
  return view.getInt8(at + BATCH_MAGIC);
}

export function batchCrc(view: DataView, at: number): number {
  return view.getUint32(at + BATCH_CRC);
}

export function batchAttributes(view: DataView, at: number): number {
  return view.getUint16(at + BATCH_ATTRIBUTES);
}

export function batchCodec(view: DataView, at: number): number {
  return batchAttributes(view, at) & ATTRIBUTE_CODEC_MASK;
}

export function batchIsLogAppendTime(view: DataView, at: number): boolean {
  return (batchAttributes(view, at) & ATTRIBUTE_LOG_APPEND_TIME) !== 0;
}

export function batchIsTransactional(view: DataView, at: number): boolean {
  return (batchAttributes(view, at) & ATTRIBUTE_TRANSACTIONAL) !== 0;
}

export function batchIsControl(view: DataView, at: number): boolean {
  return (batchAttributes(view, at) & ATTRIBUTE_CONTROL) !== 0;
}

export function batchLastOffsetDelta(view: DataView, at: number): number {
  return view.getInt32(at + BATCH_LAST_OFFSET_DELTA);
}

export function batchLastOffset(view: DataView, at: number): number {
  return batchBaseOffset(view, at) + batchLastOffsetDelta(view, at);
}

export function batchBaseTimestamp(view: DataView, at: number): number {
  return readInt64(view, at + BATCH_BASE_TIMESTAMP);
}

export function batchMaxTimestamp(view: DataView, at: number): number {
  return readInt64(view, at + BATCH_MAX_TIMESTAMP);
}

export function batchProducerId(view: DataView, at: number): number {
  return readInt64(view, at + BATCH_PRODUCER_ID);
}

export function batchProducerEpoch(view: DataView, at: number): number {
  return view.getInt16(at + BATCH_PRODUCER_EPOCH);
}

export function batchBaseSequence(view: DataView, at: number): number {
  return view.getInt32(at + BATCH_BASE_SEQUENCE);
}

export function batchCount(view: DataView, at: number): number {
  return view.getInt32(at + BATCH_COUNT);
}

/** Whether the stored checksum fits. The caller made sure that `length` bytes of one batch lie at `at`. */
export function batchCrcHolds<M extends BatchMemory>(
  memory: M,
  at: number,
  length: number,
  crc32c: Crc32c<M>,
): boolean {
  const computed = crc32c(memory, at + BATCH_CRC_FROM, length - BATCH_CRC_FROM) >>> 0;
  return computed === batchCrc(memory.view, at);
}

// ── stamping ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Both fields lie outside the checksum. */
export function stampBatch(view: DataView, at: number, baseOffset: number, leaderEpoch: number): void {
  writeInt64(view, at + BATCH_BASE_OFFSET, baseOffset);
  view.setInt32(at + BATCH_LEADER_EPOCH, leaderEpoch);
}

/**
 * Sets timestamp type and max timestamp, and with them the checksum: for topics that stamp append times, and to put
 * right a max timestamp that a producer stated wrongly.
 */
export function stampTimestamp<M extends BatchMemory>(
  memory: M,
  at: number,
  length: number,
  isLogAppendTime: boolean,
  maxTimestamp: number,
  crc32c: Crc32c<M>,
): void {
  const attributes = batchAttributes(memory.view, at) & ~ATTRIBUTE_LOG_APPEND_TIME;
  memory.view.setUint16(at + BATCH_ATTRIBUTES, isLogAppendTime ? attributes | ATTRIBUTE_LOG_APPEND_TIME : attributes);
  writeInt64(memory.view, at + BATCH_MAX_TIMESTAMP, maxTimestamp);
  stampCrc(memory, at, length, crc32c);
}

export function stampCrc<M extends BatchMemory>(memory: M, at: number, length: number, crc32c: Crc32c<M>): void {
  memory.view.setUint32(at + BATCH_CRC, crc32c(memory, at + BATCH_CRC_FROM, length - BATCH_CRC_FROM) >>> 0);
}
