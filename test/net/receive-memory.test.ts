import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Connection } from '../../src/net/connection.ts';
import { FRONT_LIMITS } from '../../src/net/limits.ts';
import { leastBlockBytes, nextBlockBytes, powerOfTwoAbove, receiveEnd, widen } from '../../src/net/receive-memory.ts';

const limits = FRONT_LIMITS;

function inBlock(blockBytes: number, readAt: number, fillAt: number, frameBytes: number, latest: number): Connection {
  const connection = new Connection(0);
  connection.block = 0;
  connection.blockEnd = blockBytes;
  connection.readAt = readAt;
  connection.fillAt = fillAt;
  connection.frameBytes = frameBytes;
  connection.frameBytesLatest = latest;
  connection.frameBytesSeenMax = latest;
  return connection;
}

describe('receive memory', () => {
  test('blocks grow with the frames: 64 KiB for small ones, 1 MiB for 64 KiB batches, 4 MiB for 1 MiB batches', () => {
    for (const [frame, most] of [
      [1100, 65_536],
      [65_636, 1 << 20],
      [(1 << 20) + 100, 4 << 20],
    ] as const) {
      const connection = inBlock(16_384, 0, 0, 0, frame);
      for (let round = 0; round < 20; round++) widen(connection, limits);
      expect(nextBlockBytes(connection, limits, false)).toBe(most);
    }
  });

  // What a connection reads at once depends on its socket's buffer; the slowest of 16 equal producers got 39 % of the mean.
  test('while memory is short, who has become wide and who has not get the same', () => {
    for (const frame of [1100, 65_636, (1 << 20) + 100]) {
      const [wide, narrow] = [inBlock(16_384, 0, 0, 0, frame), inBlock(16_384, 0, 0, 0, frame)];
      for (let round = 0; round < 20; round++) widen(wide, limits);
      expect(nextBlockBytes(wide, limits, false)).toBeGreaterThan(nextBlockBytes(narrow, limits, false));
      expect(nextBlockBytes(wide, limits, true)).toBe(nextBlockBytes(narrow, limits, true));
      expect(nextBlockBytes(wide, limits, true)).toBeGreaterThanOrEqual(frame);
    }
  });

  test('a frame announced much larger than any before gets twice what arrived, no more', () => {
    const stranger = inBlock(16_384, 0, 16_384, 100 << 20, 0);
    expect(nextBlockBytes(stranger, limits, false)).toBe(32_768);
    const known = inBlock(16_384, 0, 16_384, 1 << 20, 900_000);
    expect(leastBlockBytes(known, limits)).toBe(1 << 20);
  });

  test('a receive ends where a frame is expected to end', () => {
    const frame = 65_636;
    const connection = inBlock(1 << 20, 0, 0, 0, frame);
    expect(receiveEnd(connection, limits)).toBe(15 * frame);
    expect(receiveEnd(inBlock(1 << 20, 15 * frame, 15 * frame, 0, frame), limits)).toBe(15 * frame);
  });

  test('property: a new block always leaves room to receive, and holds a trusted frame whole', () => {
    fc.assert(
      fc.property(
        fc.nat(200_000),
        fc.nat(2_000_000),
        fc.nat(1_000_000),
        fc.boolean(),
        (partialWanted, frame, latest, isShort) => {
          const frameBytes = partialWanted < 4 ? 0 : Math.max(frame, 14);
          const partial = frameBytes === 0 ? partialWanted : Math.min(partialWanted, frameBytes - 1);
          const before = inBlock(1 << 22, 0, partial, frameBytes, latest);
          const bytes = isShort ? leastBlockBytes(before, limits) : nextBlockBytes(before, limits, false);
          const after = inBlock(powerOfTwoAbove(bytes), 0, partial, frameBytes, latest);
          const end = receiveEnd(after, limits);
          expect(end).toBeGreaterThan(partial);
          expect(end).toBeLessThanOrEqual(after.blockEnd);
          if (frameBytes > 0 && frameBytes <= latest * 2) expect(end).toBeGreaterThanOrEqual(frameBytes);
        },
      ),
      { numRuns: 500 },
    );
  });
});
