/**
 * Turns a batch into the same batch under another codec, for topics whose compression.type names one. Called by the
 * partition's worker for small batches and by a background task for large ones; plain bytes in, plain bytes out, nothing
 * kept. The batch passed `BatchCheck` before; whether the result is still within max.message.bytes is the caller's to see.
 */
import {
  ATTRIBUTE_CODEC_MASK,
  ATTRIBUTE_LOG_APPEND_TIME,
  BATCH_ATTRIBUTES,
  BATCH_HEADER_BYTES,
  BATCH_LENGTH,
  BATCH_MAX_TIMESTAMP,
  BATCH_PREFIX_BYTES,
  type BatchMemory,
  batchAttributes,
  CODEC_LZ4,
  type Crc32c,
  stampCrc,
  writeInt64,
} from './batch.ts';
import { compress, decompress } from './compression.ts';
import { writeLz4Frame } from './lz4-frame.ts';
import { memoryOver } from './records.ts';

export interface RecompressOptions {
  readonly codec: number;
  /** Of gzip and zstd; without it the codec's usual one. */
  readonly level?: number;
  /** The time of the append where the topic stamps it, else null: then `maxTimestamp` says what the records have. */
  readonly logAppendTime: number | null;
  /** As the check found it, where that differs from the header; null leaves the header's. */
  readonly maxTimestamp: number | null;
  readonly inflatedBytesMax: number;
  /** Packs one block of LZ4; without it the package does, whose output only a thread with an event loop gives back. */
  readonly packLz4Block?: (block: Uint8Array) => Uint8Array;
}

/**
 * `inflated`: the decompressed records, when the check has opened the batch already. Null when the batch's records
 * cannot be decompressed within the bound.
 */
export function recompressBatch(
  batch: Uint8Array,
  inflated: Uint8Array | null,
  options: RecompressOptions,
  crc32c: Crc32c,
): Uint8Array<ArrayBuffer> | null {
  const attributes = batchAttributes(memoryOver(batch).view, 0);
  const codec = attributes & ATTRIBUTE_CODEC_MASK;
  const payload = batch.subarray(BATCH_HEADER_BYTES);
  const records = codec === options.codec ? payload : recode(codec, payload, inflated, options);
  if (records === null) return null;
  const output = new Uint8Array(BATCH_HEADER_BYTES + records.length);
  output.set(batch.subarray(0, BATCH_HEADER_BYTES));
  output.set(records, BATCH_HEADER_BYTES);

  const memory = memoryOver(output);
  if (options.logAppendTime !== null) memory.view.setUint16(BATCH_ATTRIBUTES, attributes | ATTRIBUTE_LOG_APPEND_TIME);
  const maxTimestamp = options.logAppendTime ?? options.maxTimestamp;
  if (maxTimestamp !== null) writeInt64(memory.view, BATCH_MAX_TIMESTAMP, maxTimestamp);
  stampRecoded(memory, 0, output.length, options.codec, crc32c);
  return output;
}

/** The header of a batch whose records were just put behind it in another codec. */
export function stampRecoded<M extends BatchMemory>(
  memory: M,
  at: number,
  length: number,
  codec: number,
  crc32c: Crc32c<M>,
): void {
  const attributes = batchAttributes(memory.view, at);
  memory.view.setInt32(at + BATCH_LENGTH, length - BATCH_PREFIX_BYTES);
  memory.view.setUint16(at + BATCH_ATTRIBUTES, (attributes & ~ATTRIBUTE_CODEC_MASK) | codec);
  stampCrc(memory, at, length, crc32c);
}

function recode(
  codec: number,
  payload: Uint8Array,
  inflated: Uint8Array | null,
  options: RecompressOptions,
): Uint8Array | null {
  const records = inflated ?? decompress(codec, payload, options.inflatedBytesMax);
  if (records === null) return null;
  const { packLz4Block } = options;
  if (options.codec === CODEC_LZ4 && packLz4Block !== undefined) return writeLz4Frame(records, packLz4Block, 0);
  return compress(options.codec, records, options.level);
}
