/** Which log is compacted, when, and what becomes of it when something goes wrong. The work itself is tested below `storage`. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Fault } from '../../src/base/fault.ts';
import { silentLogger } from '../../src/base/logger.ts';
import type { CleaningPlan, GroupCleaned, GroupTask, MapBuilt, MapWishes } from '../../src/storage/compaction.ts';
import type { CleanableLog, WorkerCommand } from '../../src/workers/commands.ts';
import { type CleanerSettings, LogCleaner } from '../../src/workers/log-cleaner.ts';
import { WorkerPost } from '../../src/workers/worker-post.ts';

const SEGMENT = { baseOffset: 0, sizeBytes: 100, upperOffset: 10, indexBytes: 0 };

function dirty(slot: number, cleanBytes: number, dirtyBytes: number, more: Partial<CleanableLog> = {}): CleanableLog {
  const partitionName = `users-${slot}`;
  return { slot, partitionName, cleanBytes, dirtyBytes, isOverdue: false, dirtyRatioMin: 0.5, ...more };
}

function planOf(slot: number): CleaningPlan {
  const lastRecords = { producerIds: new Float64Array(0), lastOffsets: new Float64Array(0), epochs: new Int32Array(0) };
  return {
    partitionName: `users-${slot}`,
    folder: 'data',
    segments: [SEGMENT],
    laterBases: [],
    firstDirtyOffset: 0,
    lastRecords,
    segmentBytesMax: 1000,
    indexBytesMax: 1000,
    indexIntervalBytes: 100,
    deleteRetentionMs: 0,
    nowMs: 0,
  };
}

/** A worker that has these logs, and work that does nothing but what the test says. */
function makeRig(rows: CleanableLog[], settings: Partial<CleanerSettings> = {}) {
  const state = {
    isSwapped: true,
    fault: null as Fault | null,
    hang: null as Promise<void> | null,
    /** Slots that have no plan now, and those that do not answer. */
    planless: new Set<number>(),
    silent: new Set<number>(),
    /** Slots whose compaction fails, by what. */
    faults: new Map<number, Fault>(),
  };
  const said: string[] = [];
  const offered: (SharedArrayBuffer | null)[] = [];
  const answer = (command: WorkerCommand): void => {
    if (command.kind === 'cleanables') post.receive({ kind: 'cleanables', id: command.id, rows });
    else if (command.kind === 'begin-cleaning') {
      said.push(`plan ${command.slot}`);
      if (state.silent.has(command.slot)) return;
      const plan = state.planless.has(command.slot) ? null : planOf(command.slot);
      post.receive({ kind: 'cleaning-plan', id: command.id, plan });
    } else if (command.kind === 'swap-cleaned') {
      post.receive({ kind: 'swapped', id: command.id, isDone: state.isSwapped });
    } else if (command.kind === 'end-cleaning') {
      said.push(`end ${command.slot} ${command.endOffset}`);
      const index = rows.findIndex((row) => row.slot === command.slot);
      if (command.endOffset >= 0 && index >= 0) rows.splice(index, 1);
      post.receive({ kind: 'swapped', id: command.id, isDone: true });
    }
  };
  const post: WorkerPost = new WorkerPost(0, {
    post: (message) => queueMicrotask(() => answer(message as WorkerCommand)),
  });
  const work = {
    buildMap: async ({ partitionName }: CleaningPlan, { memory }: MapWishes): Promise<MapBuilt> => {
      for (const [slot, fault] of state.faults) if (partitionName === `users-${slot}`) throw fault;
      offered.push(memory ?? null);
      if (state.hang !== null) await state.hang;
      if (state.fault !== null) throw state.fault;
      return { map: memory ?? new SharedArrayBuffer(8), endOffset: 10, groups: [[SEGMENT]] };
    },
    cleanGroup: ({ group, transactions }: GroupTask): Promise<GroupCleaned> =>
      Promise.resolve({ sources: group, sizeBytes: 10, hasAborted: false, transactions }),
  };
  const cleaner = new LogCleaner({
    posts: [post],
    work,
    settings: () => ({
      isEnabled: true,
      threads: 1,
      mapBytesMax: 1000,
      loadFactor: 0.9,
      backoffMs: 1000,
      reserveBytes: 0,
      ...settings,
    }),
    randomBytes: (count) => new Uint8Array(count),
    logger: silentLogger,
  });
  return { cleaner, said, state, rows, offered };
}

describe('the log that is compacted next', () => {
  test('is the one with the largest dirty share above its minimum', async () => {
    const { cleaner, said } = makeRig([dirty(0, 100, 10), dirty(1, 10, 90), dirty(2, 10, 40)]);
    expect(await cleaner.pass()).toBe(true);
    expect(await cleaner.pass()).toBe(true);
    expect(await cleaner.pass()).toBe(false);
    expect(said).toEqual(['plan 1', 'end 1 10', 'plan 2', 'end 2 10']);
  });

  test('may be less dirty when a record in it waits for too long', async () => {
    const { cleaner, said } = makeRig([dirty(0, 1000, 1, { isOverdue: true })]);
    expect(await cleaner.pass()).toBe(true);
    expect(said).toEqual(['plan 0', 'end 0 10']);
  });
});

