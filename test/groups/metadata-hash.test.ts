import { expect, test } from 'vitest';
import { groupHash, topicHash } from '../../src/groups/metadata-hash.ts';

/** Computed by Kafka 4.3.1's own classes. */
test.each([
  [1, 5571354289513992727n],
  [3, 7505420903485085114n],
  [64, -607765952503385838n],
  [500, 399850373294611752n],
])('the hash of a topic with %i partitions is that of Kafka', (partitionCount, hash) => {
  expect(topicHash({ id: 'AAECAwQFBgcICQoLDA0ODw', name: 'orders', partitionCount })).toBe(hash);
});

test('the hash of a group is that of Kafka', () => {
  expect(groupHash([5n, -7n])).toBe(-4646943608980624969n);
  expect(groupHash([])).toBe(0n);
});
