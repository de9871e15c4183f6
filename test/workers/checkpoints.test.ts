import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Logger } from '../../src/base/logger.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { LogDirectory } from '../../src/storage/log-directory.ts';
import { Checkpoints } from '../../src/workers/checkpoints.ts';
import type { PartitionReport, WorkerCommand } from '../../src/workers/commands.ts';
import type { MailSender } from '../../src/workers/mailbox.ts';
import { WorkerHost } from '../../src/workers/worker-host.ts';
import { WorkerPost } from '../../src/workers/worker-post.ts';
import { FakeDisk } from '../support/fake-disk.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

function makeRig() {
  const disk = new FakeDisk();
  const directory = new LogDirectory(disk, 'data');
  directory.open('boot');
  const rows: PartitionReport[] = [];
  const state = { isSilent: false };
  /** Of each question whether it was for everything. */
  const asked: boolean[] = [];
  const mail: Pick<MailSender, 'post'> = {
    post(message: unknown) {
      const command = message as WorkerCommand;
      if (command.kind !== 'report-changes') return;
      asked.push(command.isWhole);
      if (!state.isSilent) {
        post.receive({ kind: 'report', id: command.id, rows: rows.map((row) => ({ ...row })) });
      }
    },
  };
  const post = new WorkerPost(0, mail);
  const host = new WorkerHost({
    logger: silentLogger,
    forgetTallies: () => {},
    posts: [post],
    directory,
    isClean: true,
    settings: { isSyncedBeforeAck: false, producerExpiryMs: 1000 },
    recover: () => Promise.reject(new Error('nothing is recovered here')),
    flushAll: () => Promise.reject(new Error('nothing is flushed here')),
    uniqueHex: () => '0'.repeat(32),
  });
  for (const slot of [0, 1]) host.open.set(slot, { slot, worker: 0, topic: 'orders', topicId: '', partition: slot });
  const lines: string[] = [];
  const say = (line: string): void => void lines.push(line);
  const logger: Logger = { debug: say, info: say, warn: say, error: say };
  const checkpoints = new Checkpoints({
    directory,
    bootId: 'boot',
    host,
    posts: [post],
    everyMs: 60_000,
    nowMs: () => Date.now(),
    logger,
  });
  const reread = (bootId: string | null) => {
    const other = new LogDirectory(disk, 'data');
    other.open(bootId);
    return other;
  };
  return { disk, rows, state, asked, host, checkpoints, lines, reread };
}

const row = (slot: number, more: Partial<PartitionReport> = {}): PartitionReport => ({
  slot,
  recoveryPoint: 10,
  logStart: 2,
  high: 30,
  unsyncedSinceMs: -1,
  end: 40,
  sizeBytes: 0,
  cleanedOffset: 0,
  isClean: true,
  ...more,
});

