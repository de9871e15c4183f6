import { describe, expect, it } from 'vitest';
import { createCrc32c } from '../../src/zerocopy/crc32c.ts';
import { costOfMissingNative, crc32cInTypeScript } from '../../src/zerocopy/fallback.ts';
import { loadNative, memoryOf } from '../../src/zerocopy/native.ts';
import { Prng } from '../support/prng.ts';

const { native } = loadNative();
const PATHS = ['table', 'lanes', 'fold', 'arm'];

/** Bit by bit, as the definition says. */
function plainCrc(bytes: Uint8Array): number {
  let state = 0xffffffff;
  for (const byte of bytes) {
    state ^= byte;
    for (let bit = 0; bit < 8; bit++) state = (state >>> 1) ^ ((state & 1) === 1 ? 0x82f63b78 : 0);
  }
  return ~state >>> 0;
}

function fastestBatchMs(work: (call: number) => number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let batch = 0; batch < 60; batch++) {
    const startMs = performance.now();
    for (let call = 1000; call < 3000; call++) work(call);
    best = Math.min(best, performance.now() - startMs);
  }
  return best;
}

describe('the checksum in TypeScript', () => {
  it('knows the answers of RFC 3720, appendix B.4', () => {
    const text = (bytes: Uint8Array) => crc32cInTypeScript(memoryOf(bytes, null), 0, bytes.length);
    expect(text(Buffer.from('123456789'))).toBe(0xe3069283);
    expect(text(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(text(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
    expect(text(Uint8Array.from({ length: 32 }, (_, index) => index))).toBe(0x46dd794e);
    expect(text(Uint8Array.from({ length: 32 }, (_, index) => 31 - index))).toBe(0x113fdb5c);
    expect(text(new Uint8Array(0))).toBe(0);
  });

  it('agrees with the definition at any place and length', () => {
    const random = new Prng(11);
    const memory = memoryOf(
      Uint8Array.from({ length: 600 }, () => random.nextInt(256)),
      null,
    );
    for (let round = 0; round < 500; round++) {
      const at = random.nextInt(300);
      const length = random.nextInt(300);
      const expected = plainCrc(memory.bytes.subarray(at, at + length));
      expect(crc32cInTypeScript(memory, at, length), `at ${at}, ${length} bytes`).toBe(expected);
    }
  });
});

describe('a checksum', () => {
  it('needs no address, with or without the native part', () => {
    const memory = memoryOf(Buffer.from('..123456789..'), null);
    expect(createCrc32c(null)(memory, 2, 9)).toBe(0xe3069283);
    expect(createCrc32c(native)(memory, 2, 9)).toBe(0xe3069283);
  });

  it('stays within its memory', () => {
    if (native === null) return;
    const memory = memoryOf(new Uint8Array(10), native);
    expect(() => createCrc32c(native)(memory, 5, 6)).toThrow('a checksum stays within its memory');
    expect(() => createCrc32c(native)(memory, -1, 6)).toThrow('a checksum stays within its memory');
  });
});

describe.runIf(native !== null)('the native checksum', () => {
  const seed = Date.now() % 1_000_000;
  const random = new Prng(seed);
  const memory = memoryOf(new Uint8Array(new SharedArrayBuffer(200_000)), native);
  for (let at = 0; at < memory.bytes.length; at++) memory.bytes[at] = random.nextInt(256);

  it.each([0, 1, 2, 3])('agrees with TypeScript on path %i at any place and length', (path) => {
    if (native === null || native.crc32cWith(path, memory.address, 1) < 0) return;
    const lengths = [0, 1, 7, 8, 191, 192, 193, 511, 512, 513, 575, 768, 12_287, 12_288, 12_289, 24_576, 150_000];
    for (let round = 0; round < 1500; round++) {
      const length = lengths[round] ?? random.nextInt(round % 10 === 0 ? 100_000 : 20_000);
      const at = random.nextInt(64);
      const expected = crc32cInTypeScript(memory, at, length);
      const found = native.crc32cWith(path, memory.address + at, length);
      expect(found, `seed ${seed}, ${PATHS[path]}, at ${at}, ${length} bytes`).toBe(expected);
    }
  });

  it('leaves no wide register dirty, which made every later call with a fresh double five times as slow', () => {
    if (native === null) return;
    native.crc32c(memory.address, 100_000);
    const withInteger = (call: number): number => native.kernelFeatures(call);
    const withDouble = (call: number): number => native.kernelFeatures(call + 0.5);
    fastestBatchMs(withInteger);
    fastestBatchMs(withDouble);
    expect(fastestBatchMs(withDouble)).toBeLessThan(fastestBatchMs(withInteger) * 3);
    expect(memory.bytes.length).toBe(200_000);
  });

  it('is what createCrc32c calls', () => {
    const crc32c = createCrc32c(native);
    for (const length of [0, 100, 10_000, 150_000]) {
      expect(crc32c(memory, 9, length)).toBe(crc32cInTypeScript(memory, 9, length));
    }
  });
});

describe('a missing native part', () => {
  it('is explained in one sentence that says what to do', () => {
    const sentence = costOfMissingNative('there is no C compiler');
    expect(sentence).toContain('there is no C compiler');
    expect(sentence).toContain('install a C compiler');
  });
});
