import { describe, expect, test } from 'vitest';
import { must } from '../../src/base/assert.ts';
import { beginPartition } from '../../src/storage/new-partition.ts';
import type { PartitionReport } from '../../src/workers/commands.ts';
import { BEGUN_PER_TURN_MAX, CLOSED_PER_TURN_MAX, OPENED_PER_TURN_MAX } from '../../src/workers/partition-keeper.ts';
import {
  APPENDED_TIME_NUMBER,
  FOUND_EPOCH_END_OFFSET_NUMBER,
  FOUND_OFFSET_NUMBER,
  READ_DONE_HIGH_NUMBER,
  READ_DONE_LEASE,
  READ_DONE_LENGTH,
  RECEIPT_APPEND,
  RECEIPT_WAKE,
} from '../../src/zerocopy/layout.ts';
import { Prng } from '../support/prng.ts';
import { batchOf } from '../support/simulated-deeds.ts';
import { makeRig } from './rig-of-test.ts';
import type { RigOptions } from './worker-rig.ts';

const KAFKA_STORAGE_ERROR = 56;
const NOT_LEADER_OR_FOLLOWER = 6;
const UNKNOWN_TOPIC_OR_PARTITION = 3;

describe('a turn', () => {
  test('writes each touched log once, however many batches came for it, and acknowledges after that', () => {
    const rig = makeRig({ lanes: 2 });
    rig.open(0);
    rig.open(1);
    const before = rig.disk.counts.write;
    for (let index = 0; index < 40; index++) rig.append(index % 2, batchOf({ count: 2 }), index, index < 20 ? 0 : 1);
    rig.publish(0);
    rig.publish(1);
    rig.turn();
    expect(rig.disk.counts.write - before).toBe(2);
    const receipts = [...rig.take(0), ...rig.take(1)];
    expect(receipts.map((receipt) => receipt.exchange)).toEqual(Array.from({ length: 40 }, (_, index) => index));
    expect(receipts.every((receipt) => receipt.kind === RECEIPT_APPEND && receipt.error === 0)).toBe(true);
    expect(receipts.filter((receipt) => receipt.partition === 1).map((receipt) => receipt.baseOffset)).toEqual(
      Array.from({ length: 20 }, (_, index) => index * 2),
    );
    expect([rig.board.high(0), rig.board.end(0), rig.board.high(1)]).toEqual([40, 40, 40]);
  });

  test('answers look-ups beside appends, in the order of the lane', () => {
    const rig = makeRig();
    rig.open(0, { leaderEpoch: 4 });
    rig.append(0, batchOf({ count: 3 }), 1);
    rig.publish();
    rig.turn();
    rig.findOffset(0, -1, 2);
    rig.findOffset(0, -2, 3);
    rig.findEpoch(0, 4, 4);
    rig.read(0, 1, 5);
    rig.publish();
    rig.turn();
    const [, latest, earliest, epoch, read] = rig.take();
    expect(latest?.numbers[FOUND_OFFSET_NUMBER]).toBe(3);
    expect(earliest?.numbers[FOUND_OFFSET_NUMBER]).toBe(0);
    expect(epoch?.numbers[FOUND_EPOCH_END_OFFSET_NUMBER]).toBe(3);
    expect(read?.words[READ_DONE_LENGTH]).toBe(batchOf({ count: 3 }).length);
    expect(read?.numbers[READ_DONE_HIGH_NUMBER]).toBe(3);
  });

  test('tells those who believe in another epoch that they are behind, or ahead', () => {
    const rig = makeRig();
    rig.open(0, { leaderEpoch: 4 });
    rig.read(0, 0, 1, 0, 1000, 3);
    rig.read(0, 0, 2, 0, 1000, 5);
    rig.read(0, 0, 3, 0, 1000, 4);
    rig.findOffset(0, -1, 4, 3);
    rig.read(9, 0, 5);
    rig.publish();
    rig.turn();
    expect(rig.take().map((receipt) => receipt.error)).toEqual([74, 75, 0, 74, NOT_LEADER_OR_FOLLOWER]);
  });

  test('wakes only the fronts that watch, and only when something moved', () => {
    const rig = makeRig({ lanes: 3 });
    rig.open(0);
    rig.board.watch(0, 1);
    rig.append(0, batchOf(), 1);
    rig.publish();
    rig.turn();
    rig.turn();
    expect(rig.take(0).map((receipt) => receipt.kind)).toEqual([RECEIPT_APPEND]);
    expect(rig.take(1).map((receipt) => [receipt.kind, receipt.partition])).toEqual([[RECEIPT_WAKE, 0]]);
    expect(rig.take(2)).toEqual([]);
  });

  test('stamps the turn of the append where the topic wants append times', () => {
    const rig = makeRig({ settings: { isLogAppendTime: true } });
    rig.open(0);
    rig.append(0, batchOf({ timestamps: [5] }), 1);
    rig.publish();
    rig.nowMs += 77;
    rig.turn();
    expect(rig.take()[0]?.numbers[APPENDED_TIME_NUMBER]).toBe(rig.nowMs);
  });
});

