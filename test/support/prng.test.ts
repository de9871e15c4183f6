import { describe, expect, test } from 'vitest';
import { Prng } from './prng.ts';

describe('the random numbers', () => {
  test('repeat for the same seed and differ for the next', () => {
    const draw = (seed: number): number[] => {
      const random = new Prng(seed);
      return Array.from({ length: 8 }, () => random.nextWord());
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(new Set([...draw(0), ...draw(1), ...draw(2)]).size).toBe(24);
  });

  test('spread evenly over the bound', () => {
    const random = new Prng(42);
    const counts = new Array(10).fill(0);
    for (let draw = 0; draw < 100_000; draw++) counts[random.nextInt(10)] += 1;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(600);
  });

  test('stay within their ranges', () => {
    const random = new Prng(7);
    for (let draw = 0; draw < 10_000; draw++) {
      const fraction = random.nextFraction();
      expect(fraction >= 0 && fraction < 1).toBe(true);
      expect(random.nextInt(1)).toBe(0);
      expect(random.nextInt(2 ** 32)).toBeGreaterThanOrEqual(0);
    }
    expect(() => random.nextInt(0)).toThrow('a random integer has a bound');
    expect(random.nextBoolean(0)).toBe(false);
    expect(random.nextBoolean(1)).toBe(true);
  });

  test('flip every bit about as often as not', () => {
    const random = new Prng(99);
    const ones = new Array(32).fill(0);
    for (let draw = 0; draw < 20_000; draw++) {
      const word = random.nextWord();
      for (let bit = 0; bit < 32; bit++) ones[bit] += (word >>> bit) & 1;
    }
    for (const count of ones) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  });
});
