import { afterEach, describe, expect, test } from 'vitest';
import { must } from '../../src/base/assert.ts';
import { ONE_BY_ONE_MAX } from '../../src/workers/flush-window.ts';
import { batchOf } from '../support/simulated-deeds.ts';
import { type RigOptions, WorkerRig } from './worker-rig.ts';

const KAFKA_STORAGE_ERROR = 56;
const WINDOW_MS = 1000;

let rigs: WorkerRig[] = [];
afterEach(() => {
  for (const rig of rigs) rig.close();
  rigs = [];
});

function makeRig(options: RigOptions = {}): WorkerRig {
  const rig = new WorkerRig({ flushWindowMs: WINDOW_MS, aideSlots: 256, laneSlots: 1024, ...options });
  rigs.push(rig);
  return rig;
}

function write(rig: WorkerRig, slot: number, exchange = slot): void {
  rig.append(slot, batchOf(), exchange);
  rig.publish();
  rig.turn();
}

function isFlushed(rig: WorkerRig, slot: number): boolean {
  const { log } = must(rig.parts.table.at(slot), 'the partition is open');
  return log.recoveryPoint === log.watermarks.end;
}

describe('the flush window', () => {
  test('begins a flush when half of it has passed, and no acknowledgement waits for that', () => {
    const rig = makeRig();
    rig.open(0);
    write(rig, 0);
    expect(rig.take().map(({ error }) => error)).toEqual([0]);
    rig.nowMs += WINDOW_MS / 2 - 1;
    rig.settle();
    expect(rig.disk.counts.sync).toBe(0);
    rig.nowMs += 1;
    rig.settle();
    expect(isFlushed(rig, 0)).toBe(true);
    // The file, and the folder that has its name.
    expect(rig.disk.counts.sync).toBe(2);
  });

  test('while a flush is under way, appends are acknowledged and wait for the next one', () => {
    const rig = makeRig();
    rig.open(0);
    write(rig, 0, 1);
    rig.nowMs += WINDOW_MS / 2;
    rig.turn();
    write(rig, 0, 2);
    expect(rig.take().map(({ exchange, error }) => [exchange, error])).toEqual([
      [1, 0],
      [2, 0],
    ]);
    rig.settle();
    expect(isFlushed(rig, 0)).toBe(false);
    rig.nowMs += WINDOW_MS / 2;
    rig.settle();
    expect(isFlushed(rig, 0)).toBe(true);
  });

  test('does nothing for logs that nobody writes to, and lets the worker sleep', () => {
    const rig = makeRig();
    for (let slot = 0; slot < 8; slot++) rig.open(slot);
    rig.settle();
    expect(rig.worker.sleepMs(rig.nowMs)).toBe(1000);
    write(rig, 3);
    expect(rig.worker.sleepMs(rig.nowMs)).toBe(WINDOW_MS / 2);
    rig.nowMs += WINDOW_MS;
    rig.settle();
    const { sync } = rig.disk.counts;
    rig.nowMs += 10 * WINDOW_MS;
    rig.settle();
    expect(rig.disk.counts.sync).toBe(sync);
  });

  test('a flush of many logs goes on from turn to turn also where nothing else happens', () => {
    const rig = makeRig();
    const logs = 3 * 128;
    for (let slot = 0; slot < logs; slot++) rig.open(slot);
    for (let slot = 0; slot < logs; slot++) rig.append(slot, batchOf(), slot);
    rig.publish();
    rig.settle();
    rig.nowMs += WINDOW_MS / 2;
    rig.turn();
    // As a front goes on with the worker that lives in its thread.
    const turnWhileBusy = (): void => {
      for (let turns = 0; !rig.worker.isIdle; turns++) {
        expect(turns).toBeLessThan(100);
        rig.turn();
      }
    };
    turnWhileBusy();
    rig.aide.turn(rig.nowMs);
    turnWhileBusy();
    expect(Array.from({ length: logs }, (_, slot) => slot).filter((slot) => !isFlushed(rig, slot))).toEqual([]);
  });

  test('is off with 0', () => {
    const rig = makeRig({ flushWindowMs: 0 });
    rig.open(0);
    write(rig, 0);
    rig.nowMs += 100 * WINDOW_MS;
    rig.settle();
    expect(rig.disk.counts.sync).toBe(0);
  });

  test('a log whose flush fails takes no more appends; the others go on', () => {
    const rig = makeRig();
    for (const slot of [0, 1]) rig.open(slot);
    write(rig, 0, 1);
    write(rig, 1, 2);
    rig.nowMs += WINDOW_MS / 2;
    rig.disk.failNext('sync', 'EIO');
    rig.settle();
    rig.take();
    write(rig, 0, 3);
    write(rig, 1, 4);
    expect(rig.take().map(({ exchange, error }) => [exchange, error])).toEqual([
      [3, KAFKA_STORAGE_ERROR],
      [4, 0],
    ]);
    rig.nowMs += 20 * WINDOW_MS;
    rig.settle();
    expect(isFlushed(rig, 0)).toBe(false);
    expect(isFlushed(rig, 1)).toBe(true);
  });
});