describe('a front that is slow to take its receipts', () => {
  test('loses none and gets them in order; no further job of its lane is taken meanwhile', () => {
    const rig = makeRig({ laneSlots: 8, lanes: 2 });
    rig.open(0);
    const random = new Prng(5);
    const seen: number[] = [];
    let sent = 0;
    for (let round = 0; round < 400 && seen.length < 300; round++) {
      const count = Math.min(random.nextInt(9), 300 - sent, must(rig.fronts[0], 'lane 0').outgoing.freeCount);
      for (let index = 0; index < count; index++) rig.append(0, batchOf(), sent++);
      rig.board.watch(0, 0);
      rig.publish();
      rig.turn();
      for (const receipt of rig.take(0, random.nextInt(4))) {
        if (receipt.kind === RECEIPT_APPEND) seen.push(receipt.exchange);
      }
      // The other lane is served all the time.
      rig.findOffset(0, -1, 7, -1, 1);
      rig.publish(1);
      rig.turn();
      expect(rig.take(1).map((receipt) => receipt.exchange)).toEqual([7]);
    }
    expect(seen).toEqual(Array.from({ length: 300 }, (_, index) => index));
  });
});

describe('a write that fails', () => {
  test('refuses exactly the batches that were not written, and those that come later', () => {
    const rig = makeRig();
    rig.open(0);
    rig.open(1);
    rig.append(0, batchOf({ count: 2 }), 1);
    rig.publish();
    rig.turn();
    rig.disk.failNext('write', 'EIO');
    rig.append(0, batchOf(), 2);
    rig.append(0, batchOf(), 3);
    rig.append(1, batchOf(), 4);
    rig.publish();
    rig.turn();
    rig.append(0, batchOf(), 5);
    rig.read(0, 0, 6);
    rig.publish();
    rig.turn();
    const answers = rig.take().map((receipt) => [receipt.exchange, receipt.error]);
    expect(answers).toEqual([
      [1, 0],
      [2, KAFKA_STORAGE_ERROR],
      [3, KAFKA_STORAGE_ERROR],
      [4, 0],
      [5, KAFKA_STORAGE_ERROR],
      [6, 0],
    ]);
    expect(rig.board.end(0)).toBe(2);
  });

  test('keeps what went to the segment before: a roll in the middle of the turn had written it', () => {
    const rig = makeRig({ settings: { segmentBytesMax: 400 } });
    rig.open(0);
    const large = { valueBytes: 200 };
    rig.disk.capacityBytes = 900;
    for (let exchange = 1; exchange <= 6; exchange++) rig.append(0, batchOf(large), exchange);
    rig.publish();
    rig.turn();
    const receipts = rig.take().sort((left, right) => left.exchange - right.exchange);
    const written = receipts.filter((receipt) => receipt.error === 0).length;
    expect(written).toBeGreaterThan(0);
    expect(written).toBeLessThan(6);
    expect(receipts.map((receipt) => receipt.error)).toEqual(
      Array.from({ length: 6 }, (_, index) => (index < written ? 0 : KAFKA_STORAGE_ERROR)),
    );
    expect(rig.board.end(0)).toBe(written);
  });

  test('is healed within seconds when the disk was full and has room again', () => {
    const rig = makeRig();
    rig.open(0);
    rig.append(0, batchOf(), 1);
    rig.publish();
    rig.turn();
    rig.disk.failNext('write', 'ENOSPC');
    rig.append(0, batchOf(), 2);
    rig.publish();
    rig.turn();
    rig.nowMs += 2000;
    rig.turn();
    rig.append(0, batchOf(), 3);
    rig.publish();
    rig.turn();
    expect(rig.take().map((receipt) => [receipt.error, receipt.baseOffset])).toEqual([
      [0, 0],
      [KAFKA_STORAGE_ERROR, -1],
      [0, 1],
    ]);
  });
});

