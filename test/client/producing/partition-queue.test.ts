/** The order of a partition's batches: when they are ready, what a failure holds up, and how sequences go on behind it. */
import { expect, it } from 'vitest';
import { crc32c } from '../../../src/client/checksum.ts';
import { PartitionQueue } from '../../../src/client/producing/partition-queue.ts';
import type { ProducerBatch } from '../../../src/client/producing/producer-batch.ts';
import { batchBaseSequence, batchCrcHolds, batchProducerEpoch, batchProducerId } from '../../../src/protocol/batch.ts';
import { memoryOver, readBatch } from '../../../src/protocol/records.ts';

const SETTINGS = { lingerMs: 5, batchBytes: 1000, inFlightMax: 3 };
const SEAL = { codec: 0, level: null, isTransactional: false };
const IDENTITY = { producerId: 7, producerEpoch: 2 };

function record(text: string, bytes = 10) {
  return { key: null, value: Buffer.from(text.padEnd(bytes, '.')), timestamp: 1000 };
}

function queue(settings = SETTINGS): PartitionQueue {
  const one = new PartitionQueue('t', 0, settings);
  one.adopt(IDENTITY);
  return one;
}

/** A queue with a full batch for each text. */
function queueWith(...names: string[]): PartitionQueue {
  const one = queue();
  for (const text of names) one.add(record(text, 1000), 1000, null, 0);
  return one;
}

function valuesOf(batch: ProducerBatch): string[] {
  const bytes = batch.bytes ?? new Uint8Array(0);
  return readBatch(memoryOver(bytes), 0, bytes.length, 1 << 20).map(({ value }) =>
    Buffer.from(value ?? '')
      .toString()
      .replace(/\.+$/, ''),
  );
}

it('lets a batch linger until its time, its size, or somebody in a hurry', () => {
  const one = queue();
  expect(one.readyAtMs(0, false)).toBe(Number.POSITIVE_INFINITY);
  expect(one.add(record('a'), 30, null, 100)).toBe(false);
  expect(one.readyAtMs(101, false)).toBe(105);
  expect(one.readyAtMs(101, true)).toBe(101);
  expect(one.add(record('b', 970), 1000, null, 101)).toBe(true);
  expect(one.waiting).toHaveLength(2);
  expect(one.readyAtMs(101, false)).toBe(101);
});

it('has no more batches under way than it may', () => {
  const one = queueWith('a', 'b', 'c', 'd', 'e');
  for (let i = 0; i < 3; i++) one.take(SEAL);
  expect(one.readyAtMs(0, true)).toBe(Number.POSITIVE_INFINITY);
  const first = one.inFlight[0];
  if (first !== undefined) one.land(first);
  expect(one.readyAtMs(0, true)).toBe(0);
});

it('numbers batches in the order of their records, and stamps who sends them', () => {
  const one = queueWith('a', 'b', 'c');
  const batches = [one.take(SEAL), one.take(SEAL), one.take(SEAL)];
  expect(batches.map((batch) => batch.sequence)).toEqual([0, 1, 2]);
  const memory = memoryOver(batches[2]?.bytes ?? new Uint8Array(0));
  expect([
    batchProducerId(memory.view, 0),
    batchProducerEpoch(memory.view, 0),
    batchBaseSequence(memory.view, 0),
  ]).toEqual([7, 2, 2]);
});

it('sends nothing past a batch that failed, and everything again in the old order with the old numbers', () => {
  const one = queueWith('a', 'b', 'c', 'd');
  const [a, b, c] = [one.take(SEAL), one.take(SEAL), one.take(SEAL)];
  one.land(a);
  one.putBack(a, 50);
  expect(one.readyAtMs(60, true)).toBe(Number.POSITIVE_INFINITY);
  expect(one.hasOlder(b)).toBe(true);
  one.land(c);
  one.putBack(c, 40);
  one.land(b);
  one.putBack(b, 45);
  expect(one.readyAtMs(10, true)).toBe(50);
  expect(one.readyAtMs(60, true)).toBe(60);
  expect([one.take(SEAL), one.take(SEAL), one.take(SEAL)].map((batch) => [valuesOf(batch)[0], batch.sequence])).toEqual(
    [
      ['a', 0],
      ['b', 1],
      ['c', 2],
    ],
  );
});

