import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { IndexPool } from '../../src/base/pool.ts';

describe('a pool of indices', () => {
  test('hands out what came back last', () => {
    const pool = new IndexPool(3);
    expect([pool.take(), pool.take()]).toEqual([0, 1]);
    pool.give(0);
    expect([pool.take(), pool.take(), pool.take()]).toEqual([0, 2, -1]);
  });

  test('refuses an index that is not out', () => {
    const pool = new IndexPool(2);
    const index = pool.take();
    pool.give(index);
    expect(() => pool.give(index)).toThrow('only an index that was taken is given back');
    expect(() => pool.give(1)).toThrow('only an index that was taken is given back');
    expect(() => pool.give(-1)).toThrow('only an index that was taken is given back');
  });

  test('never has an index out twice', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.array(fc.nat({ max: 60 })), (indexCount, steps) => {
        const pool = new IndexPool(indexCount);
        const out: number[] = [];
        for (const step of steps) {
          if (step % 2 === 0 || out.length === 0) {
            const index = pool.take();
            if (index < 0) expect(out.length).toBe(indexCount);
            else {
              expect(out).not.toContain(index);
              expect(index).toBeLessThan(indexCount);
              out.push(index);
            }
          } else {
            const [index] = out.splice(step % out.length, 1);
            if (index !== undefined) pool.give(index);
          }
          expect(pool.usedCount).toBe(out.length);
        }
      }),
    );
  });
});
