/** A log with room for one open file: whoever has looked at an index has to ask for the descriptor of the batches anew. */
import { expect, it } from 'vitest';
import { FakeDisk } from '../support/fake-disk.ts';
import { append, batch, makeTools, open, SMALL } from './storage-kit.ts';

it('finds the end of its last segment behind an index entry', () => {
  const disk = new FakeDisk();
  // More entries than a page of the index holds.
  const settings = { ...SMALL, segmentBytesMax: 1_000_000, indexIntervalBytes: 0 };
  const before = open(makeTools(disk).tools, { settings });
  for (let index = 0; index < 1200; index++) append(before, batch());
  before.close(true);
  const log = open(makeTools(disk, 1).tools, { settings });
  expect(log.watermarks.end).toBe(1200);
});
