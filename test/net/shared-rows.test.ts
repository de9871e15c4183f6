/** Rows that several fronts find by the same key, and what is counted with them. */
import { describe, expect, test } from 'vitest';
import { BROKER_IS_FULL, ENTERED, LISTENER_IS_FULL } from '../../src/net/connection-ledger.ts';
import { ledgerOf, ratesOf } from '../../src/net/front-commons.ts';
import { PLAINTEXT_FACTS } from '../../src/net/front-listener.ts';
import { HandOver } from '../../src/net/hand-over.ts';
import { RateWindow } from '../../src/net/rate-window.ts';
import { NO_ROW, SharedRows } from '../../src/net/shared-rows.ts';
import { Bell } from '../../src/zerocopy/bell.ts';
import { BELL_BYTES } from '../../src/zerocopy/layout.ts';
import { plainCommons } from '../support/plain-commons.ts';
import { Prng } from '../support/prng.ts';

const secret = Int32Array.of(1, 2, 3, 4);

function tables(rowsMax: number, count: number): SharedRows[] {
  const memory = new SharedArrayBuffer(SharedRows.bytesFor(rowsMax));
  return Array.from({ length: count }, () => new SharedRows(memory, rowsMax, secret));
}

describe('shared rows', () => {
  test('are the same row for the same key, whoever asks, while somebody holds it', () => {
    const [one, other] = tables(4, 2) as [SharedRows, SharedRows];
    const row = one.hold('10.0.0.1');
    expect(other.hold('10.0.0.1')).toBe(row);
    expect(other.hold('10.0.0.2')).not.toBe(row);
    expect(one.holdersOf(row)).toBe(2);
    one.letGo(row);
    expect(other.holdersOf(row)).toBe(1);
    other.letGo(row);
    expect(() => one.letGo(row)).toThrow('a row is let go as often as it was held');
  });

  test('are refused when all are held, and given again when one is free', () => {
    const [one] = tables(3, 1) as [SharedRows];
    const rows = ['a', 'b', 'c'].map((key) => one.hold(key));
    expect(new Set(rows).size).toBe(3);
    expect(one.hold('d')).toBe(NO_ROW);
    one.letGo(rows[1]!);
    expect(one.hold('d')).toBe(rows[1]);
    expect(one.hold('a')).toBe(rows[0]);
    expect(one.hold('b')).toBe(NO_ROW);
  });

  test('agree with a plain map over random holds and releases', () => {
    const random = new Prng(7);
    const sides = tables(16, 3);
    const model = new Map<string, { row: number; holders: number }>();
    for (let step = 0; step < 20_000; step++) {
      const side = sides[random.nextInt(3)]!;
      const key = `key-${random.nextInt(40)}`;
      const known = model.get(key);
      if (random.nextBoolean(0.5)) {
        const row = side.hold(key);
        if (known !== undefined) {
          expect(row).toBe(known.row);
          known.holders += 1;
        } else if (model.size === 16) {
          expect(row).toBe(NO_ROW);
        } else {
          expect([...model.values()].some((other) => other.row === row)).toBe(false);
          model.set(key, { row, holders: 1 });
        }
      } else if (known !== undefined) {
        expect(side.holdersOf(known.row)).toBe(known.holders);
        side.letGo(known.row);
        known.holders -= 1;
        if (known.holders === 0) model.delete(key);
      }
    }
    expect(model.size).toBeGreaterThan(0);
  });
});

