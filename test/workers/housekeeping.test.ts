import { describe, expect, test, vi } from 'vitest';
import { READ_DONE_FD, READ_DONE_LEASE, READ_DONE_LENGTH } from '../../src/zerocopy/layout.ts';
import { FAKE_START_MS } from '../support/fake-clock.ts';
import { plainMemory } from '../support/plain-memory.ts';
import { batchOf } from '../support/simulated-deeds.ts';
import { makeRig } from './rig-of-test.ts';
import type { RigOptions, WorkerRig } from './worker-rig.ts';

const HOUR_MS = 3_600_000;
const KAFKA_STORAGE_ERROR = 56;

function makeKeptRig(options: RigOptions = {}): WorkerRig {
  return makeRig({ retentionCheckMs: 10_000, ...options });
}

/** One record, one segment each. */
function fill(rig: WorkerRig, slot: number, count: number, timestamp = FAKE_START_MS): void {
  for (let index = 0; index < count; index++) {
    rig.append(slot, batchOf({ timestamps: [timestamp] }), index);
    rig.publish();
    rig.turn();
    rig.parts.table.at(slot)?.log.roll(rig.nowMs);
    rig.take();
  }
}

function pass(rig: WorkerRig, ms: number, stepMs = 1000): void {
  for (let passed = 0; passed < ms; passed += stepMs) {
    rig.nowMs += stepMs;
    rig.settle();
  }
}

function removedPaths(rig: WorkerRig): string[] {
  return rig.replies.flatMap((reply) => (reply.kind === 'remove-files' ? reply.paths : []));
}

