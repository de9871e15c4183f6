import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { PRODUCERS_MAX, ProducerLedger } from '../../src/storage/producer-ledger.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { append, batch, makeTools, NOW_MS, open, queue } from './storage-kit.ts';

const SEQUENCE_MAX = 2_147_483_647;

const INVALID_PRODUCER_EPOCH = 47;

describe('sequences of a producer', () => {
  const producer = { producerId: 3, producerEpoch: 0 };

  it('answer any of the last five batches with where it went, older ones with out of order', () => {
    const log = open(makeTools(new FakeDisk()).tools);
    for (let index = 0; index < 6; index++)
      append(log, batch({ ...producer, baseSequence: index * 2, count: 2, timestamps: [NOW_MS, NOW_MS + index] }));
    for (let index = 1; index < 6; index++) {
      expect(queue(log, batch({ ...producer, baseSequence: index * 2, count: 2 }))).toBe(0);
      expect(log.appended).toMatchObject({
        isDuplicate: true,
        baseOffset: index * 2,
        lastOffset: index * 2 + 1,
        logAppendTimeMs: NOW_MS + index,
      });
    }
    expect(queue(log, batch({ ...producer, baseSequence: 0, count: 2 }))).toBe(45);
    expect(queue(log, batch({ ...producer, baseSequence: 2, count: 1 }))).toBe(45);
    expect(log.watermarks.end).toBe(12);
  });

  it('are checked within a turn, before anything is written', () => {
    const log = open(makeTools(new FakeDisk()).tools);
    expect(queue(log, batch({ ...producer, baseSequence: 0 }))).toBe(0);
    expect(queue(log, batch({ ...producer, baseSequence: 1 }))).toBe(0);
    expect(queue(log, batch({ ...producer, baseSequence: 3 }))).toBe(45);
    expect(queue(log, batch({ ...producer, baseSequence: 1 }))).toBe(0);
    expect(log.appended.isDuplicate).toBe(true);
  });

  it('begin anywhere for an unknown producer and at 0 for a new epoch; an old epoch is refused', () => {
    const log = open(makeTools(new FakeDisk()).tools);
    expect(append(log, batch({ ...producer, producerEpoch: 4, baseSequence: 77 }))).toBe(0);
    expect(queue(log, batch({ ...producer, producerEpoch: 5, baseSequence: 1 }))).toBe(45);
    expect(append(log, batch({ ...producer, producerEpoch: 5, baseSequence: 0 }))).toBe(0);
    expect(queue(log, batch({ ...producer, producerEpoch: 4, baseSequence: 78 }))).toBe(47);
  });

  it('wait for a first batch that a full disk refused or did not take, also when the log is well again', () => {
    const disk = new FakeDisk();
    const log = open(makeTools(disk).tools);
    const sent = (baseSequence: number) => batch({ ...producer, baseSequence });
    disk.failNext('write', 'ENOSPC');
    expect(append(log, sent(0), sent(1))).toBe(-28);
    expect(queue(log, sent(2))).toBe(56);
    expect(log.heal(NOW_MS)).toBe(0);
    expect(queue(log, sent(3))).toBe(45);
    expect(queue(log, sent(1))).toBe(45);
    for (let sequence = 0; sequence < 4; sequence++) expect(append(log, sent(sequence)), `${sequence}`).toBe(0);
    // Another epoch, or another producer, is none that waits.
    expect(append(log, batch({ producerId: 4, producerEpoch: 0, baseSequence: 7 }))).toBe(0);
    log.breakDown();
  });

  it('wait for a first batch that could not be taken while a file did not open', () => {
    const disk = new FakeDisk();
    const { tools } = makeTools(disk, 1);
    const before = open(tools);
    append(before, batch());
    before.close(true);
    const log = open(tools);
    disk.failNext('open', 'EMFILE');
    expect(queue(log, batch({ ...producer, baseSequence: 0 }))).toBe(56);
    expect(queue(log, batch({ ...producer, baseSequence: 1 }))).toBe(45);
    expect(queue(log, batch({ ...producer, baseSequence: 0 }))).toBe(0);
    expect(queue(log, batch({ ...producer, baseSequence: 1 }))).toBe(0);
  });

  it('wrap around at 2^31', () => {
    const ledger = new ProducerLedger();
    ledger.record(1, 0, SEQUENCE_MAX - 1, 0, 3, NOW_MS, false, NOW_MS);
    expect(ledger.find(1)?.lastSequence).toBe(1);
    expect(ledger.check(1, 0, 2, 1, false, false, -1, false)).toBe(0);
    expect(ledger.isDuplicate).toBe(false);
    expect(ledger.check(1, 0, SEQUENCE_MAX - 1, 4, false, false, -1, false)).toBe(0);
    expect(ledger.isDuplicate).toBe(true);
    ledger.record(2, 0, SEQUENCE_MAX, 4, 4, NOW_MS, false, NOW_MS);
    expect(ledger.check(2, 0, 0, 1, false, false, -1, false)).toBe(0);
    expect(ledger.isDuplicate).toBe(false);
  });
});