describe('a rate over several fronts', () => {
  test('is what one front would measure of all of them', () => {
    const commons = plainCommons(3);
    const fronts = [0, 1, 2].map((front) => ratesOf(commons, front));
    const rates = fronts.map((shared) => shared.windowOf(shared.hold('client', 11), 11, 1000));
    const alone = new RateWindow(11, 1000);
    const random = new Prng(3);
    let nowMs = 1_000_000;
    for (let step = 0; step < 5000; step++) {
      nowMs += random.nextInt(40);
      const value = random.nextInt(1000);
      const rate = rates[random.nextInt(3)]!;
      rate.record(value, nowMs);
      alone.record(value, nowMs);
      const [shared, single] = [rate.excessMs(1000, nowMs), alone.excessMs(1000, nowMs)];
      // Their windows begin at different moments, so one more may count, or one fewer.
      expect(Math.abs(shared - single) / Math.max(single, 1000)).toBeLessThan(0.25);
    }
    nowMs += 12_000;
    for (const rate of rates) expect(rate.excessMs(1, nowMs)).toBe(0);
  });

  test('is empty for the next client that gets its row', () => {
    const commons = plainCommons(2);
    const [one, other] = [ratesOf(commons, 0), ratesOf(commons, 1)];
    const row = one.hold('first', 11);
    expect(other.hold('first', 11)).toBe(row);
    const rates = [one, other].map((shared) => shared.windowOf(row, 11, 1000));
    for (const rate of rates) rate.record(1_000_000, 5000);
    for (const [index, shared] of [one, other].entries()) {
      rates[index]?.leavePlace();
      shared.letGo(row);
    }
    // Whoever still has the old window writes nowhere.
    for (const rate of rates) rate.record(1_000_000, 5001);
    expect(other.hold('second', 11)).toBe(row);
    expect(other.windowOf(row, 11, 1000).excessMs(1, 5002)).toBe(0);
  });
});

describe('the ledger of connections', () => {
  test('gives each to the front with the fewest, and takes turns among equals', () => {
    const commons = plainCommons(3);
    const acceptor = ledgerOf(commons, 0);
    const given = Array.from({ length: 6 }, () => {
      const front = acceptor.leastLoaded(3);
      expect(acceptor.enter(0, 10, 10)).toBe(ENTERED);
      acceptor.arrive(front);
      return front;
    });
    expect(given).toEqual([0, 1, 2, 0, 1, 2]);
    const third = ledgerOf(commons, 2);
    third.leave(0);
    third.leave(0);
    expect([third.countOf(2), third.total]).toEqual([0, 4]);
    expect(acceptor.leastLoaded(3)).toBe(2);
    expect(() => ledgerOf(commons, 2).leave(0)).toThrow('a connection that leaves was counted');
  });

  test('forgets one that its front has no room for, at its listener as well', () => {
    const commons = plainCommons(2);
    const facts = { ...PLAINTEXT_FACTS, number: 4 };
    const bells = [0, 1].map(() => new Bell(new SharedArrayBuffer(BELL_BYTES), 0, null, -1, null));
    const mover = { giveAway: () => 7, takeIn: () => -1 };
    const handOvers = [0, 1].map((index) => {
      const ledger = ledgerOf(commons, index);
      return new HandOver({ index, rings: commons.handOver, bells, mover, ledger, listeners: [facts] });
    });
    const ledger = ledgerOf(commons, 0);
    const placed = [1, 2].map((socket) => {
      ledger.enter(4, 10, 10);
      return handOvers[0]?.place(socket, 0);
    });
    handOvers[0]?.publish();
    expect([placed, ledger.countOfListener(4), ledger.countOf(1)]).toEqual([[true, false], 2, 1]);
    expect(handOvers[1]?.take()).toBe(-1);
    expect([ledger.total, ledger.countOfListener(4), ledger.countOf(1)]).toEqual([1, 1, 0]);
  });

  test('counts them by listener as well, over all fronts, and whoever finds no place is counted nowhere', () => {
    const commons = plainCommons(2);
    const [one, other] = [ledgerOf(commons, 0), ledgerOf(commons, 1)];
    expect([one.enter(3, 1, 3), other.enter(3, 1, 3), other.enter(3, 2, 3)]).toEqual([
      ENTERED,
      LISTENER_IS_FULL,
      ENTERED,
    ]);
    expect([one.enter(0, 0, 3), other.enter(0, 9, 3), one.enter(0, 9, 3)]).toEqual([
      LISTENER_IS_FULL,
      ENTERED,
      BROKER_IS_FULL,
    ]);
    expect([one.total, one.countOfListener(3), other.countOfListener(0)]).toEqual([3, 2, 1]);
    one.arrive(1);
    other.leave(3);
    expect([one.total, one.countOfListener(3), one.countOf(1)]).toEqual([2, 1, 0]);
    expect(one.enter(3, 2, 3)).toBe(ENTERED);
  });
});
