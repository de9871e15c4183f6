/**
 * Record batches nobody should send, from a seed: good ones of every codec; with a hostile header under a right checksum, so
 * that what lies behind the checksum is reached; payloads that are broken, or that are much larger unpacked. For the
 * fuzzers of this folder.
 */
import {
  BATCH_ATTRIBUTES,
  BATCH_BASE_OFFSET,
  BATCH_BASE_SEQUENCE,
  BATCH_BASE_TIMESTAMP,
  BATCH_COUNT,
  BATCH_LAST_OFFSET_DELTA,
  BATCH_LENGTH,
  BATCH_MAX_TIMESTAMP,
  BATCH_PREFIX_BYTES,
  BATCH_PRODUCER_EPOCH,
  BATCH_PRODUCER_ID,
  BATCH_RECORDS,
  CODEC_GZIP,
  CODEC_LZ4,
  CODEC_NONE,
  CODEC_SNAPPY,
  CODEC_ZSTD,
} from '../../src/protocol/batch.ts';
import { compress } from '../../src/protocol/compression.ts';
import type { Prng } from '../support/prng.ts';
import { batchOf, reseal } from '../support/simulated-deeds.ts';

export const CODECS = [CODEC_NONE, CODEC_GZIP, CODEC_SNAPPY, CODEC_LZ4, CODEC_ZSTD] as const;
const NUMBERS = [-1, 0, 1, 2, 7, 0x7fff, -0x8000, 0x7fff_ffff, -0x8000_0000];
const LONGS = [-1n, 0n, 1n, 1_700_000_000_000n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)];
const HEADER_BYTES_MIN = BATCH_RECORDS;
/** Unpacked; small enough that a fuzzer may send many. The tests of bounds send large ones. */
const BOMB_BYTES = 3 << 20;
/** One in so many batches is a bomb: they cost the fuzzer time. */
const BOMB_EVERY = 60;

/** A batch whose payload is that many equal bytes, packed: no record follows from them. */
export function bombOf(codec: number, inflatedBytes: number, count = 1): Uint8Array<ArrayBuffer> {
  return batchWith(codec, compress(codec, new Uint8Array(inflatedBytes)), count);
}

/** A batch that says it holds `count` records and has this payload, packed with that codec or not. */
export function batchWith(codec: number, payload: Uint8Array, count = 1): Uint8Array<ArrayBuffer> {
  const model = batchOf();
  const bytes = new Uint8Array(BATCH_RECORDS + payload.length);
  bytes.set(model.subarray(0, BATCH_RECORDS));
  bytes.set(payload, BATCH_RECORDS);
  const view = new DataView(bytes.buffer);
  view.setInt32(BATCH_LENGTH, bytes.length - BATCH_PREFIX_BYTES);
  view.setInt16(BATCH_ATTRIBUTES, codec);
  view.setInt32(BATCH_COUNT, count);
  view.setInt32(BATCH_LAST_OFFSET_DELTA, count - 1);
  return reseal(bytes);
}

export class HostileBatches {
  private readonly random: Prng;
  private readonly good: readonly Uint8Array<ArrayBuffer>[];
  private readonly bombs: readonly Uint8Array<ArrayBuffer>[];

  constructor(random: Prng) {
    this.random = random;
    this.good = [
      ...CODECS.map((codec) => batchOf({ codec, count: 3, keys: ['a', 'b', 'c'] })),
      batchOf({ count: 5 }),
      batchOf({ producerId: 3, producerEpoch: 0, baseSequence: 0 }),
      batchOf({ codec: CODEC_ZSTD, count: 2, isTransactional: true, producerId: 4, producerEpoch: 1, baseSequence: 2 }),
    ];
    this.bombs = CODECS.filter((codec) => codec !== CODEC_NONE).map((codec) => bombOf(codec, BOMB_BYTES));
  }

  next(): Uint8Array {
    const { random } = this;
    if (random.nextInt(BOMB_EVERY) === 0) return this.pick(this.bombs);
    switch (random.nextInt(8)) {
      case 0:
        return this.withHostileHeader();
      case 1:
        return this.withBrokenPayload();
      case 2:
        return Uint8Array.from([...this.pick(this.good), ...this.pick(this.good)]);
      case 3:
        return new Uint8Array(random.nextInt(80));
      case 4:
        return this.cut();
      default:
        return this.pick(this.good);
    }
  }

  /** Each field may be anything; the checksum is right, and mostly the length. */
  private withHostileHeader(): Uint8Array {
    const { random } = this;
    const bytes = this.pick(this.good).slice();
    const view = new DataView(bytes.buffer);
    for (let left = 1 + random.nextInt(3); left > 0; left--) {
      const number = this.pick(NUMBERS);
      switch (random.nextInt(10)) {
        case 0:
          view.setInt16(BATCH_ATTRIBUTES, random.nextBoolean() ? random.nextInt(256) : number);
          break;
        case 1:
          view.setInt32(BATCH_COUNT, number);
          break;
        case 2:
          view.setInt32(BATCH_LAST_OFFSET_DELTA, number);
          break;
        case 3:
          view.setInt32(BATCH_BASE_SEQUENCE, number);
          break;
        case 4:
          view.setInt16(BATCH_PRODUCER_EPOCH, number);
          break;
        case 5:
          view.setBigInt64(BATCH_PRODUCER_ID, this.pick(LONGS));
          break;
        case 6:
          view.setBigInt64(BATCH_BASE_TIMESTAMP, this.pick(LONGS));
          break;
        case 7:
          view.setBigInt64(BATCH_MAX_TIMESTAMP, this.pick(LONGS));
          break;
        case 8:
          view.setBigInt64(BATCH_BASE_OFFSET, this.pick(LONGS));
          break;
        default:
          view.setInt32(BATCH_LENGTH, random.nextBoolean() ? number : random.nextInt(bytes.length * 2));
      }
    }
    return reseal(bytes);
  }

  /** Records or their packed form changed, under a right checksum. */
  private withBrokenPayload(): Uint8Array {
    const { random } = this;
    const bytes = this.pick(this.good).slice();
    for (let left = 1 + random.nextInt(4); left > 0; left--) {
      const at = HEADER_BYTES_MIN + random.nextInt(bytes.length - HEADER_BYTES_MIN);
      if (random.nextBoolean()) bytes[at] = random.nextInt(256);
      else bytes.fill(random.nextBoolean() ? 0xff : 0x80, at, at + 1 + random.nextInt(10));
    }
    return reseal(bytes);
  }

  /** Shorter than it says, or exactly as long as it then says. */
  private cut(): Uint8Array {
    const bytes = this.pick(this.good).slice();
    const cut = bytes.slice(0, this.random.nextInt(bytes.length));
    if (this.random.nextBoolean() || cut.length < HEADER_BYTES_MIN) return cut;
    new DataView(cut.buffer).setInt32(BATCH_LENGTH, cut.length - BATCH_PREFIX_BYTES);
    return reseal(cut);
  }

  private pick<T>(values: readonly T[]): T {
    return values[this.random.nextInt(values.length)] as T;
  }
}
