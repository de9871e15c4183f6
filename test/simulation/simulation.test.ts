/** A seed that does not say the same twice reproduces nothing. */
import { expect, test } from 'vitest';
import { simulate } from './simulation.ts';

test('the same seed gives the same run', async () => {
  for (const seed of [7, 8, 9]) {
    const first = await simulate(seed);
    const second = await simulate(seed);
    expect(second.hash, `seed ${seed}`).toBe(first.hash);
    expect([...second.counts]).toEqual([...first.counts]);
  }
});