describe('the tick of a worker', () => {
  test('lets expired segments go and tells the board where the log begins', () => {
    const rig = makeKeptRig({ settings: { retentionMsMax: HOUR_MS, fileDeleteDelayMs: 5000 } });
    rig.open(0);
    fill(rig, 0, 5);
    rig.nowMs += HOUR_MS + 1;
    pass(rig, 2000);
    expect([rig.board.logStart(0), rig.board.end(0)]).toEqual([5, 5]);
    expect(removedPaths(rig)).toEqual([]);
    pass(rig, 6000);
    expect(removedPaths(rig).filter((path) => path.endsWith('.log.deleted'))).toHaveLength(5);
  });

  test('goes on at the next tick where there is more than one tick may do', () => {
    const rig = makeKeptRig({ settings: { retentionMsMax: HOUR_MS, fileDeleteDelayMs: 0 } });
    const { log } = rig.open(0);
    fill(rig, 0, 100);
    const counts = [log.segmentCount];
    rig.nowMs += HOUR_MS + 1;
    for (let tick = 0; tick < 4; tick++) {
      pass(rig, 1000);
      counts.push(log.segmentCount);
    }
    expect(counts[0]).toBe(101);
    expect(counts.at(-2)).toBeGreaterThan(1);
    for (let index = 1; index < counts.length; index++) {
      expect((counts[index - 1] ?? 0) - (counts[index] ?? 0)).toBeLessThanOrEqual(32);
    }
    expect(log.segmentCount).toBe(1);
  });

  test('looks at a log at once when its settings change', () => {
    const rig = makeRig({ retentionCheckMs: 1_000_000 });
    const { log } = rig.open(0);
    fill(rig, 0, 3, FAKE_START_MS - HOUR_MS);
    const settings = { ...rig.settings, retentionMsMax: HOUR_MS / 2 };
    rig.command((id) => ({ kind: 'configure', id, slot: 0, settings }));
    pass(rig, 2000);
    expect(log.watermarks.start).toBe(3);
  });

  test('leaves a file to the reader that has it until the lease is back', () => {
    const rig = makeKeptRig({ settings: { retentionMsMax: HOUR_MS, fileDeleteDelayMs: 0 } });
    rig.open(0);
    fill(rig, 0, 2);
    rig.read(0, 0, 77);
    rig.publish();
    rig.settle();
    const [receipt] = rig.take().filter(({ exchange }) => exchange === 77);
    const lease = receipt?.words[READ_DONE_LEASE] ?? -1;
    const length = receipt?.words[READ_DONE_LENGTH] ?? 0;
    expect(length).toBeGreaterThan(0);
    rig.nowMs += HOUR_MS + 1;
    pass(rig, 20_000);
    expect(rig.board.logStart(0)).toBe(2);
    const first = 'data/orders-0/00000000000000000000.log.deleted';
    expect(removedPaths(rig)).not.toContain(first);
    expect(rig.disk.read(receipt?.words[READ_DONE_FD] ?? -1, 0, plainMemory(length), 0, length)).toBe(length);
    rig.release(0, lease);
    rig.publish();
    pass(rig, 2000);
    expect(removedPaths(rig)).toContain(first);
  });

  test('does not heal a log before the batches that its full disk refused in the same turn are answered', () => {
    const rig = makeKeptRig();
    rig.open(0);
    rig.nowMs += 2000;
    rig.disk.failNext('write', 'ENOSPC');
    for (let index = 0; index < 3; index++) rig.append(0, batchOf({ count: 1 }), index);
    rig.publish();
    rig.turn();
    expect(rig.take().map(({ error }) => error)).toEqual([
      KAFKA_STORAGE_ERROR,
      KAFKA_STORAGE_ERROR,
      KAFKA_STORAGE_ERROR,
    ]);
    expect(rig.parts.gate.count).toBe(0);
  });

  test('leaves idle logs alone but for one look a minute, a bounded number of them in each tick', () => {
    const rig = makeKeptRig();
    const logs = Array.from({ length: 300 }, (_, slot) => rig.open(slot).log);
    pass(rig, 60_000);
    const looks = logs.map((log) => vi.spyOn(log, 'expireProducers'));
    const asked = logs.map((log) => vi.spyOn(log, 'owesSync'));
    const sum = (spies: typeof looks | typeof asked): number =>
      spies.reduce((all, spy) => all + spy.mock.calls.length, 0);
    const perTick: number[] = [];
    for (let tick = 0; tick < 60; tick++) {
      const before = sum(looks);
      pass(rig, 1000);
      perTick.push(sum(looks) - before);
    }
    expect(looks.map((spy) => spy.mock.calls.length)).toEqual(logs.map(() => 1));
    expect(sum(asked)).toBe(300);
    expect(Math.max(...perTick)).toBe(128);
  });

  test('has every log checked for retention, though others close meanwhile', () => {
    const rig = makeKeptRig({ settings: { retentionMsMax: HOUR_MS } });
    const all = Array.from({ length: 300 }, (_, slot) => rig.open(slot).log);
    rig.nowMs += 10_000;
    pass(rig, 30_000);
    const looks = all.map((log) => vi.spyOn(log.upkeep, 'enforceRetention'));
    const checked = (): number => looks.filter((spy) => spy.mock.calls.length > 0).length;
    while (checked() === 0) pass(rig, 1000);
    expect(checked()).toBe(128);
    for (const slot of [0, 1, 299, 298, 297]) rig.closePartition(slot);
    pass(rig, 4000);
    const unchecked = looks.flatMap((spy, slot) => (spy.mock.calls.length === 0 ? [slot] : []));
    expect(unchecked).toEqual([0, 1]);
  });

  test('heals a log that met a full disk within a second, whichever of many it is', () => {
    const rig = makeKeptRig();
    const partitions = Array.from({ length: 300 }, (_, slot) => rig.open(slot));
    pass(rig, 10_000);
    for (const slot of [0, 150, 299]) {
      rig.disk.failNext('write', 'ENOSPC');
      rig.append(slot, batchOf({ count: 1 }), slot);
      rig.publish();
      rig.turn();
    }
    const ill = (): number => partitions.filter(({ log }) => log.isPoisoned).length;
    expect(ill()).toBe(3);
    pass(rig, 1000);
    expect(ill()).toBe(0);
  });
});

describe('the report for checkpoints', () => {
  test('tells only of logs that moved since the last, and of all where that one may be lost', () => {
    const rig = makeKeptRig();
    for (const slot of [0, 1, 2]) rig.open(slot);
    const told = (isWhole: boolean): string[] => {
      const id = rig.command((its) => ({ kind: 'report-changes', id: its, isWhole }));
      rig.turn();
      const reply = rig.replies.find((each) => each.kind === 'report' && each.id === id);
      return reply?.kind === 'report' ? reply.rows.map(({ slot, end }) => `${slot} ends at ${end}`) : [];
    };
    expect(told(false)).toEqual(['0 ends at 0', '1 ends at 0', '2 ends at 0']);
    expect(told(false)).toEqual([]);
    fill(rig, 1, 2);
    expect(told(false)).toEqual(['1 ends at 2']);
    expect(told(true)).toEqual(['0 ends at 0', '1 ends at 2', '2 ends at 0']);
    rig.closePartition(2, true);
    rig.turn();
    rig.open(2, { partitionName: 'orders-9' });
    expect(told(false)).toEqual(['2 ends at 0']);
  });
});
