/** Re-encoding inside a worker: what stays in the turn, what goes to the background, and that order survives both. */
import { describe, expect, test } from 'vitest';
import { must } from '../../src/base/assert.ts';
import { batchMaxTimestamp, stampTimestamp } from '../../src/protocol/batch.ts';
import { INFLATED_BYTES_MAX } from '../../src/protocol/batch-check.ts';
import { recompressBatch } from '../../src/protocol/recompress.ts';
import { memoryOver } from '../../src/protocol/records.ts';
import type { WorkerReply } from '../../src/workers/commands.ts';
import { crc32cInTypeScript } from '../../src/zerocopy/fallback.ts';
import { RECEIPT_APPEND } from '../../src/zerocopy/layout.ts';
import { loadNative } from '../../src/zerocopy/native.ts';
import { Prng } from '../support/prng.ts';
import { batchesIn, batchOf, recordsIn } from '../support/simulated-deeds.ts';
import { makeRig } from './rig-of-test.ts';
import type { RigOptions, WorkerRig } from './worker-rig.ts';

type RecodeReply = Extract<WorkerReply, { kind: 'recode' }>;

const LOG_FILE = '00000000000000000000.log';
const GZIP_LARGE = 40_000;
function makeRecodingRig(compressionType = 'gzip', options: RigOptions = {}): WorkerRig {
  return makeRig({ settings: { compressionType }, laneSlots: 512, ...options });
}

function takeTasks(rig: WorkerRig): RecodeReply[] {
  const tasks = rig.replies.filter((reply) => reply.kind === 'recode');
  rig.replies.length = 0;
  return tasks;
}

/** What the background pool does with a task. */
function finish(rig: WorkerRig, task: RecodeReply, isFailure = false): void {
  const { ticket, batch, codec } = task;
  const wishes = { codec, logAppendTime: null, maxTimestamp: null, inflatedBytesMax: INFLATED_BYTES_MAX };
  const bytes = isFailure
    ? null
    : recompressBatch(batch, null, wishes, (memory, at, length) =>
        crc32cInTypeScript({ ...memory, address: 0 }, at, length),
      );
  rig.command(() => ({ kind: 'recoded', ticket, bytes }));
}

function stored(rig: WorkerRig, name = 'orders-0'): (number | undefined)[] {
  return recordsIn(rig.disk.contentOf(`data/${name}/${LOG_FILE}`)).map((record) => record.value?.[0]);
}

