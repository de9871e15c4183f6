import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { compressFrameSync, decompressFrameSync } from 'lz4-napi';
import { compressSync as snappyCompressSync } from 'snappy';
import { describe, expect, it } from 'vitest';
import { CODEC_GZIP, CODEC_LZ4, CODEC_SNAPPY, CODEC_ZSTD } from '../../src/protocol/batch.ts';
import { CODEC_NAMES, codecByName, compress, decompress, looksCompressed } from '../../src/protocol/compression.ts';
import { lz4FrameOutputBytes } from '../../src/protocol/lz4-frame.ts';
import { zstdOutputBytesMax } from '../../src/protocol/zstd-frame.ts';
import { WasmZstd } from '../../src/protocol/zstd-wasm.ts';

const CODECS = [CODEC_GZIP, CODEC_SNAPPY, CODEC_LZ4, CODEC_ZSTD];
const MEGABYTE = 1_048_576;

/** Text-like bytes, so that every codec has something to find. */
const anyInput = fc
  .tuple(fc.uint8Array({ minLength: 1, maxLength: 2000 }), fc.integer({ min: 1, max: 200 }))
  .map(([piece, times]) => Buffer.concat(Array.from({ length: times }, () => piece)));

function shared(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.length));
  copy.set(bytes);
  return copy;
}

function growthOf(act: () => void): number {
  const before = process.memoryUsage().rss;
  act();
  return process.memoryUsage().rss - before;
}

describe.each(CODECS.map((codec) => [CODEC_NAMES[codec], codec] as const))('%s', (_name, codec) => {
  it('gives back what went in, also from shared memory', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const packed = compress(codec, shared(input));
        expect(looksCompressed(codec, packed, 0, packed.length)).toBe(true);
        const output = decompress(codec, shared(packed), input.length);
        expect(output !== null && Buffer.compare(output, input)).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('refuses to go one byte past the maximum', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        expect(decompress(codec, compress(codec, input), input.length - 1) === null).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('survives damaged and cut input within the maximum', () => {
    const input = Buffer.from('all work and no play '.repeat(4000));
    const packed = compress(codec, input);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(packed.length - 1), fc.nat(255)), { maxLength: 5 }),
        fc.integer({ min: 0, max: packed.length }),
        (changes, length) => {
          const bad = Uint8Array.from(packed);
          for (const [at, value] of changes) bad[at] = value;
          const output = decompress(codec, bad.subarray(0, length), input.length);
          expect(output === null || output.length <= input.length).toBe(true);
        },
      ),
      { numRuns: 400 },
    );
  });

  it('survives bytes that were never compressed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        const output = decompress(codec, noise, 1000);
        expect(output === null || output.length <= 1000).toBe(true);
      }),
    );
  });

  it('does not take the memory a bomb asks for', () => {
    const bomb = compress(codec, new Uint8Array(64 * MEGABYTE));
    const grown = growthOf(() => expect(decompress(codec, bomb, MEGABYTE) === null).toBe(true));
    expect(grown).toBeLessThan(24 * MEGABYTE);
  });
});

