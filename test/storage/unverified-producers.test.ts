import { describe, expect, it } from 'vitest';
import { UnverifiedProducers } from '../../src/storage/unverified-producers.ts';

const ID = 7;

describe('a producer whose transaction is not in the log yet', () => {
  it('may begin with the lowest sequence that came, and not behind it', () => {
    const producers = new UnverifiedProducers();
    expect(producers.mayBegin(ID, 9, false)).toBe(true);
    for (const sequence of [4, 3, 5]) producers.note(ID, 0, sequence, false);
    expect([3, 4].map((sequence) => producers.mayBegin(ID, sequence, false))).toEqual([true, false]);
    expect(producers.mayBegin(ID, 4, true)).toBe(false);
    producers.note(ID, 1, 8, false);
    producers.note(ID, 0, 2, false);
    expect([8, 9].map((sequence) => producers.mayBegin(ID, sequence, true))).toEqual([true, false]);
    producers.begun(ID);
    expect(producers.mayBegin(ID, 9, true)).toBe(true);
  });

  it('begins at 0 when every transaction has an epoch of its own, unless the log knows how far it is', () => {
    const producers = new UnverifiedProducers();
    producers.note(ID, 0, 5, true);
    expect([0, 5].map((sequence) => producers.mayBegin(ID, sequence, false))).toEqual([true, false]);
    expect(producers.mayBegin(ID, 5, true)).toBe(true);
  });

  it('is forgotten with the marker of its transaction, but not with the one of the transaction before', () => {
    const producers = new UnverifiedProducers();
    producers.note(ID, 3, 0, true);
    producers.ended(ID, 3);
    expect(producers.mayBegin(ID, 1, true)).toBe(false);
    producers.ended(ID, 4);
    expect(producers.mayBegin(ID, 1, true)).toBe(true);
    producers.note(ID, 3, 0, false);
    producers.ended(ID, 3);
    expect(producers.mayBegin(ID, 1, true)).toBe(true);
  });
});
