import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Place, Placement, SLOT_REST_MS } from '../../src/cluster/placement.ts';

describe('placement', () => {
  it('gives the lowest slots to the least loaded workers', () => {
    const placement = new Placement(3);
    expect(placement.take(4, 0)).toEqual([
      { slot: 0, worker: 0 },
      { slot: 1, worker: 1 },
      { slot: 2, worker: 2 },
      { slot: 3, worker: 0 },
    ]);
  });

  it('lets a freed slot rest, then gives it again', () => {
    const placement = new Placement(1);
    const places = placement.take(3, 0);
    placement.give(places.slice(0, 2), 0);
    expect(placement.take(1, SLOT_REST_MS - 1)[0]?.slot).toBe(3);
    expect(placement.take(3, SLOT_REST_MS).map((place) => place.slot)).toEqual([0, 1, 4]);
  });

  it('places all or none when there are too few slots', () => {
    const placement = new Placement(1, 3);
    expect(() => placement.take(4, 0)).toThrow('room for 3');
    expect(placement.take(3, 0)).toHaveLength(3);
  });

  it('never gives a slot twice and keeps workers even while only taking', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 9 })), { maxLength: 60 }), (steps) => {
        const placement = new Placement(3, 64);
        let held: Place[] = [];
        let nowMs = 0;
        for (const [isTaking, count] of steps) {
          nowMs += 4000;
          if (isTaking) {
            try {
              held.push(...placement.take(count, nowMs));
            } catch {
              continue;
            }
          } else {
            placement.give(held.slice(0, count), nowMs);
            held = held.slice(count);
          }
          expect(new Set(held.map((place) => place.slot)).size).toBe(held.length);
          for (const place of held) expect(place.slot).toBeLessThan(64);
        }
      }),
    );
  });
});
