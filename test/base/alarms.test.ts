/** Alarms ring in order of time, never after they were cancelled, and cost no memory once they are done. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Alarms } from '../../src/base/alarms.ts';

describe('alarms', () => {
  it('ring when they are due, in the order of their times', () => {
    let nowMs = 0;
    const alarms = new Alarms(() => nowMs);
    const rung: string[] = [];
    alarms.set(20, () => rung.push('b'));
    alarms.set(10, () => rung.push('a'));
    alarms.set(20, () => rung.push('c'));
    expect(alarms.run()).toBe(10);
    nowMs = 20;
    expect(alarms.run()).toBe(Number.POSITIVE_INFINITY);
    expect(rung).toEqual(['a', 'b', 'c']);
  });

  it('ring in the same run when an alarm sets another that is due already', () => {
    const alarms = new Alarms(() => 5);
    const rung: number[] = [];
    alarms.set(1, () => {
      rung.push(1);
      alarms.set(5, () => rung.push(2));
    });
    alarms.run();
    expect(rung).toEqual([1, 2]);
  });

  it('tell when the next one became sooner', () => {
    const alarms = new Alarms(() => 0);
    const sooner: number[] = [];
    alarms.onSooner = (dueMs) => sooner.push(dueMs);
    alarms.set(10, () => {});
    alarms.set(20, () => {});
    const first = alarms.set(5, () => {});
    first.cancel();
    alarms.set(7, () => {});
    expect(sooner).toEqual([10, 5, 7]);
  });

  it('agree with a plain list, however they are set and cancelled', () => {
    const deed = fc.record({ kind: fc.constantFrom('set', 'cancel', 'run'), number: fc.nat(50) });
    fc.assert(
      fc.property(fc.array(deed, { maxLength: 400 }), (deeds) => {
        let nowMs = 0;
        const alarms = new Alarms(() => nowMs);
        const rung: number[] = [];
        const set: { readonly dueMs: number; isOver: boolean; cancel: () => void }[] = [];
        for (const { kind, number } of deeds) {
          if (kind === 'set') {
            const index = set.length;
            const { cancel } = alarms.set(nowMs + number, () => rung.push(index));
            set.push({ dueMs: nowMs + number, isOver: false, cancel });
          } else if (kind === 'cancel') {
            const one = set[number];
            one?.cancel();
            if (one !== undefined) one.isOver = true;
          } else {
            nowMs += number;
            const due = set.map((one, index) => ({ ...one, index })).filter((one) => !one.isOver && one.dueMs <= nowMs);
            due.sort((left, right) => left.dueMs - right.dueMs || left.index - right.index);
            rung.length = 0;
            alarms.run();
            expect(rung).toEqual(due.map(({ index }) => index));
            for (const { index } of due) set[index]!.isOver = true;
          }
          expect(alarms.count).toBe(set.filter((one) => !one.isOver).length);
        }
      }),
    );
  });
});
