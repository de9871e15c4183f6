import { describe, expect, it } from 'vitest';
import { errorCode, errorMessage, errorName, isRetriable } from '../../src/protocol/errors.ts';
import { Registry } from '../../src/protocol/registry.ts';
import { metadata } from '../../src/protocol/schemas/03-metadata.ts';
import { everyApi } from './schemas.ts';

describe('the registry', () => {
  it('finds what was registered and nothing else', () => {
    const registry = new Registry([metadata]);
    expect(registry.find(3)).toBe(metadata);
    expect(registry.find(0)).toBeNull();
    expect(registry.find(-1)).toBeNull();
    expect(registry.find(30_000)).toBeNull();
  });

  it('advertises the ranges of a current broker, ordered by key', () => {
    expect(
      new Registry([...everyApi].reverse()).ranges.map((one) => [one.apiKey, one.minVersion, one.maxVersion]),
    ).toEqual(expect.arrayContaining(expectedRanges));
  });

  it('refuses a key that comes twice', () => {
    expect(() => new Registry([metadata, metadata])).toThrow('registered once');
  });
});

const expectedRanges = [
  [0, 0, 13],
  [1, 4, 18],
  [2, 1, 11],
  [3, 0, 13],
  [8, 2, 10],
  [9, 1, 10],
  [10, 0, 6],
  [11, 0, 9],
  [12, 0, 4],
  [13, 0, 5],
  [14, 0, 5],
  [15, 0, 6],
  [16, 0, 5],
  [18, 0, 4],
  [19, 2, 7],
  [20, 1, 6],
  [22, 0, 5],
  [23, 2, 4],
  [32, 1, 4],
  [37, 0, 3],
  [42, 0, 2],
  [47, 0, 0],
  [60, 0, 2],
  [68, 0, 1],
  [69, 0, 1],
  [75, 0, 0],
];

describe('the error table', () => {
  it('has every code from -1 to the newest exactly once', () => {
    const codes = Object.values(errorCode).sort((one, other) => one - other);
    expect(codes).toEqual(Array.from({ length: 135 }, (_, index) => index - 1));
  });

  it('names codes, also those it does not know', () => {
    expect(errorName(errorCode.NOT_LEADER_OR_FOLLOWER)).toBe('NOT_LEADER_OR_FOLLOWER');
    expect(errorName(999)).toBe('ERROR_999');
    expect(errorMessage(999)).toContain('999');
    expect(isRetriable(errorCode.NOT_LEADER_OR_FOLLOWER)).toBe(true);
    expect(isRetriable(errorCode.MESSAGE_TOO_LARGE)).toBe(false);
    expect(isRetriable(999)).toBe(false);
  });
});