describe('a topic with a codec of its own', () => {
  test('has small batches re-encoded within the turn, and passes on what has the codec already', () => {
    const rig = makeRecodingRig();
    rig.open(0);
    const same = batchOf({ codec: 1, fill: 2, count: 3 });
    rig.append(0, batchOf({ fill: 1 }), 1);
    rig.append(0, same, 2);
    rig.publish();
    rig.turn();
    expect(rig.take().map((receipt) => [receipt.exchange, receipt.error])).toEqual([
      [1, 0],
      [2, 0],
    ]);
    expect(takeTasks(rig)).toEqual([]);
    const batches = batchesIn(rig.disk.contentOf(`data/orders-0/${LOG_FILE}`));
    expect(batches.map((batch) => batch[22]! & 7)).toEqual([1, 1]);
    expect(batches[1]?.slice(16)).toEqual(same.slice(16));
  });

  test('has the largest timestamp of its records in the header, whatever the producer stated', () => {
    for (const [codec, valueBytes] of [
      [0, 20],
      [1, 20],
      [0, GZIP_LARGE],
    ] as const) {
      const rig = makeRecodingRig();
      rig.open(0);
      const bytes = batchOf({ codec, valueBytes });
      const memory = { ...memoryOver(bytes), address: 0 };
      const maxTimestamp = batchMaxTimestamp(memory.view, 0);
      stampTimestamp(memory, 0, bytes.length, false, maxTimestamp - 1000, crc32cInTypeScript);
      rig.append(0, bytes, 1);
      rig.publish();
      rig.turn();
      for (const task of takeTasks(rig)) finish(rig, task);
      rig.turn();
      expect(rig.take().map((receipt) => receipt.error)).toEqual([0]);
      const [batch] = batchesIn(rig.disk.contentOf(`data/orders-0/${LOG_FILE}`));
      expect(batchMaxTimestamp(memoryOver(must(batch, 'it was stored')).view, 0)).toBe(maxTimestamp);
    }
  });

  test('sends large ones to the background, and later ones of the partition wait behind them; other partitions do not', () => {
    const rig = makeRecodingRig();
    rig.open(0);
    rig.open(1);
    rig.append(0, batchOf({ fill: 1, valueBytes: GZIP_LARGE }), 1);
    rig.append(0, batchOf({ fill: 2 }), 2);
    rig.append(0, batchOf({ fill: 3, codec: 1 }), 3);
    rig.append(1, batchOf({ fill: 9 }), 4);
    rig.publish();
    rig.turn();
    expect(rig.take().map((receipt) => receipt.exchange)).toEqual([4]);
    const tasks = takeTasks(rig);
    expect(tasks).toHaveLength(3);
    for (const task of tasks.reverse()) {
      finish(rig, task);
      rig.turn();
    }
    expect(rig.take().map((receipt) => [receipt.exchange, receipt.baseOffset])).toEqual([
      [1, 0],
      [2, 1],
      [3, 2],
    ]);
    expect(stored(rig)).toEqual([1, 2, 3]);
  });

  test('keeps every partition in order however the background finishes (20 seeds)', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const rig = makeRecodingRig();
      const random = new Prng(seed);
      for (let slot = 0; slot < 3; slot++) rig.open(slot);
      const sent: number[][] = [[], [], []];
      const waiting: RecodeReply[] = [];
      for (let exchange = 0; exchange < 60; exchange++) {
        const slot = random.nextInt(3);
        const valueBytes = random.nextInt(3) === 0 ? GZIP_LARGE : 30;
        rig.append(slot, batchOf({ fill: exchange, valueBytes }), exchange);
        must(sent[slot], 'there are three partitions').push(exchange);
        rig.publish();
        rig.turn();
        waiting.push(...takeTasks(rig));
        if (random.nextBoolean() && waiting.length > 0) {
          finish(rig, must(waiting.splice(random.nextInt(waiting.length), 1)[0], 'one was waiting'));
        }
      }
      while (waiting.length > 0) {
        finish(rig, must(waiting.splice(random.nextInt(waiting.length), 1)[0], 'one was waiting'));
        rig.turn();
        waiting.push(...takeTasks(rig));
      }
      rig.settle();
      for (let slot = 0; slot < 3; slot++) expect(stored(rig, `orders-${slot}`), `seed ${seed}`).toEqual(sent[slot]);
      const answered = rig.take().filter((receipt) => receipt.kind === RECEIPT_APPEND && receipt.error === 0);
      expect(answered).toHaveLength(60);
    }
  });

  test('takes only so many at once; the rest wait in their ring and come through', () => {
    const rig = makeRecodingRig();
    rig.open(0);
    rig.append(0, batchOf({ valueBytes: GZIP_LARGE }), 0);
    for (let exchange = 1; exchange < 300; exchange++) rig.append(0, batchOf({ fill: exchange }), exchange);
    rig.publish();
    rig.turn();
    const tasks = takeTasks(rig);
    expect(tasks).toHaveLength(256);
    expect(rig.worker.isIdle).toBe(true);
    for (const task of tasks) finish(rig, task);
    rig.settle();
    for (const task of takeTasks(rig)) finish(rig, task);
    rig.settle();
    expect(rig.take().map((receipt) => receipt.exchange)).toEqual(Array.from({ length: 300 }, (_, index) => index));
  });

  test('answers a batch the background could not re-encode, and goes on with the next', () => {
    const rig = makeRecodingRig();
    rig.open(0);
    rig.append(0, batchOf({ valueBytes: GZIP_LARGE }), 1);
    rig.append(0, batchOf({ fill: 2 }), 2);
    rig.publish();
    rig.turn();
    const [first, second] = takeTasks(rig);
    finish(rig, must(second, 'two were sent'));
    finish(rig, must(first, 'two were sent'), true);
    rig.settle();
    expect(rig.take().map((receipt) => [receipt.exchange, receipt.error])).toEqual([
      [1, 2],
      [2, 0],
    ]);
    expect(stored(rig)).toEqual([2]);
  });

  test('refuses at once what is no good batch, without sending it anywhere', () => {
    const rig = makeRecodingRig();
    rig.open(0);
    const bad = batchOf({ valueBytes: GZIP_LARGE });
    bad[100] = 0;
    rig.append(0, bad, 1);
    rig.publish();
    rig.turn();
    expect(takeTasks(rig)).toEqual([]);
    expect(rig.take().map((receipt) => receipt.error)).toEqual([2]);
  });

  test('that is closed meanwhile answers what comes back from the background', () => {
    const rig = makeRecodingRig();
    rig.open(0);
    rig.append(0, batchOf({ valueBytes: GZIP_LARGE }), 1);
    rig.publish();
    rig.turn();
    const [task] = takeTasks(rig);
    rig.closePartition(0, true);
    rig.turn();
    rig.open(0, { partitionName: 'new-0' });
    finish(rig, must(task, 'one was sent'));
    rig.settle();
    const [answer] = rig.take().filter((receipt) => receipt.kind === RECEIPT_APPEND);
    expect([answer?.exchange, answer?.error]).toEqual([1, 6]);
    expect(rig.board.end(0)).toBe(0);
  });

  // Once what came after the change overtook what was still being re-encoded.
  test('that wants no codec any more keeps the order of what is under way', () => {
    const rig = makeRecodingRig();
    rig.open(0);
    rig.append(0, batchOf({ fill: 1, valueBytes: GZIP_LARGE }), 1);
    rig.publish();
    rig.turn();
    const settings = { ...rig.settings, compressionType: 'producer' };
    rig.command((id) => ({ kind: 'configure', id, slot: 0, settings }));
    rig.append(0, batchOf({ fill: 2 }), 2);
    rig.publish();
    rig.turn();
    for (const task of takeTasks(rig)) finish(rig, task);
    rig.settle();
    rig.append(0, batchOf({ fill: 3, codec: 3 }), 3);
    rig.publish();
    rig.turn();
    expect(stored(rig)).toEqual([1, 2, 3]);
    expect(rig.take().map((receipt) => receipt.exchange)).toEqual([1, 2, 3]);
    expect(takeTasks(rig)).toEqual([]);
  });

  test('sends LZ4 to the background where there is no native part: what the package gives is not given back here', () => {
    const rig = makeRecodingRig('lz4', { native: null });
    rig.open(0);
    rig.append(0, batchOf({ fill: 1 }), 1);
    rig.publish();
    rig.turn();
    expect(rig.take()).toEqual([]);
    expect(takeTasks(rig)).toHaveLength(1);
  });

  test('writes and answers after a share of a full load of LZ4, and goes on at once', () => {
    const rig = makeRecodingRig('lz4', { native: loadNative().native });
    rig.open(0);
    rig.open(1);
    for (let exchange = 0; exchange < 40; exchange++)
      rig.append(exchange % 2, batchOf({ fill: exchange, valueBytes: 60_000 }), exchange);
    rig.publish();
    const answered: number[] = [];
    let turns = 0;
    for (; answered.length < 40; turns++) {
      expect(rig.worker.isIdle).toBe(false);
      expect(rig.worker.turn(rig.nowMs)).toBe(true);
      const receipts = rig.take();
      expect(receipts.length).toBeGreaterThan(0);
      expect(receipts.length).toBeLessThan(12);
      answered.push(...receipts.map((receipt) => receipt.exchange));
    }
    expect(turns).toBeGreaterThan(3);
    expect(answered).toEqual(Array.from({ length: 40 }, (_, index) => index));
    expect(stored(rig, 'orders-0')).toEqual(Array.from({ length: 20 }, (_, index) => index * 2));
    expect(stored(rig, 'orders-1')).toEqual(Array.from({ length: 20 }, (_, index) => index * 2 + 1));
    const batches = batchesIn(rig.disk.contentOf(`data/orders-0/${LOG_FILE}`));
    expect(new Set(batches.map((batch) => batch[22]! & 7))).toEqual(new Set([3]));
    expect(rig.worker.isIdle).toBe(true);
  });

  test('shares what a turn may re-encode among its lanes', () => {
    const rig = makeRecodingRig('lz4', { lanes: 2, native: loadNative().native });
    rig.open(0);
    rig.open(1);
    for (let exchange = 0; exchange < 30; exchange++) {
      rig.append(0, batchOf({ fill: exchange, valueBytes: 60_000 }), exchange, 0);
      rig.append(1, batchOf({ fill: exchange, valueBytes: 60_000 }), exchange, 1);
    }
    rig.publish(0);
    rig.publish(1);
    for (let turn = 0; turn < 4; turn++) rig.worker.turn(rig.nowMs);
    expect(rig.take(0).length).toBeGreaterThan(5);
    expect(rig.take(1).length).toBeGreaterThan(5);
  });
});
