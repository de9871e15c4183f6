import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ParkedFetches } from '../../src/net/parked-fetches.ts';
import { Board } from '../../src/zerocopy/board.ts';

const SLOTS = 6;
const EXCHANGES = 8;

describe('parked fetches', () => {
  test('model: a wake reaches exactly who watches the slot, once; the board is marked exactly while somebody does', () => {
    const command = fc.tuple(
      fc.constantFrom('park', 'unpark', 'wake'),
      fc.nat(EXCHANGES - 1),
      fc.uniqueArray(fc.nat(SLOTS - 1)),
    );
    fc.assert(
      fc.property(fc.array(command, { maxLength: 120 }), (commands) => {
        const board = Board.create(SLOTS);
        const parked = new ParkedFetches(board, 3, EXCHANGES, 1000, 0);
        const model = new Map<number, Set<number>>();
        for (const [kind, exchange, slots] of commands) {
          if (kind === 'park' && !model.has(exchange)) {
            for (const slot of slots) parked.watch(exchange, slot);
            parked.arm(exchange, 100);
            model.set(exchange, new Set(slots));
          } else if (kind === 'unpark') {
            parked.unpark(exchange);
            model.delete(exchange);
          } else if (kind === 'wake') {
            for (const slot of slots) parked.wake(slot);
            const woken: number[] = [];
            for (let left = parked.wokenCount; left > 0; left--) woken.push(parked.nextWoken());
            const expected = [...model]
              .filter(([, watched]) => slots.some((slot) => watched.has(slot)))
              .map(([index]) => index);
            expect(woken.sort()).toEqual(expected.sort());
          }
          for (let slot = 0; slot < SLOTS; slot++) {
            const isWatched = [...model.values()].some((watched) => watched.has(slot));
            expect(board.watchers(slot, 0)).toBe(isWatched ? 1 << 3 : 0);
          }
          expect(parked.timerCount).toBe(model.size);
        }
        for (const exchange of model.keys()) parked.unpark(exchange);
        expect(parked.watchCount).toBe(0);
      }),
    );
  });

  test('who was woken and then ended is not woken', () => {
    const parked = new ParkedFetches(Board.create(SLOTS), 0, EXCHANGES, 10, 0);
    parked.watch(1, 2);
    parked.watch(4, 2);
    parked.wake(2);
    parked.unpark(4);
    expect([parked.nextWoken(), parked.nextWoken()].sort()).toEqual([-1, 1]);
  });

  test('there are no more watches than allowed, and those given back can be had again', () => {
    const parked = new ParkedFetches(Board.create(SLOTS), 0, EXCHANGES, 3, 0);
    expect(parked.hasRoom(3)).toBe(true);
    for (let slot = 0; slot < 3; slot++) parked.watch(0, slot);
    expect(parked.hasRoom(1)).toBe(false);
    parked.unpark(0);
    expect(parked.hasRoom(3)).toBe(true);
  });
});
