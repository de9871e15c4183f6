import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fifo } from '../../src/base/fifo.ts';

describe('a queue with a maximum', () => {
  test('refuses what goes beyond its maximum', () => {
    const fifo = new Fifo<string>(2);
    expect([fifo.push('a'), fifo.push('b'), fifo.push('c')]).toEqual([true, true, false]);
    expect(fifo.isFull).toBe(true);
    expect([fifo.peek(), fifo.shift(), fifo.shift(), fifo.shift()]).toEqual(['a', 'a', 'b', undefined]);
  });

  test('agrees with an array, growing and wrapping around', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70 }), fc.array(fc.boolean(), { maxLength: 400 }), (countMax, steps) => {
        const fifo = new Fifo<number>(countMax);
        const model: number[] = [];
        let next = 0;
        for (const isPush of steps) {
          if (isPush) {
            expect(fifo.push(next)).toBe(model.length < countMax);
            if (model.length < countMax) model.push(next);
            next += 1;
          } else {
            expect(fifo.peek()).toBe(model[0]);
            expect(fifo.shift()).toBe(model.shift());
          }
          expect(fifo.count).toBe(model.length);
        }
      }),
    );
  });
});