describe('compression', () => {
  it('knows codecs by the names of compression.type', () => {
    expect(['none', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd', 'brotli'].map(codecByName)).toEqual([
      0, 0, 1, 2, 3, 4, -1,
    ]);
  });

  it('reads several gzip members one behind the other, as some clients write them', () => {
    const output = decompress(CODEC_GZIP, Buffer.concat([gzipSync('one '), gzipSync('two')]), 100);
    expect(Buffer.from(output ?? []).toString()).toBe('one two');
  });

  it('reads a bare snappy block as well as the framing of Java clients', () => {
    const input = Buffer.from('snappy '.repeat(20_000));
    expect(Buffer.from(decompress(CODEC_SNAPPY, snappyCompressSync(input), input.length) ?? []).equals(input)).toBe(
      true,
    );
    const framed = compress(CODEC_SNAPPY, input);
    expect(Buffer.from(framed.subarray(0, 16)).toString('hex')).toBe('82534e4150505900' + '00000001' + '00000001');
  });

  it('refuses a snappy block that states more than it can hold, before taking memory', () => {
    const liar = Buffer.concat([Buffer.from('ffffffff07', 'hex'), Buffer.alloc(50, 1)]);
    const grown = growthOf(() => expect(decompress(CODEC_SNAPPY, liar, 2 ** 31)).toBeNull());
    expect(grown).toBeLessThan(24 * MEGABYTE);
  });

  it('writes lz4 frames of independent blocks, which is all that Java clients read', () => {
    const frame = compress(CODEC_LZ4, Buffer.from('lz4 '.repeat(400_000)));
    expect(Buffer.from(frame.subarray(0, 4)).toString('hex')).toBe('04224d18');
    expect((frame[4] ?? 0) & 0xe1).toBe(0x60);
  });

  it('writes lz4 frames that the package reads, whatever their size, and stores what does not get smaller', () => {
    const noise = randomBytes(200_000);
    for (const bytes of [0, 1, 65_536, 65_537, 262_145, 1_048_577, 4_194_304, 4_194_305, 9_000_000]) {
      const text = Buffer.alloc(bytes, 'some text that gets smaller ');
      for (const input of [text, Buffer.concat([noise, text])]) {
        const frame = compress(CODEC_LZ4, input);
        expect(decompressFrameSync(Buffer.from(frame)).equals(input), String(input.length)).toBe(true);
        expect(lz4FrameOutputBytes(frame, input.length)).toBe(input.length);
      }
    }
    expect(compress(CODEC_LZ4, noise).length).toBe(noise.length + 15);
  });

  it('reads lz4 frames with checksums and refuses those whose blocks lean on each other', () => {
    const input = Buffer.from('checked '.repeat(30_000));
    const frame = compressFrameSync(input, { contentChecksum: true, blockChecksums: true });
    expect(Buffer.from(decompress(CODEC_LZ4, frame, input.length) ?? []).equals(input)).toBe(true);
    const dependent = Uint8Array.from(compress(CODEC_LZ4, input));
    dependent[4] = (dependent[4] ?? 0) & ~0x20;
    expect(looksCompressed(CODEC_LZ4, dependent, 0, dependent.length)).toBe(false);
    expect(decompress(CODEC_LZ4, dependent, input.length)).toBeNull();
  });

  it('measures lz4 frames exactly without decompressing them', () => {
    fc.assert(
      fc.property(anyInput, (input) => {
        const frame = compressFrameSync(input);
        expect(lz4FrameOutputBytes(frame, input.length)).toBe(input.length);
        expect(lz4FrameOutputBytes(frame, input.length - 1)).toBe(-1);
      }),
    );
  });

  it('bounds zstd frames that state no size by their blocks', () => {
    const stream = Buffer.from('28b52ffd0058' + '020010' + '61' + '030010' + '62', 'hex');
    expect(zstdOutputBytesMax(stream)).toBe(2 * 131_072);
    const output = decompress(CODEC_ZSTD, stream, 2 * 131_072);
    expect(output?.length).toBe(2 * 131_072);
    expect([output?.[0], output?.[131_072]]).toEqual([0x61, 0x62]);
    expect(decompress(CODEC_ZSTD, stream, 2 * 131_072 - 1)).toBeNull();
  });

  it('has a zstd for every Node: what one writes the other reads', () => {
    const wasm = new WasmZstd();
    const input = Buffer.from('portable '.repeat(9000));
    for (const level of [1, 3, 9, 19]) {
      const ours = compress(CODEC_ZSTD, input, level);
      expect(Buffer.from(wasm.decompress(ours, input.length) ?? []).equals(input)).toBe(true);
      const theirs = wasm.compress(input, level);
      expect(Buffer.from(decompress(CODEC_ZSTD, theirs, input.length) ?? []).equals(input)).toBe(true);
    }
  });
});
