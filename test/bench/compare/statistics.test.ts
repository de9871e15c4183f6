import { describe, expect, it } from 'vitest';
import { median, medianInterval, ratioOf } from '../../../bench/compare/statistics.ts';

describe('medians', () => {
  it('takes the middle, or halfway between the two in the middle', () => {
    expect(median([5, 1, 3])).toBe(3);
    expect(median([4, 1, 3, 10])).toBe(3.5);
    expect(median([])).toBeNaN();
  });
});

describe('ratios', () => {
  it('divides median by median, not turn by turn', () => {
    expect(ratioOf([10, 20, 60], [10, 5, 40]).value).toBe(2);
  });

  it('has an interval that holds the ratio and is the same each time', () => {
    const ours = [100, 110, 95, 105, 102];
    const theirs = [50, 52, 49, 60, 51];
    const ratio = ratioOf(ours, theirs);
    expect(ratio.low).toBeLessThan(ratio.value);
    expect(ratio.high).toBeGreaterThan(ratio.value);
    expect(ratioOf(ours, theirs)).toEqual(ratio);
  });

  it('draws pairs, so that what slowed both sides of a pair widens nothing', () => {
    const machine = [1, 3, 0.5, 2, 5];
    const together = ratioOf(
      machine.map((speed) => 200 * speed),
      machine.map((speed) => 100 * speed),
    );
    expect(together).toEqual({ value: 2, low: 2, high: 2 });
    const apart = ratioOf(
      machine.map((speed) => 200 * speed),
      machine.toReversed().map((speed) => 100 * speed),
    );
    expect(apart.high - apart.low).toBeGreaterThan(0.5);
  });

  it('narrows the interval as pairs agree', () => {
    const spread = medianInterval([90, 95, 100, 105, 110]);
    expect(spread).toMatchObject({ value: 100, low: 90, high: 110 });
    expect(medianInterval([100, 100, 100, 100, 110]).high).toBeLessThan(111);
    expect(medianInterval([7])).toEqual({ value: 7, low: 7, high: 7 });
  });

  it('refuses lists that are no pairs', () => {
    expect(() => ratioOf([1, 2], [1])).toThrow(/pairs/);
  });
});