describe('the flush window of many logs', () => {
  const COUNT = ONE_BY_ONE_MAX * 4;

  function writeMany(rig: WorkerRig): void {
    for (let slot = 0; slot < COUNT; slot++) rig.open(slot);
    for (let slot = 0; slot < COUNT; slot++) rig.append(slot, batchOf(), slot);
    rig.publish();
    rig.turn();
    rig.nowMs += WINDOW_MS / 2;
  }

  function flushedCount(rig: WorkerRig): number {
    let count = 0;
    for (let slot = 0; slot < COUNT; slot++) if (isFlushed(rig, slot)) count += 1;
    return count;
  }

  test('flushes the file system once', () => {
    const rig = makeRig();
    writeMany(rig);
    rig.settle();
    expect(rig.disk.counts.syncSystem).toBe(1);
    expect(rig.disk.counts.sync).toBe(0);
    expect(flushedCount(rig)).toBe(COUNT);
  });

  test('what is written while it is under way is not taken for flushed', () => {
    const rig = makeRig();
    writeMany(rig);
    while (rig.turn());
    write(rig, 7, 9999);
    rig.settle();
    expect(flushedCount(rig)).toBe(COUNT - 1);
    rig.nowMs += WINDOW_MS;
    rig.settle();
    expect(flushedCount(rig)).toBe(COUNT);
  });

  test('when it fails each log is asked for its own flush, and only what fails then is closed to appends', () => {
    const rig = makeRig();
    writeMany(rig);
    rig.disk.failNext('syncSystem', 'EIO');
    rig.disk.failNext('sync', 'EIO');
    rig.settle();
    expect(flushedCount(rig)).toBe(COUNT - 1);
    const poisoned = Array.from({ length: COUNT }, (_, slot) => slot).filter(
      (slot) => rig.parts.table.at(slot)?.log.isPoisoned,
    );
    expect(poisoned).toHaveLength(1);
  });

  test('without such a flush they are flushed one by one', () => {
    const rig = makeRig();
    rig.disk.hasSyncSystem = false;
    writeMany(rig);
    rig.settle();
    expect(flushedCount(rig)).toBe(COUNT);
    expect(rig.disk.counts.syncSystem).toBe(0);
  });

  test('a log is closed only when the flush it is part of is back', () => {
    const rig = makeRig();
    writeMany(rig);
    while (rig.turn());
    const id = rig.closePartition(5);
    rig.turn();
    expect(rig.hasReplied(id)).toBe(false);
    rig.settle();
    expect(rig.hasReplied(id)).toBe(true);
  });
});

describe('write-back', () => {
  const RANGE_BYTES = 8192;

  test('is asked for in ranges of whole pages behind the append point, after the receipts of the turn', () => {
    const rig = makeRig({ writeBackBytes: RANGE_BYTES, flushWindowMs: 0 });
    rig.open(0);
    let exchange = 0;
    while (rig.disk.writtenBack.length < 3) {
      write(rig, 0, exchange++);
      expect(rig.take()).toHaveLength(1);
      rig.settle();
    }
    const sizeBytes = must(rig.parts.table.at(0), 'the partition is open').log.totalBytes;
    let end = 0;
    for (const { path, position, length } of rig.disk.writtenBack) {
      expect(path).toMatch(/00000000000000000000\.log$/);
      expect(position).toBe(end);
      expect(length).toBeGreaterThanOrEqual(RANGE_BYTES);
      expect(length % 4096).toBe(0);
      end = position + length;
    }
    expect(end).toBeLessThanOrEqual(sizeBytes);
    expect(rig.disk.counts.sync).toBe(0);
  });

  test('has one range of a log under way, and a file that is closed meanwhile stays open until it is back', () => {
    const rig = makeRig({ writeBackBytes: 4096, flushWindowMs: 0 });
    rig.open(0);
    for (let exchange = 0; exchange < 500; exchange++) write(rig, 0, exchange);
    expect(rig.disk.writtenBack).toEqual([]);
    rig.closePartition(0);
    rig.turn();
    expect(rig.disk.openCount).toBe(1);
    rig.settle();
    expect(rig.disk.writtenBack).toHaveLength(1);
    expect(rig.disk.openCount).toBe(0);
  });
});
