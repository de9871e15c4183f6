import { expect, it } from 'vitest';
import { groupPartition, javaHash } from '../../src/groups/group-partition.ts';

/** Values that Java prints for String.hashCode. */
it('hashes as Java does, over UTF-16 units and with the sign', () => {
  expect(javaHash('')).toBe(0);
  expect(javaHash('a')).toBe(97);
  expect(javaHash('hello')).toBe(99_162_322);
  expect(javaHash('polygenelubricants')).toBe(-2_147_483_648);
  expect(javaHash('connect-cluster')).toBe(1_440_343_063);
  expect(javaHash('😀')).toBe(1_772_899);
});

it('finds a partition for every group, also where the hash is negative', () => {
  expect(groupPartition('polygenelubricants', 50)).toBe(0);
  expect(groupPartition('g1', 50)).toBe(42);
  expect(groupPartition('hello', 50)).toBe(22);
  expect(groupPartition('anything', 1)).toBe(0);
});
