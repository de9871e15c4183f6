import { describe, expect, test } from 'vitest';
import { WARY_READS } from '../../src/workers/log-reads.ts';
import { READ_DONE_LEASE, READ_DONE_LENGTH, RECEIPT_READ } from '../../src/zerocopy/layout.ts';
import { batchOf } from '../support/simulated-deeds.ts';
import { makeRig } from './rig-of-test.ts';

const KAFKA_STORAGE_ERROR = 56;
const NOT_LEADER_OR_FOLLOWER = 6;

function rigWithOneBatch() {
  const rig = makeRig();
  rig.open(0);
  rig.append(0, batchOf(), 1);
  rig.publish();
  rig.turn();
  rig.take();
  return rig;
}

describe('a cold read', () => {
  test('is answered after the aide has warmed the bytes, and not before', () => {
    const rig = makeRig();
    rig.open(0);
    rig.append(0, batchOf({ count: 4 }), 1);
    rig.publish();
    rig.turn();
    rig.take();
    rig.disk.chill('data/orders-0/00000000000000000000.log');
    rig.read(0, 0, 2);
    rig.publish();
    rig.turn();
    rig.turn();
    expect(rig.take()).toEqual([]);
    expect(rig.parts.reads.coldCount).toBe(1);
    rig.aide.turn(rig.nowMs);
    rig.turn();
    const [read] = rig.take();
    expect([read?.kind, read?.exchange, read?.error]).toEqual([RECEIPT_READ, 2, 0]);
    expect(read?.words[READ_DONE_LENGTH]).toBe(batchOf({ count: 4 }).length);
    expect(rig.disk.counts.warm).toBe(1);
    expect(rig.parts.reads.coldCount).toBe(0);
  });

  test('has the bytes behind it brought in, and the scan that goes on there waits for them without a read of the worker', () => {
    const rig = makeRig();
    rig.open(0);
    const batches = 32;
    for (let index = 0; index < batches; index++) {
      rig.append(0, batchOf({ valueBytes: 100_000 }), 1);
      rig.publish();
      rig.turn();
      rig.take();
    }
    rig.disk.chill('data/orders-0/00000000000000000000.log');
    rig.read(0, 0, 2, 0, 350_000);
    rig.publish();
    rig.turn();
    rig.aide.turn(rig.nowMs);
    rig.turn();
    const [first] = rig.take();
    expect([first?.exchange, first?.error]).toEqual([2, 0]);
    expect(rig.disk.counts.warm).toBe(1);
    // The stretch is on its way: whoever goes on at its first offset waits.
    rig.read(0, 3, 3, 0, 350_000);
    rig.publish();
    rig.turn();
    expect(rig.take()).toEqual([]);
    expect(rig.worker.isIdle).toBe(true);
    rig.aide.turn(rig.nowMs);
    rig.turn();
    const [second] = rig.take();
    expect([second?.exchange, second?.error]).toEqual([3, 0]);
    expect(second?.words[READ_DONE_LENGTH]).toBe(first?.words[READ_DONE_LENGTH]);
    // What was brought in by the stretch needed no warming of its own.
    expect(rig.disk.counts.warm).toBe(2);
    rig.settle();
    expect(rig.parts.reads.coldCount).toBe(0);
  });

  test('that waits for such bytes is answered when its partition is closed meanwhile', () => {
    const rig = makeRig();
    rig.open(0);
    for (let index = 0; index < 32; index++) {
      rig.append(0, batchOf({ valueBytes: 100_000 }), 1);
      rig.publish();
      rig.turn();
      rig.take();
    }
    rig.disk.chill('data/orders-0/00000000000000000000.log');
    rig.read(0, 0, 2, 0, 350_000);
    rig.publish();
    rig.turn();
    rig.aide.turn(rig.nowMs);
    rig.turn();
    const [first] = rig.take();
    rig.read(0, 3, 3, 0, 350_000);
    rig.publish();
    rig.turn();
    rig.closePartition(0);
    rig.turn();
    rig.open(0, { partitionName: 'new-0' });
    rig.settle();
    const waiting = rig.take().find((receipt) => receipt.exchange === 3);
    expect([waiting?.error, waiting?.words[READ_DONE_LENGTH]]).toEqual([NOT_LEADER_OR_FOLLOWER, 0]);
    rig.release(0, first?.words[READ_DONE_LEASE] ?? -1);
    rig.publish();
    rig.settle();
    expect([rig.parts.reads.coldCount, rig.parts.leases.count]).toEqual([0, 0]);
  });

  test('that cannot be warmed is an error, and its lease is not kept', () => {
    const rig = rigWithOneBatch();
    rig.disk.chill('data/orders-0/00000000000000000000.log');
    rig.disk.failNext('warm', 'EIO');
    rig.read(0, 0, 2);
    rig.publish();
    rig.settle();
    expect(rig.take().map((receipt) => receipt.error)).toEqual([KAFKA_STORAGE_ERROR]);
    expect(rig.parts.leases.count).toBe(0);
  });

  test('more of them than there are tickets wait in their ring and come through', () => {
    const rig = makeRig({ aideSlots: 4, laneSlots: 64 });
    rig.open(0);
    rig.append(0, batchOf({ valueBytes: 100 }), 1);
    rig.publish();
    rig.turn();
    rig.take();
    for (let round = 0; round < 5; round++) {
      rig.disk.chill('data/orders-0/00000000000000000000.log');
      for (let exchange = 0; exchange < 20; exchange++) rig.read(0, 0, exchange);
      rig.publish();
      rig.turn();
      rig.turn();
      // The thread may sleep: the aide will ring.
      expect(rig.worker.isIdle).toBe(true);
      rig.settle();
      const receipts = rig.take();
      expect(receipts.map((receipt) => receipt.exchange)).toHaveLength(20);
      for (const receipt of receipts) rig.release(0, receipt.words[READ_DONE_LEASE]!);
    }
    rig.publish();
    rig.settle();
    expect(rig.parts.leases.count).toBe(0);
  });

  test('and what is read ahead behind it leave the aide room for as many flushes as there may be', () => {
    const rig = makeRig({ aideSlots: 64, laneSlots: 256, settings: { isSyncedBeforeAck: true } });
    const partitions = 32;
    for (let slot = 0; slot < partitions; slot++) {
      rig.open(slot);
      for (let count = 0; count < 2; count++) rig.append(slot, batchOf(), 1);
      rig.publish();
      rig.settle();
    }
    rig.take();
    rig.disk.residentBytes = () => 0;
    for (let slot = 0; slot < partitions; slot++) rig.read(slot, 0, slot, 0, batchOf().length);
    for (let slot = 0; slot < partitions; slot++) rig.append(slot, batchOf(), 100 + slot);
    rig.publish();
    rig.settle();
    const answers = rig.take();
    expect(answers.map(({ exchange }) => exchange).sort((left, right) => left - right)).toEqual([
      ...Array.from({ length: partitions }, (_, slot) => slot),
      ...Array.from({ length: partitions }, (_, slot) => 100 + slot),
    ]);
    expect(answers.filter(({ error }) => error !== 0)).toEqual([]);
    expect(rig.parts.reads.coldCount).toBe(0);
  });

  test('makes the worker look closely for a while; reads of what is in memory cost no looks after it', () => {
    const rig = rigWithOneBatch();
    const looksOf = (reads: number) => {
      const before = rig.disk.counts.look;
      for (let index = 0; index < reads; index++) {
        rig.read(0, 0, 2);
        rig.publish();
        rig.settle();
        rig.release(0, rig.take()[0]?.words[READ_DONE_LEASE] ?? -1);
      }
      return rig.disk.counts.look - before;
    };
    expect(looksOf(WARY_READS)).toBe(WARY_READS);
    expect(looksOf(10)).toBe(0);
    rig.disk.chill('data/orders-0/00000000000000000000.log');
    // The cold one itself was found without a close look.
    expect(looksOf(11)).toBe(10);
    expect(rig.disk.counts.warm).toBe(1);
  });

  test('of a partition that is gone when it is warm gives no bytes of it, also when the slot has a new owner', () => {
    for (const isReused of [false, true]) {
      const rig = makeRig();
      rig.open(0);
      rig.append(0, batchOf(), 1);
      rig.publish();
      rig.turn();
      rig.disk.chill('data/orders-0/00000000000000000000.log');
      rig.read(0, 0, 2);
      rig.publish();
      rig.turn();
      rig.closePartition(0);
      rig.turn();
      if (isReused) rig.open(0, { partitionName: 'new-0' });
      rig.settle();
      const read = rig.take().find((receipt) => receipt.exchange === 2);
      expect([read?.error, read?.words[READ_DONE_LENGTH]]).toEqual([NOT_LEADER_OR_FOLLOWER, 0]);
      expect(rig.parts.leases.count).toBe(0);
    }
  });
});
