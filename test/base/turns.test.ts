import { expect, it } from 'vitest';
import { Turns } from '../../src/base/turns.ts';

it('works on so many at one time, on all of them in the end, and goes on after a failure', async () => {
  const turns = new Turns(3);
  const begun: number[] = [];
  const going: (() => void)[] = [];
  let most = 0;
  const works = Array.from({ length: 10 }, (_, at) =>
    turns.take(async () => {
      begun.push(at);
      most = Math.max(most, going.length + 1);
      await new Promise<void>((resolve) => going.push(resolve));
      if (at === 1) throw new RangeError('broken');
      return at;
    }),
  );
  const ends = Promise.allSettled(works);
  while (begun.length < 10 || going.length > 0) {
    going.shift()?.();
    for (let step = 0; step < 5; step++) await Promise.resolve();
  }
  const results = (await ends).map((end) => (end.status === 'fulfilled' ? end.value : 'failed'));
  expect(results).toEqual([0, 'failed', 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(begun).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(most).toBe(3);
});
