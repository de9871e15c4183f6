/** Where records go that name no partition. */
import { expect, it } from 'vitest';
import { partitionOfKey } from '../../../src/client/producing/murmur2.ts';
import { Partitioner } from '../../../src/client/producing/partitioner.ts';

const keyless = { topic: 't', key: null, value: null, partitionCount: 4 };

/** Gives the numbers in turn. */
function inTurn(...numbers: number[]): () => number {
  return () => numbers.shift() ?? 0;
}

it('sends a key always to the partition of its hash, whatever sticks', () => {
  const partitioner = new Partitioner(100, null, inTurn(0.9));
  const key = Buffer.from('key-1');
  partitioner.partitionOf(keyless, 10);
  expect(partitioner.partitionOf({ ...keyless, key }, 10)).toBe(partitionOfKey(key, 4));
  expect(partitioner.partitionOf({ ...keyless, key, partitionCount: 9 }, 10)).toBe(partitionOfKey(key, 9));
});

it('sticks to a partition for a batch of bytes and then takes another one', () => {
  const partitioner = new Partitioner(100, null, inTurn(0.3, 0.99, 0));
  const chosen = Array.from({ length: 7 }, () => partitioner.partitionOf(keyless, 40));
  // 0.3 of 4 is partition 1; 0.99 of the other three is the last of them; then the first.
  expect(chosen).toEqual([1, 1, 1, 3, 3, 3, 0]);
});

it('never takes the same partition twice in a row, and every one of them in the long run', () => {
  const partitioner = new Partitioner(1);
  const counts = [0, 0, 0, 0];
  let before = -1;
  for (let i = 0; i < 4000; i++) {
    const partition = partitioner.partitionOf(keyless, 1);
    if (partition === before) expect.fail(`partition ${partition} twice`);
    before = partition;
    counts[partition] = (counts[partition] ?? 0) + 1;
  }
  for (const count of counts) expect(count).toBeGreaterThan(800);
});

it('sticks for each topic apart, and leaves a partition that is gone', () => {
  const partitioner = new Partitioner(1000, null, inTurn(0.99, 0, 0.5));
  expect(partitioner.partitionOf(keyless, 1)).toBe(3);
  expect(partitioner.partitionOf({ ...keyless, topic: 'u' }, 1)).toBe(0);
  expect(partitioner.partitionOf(keyless, 1)).toBe(3);
  expect(partitioner.partitionOf({ ...keyless, partitionCount: 2 }, 1)).toBe(1);
});

it('asks a function of the program for everything', () => {
  const partitioner = new Partitioner(1, ({ key, partitionCount }) => (key === null ? 0 : partitionCount - 1));
  expect(partitioner.partitionOf(keyless, 1)).toBe(0);
  expect(partitioner.partitionOf({ ...keyless, key: Buffer.from('a') }, 1)).toBe(3);
});