describe('a ledger', () => {
  it('forgets producers unseen for long, but not those with a transaction open', () => {
    const ledger = new ProducerLedger();
    ledger.record(1, 0, 0, 0, 0, 1, false, 1000);
    ledger.record(2, 0, 0, 1, 1, 1, true, 1000);
    ledger.record(3, 0, 0, 2, 2, 1, false, 5000);
    expect(ledger.expire(6000, 5000)).toBe(1);
    expect([1, 2, 3].map((id) => ledger.find(id) !== null)).toEqual([false, true, true]);
  });

  it('is bounded: the producers longest unseen make room', () => {
    const ledger = new ProducerLedger();
    for (let id = 0; id < PRODUCERS_MAX + 10; id++) ledger.record(id, 0, 0, id, id, 1, false, id);
    expect(ledger.count).toBeLessThanOrEqual(PRODUCERS_MAX);
    expect(ledger.find(0)).toBeNull();
    expect(ledger.find(PRODUCERS_MAX + 9)).not.toBeNull();
  });

  it('takes little memory for each of many producers, all the more when they sent one batch and went', () => {
    const ledger = new ProducerLedger();
    const count = 20_000;
    const round = (batch: number) => {
      for (let id = 0; id < count; id++)
        ledger.record(id, 0, batch, batch * count + id, batch * count + id, NOW_MS, false, NOW_MS);
      return heapBytes() - before;
    };
    const before = heapBytes();
    expect(round(0) / count).toBeLessThan(400);
    for (let batch = 1; batch < 4; batch++) round(batch);
    expect(round(4) / count).toBeLessThan(600);
    expect(ledger.count).toBe(count);
  });

  it('holds the stable offset at the first undecided transaction, and at decided ones not yet visible', () => {
    const ledger = new ProducerLedger();
    ledger.record(1, 0, 0, 10, 11, 1, true, 1);
    ledger.record(2, 0, 0, 12, 12, 1, true, 1);
    expect(ledger.unstableOffset(13)).toBe(10);
    expect(ledger.recordMarker(1, 0, 0, 0, 13, 1, 1)).toMatchObject({
      firstOffset: 10,
      lastOffset: 13,
      isAborted: true,
      stableOffset: 12,
    });
    expect(ledger.unstableOffset(13)).toBe(10);
    expect(ledger.unstableOffset(14)).toBe(12);
    expect(ledger.recordMarker(2, 0, 1, 0, 14, 1, 1)).toMatchObject({ isAborted: false, stableOffset: 15 });
    expect(ledger.unstableOffset(15)).toBe(-1);
    expect(ledger.recordMarker(2, 0, 1, 0, 15, 1, 1)).toBeNull();
  });

  it('tells a transaction from the one before it by the epoch, where that grows with every end', () => {
    const ledger = new ProducerLedger();
    ledger.record(1, 4, 0, 10, 11, 1, true, 1);
    expect(ledger.checkMarker(1, 4, 0, false)).toBe(0);
    expect(ledger.checkMarker(1, 4, 0, true)).toBe(INVALID_PRODUCER_EPOCH);
    expect(ledger.checkMarker(1, 5, 0, true)).toBe(0);
    ledger.recordMarker(1, 5, 1, 0, 12, 1, 1);
    // The same one once more, where nobody knows whether it was written.
    expect(ledger.checkMarker(1, 5, 0, true)).toBe(0);
    ledger.record(1, 5, 0, 13, 13, 1, true, 1);
    expect(ledger.checkMarker(1, 5, 0, true)).toBe(INVALID_PRODUCER_EPOCH);
    expect(ledger.checkMarker(1, 4, 0, true)).toBe(INVALID_PRODUCER_EPOCH);
  });
});

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

function heapBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
