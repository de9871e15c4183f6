import { afterEach, describe, expect, it, vi } from 'vitest';
import { LinearPattern } from '../../src/base/linear-pattern.ts';
import { PatternLookup } from '../../src/groups/pattern-resolution.ts';

const names = ['orders', 'orders-old', 'prices'];

describe('the lookup of patterns', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('finds the names of each, sorted; what cannot be compiled stands for none', () => {
    const lookup = new PatternLookup(['orders.*', '(', 'prices', 'orders.*'], [...names].reverse());
    while (!lookup.work());
    expect(lookup.result).toEqual(
      new Map([
        ['orders.*', ['orders', 'orders-old']],
        ['(', []],
        ['prices', ['prices']],
      ]),
    );
  });

  it('compiles no more of them in one slice than it has time for', () => {
    const compiled = vi.spyOn(LinearPattern, 'compile');
    const lookup = new PatternLookup(
      Array.from({ length: 5 }, (_, index) => `orders|${String(index).repeat(200)}`),
      names,
    );
    expect(compiled).toHaveBeenCalledTimes(0);
    for (let slice = 1; slice <= 5; slice++) {
      expect(lookup.work()).toBe(false);
      expect(compiled).toHaveBeenCalledTimes(slice);
    }
    expect(lookup.work()).toBe(true);
    expect([...lookup.result.values()]).toEqual(Array.from({ length: 5 }, () => ['orders']));
  });
});