describe('acknowledgements that wait for the device', () => {
  const synced: RigOptions = { settings: { isSyncedBeforeAck: true } };

  test('share flushes: all that is appended while one is under way takes one more', () => {
    const rig = makeRig(synced);
    rig.open(0);
    rig.append(0, batchOf(), 1);
    rig.publish();
    rig.turn();
    for (let exchange = 2; exchange <= 9; exchange++) {
      rig.append(0, batchOf(), exchange);
      rig.publish();
      rig.turn();
    }
    expect(rig.take()).toEqual([]);
    expect(rig.board.high(0)).toBe(0);
    const before = rig.disk.counts.sync;
    rig.aide.turn(rig.nowMs);
    rig.turn();
    expect(rig.take().map((receipt) => receipt.exchange)).toEqual([1]);
    expect(rig.board.high(0)).toBe(1);
    rig.settle();
    expect(rig.disk.counts.sync - before).toBe(2);
    expect(rig.take().map((receipt) => receipt.exchange)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    expect(rig.parts.gate.count).toBe(0);
  });

  test('fail when the flush fails, and the log takes no more until it was recovered', () => {
    const rig = makeRig(synced);
    rig.open(0);
    rig.append(0, batchOf(), 1);
    rig.append(0, batchOf(), 2);
    rig.publish();
    rig.disk.failNext('sync', 'EIO');
    rig.settle();
    rig.append(0, batchOf(), 3);
    rig.publish();
    rig.settle();
    rig.nowMs += 5000;
    rig.settle();
    rig.append(0, batchOf(), 4);
    rig.publish();
    rig.settle();
    expect(rig.take().map((receipt) => receipt.error)).toEqual(Array(4).fill(KAFKA_STORAGE_ERROR));
    expect(rig.board.high(0)).toBe(0);
  });

  test('are refused when the disk is full in the turn of their write, and nobody waits for room', () => {
    const rig = makeRig({ settings: { ...synced.settings, segmentBytesMax: 300 } });
    rig.open(0);
    rig.disk.capacityBytes = 500;
    // The roll between them has written the first.
    for (let exchange = 1; exchange <= 2; exchange++) rig.append(0, batchOf({ valueBytes: 200 }), exchange);
    rig.publish();
    rig.turn();
    expect(rig.take().map((receipt) => receipt.error)).toEqual([KAFKA_STORAGE_ERROR, KAFKA_STORAGE_ERROR]);
    expect([rig.board.high(0), rig.board.end(0)]).toEqual([0, 1]);
    expect(rig.parts.gate.count).toBe(0);
  });

  test('are not given for a flush that ends in a log which a full disk stopped; readers see it when there is room', () => {
    const rig = makeRig(synced);
    rig.open(0);
    rig.append(0, batchOf(), 1);
    rig.publish();
    rig.turn();
    rig.disk.failNext('write', 'ENOSPC');
    rig.append(0, batchOf(), 2);
    rig.publish();
    rig.turn();
    rig.settle();
    expect(rig.take().map((receipt) => receipt.error)).toEqual([KAFKA_STORAGE_ERROR, KAFKA_STORAGE_ERROR]);
    expect([rig.board.high(0), rig.board.end(0)]).toEqual([0, 1]);
    rig.nowMs += 1000;
    rig.settle();
    expect([rig.board.high(0), rig.board.end(0)]).toEqual([1, 1]);
  });

  test('flushes of many logs that find the aide busy are made up for, without a further append', () => {
    const rig = makeRig({ ...synced, aideSlots: 4, laneSlots: 64 });
    for (let slot = 0; slot < 12; slot++) rig.open(slot);
    for (let slot = 0; slot < 12; slot++) rig.append(slot, batchOf(), slot);
    rig.publish();
    rig.settle();
    expect(rig.take().map((receipt) => receipt.exchange)).toHaveLength(12);
  });

  test('wait for flush.ms without holding acknowledgements', () => {
    const rig = makeRig({ settings: { flushMs: 3000 } });
    rig.open(0);
    rig.append(0, batchOf(), 1);
    rig.publish();
    rig.settle();
    expect(rig.take()).toHaveLength(1);
    expect(rig.disk.counts.sync).toBe(0);
    rig.nowMs += 2500;
    rig.settle();
    expect(rig.disk.counts.sync).toBe(0);
    rig.nowMs += 1500;
    rig.settle();
    rig.settle();
    // The file, and the folder that has its name.
    expect(rig.disk.counts.sync).toBe(2);
  });
});

describe('a partition that is closed', () => {
  test('answers what waited for a flush at once, and its files close when the flush is back', () => {
    const rig = makeRig({ settings: { isSyncedBeforeAck: true } });
    rig.open(0);
    rig.append(0, batchOf(), 1);
    rig.publish();
    rig.turn();
    const id = rig.closePartition(0);
    rig.turn();
    expect(rig.take().map((receipt) => [receipt.kind, receipt.error])).toEqual([
      [RECEIPT_APPEND, UNKNOWN_TOPIC_OR_PARTITION],
      [RECEIPT_WAKE, 0],
    ]);
    expect(rig.hasReplied(id)).toBe(false);
    rig.settle();
    expect(rig.hasReplied(id)).toBe(true);
    expect(rig.disk.openCount).toBe(0);
    expect(rig.board.epoch(0)).toBe(-1);
  });

  test('its slot is another partition’s at once; the flush that was under way and the leases that were out concern the old one', () => {
    const rig = makeRig({ settings: { isSyncedBeforeAck: true } });
    rig.open(0, { partitionName: 'old-0' });
    rig.append(0, batchOf({ count: 2 }), 1);
    rig.publish();
    rig.settle();
    rig.read(0, 0, 2);
    rig.append(0, batchOf(), 3);
    rig.publish();
    rig.turn();
    const lease = must(rig.take()[1], 'the read was answered').words[READ_DONE_LEASE]!;
    rig.closePartition(0, true);
    rig.turn();
    rig.open(0, { partitionName: 'new-0' });
    rig.append(0, batchOf({ count: 5 }), 4);
    rig.publish();
    rig.settle();
    const last = rig.take().at(-1);
    expect([last?.exchange, last?.error, last?.baseOffset]).toEqual([4, 0, 0]);
    expect([rig.board.end(0), rig.board.high(0)]).toEqual([5, 5]);
    rig.release(0, lease);
    rig.publish();
    rig.settle();
    expect(rig.parts.leases.count).toBe(0);
  });

  test('a removed one can still be sent from as long as its lease is out, and closes its file with it', () => {
    const rig = makeRig();
    rig.open(0);
    rig.append(0, batchOf({ count: 2 }), 1);
    rig.read(0, 0, 2);
    rig.publish();
    rig.turn();
    rig.read(0, 0, 3);
    rig.publish();
    rig.turn();
    const read = must(
      rig.take().find((receipt) => receipt.exchange === 3),
      'the read was answered',
    );
    rig.closePartition(0, true);
    rig.turn();
    expect(rig.disk.openCount).toBe(1);
    rig.release(0, read.words[READ_DONE_LEASE]!);
    rig.publish();
    rig.turn();
    expect(rig.disk.openCount).toBe(0);
  });

  test('what comes for it afterwards is answered, and a slot can be opened and closed again and again', () => {
    const rig = makeRig();
    for (let round = 0; round < 20; round++) {
      rig.open(3, { partitionName: `orders${round}-0` });
      rig.append(3, batchOf(), 1);
      rig.publish();
      rig.closePartition(3, true);
      rig.turn();
      rig.settle();
      const errors = rig.take().filter((receipt) => receipt.kind === RECEIPT_APPEND);
      expect(errors.map((receipt) => receipt.error)).toEqual([NOT_LEADER_OR_FOLLOWER]);
      expect(rig.disk.openCount).toBe(0);
    }
  });
});

describe('many partitions opened at once', () => {
  test('are opened a few a turn, jobs are done in between, and what main asked behind it waits', () => {
    const rig = makeRig();
    rig.open(0);
    const count = OPENED_PER_TURN_MAX * 3 + 1;
    const partitions = Array.from({ length: count }, (_, index) => rig.opening(1 + index));
    const opened = rig.command((id) => ({ kind: 'open', id, partitions }));
    const closed = rig.closePartition(count);
    const report = rig.command((id) => ({ kind: 'report', id }));
    for (let turn = 1; turn <= 3; turn++) {
      rig.append(0, batchOf(), turn);
      rig.publish();
      rig.turn();
      expect(rig.take().map(({ exchange, error }) => [exchange, error])).toEqual([[turn, 0]]);
      expect(rig.parts.table.all()).toHaveLength(1 + turn * OPENED_PER_TURN_MAX);
      expect([rig.hasReplied(opened), rig.hasReplied(closed), rig.worker.isIdle]).toEqual([false, false, false]);
      expect(rig.hasReplied(report)).toBe(true);
    }
    rig.settle();
    const reply = rig.replies.find((one) => 'id' in one && one.id === opened);
    expect(reply?.kind === 'outcome' && reply.outcomes.filter(({ problem }) => problem === null)).toHaveLength(count);
    expect([rig.hasReplied(closed), rig.worker.isIdle]).toEqual([true, true]);
    expect(rig.parts.table.all()).toHaveLength(count);
  });
});

describe('thousands of new partitions', () => {
  test('begin without a look at the disk, so many a turn, and are appended to as any other', () => {
    const rig = makeRig();
    const count = BEGUN_PER_TURN_MAX * 2 + 1;
    const partitions = Array.from({ length: count }, (_, slot) => rig.opening(slot, { isBegun: true }));
    for (const { folder, topic, topicId, partition, leaderEpoch } of partitions)
      beginPartition(rig.disk, folder, { topic, topicId, partition, leaderEpoch });
    const before = { ...rig.disk.counts };
    const opened = rig.command((id) => ({ kind: 'open', id, partitions }));
    for (const begun of [1, 2]) {
      rig.turn();
      expect([rig.parts.table.all().length, rig.hasReplied(opened)]).toEqual([begun * BEGUN_PER_TURN_MAX, false]);
    }
    rig.turn();
    expect([rig.parts.table.all().length, rig.hasReplied(opened)]).toEqual([count, true]);
    expect([rig.disk.counts, rig.disk.openCount]).toEqual([before, 0]);
    rig.append(7, batchOf({ count: 2 }), 70);
    rig.publish();
    rig.turn();
    expect(rig.take().map(({ exchange, error, baseOffset }) => [exchange, error, baseOffset])).toEqual([[70, 0, 0]]);
    expect(rig.disk.openCount).toBe(1);
  });

  test('are closed so many a turn, and jobs for those left are done in between', () => {
    const rig = makeRig({ laneSlots: 256 });
    const count = CLOSED_PER_TURN_MAX * 2 + 1;
    const partitions = Array.from({ length: count }, (_, slot) => rig.opening(slot, { isBegun: true }));
    for (const { folder, topic, topicId, partition, leaderEpoch } of partitions)
      beginPartition(rig.disk, folder, { topic, topicId, partition, leaderEpoch });
    rig.command((id) => ({ kind: 'open', id, partitions }));
    rig.settle();
    rig.take();
    const slots = partitions.map(({ slot }) => slot);
    const closed = rig.command((id) => ({ kind: 'close', id, slots, remove: true }));
    for (const turn of [1, 2]) {
      rig.append(count - 1, batchOf(), turn);
      rig.publish();
      rig.turn();
      const answers = rig.take().filter(({ kind }) => kind === RECEIPT_APPEND);
      expect(answers.map(({ exchange, error }) => [exchange, error])).toEqual([[turn, 0]]);
      expect([rig.parts.table.all().length, rig.hasReplied(closed)]).toEqual([
        count - turn * CLOSED_PER_TURN_MAX,
        false,
      ]);
      expect(rig.worker.isIdle).toBe(false);
    }
    rig.turn();
    expect([rig.parts.table.all().length, rig.hasReplied(closed), rig.disk.openCount]).toEqual([0, true, 0]);
    const reply = rig.replies.find((one) => 'id' in one && one.id === closed);
    expect(reply?.kind === 'outcome' && reply.outcomes.map(({ slot }) => slot)).toEqual(slots);
  });
});

describe('the end', () => {
  test('closes all logs, tells how they ended, and takes nothing more', () => {
    const rig = makeRig({ settings: { isSyncedBeforeAck: true } });
    rig.open(0);
    rig.open(1);
    rig.append(0, batchOf({ count: 2 }), 1);
    rig.publish();
    rig.turn();
    const id = rig.command((stopId) => ({ kind: 'stop', id: stopId }));
    // Jobs that the front had sent before it ended lie in the ring; once they met closed logs.
    rig.append(0, batchOf(), 2);
    rig.read(0, 0, 3);
    rig.publish();
    rig.settle();
    expect(rig.hasReplied(id)).toBe(true);
    expect(rig.parts.keeper.hasStopped).toBe(true);
    expect(rig.disk.openCount).toBe(0);
    const report = rig.replies.find((reply) => reply.kind === 'report');
    expect(report?.kind === 'report' && report.rows.map((row) => row.isClean)).toEqual([true, true]);
    expect(rig.parts.gate.count).toBe(0);
  });

  // Once they met logs that had been closed earlier in the same turn, and the thread died.
  test('finds jobs in its ring that no log takes any more, and answers them', () => {
    const rig = makeRig();
    rig.open(0);
    rig.append(0, batchOf(), 1);
    rig.read(0, 0, 2);
    rig.findOffset(0, -3, 3);
    rig.publish();
    const id = rig.command((stopId) => ({ kind: 'stop', id: stopId }));
    rig.turn();
    expect(rig.hasReplied(id)).toBe(true);
    expect(rig.take().map((receipt) => receipt.error)).toEqual(Array(3).fill(NOT_LEADER_OR_FOLLOWER));
  });

  function withMany(count: number) {
    const rig = makeRig({ flushWindowMs: 60_000 });
    for (let slot = 0; slot < count; slot++) rig.open(slot);
    for (let slot = 0; slot < count; slot += 3) {
      rig.append(slot, batchOf({ count: 2 }), slot);
      rig.publish();
      rig.turn();
      rig.take();
    }
    const before = { ...rig.disk.counts };
    const stop = (): readonly PartitionReport[] => {
      rig.command((id) => ({ kind: 'stop', id }));
      rig.settle();
      const report = rig.replies.find((reply) => reply.kind === 'report');
      expect([rig.parts.keeper.hasStopped, rig.disk.openCount]).toEqual([true, 0]);
      return report?.kind === 'report' ? report.rows : [];
    };
    return { rig, before, stop };
  }

  test('flushes many logs together, and all of them are clean', () => {
    const { rig, before, stop } = withMany(90);
    const rows = stop();
    expect(rows).toHaveLength(90);
    expect(rows.every(({ isClean, recoveryPoint, end }) => isClean && recoveryPoint === end)).toBe(true);
    expect(rows.filter(({ end }) => end === 2)).toHaveLength(30);
    const { sync, syncSystem, syncFolder } = rig.disk.counts;
    expect([sync - before.sync, syncFolder - before.syncFolder, syncSystem - before.syncSystem]).toEqual([0, 0, 2]);
  });

  test('flushes many one by one where they cannot be flushed together', () => {
    const { rig, before, stop } = withMany(90);
    rig.disk.hasSyncSystem = false;
    expect(stop().every(({ isClean, recoveryPoint, end }) => isClean && recoveryPoint === end)).toBe(true);
    expect(rig.disk.counts.sync - before.sync).toBeGreaterThanOrEqual(30 * 3);
  });

  test('does not call many clean whose flush failed', () => {
    const { rig, stop } = withMany(90);
    const { syncSystem } = rig.disk;
    let flushes = 0;
    rig.disk.syncSystem = (fd) => (++flushes === 2 ? -5 : syncSystem.call(rig.disk, fd));
    const rows = stop();
    expect(rows.some(({ isClean, recoveryPoint }) => isClean || recoveryPoint > 0)).toBe(false);
  });
});
