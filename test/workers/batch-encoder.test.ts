/** Batches encoded within a turn: what comes out is whole in every codec, and nothing in the arena treads on another's bytes. */
import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { must } from '../../src/base/assert.ts';
import { batchCodec, batchCrcHolds, CODEC_LZ4, CODEC_ZSTD } from '../../src/protocol/batch.ts';
import { BatchBuilder } from '../../src/protocol/batch-builder.ts';
import { decompress } from '../../src/protocol/compression.ts';
import { BatchEncoder } from '../../src/workers/batch-encoder.ts';
import { createCrc32c } from '../../src/zerocopy/crc32c.ts';
import { createPackLz4 } from '../../src/zerocopy/lz4-block.ts';
import type { Memory } from '../../src/zerocopy/memory.ts';
import { loadNative, memoryOf } from '../../src/zerocopy/native.ts';
import { batchOf } from '../support/simulated-deeds.ts';

const { native } = loadNative();
const INFLATED_MAX = 64 << 20;
const crc = createCrc32c(native);

function makeEncoder(): BatchEncoder {
  return new BatchEncoder({ crc, memoryOf: (bytes) => memoryOf(bytes, native), packLz4: createPackLz4(native) });
}

function encode(encoder: BatchEncoder, batch: Uint8Array, inflated: Uint8Array | null, codec = CODEC_LZ4): Memory {
  expect(encoder.encode(memoryOf(batch, native), 0, batch.length, inflated, codec, -1)).toBe(true);
  return must(encoder.memory, 'what was encoded has bytes');
}

function plainOf(bytes: Uint8Array, at: number, length: number): Uint8Array {
  const codec = must(bytes[at + 22], 'a batch has attributes') & 7;
  return must(decompress(codec, bytes.subarray(at + 61, at + length), INFLATED_MAX), 'the records can be had');
}

function expectSame(memory: Memory, at: number, length: number, batch: Uint8Array, codec = CODEC_LZ4): void {
  expect(batchCodec(memory.view, at)).toBe(codec);
  expect(memory.view.getInt32(at + 8)).toBe(length - 12);
  expect(batchCrcHolds(memory, at, length, crc)).toBe(true);
  const head = (bytes: Uint8Array, from: number) => [...bytes.subarray(from + 23, from + 61)];
  expect(head(memory.bytes, at)).toEqual(head(batch, 0));
  expect(Buffer.compare(plainOf(memory.bytes, at, length), plainOf(batch, 0, batch.length))).toBe(0);
}

function noiseOf(bytes: number): Uint8Array<ArrayBuffer> {
  const builder = new BatchBuilder((memory, at, length) => crc({ ...memory, address: 0 }, at, length), {});
  builder.add({ key: null, value: randomBytes(bytes), timestamp: 1 });
  return builder.build();
}

describe.skipIf(native === null)('encoding within a turn', () => {
  test('makes whole LZ4 batches of plain ones and of every other codec', () => {
    const encoder = makeEncoder();
    for (const codec of [0, 1, 2, CODEC_ZSTD]) {
      for (const valueBytes of [1, 100, 30_000]) {
        const batch = batchOf({ codec, valueBytes, count: 3, fill: codec + 1 });
        const inflated = codec === 0 ? null : decompress(codec, batch.subarray(61), INFLATED_MAX);
        const memory = encode(encoder, batch, inflated);
        expectSame(memory, encoder.at, encoder.length, batch);
      }
    }
  });

  test('stores what does not get smaller, as the frame format asks', () => {
    const encoder = makeEncoder();
    const batch = noiseOf(50_000);
    const memory = encode(encoder, batch, null);
    expect(encoder.length).toBe(batch.length + 15);
    expectSame(memory, encoder.at, encoder.length, batch);
  });

  test('keeps all batches of a turn, and uses the same memory again in the next', () => {
    const encoder = makeEncoder();
    const batches = Array.from({ length: 12 }, (_, index) => batchOf({ fill: index, valueBytes: 900, count: 40 }));
    const done: [Memory, number, number][] = [];
    for (const batch of batches) {
      const memory = encode(encoder, batch, null);
      done.push([memory, encoder.at, encoder.length]);
    }
    for (const [index, [memory, at, length]] of done.entries()) {
      expect(at).toBe(index === 0 ? 0 : done[index - 1]![1] + done[index - 1]![2]);
      expectSame(memory, at, length, batches[index]!);
    }
    encoder.begin();
    const again = encode(encoder, batches[3]!, null);
    expect([again === done[0]![0], encoder.at]).toEqual([true, 0]);
  });

  test('takes fresh memory for what has no room, and touches no batch of before', () => {
    const encoder = makeEncoder();
    const large = noiseOf(1_000_000);
    const first = encode(encoder, large, null);
    const { at, length } = encoder;
    const second = encode(encoder, large, null);
    expect(second).not.toBe(first);
    expectSame(second, encoder.at, encoder.length, large);
    expectSame(first, at, length, large);
  });

  test('takes the package for records that no single block holds', () => {
    const encoder = makeEncoder();
    const batch = batchOf({ codec: CODEC_ZSTD, valueBytes: 5_000_000 });
    const memory = encode(encoder, batch, decompress(CODEC_ZSTD, batch.subarray(61), INFLATED_MAX));
    expectSame(memory, encoder.at, encoder.length, batch);
  });
});
