import { expect, it } from 'vitest';
import { once } from '../../src/base/once.ts';

it('finds one answer for all questions of a name, also where it is nothing', () => {
  const asked: number[] = [];
  const answer = once(
    (question: number) => {
      asked.push(question);
      return question === 3 ? undefined : { question };
    },
    (question) => String(question % 3),
  );
  expect(answer(1)).toBe(answer(4));
  expect([answer(3), answer(6)]).toEqual([undefined, undefined]);
  expect(answer(2)).not.toBe(answer(1));
  expect(asked).toEqual([1, 3, 2]);
});