test('one memory serves compaction after compaction, also after one that failed', async () => {
  const { cleaner, state, offered } = makeRig([dirty(0, 0, 100), dirty(1, 0, 100), dirty(2, 0, 100)]);
  await cleaner.pass();
  state.fault = new Fault('PB_DISK_FULL', 'so it is');
  await cleaner.pass();
  state.fault = null;
  await cleaner.pass();
  expect(offered[0]).toBeNull();
  expect(offered[1]).not.toBeNull();
  expect(offered[2]).toBe(offered[1]);
});

describe('a compaction that fails', () => {
  test('is tried again when it may pass, and never where the log is damaged', async () => {
    for (const [code, isTried] of [['PB_DISK_FULL', true] as const, ['PB_DATA_DAMAGED', false] as const]) {
      const { cleaner, said, state } = makeRig([dirty(0, 0, 100)]);
      state.fault = new Fault(code, 'so it is');
      expect(await cleaner.pass()).toBe(false);
      state.fault = null;
      expect(await cleaner.pass()).toBe(isTried);
      expect(said.slice(0, 2)).toEqual(['plan 0', 'end 0 -1']);
    }
  });

  test('is forgotten with its log: another one may come under the name', async () => {
    const { cleaner, said, state, rows } = makeRig([dirty(0, 0, 100)]);
    state.fault = new Fault('PB_DATA_DAMAGED', 'so it is');
    await cleaner.pass();
    state.fault = null;
    expect(cleaner.figures.uncleanable).toBe(1);
    const [row] = rows.splice(0);
    await cleaner.pass();
    expect(cleaner.figures.uncleanable).toBe(0);
    if (row !== undefined) rows.push(row);
    expect(await cleaner.pass()).toBe(true);
    expect(said).toEqual(['plan 0', 'end 0 -1', 'plan 0', 'end 0 10']);
  });

  test('counts for nothing when its segments have changed meanwhile', async () => {
    const { cleaner, said, state } = makeRig([dirty(0, 0, 100)]);
    state.isSwapped = false;
    expect(await cleaner.pass()).toBe(false);
    expect(said).toEqual(['plan 0', 'end 0 -1']);
  });
});

describe('the cleaner', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('looks every log.cleaner.backoff.ms and compacts until nothing is worth it', async () => {
    const { cleaner, said } = makeRig([dirty(0, 0, 100), dirty(1, 0, 100)]);
    cleaner.start();
    await vi.advanceTimersByTimeAsync(900);
    expect(said).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    expect(said).toHaveLength(4);
    await cleaner.stop();
  });

  test('does nothing while it is disabled', async () => {
    const { cleaner, said } = makeRig([dirty(0, 0, 100)], { isEnabled: false });
    cleaner.start();
    await vi.advanceTimersByTimeAsync(5000);
    await cleaner.stop();
    expect(said).toEqual([]);
  });

  test('goes on to the others where the dirtiest cannot be compacted now, and comes back to it at the next look', async () => {
    for (const hinder of ['planless', 'full'] as const) {
      const { cleaner, said, state } = makeRig([dirty(0, 0, 100), dirty(1, 10, 90), dirty(2, 20, 80)]);
      if (hinder === 'planless') state.planless.add(0);
      else state.faults.set(0, new Fault('PB_DISK_FULL', 'so it is'));
      cleaner.start();
      await vi.advanceTimersByTimeAsync(1100);
      const others = ['plan 1', 'end 1 10', 'plan 2', 'end 2 10'];
      expect(said.filter((line) => !line.includes(' 0'))).toEqual(others);
      expect(said.filter((line) => line === 'plan 0')).toHaveLength(1);
      state.planless.clear();
      state.faults.clear();
      await vi.advanceTimersByTimeAsync(1000);
      expect(said.slice(-2)).toEqual(['plan 0', 'end 0 10']);
      await cleaner.stop();
    }
  });

  test('ends a compaction whose plan came too late, for the log waits for its end', async () => {
    const { cleaner, said, state } = makeRig([dirty(0, 0, 100)]);
    state.silent.add(0);
    cleaner.start();
    await vi.advanceTimersByTimeAsync(1100);
    state.silent.clear();
    await vi.advanceTimersByTimeAsync(30_000);
    expect(said.slice(0, 2)).toEqual(['plan 0', 'end 0 -1']);
    await cleaner.stop();
  });

  test('takes as many logs at one time as it has threads, and gives up what is under way when it stops', async () => {
    const { cleaner, said, state } = makeRig([dirty(0, 0, 100)], { threads: 2 });
    let go = (): void => {};
    state.hang = new Promise((resolve) => {
      go = resolve;
    });
    cleaner.start();
    await vi.advanceTimersByTimeAsync(3100);
    expect(said).toEqual(['plan 0', 'plan 0']);
    const stopped = cleaner.stop();
    go();
    await stopped;
    expect(said.slice(2)).toEqual(['end 0 -1', 'end 0 -1']);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(said).toHaveLength(4);
  });
});
