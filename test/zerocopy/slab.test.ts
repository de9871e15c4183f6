import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BLOCK_BYTES_MIN, Slab } from '../../src/zerocopy/slab.ts';
import { plainMemory } from '../support/plain-memory.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** The plain version: a list of pages, and the lowest aligned run that is free. */
class NaiveSlab {
  readonly pages: boolean[];

  constructor(pageCount: number) {
    this.pages = new Array(pageCount).fill(false);
  }

  allocate(bytes: number): { at: number; bytes: number } | null {
    let pageCount = 1;
    while (pageCount * BLOCK_BYTES_MIN < bytes) pageCount *= 2;
    for (let first = 0; first + pageCount <= this.pages.length; first += pageCount) {
      if (this.pages.slice(first, first + pageCount).some(Boolean)) continue;
      this.pages.fill(true, first, first + pageCount);
      return { at: first * BLOCK_BYTES_MIN, bytes: pageCount * BLOCK_BYTES_MIN };
    }
    return null;
  }

  release(at: number, bytes: number): void {
    this.pages.fill(false, at / BLOCK_BYTES_MIN, (at + bytes) / BLOCK_BYTES_MIN);
  }
}

describe('a slab', () => {
  test('gives the lowest address first', () => {
    const slab = new Slab(plainMemory(64 * KIB));
    expect(slab.allocate(1)).toBe(0);
    expect(slab.allocate(4097)).toBe(8192);
    expect(slab.allocate(4096)).toBe(4096);
    slab.release(0);
    expect(slab.allocate(4096)).toBe(0);
    expect(slab.touchedBytes).toBe(16 * KIB);
  });

  test('rounds a block up to a power of two of 4 KiB', () => {
    const slab = new Slab(plainMemory(MIB));
    for (const [bytes, blockBytes] of [
      [1, 4 * KIB],
      [4 * KIB, 4 * KIB],
      [4 * KIB + 1, 8 * KIB],
      [8 * KIB, 8 * KIB],
      [65 * KIB, 128 * KIB],
      [256 * KIB, 256 * KIB],
    ] as const) {
      expect(slab.blockBytes(slab.allocate(bytes))).toBe(blockBytes);
    }
  });

  test('holds a frame of 100 MiB in a slab of 256 MiB, beside small ones', () => {
    const slab = new Slab(plainMemory(256 * MIB));
    const small = slab.allocate(64 * KIB);
    const large = slab.allocate(100 * MIB);
    expect(large).toBe(128 * MIB);
    expect(slab.allocate(100 * MIB)).toBe(-1);
    expect(slab.largestFreeBytes).toBe(64 * MIB);
    slab.release(small);
    expect(slab.allocate(100 * MIB)).toBe(0);
    expect(slab.freeBytes).toBe(0);
    expect(slab.allocate(1)).toBe(-1);
    expect(slab.largestFreeBytes).toBe(0);
  });

  test('gives out its whole memory as one block', () => {
    const slab = new Slab(plainMemory(16 * KIB));
    expect(slab.allocate(16 * KIB)).toBe(0);
    expect(slab.release(0)).toBe(true);
    expect(slab.allocate(16 * KIB + 1)).toBe(-1);
    expect(new Slab(plainMemory(4 * KIB)).allocate(4096)).toBe(0);
  });

  test('keeps a block until its last owner lets go', () => {
    const slab = new Slab(plainMemory(16 * KIB));
    const at = slab.allocate(4096);
    slab.retain(at);
    slab.retain(at);
    expect(slab.ownersOf(at)).toBe(3);
    expect([slab.release(at), slab.release(at), slab.release(at)]).toEqual([false, false, true]);
    expect(slab.usedBytes).toBe(0);
    expect(() => slab.release(at)).toThrow('the block is owned');
  });

  test('refuses an address at which no block starts', () => {
    const slab = new Slab(plainMemory(64 * KIB));
    const at = slab.allocate(16 * KIB);
    expect(() => slab.retain(at + 1)).toThrow('a block starts on a block boundary');
    expect(() => slab.retain(at + 4096)).toThrow('the block is owned');
    expect(() => slab.release(64 * KIB)).toThrow('a block starts on a block boundary');
  });

  test('remembers the most that was in use', () => {
    const slab = new Slab(plainMemory(64 * KIB));
    const first = slab.allocate(32 * KIB);
    const second = slab.allocate(16 * KIB);
    slab.release(first);
    slab.release(second);
    expect(slab.usedBytes).toBe(0);
    expect(slab.usedBytesMax).toBe(48 * KIB);
  });

  test('says how large a slab must be', () => {
    expect(Slab.bytesFor(1)).toBe(4096);
    expect(Slab.bytesFor(4097)).toBe(8192);
    expect(Slab.bytesFor(256 * MIB)).toBe(256 * MIB);
    expect(Slab.bytesFor(300 * MIB)).toBe(512 * MIB);
  });

  test('does what a naive allocator does, and is whole again when all is released', () => {
    const step = fc.oneof(
      { weight: 3, arbitrary: fc.record({ bytes: fc.integer({ min: 1, max: 40 * KIB }) }) },
      { weight: 2, arbitrary: fc.record({ victim: fc.nat({ max: 1000 }) }) },
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 6 }), fc.array(step, { maxLength: 200 }), (power, steps) => {
        const pageCount = 1 << power;
        const slab = new Slab(plainMemory(pageCount * BLOCK_BYTES_MIN));
        const naive = new NaiveSlab(pageCount);
        const blocks: { at: number; bytes: number }[] = [];
        for (const action of steps) {
          if ('bytes' in action) {
            const expected = naive.allocate(action.bytes);
            expect(slab.allocate(action.bytes)).toBe(expected?.at ?? -1);
            if (expected !== null) {
              expect(slab.blockBytes(expected.at)).toBe(expected.bytes);
              blocks.push(expected);
            }
          } else if (blocks.length > 0) {
            const [block] = blocks.splice(action.victim % blocks.length, 1);
            if (block === undefined) continue;
            expect(slab.release(block.at)).toBe(true);
            naive.release(block.at, block.bytes);
          }
          expect(slab.usedBytes).toBe(naive.pages.filter(Boolean).length * BLOCK_BYTES_MIN);
        }
        for (const block of blocks) slab.release(block.at);
        expect(slab.usedBytes).toBe(0);
        expect(slab.largestFreeBytes).toBe(slab.bytesTotal);
        expect(slab.allocate(slab.bytesTotal)).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});