it('goes on in a new epoch from sequence 0 when a batch was lost, as soon as nothing is under way', () => {
  const one = queueWith('a', 'b', 'c');
  const [a, b] = [one.take(SEAL), one.take(SEAL)];
  one.land(a);
  one.needsNewEpoch = true;
  expect(one.readyAtMs(0, true)).toBe(Number.POSITIVE_INFINITY);
  one.land(b);
  one.putBack(b, 0);
  expect(one.readyAtMs(0, true)).toBe(0);
  one.adopt({ producerId: 7, producerEpoch: 3 });
  const again = [one.take(SEAL), one.take(SEAL)];
  expect(again.map((batch) => [valuesOf(batch)[0], batch.sequence])).toEqual([
    ['b', 0],
    ['c', 1],
  ]);
  const bytes = again[0]?.bytes ?? new Uint8Array(0);
  expect(batchProducerEpoch(memoryOver(bytes).view, 0)).toBe(3);
  expect(batchCrcHolds(memoryOver(bytes), 0, bytes.length, crc32c)).toBe(true);
});

it('takes out what may be stored already before others get new numbers', () => {
  const one = queueWith('a', 'b', 'c');
  const [a, b] = [one.take(SEAL), one.take(SEAL)];
  one.land(a);
  one.land(b);
  a.isFateUnknown = true;
  one.putBack(a, 0);
  one.putBack(b, 0);
  one.needsNewEpoch = true;
  expect(one.takeUncertain()).toEqual([a]);
  one.adopt({ producerId: 7, producerEpoch: 3 });
  expect([one.take(SEAL).sequence, one.take(SEAL).sequence]).toEqual([0, 1]);
});

it('splits a batch in place, its parts sharing its numbers, and tells those who wait for its records', () => {
  const one = queue({ ...SETTINGS, batchBytes: 10_000 });
  const offsets: number[] = [];
  for (let i = 0; i < 5; i++) {
    const resolve = ({ offset }: { readonly offset: number }): void => {
      offsets[i] = offset;
    };
    one.add(record(`r${i}`), 30, { resolve, reject: () => {} }, 0);
  }
  const whole = one.take(SEAL);
  let isEnded = false;
  whole.whenEnded(() => {
    isEnded = true;
  });
  one.add(record('later'), 30, null, 0);
  one.land(whole);
  one.putParts(whole, whole.split());
  const first = one.take(SEAL);
  const second = one.take(SEAL);
  expect([first.sequence, second.sequence]).toEqual([0, 3]);
  expect([valuesOf(first), valuesOf(second)]).toEqual([
    ['r0', 'r1', 'r2'],
    ['r3', 'r4'],
  ]);
  expect(first.reservedBytes + second.reservedBytes).toBe(150);
  first.complete(100, -1);
  expect(isEnded).toBe(false);
  second.complete(103, -1);
  expect(isEnded).toBe(true);
  expect(offsets).toEqual([100, 101, 102, 103, 104]);
  expect(one.take(SEAL).sequence).toBe(5);
});

it('gives up what waited too long, and knows that numbers are missing then', () => {
  const one = queueWith('a', 'b');
  const a = one.take(SEAL);
  one.land(a);
  one.putBack(a, 0);
  expect(one.takeExpired(-1)).toEqual([]);
  expect(one.needsNewEpoch).toBe(false);
  expect(one.takeExpired(0)).toHaveLength(2);
  expect(one.needsNewEpoch).toBe(true);
});

it('wraps sequences around to 0 behind 2147483647', () => {
  const one = queue({ ...SETTINGS, batchBytes: 10_000 });
  for (const text of ['a', 'b']) one.add(record(text), 30, null, 0);
  const whole = one.take(SEAL);
  whole.renumber(IDENTITY, 2 ** 31 - 1);
  one.land(whole);
  one.putParts(whole, whole.split());
  expect([one.take(SEAL).sequence, one.take(SEAL).sequence]).toEqual([2_147_483_647, 0]);
});
