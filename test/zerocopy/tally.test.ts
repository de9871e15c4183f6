import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FRONT_STAGES,
  STAGE_BUCKETS,
  STAGE_RESPOND,
  StageBoard,
  stageBoardBytes,
  WORKER_STAGES,
} from '../../src/zerocopy/stage-board.ts';
import { bucketOf, microsecondsOf, tally, tallyBounds, tallyNumbers } from '../../src/zerocopy/tally.ts';

describe('a tally', () => {
  it('property: counts a duration in the first bucket whose bound it does not exceed', () => {
    const shapes = fc.record({ buckets: fc.integer({ min: 2, max: 24 }), shift: fc.integer({ min: 0, max: 10 }) });
    fc.assert(
      fc.property(shapes, fc.integer({ min: 0, max: 0x7fffffff }), ({ buckets, shift }, us) => {
        const bounds = tallyBounds(buckets, shift);
        const first = bounds.findIndex((bound) => us / 1e6 <= bound);
        expect(bucketOf(us, buckets, shift)).toBe(first < 0 ? buckets - 1 : first);
      }),
    );
  });

  it('keeps bounds exactly: 16 µs is below the first, a little more is not', () => {
    const numbers = new Float64Array(tallyNumbers(4));
    tally(numbers, 0, 4, 4, 0.016);
    tally(numbers, 0, 4, 4, 0.0160001);
    expect([...numbers]).toEqual([1, 1, 0, 0, 33]);
  });

  it('takes a clock that went back for no time, and a very long time for the longest there is', () => {
    expect(microsecondsOf(-3)).toBe(0);
    expect(microsecondsOf(Number.POSITIVE_INFINITY)).toBe(0x7fffffff);
    expect(microsecondsOf(1e12)).toBe(0x7fffffff);
  });
});

describe('a stage board', () => {
  it('takes 512 bytes a partition with that of one front: 5 MB for 10,000', () => {
    expect(stageBoardBytes(1, WORKER_STAGES) + stageBoardBytes(1, FRONT_STAGES)).toBe(512);
  });

  it('keeps partitions apart, and forgets one without touching its neighbours', () => {
    const board = new StageBoard(new SharedArrayBuffer(stageBoardBytes(3, FRONT_STAGES)), FRONT_STAGES);
    for (const slot of [0, 1, 1, 2]) board.count(slot, STAGE_RESPOND, 1);
    const countOf = (slot: number): number => {
      const total = new Float64Array(tallyNumbers(STAGE_BUCKETS));
      board.addTo(total, slot, STAGE_RESPOND);
      return total.slice(0, STAGE_BUCKETS).reduce((sum, count) => sum + count, 0);
    };
    expect([countOf(0), countOf(1), countOf(2)]).toEqual([1, 2, 1]);
    board.clear(1);
    expect([countOf(0), countOf(1), countOf(2)]).toEqual([1, 0, 1]);
  });
});
