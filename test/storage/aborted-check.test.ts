/** What a log makes of its file of aborted transactions when it is opened again: sound ones are believed, rotten ones made anew. */
import { expect, test } from 'vitest';
import { AbortedList } from '../../src/storage/aborted-index.ts';
import type { Log } from '../../src/storage/log.ts';
import { APPEND_FLAG_INTERNAL } from '../../src/zerocopy/layout.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { append, batch, FOLDER, makeTools, marker, open, queue } from './storage-kit.ts';

const FILE = `${FOLDER}/00000000000000000000.txnindex`;
const STABLE_AT = 26;
const OFFSET_LOW_BYTE = 7;

function abortedIn(log: Log): string[] {
  const list = new AbortedList(10);
  log.collectAborted(0, log.watermarks.high, list);
  return Array.from(
    { length: list.count },
    (_, index) => `${list.producerIds[index]} from ${list.firstOffsets[index]}`,
  );
}

/** The first is open while the second begins and ends: what is stable then lies before the second. */
function overlapping(): FakeDisk {
  const disk = new FakeDisk();
  const log = open(makeTools(disk).tools);
  const common = { producerEpoch: 0, isTransactional: true, baseSequence: 0 };
  append(log, batch(), batch({ ...common, producerId: 7 }), batch({ ...common, producerId: 8 }));
  for (const producerId of [8, 7]) {
    queue(log, marker(producerId, 0, false), APPEND_FLAG_INTERNAL);
    log.flushWrites();
  }
  expect(abortedIn(log)).toEqual(['8 from 2', '7 from 1']);
  log.close(true);
  return disk;
}

// Once they were called damaged, and made anew, at every start.
test.each([true, false])('transactions that overlap are believed (stopped cleanly: %s)', (isClean) => {
  const { tools, warnings } = makeTools(overlapping());
  expect(abortedIn(open(tools, { isClean }))).toEqual(['8 from 2', '7 from 1']);
  expect(warnings).toEqual([]);
});

test('a rotten stable offset that would hide a later transaction is found', () => {
  const disk = overlapping();
  // The first entry says that nothing before offset 3 was open: whoever reads up to there would look no further.
  disk.corrupt(FILE, STABLE_AT + OFFSET_LOW_BYTE, Uint8Array.of(3));
  const { tools, warnings } = makeTools(disk);
  const log = open(tools);
  const list = new AbortedList(10);
  log.collectAborted(0, 3, list);
  expect(list.count).toBe(2);
  expect(warnings).toEqual([expect.stringContaining('made anew from the batches')]);
});
