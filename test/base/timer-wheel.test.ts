import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TimerWheel } from '../../src/base/timer-wheel.ts';

const START_MS = 1_700_000_000_000.25;

function expired(wheel: TimerWheel, nowMs: number): number[] {
  const ids: number[] = [];
  for (let id = wheel.nextExpired(nowMs); id >= 0; id = wheel.nextExpired(nowMs)) ids.push(id);
  return ids.sort((a, b) => a - b);
}

describe('a timer wheel', () => {
  test('gives a timer when it is due and not before', () => {
    const wheel = new TimerWheel(4, START_MS);
    wheel.arm(2, START_MS + 10);
    expect(wheel.nextDueMs()).toBe(START_MS + 10);
    expect(expired(wheel, START_MS + 9.99)).toEqual([]);
    expect(expired(wheel, START_MS + 10)).toEqual([2]);
    expect(expired(wheel, START_MS + 11)).toEqual([]);
    expect(wheel.nextDueMs()).toBe(Number.POSITIVE_INFINITY);
  });

  test('forgets a timer that was disarmed, also when it is due already', () => {
    const wheel = new TimerWheel(4, START_MS);
    wheel.arm(0, START_MS + 5);
    wheel.arm(1, START_MS + 5);
    wheel.disarm(0);
    wheel.disarm(3);
    expect(expired(wheel, START_MS + 5)).toEqual([1]);
    wheel.arm(0, START_MS + 6);
    wheel.arm(1, START_MS + 6);
    wheel.arm(2, START_MS + 6);
    const first = wheel.nextExpired(START_MS + 7);
    for (const id of [0, 1, 2]) wheel.disarm(id);
    expect(wheel.nextExpired(START_MS + 7)).toBe(-1);
    expect(wheel.isArmed(first)).toBe(false);
    expect(wheel.count).toBe(0);
  });

  test('takes the last time a timer was armed with', () => {
    const wheel = new TimerWheel(2, START_MS);
    wheel.arm(0, START_MS + 5);
    wheel.arm(0, START_MS + 500);
    expect(expired(wheel, START_MS + 499)).toEqual([]);
    wheel.arm(0, START_MS + 500);
    expect(expired(wheel, START_MS + 500)).toEqual([0]);
  });

  test('gives a timer that was armed for the past at once', () => {
    const wheel = new TimerWheel(2, START_MS);
    expect(expired(wheel, START_MS + 1000)).toEqual([]);
    wheel.arm(1, START_MS - 77);
    expect(wheel.nextDueMs()).toBeLessThanOrEqual(START_MS + 1000);
    expect(expired(wheel, START_MS + 1000)).toEqual([1]);
  });

  test('keeps far timers apart from near ones in the same bucket', () => {
    const wheel = new TimerWheel(3, START_MS);
    wheel.arm(0, START_MS + 3 + 512 * 1000);
    wheel.arm(1, START_MS + 3);
    wheel.arm(2, START_MS + 3 + 512);
    expect(expired(wheel, START_MS + 4)).toEqual([1]);
    expect(expired(wheel, START_MS + 514)).toEqual([]);
    expect(wheel.nextDueMs()).toBe(START_MS + 515);
    expect(expired(wheel, START_MS + 515)).toEqual([2]);
    expect(wheel.nextDueMs()).toBe(START_MS + 3 + 512_000);
    expect(expired(wheel, START_MS + 600_000)).toEqual([0]);
  });

  test('may be armed and disarmed while the expired are taken', () => {
    const wheel = new TimerWheel(8, START_MS);
    for (let id = 0; id < 4; id++) wheel.arm(id, START_MS + 1);
    const first = wheel.nextExpired(START_MS + 2);
    wheel.arm(first, START_MS + 50);
    wheel.arm(7, START_MS + 2);
    const rest = expired(wheel, START_MS + 2);
    expect(rest).toEqual([0, 1, 2, 3, 7].filter((id) => id !== first));
    expect(expired(wheel, START_MS + 50)).toEqual([first]);
  });

  test('stands still when the clock does, or goes back', () => {
    const wheel = new TimerWheel(2, START_MS);
    wheel.arm(0, START_MS + 20);
    expect(expired(wheel, START_MS + 10)).toEqual([]);
    expect(expired(wheel, START_MS + 1)).toEqual([]);
    wheel.arm(1, START_MS + 0.5);
    expect(expired(wheel, START_MS + 1)).toEqual([1]);
    expect(expired(wheel, START_MS + 20)).toEqual([0]);
  });

  test('agrees with a plain map of due times', () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('arm'),
        id: fc.nat({ max: 15 }),
        by: fc.double({ min: -20, max: 3000, noNaN: true }),
      }),
      fc.record({ kind: fc.constant('disarm'), id: fc.nat({ max: 15 }), by: fc.constant(0) }),
      fc.record({ kind: fc.constant('advance'), id: fc.constant(0), by: fc.double({ min: 0, max: 900, noNaN: true }) }),
      fc.record({ kind: fc.constant('leap'), id: fc.constant(0), by: fc.constantFrom(1, 511, 512, 513, 5000, 1e9) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const wheel = new TimerWheel(16, START_MS);
        const model = new Map<number, number>();
        let nowMs = START_MS;
        for (const { kind, id, by } of steps) {
          if (kind === 'arm') {
            wheel.arm(id, nowMs + by);
            model.set(id, nowMs + by);
          } else if (kind === 'disarm') {
            wheel.disarm(id);
            model.delete(id);
          } else {
            nowMs += by;
            const due = [...model].filter(([, dueMs]) => dueMs <= nowMs).map(([timer]) => timer);
            for (const timer of due) model.delete(timer);
            expect(expired(wheel, nowMs)).toEqual(due.sort((a, b) => a - b));
          }
          const soonest = Math.min(Number.POSITIVE_INFINITY, ...model.values());
          expect(wheel.nextDueMs()).toBeLessThanOrEqual(Math.max(soonest, nowMs));
          expect(wheel.count).toBe(model.size);
        }
        // What nextDueMs says too early costs one look each: following it always arrives.
        for (let looks = 0; model.size > 0 && looks < 600; looks++) {
          nowMs = Math.max(nowMs, wheel.nextDueMs());
          for (const timer of expired(wheel, nowMs)) {
            expect(model.get(timer)).toBeLessThanOrEqual(nowMs);
            model.delete(timer);
          }
        }
        expect(model.size).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});
