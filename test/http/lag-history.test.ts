import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LagHistory } from '../../src/http/lag-history.ts';

const SECOND = 1000;

describe('the history of a log', () => {
  it('knows when a record was written between two looks', () => {
    const history = new LagHistory();
    history.note(1, 100, 0);
    history.note(1, 200, SECOND);
    // Half way between 100 and 200: half a second.
    expect(history.ageMs(1, 150, 200, 10 * SECOND)).toBe(9500);
    expect(history.ageMs(1, 200, 200, 10 * SECOND)).toBe(0);
  });

  it('takes a quiet time for quiet: what came after it did not come during it', () => {
    const history = new LagHistory();
    for (let at = 0; at <= 100; at++) history.note(1, 100, at * SECOND);
    history.note(1, 101, 101 * SECOND);
    const ageMs = history.ageMs(1, 100, 101, 101 * SECOND) ?? -1;
    expect(ageMs).toBeLessThanOrEqual(SECOND);
  });

  it('tells at least its own age of records that are older than it', () => {
    const history = new LagHistory();
    history.note(1, 100, 5 * SECOND);
    expect(history.ageMs(1, 3, 100, 65 * SECOND)).toBe(60 * SECOND);
  });

  it('begins anew when the log became shorter, and forgets logs that are gone', () => {
    const history = new LagHistory();
    history.note(1, 100, 0);
    history.note(1, 10, 50 * SECOND);
    expect(history.ageMs(1, 5, 10, 60 * SECOND)).toBe(10 * SECOND);
    history.keep(() => false);
    expect(history.ageMs(1, 5, 10, 60 * SECOND)).toBe(null);
    expect(history.logCount).toBe(0);
  });

  it('stays within its bound of logs', () => {
    const history = new LagHistory();
    for (let slot = 0; slot < 30_000; slot++) history.note(slot, 1, 0);
    expect(history.logCount).toBe(20_000);
    expect(history.ageMs(25_000, 0, 1, SECOND)).toBe(null);
  });

  it('property: for any growth, an age is wrong by no more than the spacing of samples at that age', () => {
    const growth = fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 400 });
    fc.assert(
      fc.property(growth, fc.nat(), (steps, pick) => {
        const history = new LagHistory();
        // The step that wrote each record; records of step n were written between second n - 1 and n.
        const writtenAt: number[] = [];
        history.note(7, 0, 0);
        for (const [index, count] of steps.entries()) {
          for (let record = 0; record < count; record++) writtenAt.push(index + 1);
          history.note(7, writtenAt.length, (index + 1) * SECOND);
        }
        if (writtenAt.length === 0) return;
        const offset = pick % writtenAt.length;
        const trueAge = steps.length - (writtenAt[offset] ?? 0);
        const age = (history.ageMs(7, offset, writtenAt.length, steps.length * SECOND) ?? -1) / SECOND;
        // Twelve of the samples are left after a thinning, so the spacing is a part of the age and one look.
        expect(Math.abs(age - trueAge)).toBeLessThanOrEqual(2 + steps.length / 3);
        if (steps.length <= 20) expect(Math.abs(age - trueAge)).toBeLessThanOrEqual(2);
      }),
    );
  });
});
