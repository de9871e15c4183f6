/**
 * Encodes small batches within a worker's turn, for the recoder. LZ4 goes through the native part, from received memory into an
 * arena that is the worker's own: nothing is copied or allocated, and what lies there stays good until the next turn begins,
 * which is after it was written. Everything else (other codecs, plain Node, what does not fit) is a batch of fresh memory.
 *
 *     arena:  │ header 61 │ frame head 11 │ block │ end mark 4 │ next batch …  used │ room
 */
import { must } from '../base/assert.ts';
import { BATCH_HEADER_BYTES, batchCodec, CODEC_LZ4, CODEC_NONE } from '../protocol/batch.ts';
import { INFLATED_BYTES_MAX } from '../protocol/batch-check.ts';
import { closeLz4Frame, LZ4_BLOCK_AT, LZ4_BLOCK_BYTES_MAX, LZ4_FRAME_BYTES } from '../protocol/lz4-frame.ts';
import { recompressBatch, stampRecoded } from '../protocol/recompress.ts';
import type { Crc } from '../storage/storage-tools.ts';
import { lz4RoomFor, type PackLz4 } from '../zerocopy/lz4-block.ts';
import type { Memory } from '../zerocopy/memory.ts';

export interface BatchEncoderParts {
  readonly crc: Crc;
  readonly memoryOf: (bytes: Uint8Array) => Memory;
  /** Null where there is no native part. */
  readonly packLz4: PackLz4 | null;
}

/** Per target codec (none, gzip, snappy, lz4, zstd): what takes about a millisecond. */
const INLINE_BYTES_MAX: readonly number[] = [1_048_576, 32_768, 262_144, 524_288, 65_536];
/** Of LZ4 in the native part: text takes less, bytes that hardly repeat a bit more. As large as batches are by default. */
const NATIVE_LZ4_BYTES_MAX = 1_048_588;
/** The largest batch behind half of such a one. What was never used of it is no memory. */
const ARENA_BYTES = 1_703_936;
const AROUND_BYTES = BATCH_HEADER_BYTES + LZ4_FRAME_BYTES;

export class BatchEncoder {
  // The result of `encode`; good until the next `begin`.
  memory: Memory | null = null;
  at = 0;
  length = 0;

  private readonly parts: BatchEncoderParts;
  private arena: Memory | null = null;
  private used = 0;

  constructor(parts: BatchEncoderParts) {
    this.parts = parts;
  }

  /** Nothing that was encoded before is needed any more. */
  begin(): void {
    this.used = 0;
  }

  /** Larger batches take too long for a turn. */
  inlineBytesMax(codec: number): number {
    // The package's output is freed from an event loop, which a worker does not have: the pool has one.
    if (codec === CODEC_LZ4) return this.parts.packLz4 === null ? 0 : NATIVE_LZ4_BYTES_MAX;
    return must(INLINE_BYTES_MAX[codec], 'every codec has a budget');
  }

  /** `inflated`: the records, where the check has opened the batch. False when they cannot be had. */
  encode(
    memory: Memory,
    at: number,
    length: number,
    inflated: Uint8Array | null,
    codec: number,
    level: number,
  ): boolean {
    const { packLz4 } = this.parts;
    if (codec === CODEC_LZ4 && packLz4 !== null) {
      const isPlain = batchCodec(memory.view, at) === CODEC_NONE;
      const plain = isPlain ? memory : inflated === null ? null : this.parts.memoryOf(inflated);
      const plainAt = isPlain ? at + BATCH_HEADER_BYTES : 0;
      const plainBytes = isPlain ? length - BATCH_HEADER_BYTES : (inflated?.length ?? 0);
      if (plain !== null && plain.address !== 0 && this.fits(plainBytes)) {
        this.packBatch(packLz4, memory, at, plain, plainAt, plainBytes);
        return true;
      }
    }
    return this.encodeFresh(memory, at, length, inflated, codec, level);
  }

  private fits(plainBytes: number): boolean {
    const room = ARENA_BYTES - this.used - AROUND_BYTES;
    return plainBytes > 0 && plainBytes <= LZ4_BLOCK_BYTES_MAX && lz4RoomFor(plainBytes) <= room;
  }

  private packBatch(
    packLz4: PackLz4,
    head: Memory,
    headAt: number,
    plain: Memory,
    plainAt: number,
    plainBytes: number,
  ): void {
    this.arena ??= this.parts.memoryOf(new Uint8Array(ARENA_BYTES));
    const { arena } = this;
    const to = this.used;
    const frameAt = to + BATCH_HEADER_BYTES;
    const blockAt = frameAt + LZ4_BLOCK_AT;
    for (let index = 0; index < BATCH_HEADER_BYTES; index++) arena.bytes[to + index] = head.bytes[headAt + index]!;
    let blockBytes = packLz4(plain, plainAt, plainBytes, arena, blockAt, lz4RoomFor(plainBytes));
    if (blockBytes >= plainBytes) {
      arena.bytes.set(plain.bytes.subarray(plainAt, plainAt + plainBytes), blockAt);
      blockBytes = plainBytes;
    }
    const length = BATCH_HEADER_BYTES + closeLz4Frame(arena.view, frameAt, plainBytes, blockBytes);
    stampRecoded(arena, to, length, CODEC_LZ4, this.parts.crc);
    this.used = to + length;
    this.memory = arena;
    this.at = to;
    this.length = length;
  }

  private encodeFresh(
    memory: Memory,
    at: number,
    length: number,
    inflated: Uint8Array | null,
    codec: number,
    level: number,
  ): boolean {
    const { crc, memoryOf, packLz4 } = this.parts;
    const bytes = recompressBatch(
      memory.bytes.subarray(at, at + length),
      inflated,
      {
        codec,
        ...(level < 0 ? {} : { level }),
        logAppendTime: null,
        maxTimestamp: null,
        inflatedBytesMax: INFLATED_BYTES_MAX,
        ...(packLz4 === null ? {} : { packLz4Block: (block: Uint8Array) => packAlone(packLz4, memoryOf, block) }),
      },
      (over, from, count) => crc(memoryOf(over.bytes), from, count),
    );
    if (bytes === null) return false;
    this.memory = memoryOf(bytes);
    this.at = 0;
    this.length = bytes.length;
    return true;
  }
}

/** A block that did not fit into the arena, in memory of its own. */
function packAlone(packLz4: PackLz4, memoryOf: (bytes: Uint8Array) => Memory, block: Uint8Array): Uint8Array {
  const input = memoryOf(block);
  const output = memoryOf(new Uint8Array(lz4RoomFor(block.length)));
  return output.bytes.subarray(0, packLz4(input, 0, block.length, output, 0, output.bytes.length));
}
