import { describe, expect, test } from 'vitest';
import { Board, WATCHERS_MAX } from '../../src/zerocopy/board.ts';
import { BOARD_ROW_BYTES, BOARD_SLOTS_MAX } from '../../src/zerocopy/layout.ts';

describe('the board', () => {
  test('says that every slot of a fresh board is closed', () => {
    const board = Board.create();
    expect(board.slotCount).toBe(BOARD_SLOTS_MAX);
    expect([board.epoch(0), board.epoch(BOARD_SLOTS_MAX - 1)]).toEqual([-1, -1]);
  });

  test('shows to every thread what the owner of a slot set', () => {
    const owner = Board.create(16);
    const reader = new Board(owner.memory);
    owner.set(3, 10, 20, 30, 40, 5e15);
    owner.setEpoch(3, 0);
    expect([reader.logStart(3), reader.stable(3), reader.high(3), reader.end(3), reader.bytes(3)]).toEqual([
      10, 20, 30, 40, 5e15,
    ]);
    expect(reader.epoch(3)).toBe(0);
    owner.setBytes(3, 6e15);
    owner.setEnd(3, 45);
    owner.setHigh(3, 41);
    owner.setStable(3, 35);
    owner.setLogStart(3, 11);
    expect([reader.logStart(3), reader.stable(3), reader.high(3), reader.end(3), reader.bytes(3)]).toEqual([
      11, 35, 41, 45, 6e15,
    ]);
  });

  test('keeps rows apart: numbers, watchers and epoch of one slot touch no other', () => {
    const board = Board.create(3);
    board.set(1, 1, 2, 3, 4, 5);
    board.setEpoch(1, 2_000_000_000);
    board.watch(1, WATCHERS_MAX - 1);
    for (const slot of [0, 2]) {
      expect([board.logStart(slot), board.stable(slot), board.high(slot), board.end(slot), board.bytes(slot)]).toEqual([
        0, 0, 0, 0, 0,
      ]);
      expect(board.epoch(slot)).toBe(-1);
      expect(board.watchers(slot, 0)).toBe(0);
    }
    expect([board.bytes(1), board.epoch(1), board.watchers(1, 2)]).toEqual([5, 2_000_000_000, 1 << 31]);
  });

  test('keeps a bit for each front that watches', () => {
    const board = Board.create(4);
    board.watch(2, 0);
    board.watch(2, 5);
    board.watch(2, 5);
    expect(board.watchers(2, 0)).toBe(0b100001);
    board.unwatch(2, 0);
    expect(board.watchers(2, 0)).toBe(0b100000);
    board.unwatch(2, 5);
    expect(board.watchers(2, 0)).toBe(0);
  });

  test('keeps the bits of 64 fronts and of main apart', () => {
    const board = Board.create(2);
    for (const watcher of [31, 32, 64, 95]) {
      board.watch(1, watcher);
      const words = [0, 1, 2].map((group) => board.watchers(1, group));
      expect(words).toEqual([0, 1, 2].map((group) => (group === watcher >> 5 ? 1 << (watcher & 31) : 0)));
      board.unwatch(1, watcher);
      expect([board.watchers(1, 0), board.watchers(1, 1), board.watchers(1, 2), board.epoch(1)]).toEqual([0, 0, 0, -1]);
    }
  });

  test('is cleared for the next partition, but not of its watchers', () => {
    const board = Board.create(4);
    board.set(0, 1, 1, 1, 1, 1);
    board.setEpoch(0, 7);
    board.watch(0, 1);
    board.clear(0);
    expect([board.end(0), board.bytes(0), board.epoch(0), board.watchers(0, 0)]).toEqual([0, 0, -1, 2]);
  });

  test('refuses watermarks out of order, and slots and fronts that do not exist', () => {
    const board = Board.create(4);
    expect(() => board.set(0, 0, 5, 4, 6, 0)).toThrow('start ≤ stable ≤ high ≤ end');
    expect(() => board.watch(4, 0)).toThrow('a watched slot has a row');
    expect(() => board.watch(0, WATCHERS_MAX)).toThrow('a front has a bit of its own');
    expect(() => new Board(new SharedArrayBuffer(BOARD_ROW_BYTES + 8))).toThrow('whole rows');
  });
});