describe('checkpoints', () => {
  test('say every few seconds how far the logs are written under this boot, and now and then how far flushed', async () => {
    const { rows, checkpoints, reread } = makeRig();
    rows.push(row(0), row(1, { end: 50, recoveryPoint: 20 }));
    checkpoints.start();
    await vi.advanceTimersByTimeAsync(3500);
    expect(reread('boot').vouchersOf('orders', 0)).toEqual({
      recoveryPoint: 10,
      logStartOffset: 2,
      writtenOffset: 40,
      cleanedOffset: 0,
      mayHaveGaps: false,
    });
    expect(reread('another').vouchersOf('orders', 0).writtenOffset).toBe(-1);
    rows.splice(0, 2, row(0, { end: 80, recoveryPoint: 70 }), row(1, { end: 50, recoveryPoint: 20 }));
    await vi.advanceTimersByTimeAsync(3000);
    expect(reread('boot').vouchersOf('orders', 0)).toMatchObject({ recoveryPoint: 10, writtenOffset: 80 });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(reread('boot').vouchersOf('orders', 0)).toMatchObject({ recoveryPoint: 70, writtenOffset: 80 });
    checkpoints.stop();
  });

  test('write nothing while nothing moves', async () => {
    const { disk, rows, checkpoints } = makeRig();
    rows.push(row(0));
    checkpoints.start();
    await vi.advanceTimersByTimeAsync(4000);
    const before = disk.counts.write;
    await vi.advanceTimersByTimeAsync(30_000);
    expect(disk.counts.write).toBe(before);
    checkpoints.stop();
  });

  test('ask for everything once, from then on for what moved, which is kept beside what they know', async () => {
    const { rows, state, asked, checkpoints, reread } = makeRig();
    rows.push(row(0), row(1, { end: 50 }));
    checkpoints.start();
    await vi.advanceTimersByTimeAsync(3500);
    rows.splice(0, 2, row(1, { end: 60, logStart: 5 }));
    await vi.advanceTimersByTimeAsync(3000);
    const written = reread('boot');
    expect(written.vouchersOf('orders', 0).writtenOffset).toBe(40);
    expect(written.vouchersOf('orders', 1)).toMatchObject({ writtenOffset: 60, logStartOffset: 5 });
    expect(asked).toEqual([true, false]);
    state.isSilent = true;
    await vi.advanceTimersByTimeAsync(9000);
    state.isSilent = false;
    await vi.advanceTimersByTimeAsync(9000);
    expect(asked).toContain(true);
    expect(asked.slice(2, 4)).toEqual([false, true]);
    expect(asked.at(-1)).toBe(false);
    checkpoints.stop();
  });

  test('ask again for a log whose opening they did not know of', async () => {
    const { rows, asked, host, checkpoints, reread } = makeRig();
    const placed = host.open.get(1);
    host.open.delete(1);
    rows.push(row(0), row(1, { end: 50 }));
    checkpoints.start();
    await vi.advanceTimersByTimeAsync(3500);
    expect(reread('boot').vouchersOf('orders', 1).writtenOffset).toBe(-1);
    if (placed !== undefined) host.open.set(1, placed);
    await vi.advanceTimersByTimeAsync(6000);
    expect(reread('boot').vouchersOf('orders', 1).writtenOffset).toBe(50);
    expect(asked).toEqual([true, true, false]);
    checkpoints.stop();
  });

  test('forget what a slot held when it goes to another partition', async () => {
    const { rows, host, checkpoints, reread } = makeRig();
    rows.push(row(0), row(1, { end: 50 }));
    checkpoints.start();
    await vi.advanceTimersByTimeAsync(3500);
    rows.splice(0, 2);
    host.open.set(1, { slot: 1, worker: 0, topic: 'bills', topicId: '', partition: 0 });
    await vi.advanceTimersByTimeAsync(3000);
    const written = reread('boot');
    expect(written.vouchersOf('orders', 0).writtenOffset).toBe(40);
    expect(written.vouchersOf('orders', 1).writtenOffset).toBe(-1);
    expect(written.vouchersOf('bills', 0).writtenOffset).toBe(-1);
    checkpoints.stop();
  });

  test('say so when a worker gives no report, and go on when it does again', async () => {
    const { rows, state, checkpoints, lines, reread } = makeRig();
    rows.push(row(0));
    state.isSilent = true;
    checkpoints.start();
    await vi.advanceTimersByTimeAsync(9000);
    expect(lines[0]).toMatch(/checkpoints were not written: worker 0 was asked for its offsets/);
    state.isSilent = false;
    await vi.advanceTimersByTimeAsync(9000);
    expect(reread('boot').vouchersOf('orders', 0).writtenOffset).toBe(40);
    checkpoints.stop();
  });

  test('leave the mark of a clean stop only when every log closed well and none is missing', () => {
    const all = [row(0), row(1)];
    for (const [rows, isClean] of [
      [all, true],
      [[row(0), row(1, { isClean: false })], false],
      [[row(0)], false],
    ] as const) {
      const { checkpoints, reread } = makeRig();
      checkpoints.saveLast(rows);
      expect(reread('boot').takeCleanMark()).toBe(isClean);
      expect(reread(null).vouchersOf('orders', 0).recoveryPoint).toBe(10);
    }
  });
});
