import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { must } from '../../src/base/assert.ts';
import { Fault } from '../../src/base/fault.ts';
import { FolderLock, readBootId } from '../../src/storage/folder-lock.ts';
import { findPartitions } from '../../src/storage/found-folders.ts';
import { LogDirectory } from '../../src/storage/log-directory.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { TOPIC_ID } from './storage-kit.ts';

function codeOf(action: () => unknown): string {
  try {
    action();
    return 'none';
  } catch (error) {
    return error instanceof Fault ? error.code : String(error);
  }
}

describe('a data folder', () => {
  const row = { topic: 'orders', partition: 0, recoveryPoint: 5, logStart: 2, high: 8, end: 9, cleanedOffset: 4 };

  it('hands the checkpoints of the last run on, written offsets only under the same boot', () => {
    const disk = new FakeDisk();
    const first = new LogDirectory(disk, 'data');
    first.open('boot-1');
    expect(first.vouchersOf('orders', 0)).toEqual({
      recoveryPoint: 0,
      logStartOffset: 0,
      writtenOffset: -1,
      cleanedOffset: 0,
      mayHaveGaps: false,
    });
    first.saveCheckpoints([row]);
    first.saveWritten('boot-1', [row]);
    const second = new LogDirectory(disk, 'data');
    second.open('boot-1');
    expect(second.vouchersOf('orders', 0)).toEqual({
      recoveryPoint: 5,
      logStartOffset: 2,
      writtenOffset: 9,
      cleanedOffset: 4,
      mayHaveGaps: false,
    });
    const third = new LogDirectory(disk, 'data');
    third.open('boot-2');
    expect(third.vouchersOf('orders', 0).writtenOffset).toBe(-1);
  });

  it('tells nothing of an earlier partition of the same name once a new one is made', () => {
    for (const isOfLastRun of [false, true]) {
      const disk = new FakeDisk();
      let directory = new LogDirectory(disk, 'data');
      directory.open('boot-1');
      const other = { ...row, topic: 'users' };
      directory.begin({ topic: 'orders', partition: 0, topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', leaderEpoch: 0 });
      directory.saveWritten('boot-1', [row, other]);
      directory.saveCheckpoints([row, other]);
      if (isOfLastRun) {
        directory = new LogDirectory(disk, 'data');
        directory.open('boot-1');
      } else directory.putAside('orders', 0, '0'.repeat(32));
      directory.forgetNamesakes([{ topic: 'orders', partition: 0 }]);
      const next = new LogDirectory(disk, 'data');
      next.open('boot-1');
      const nothing = { recoveryPoint: 0, logStartOffset: 0, writtenOffset: -1, cleanedOffset: 0, mayHaveGaps: false };
      expect(next.vouchersOf('orders', 0)).toEqual(nothing);
      expect(next.vouchersOf('users', 0)).toMatchObject({ recoveryPoint: 5, logStartOffset: 2, writtenOffset: 9 });
    }
  });

  it('writes nothing for partitions whose names are new', () => {
    const disk = new FakeDisk();
    const directory = new LogDirectory(disk, 'data');
    directory.open('boot-1');
    directory.saveCheckpoints([row]);
    const { open, write } = disk.counts;
    directory.forgetNamesakes([{ topic: 'users', partition: 0 }]);
    expect(disk.counts).toMatchObject({ open, write });
  });

  it('knows a clean stop once', () => {
    const disk = new FakeDisk();
    const directory = new LogDirectory(disk, 'data');
    directory.open(null);
    expect(directory.takeCleanMark()).toBe(false);
    directory.leaveCleanMark();
    expect(directory.takeCleanMark()).toBe(true);
    expect(directory.takeCleanMark()).toBe(false);
  });

  it('lists partitions only, and finishes deletions that were cut short', () => {
    const disk = new FakeDisk();
    const directory = new LogDirectory(disk, 'data');
    directory.open(null);
    for (const name of ['orders-0', 'a-b-12', 'x-007', 'notes', '__cluster_metadata-0', `t-1.${'a'.repeat(32)}-delete`])
      disk.makeFolder(`data/${name}`);
    // A file of a partition's name once kept the broker from starting.
    for (const name of ['dump-1', `t-2.${'a'.repeat(32)}-delete`]) disk.makeFile(`data/${name}`, new Uint8Array(1));
    expect(
      directory
        .list()
        .map((folder) => folder.name)
        .sort(),
    ).toEqual(['a-b-12', 'orders-0']);
    expect(disk.list('data')).not.toContain(`t-1.${'a'.repeat(32)}-delete`);
    // Nor does a folder that somebody put into one keep it from going.
    disk.makeFolder('data/orders-0/backup');
    const aside = directory.putAside('orders', 0, 'b'.repeat(32));
    expect(disk.list('data')).toContain(`orders-0.${'b'.repeat(32)}-delete`);
    directory.removeFolder(must(aside, 'there was a folder'));
    expect(disk.list('data')).not.toContain('orders-0');
  });

  // One sector that could not be read kept all partitions from opening.
  it('says of the partitions that can be read whose they are, whatever becomes of others', () => {
    const disk = new FakeDisk();
    const directory = new LogDirectory(disk, 'data');
    directory.open(null);
    for (const topic of ['a', 'b']) directory.begin({ topic, partition: 0, topicId: TOPIC_ID, leaderEpoch: 3 });
    disk.makeFolder('data/c-0');
    const readFile = disk.readFile.bind(disk);
    disk.readFile = (path) => {
      if (path === 'data/a-0/partition.metadata') throw new Fault('PB_DISK_ERROR', 'EIO');
      return readFile(path);
    };
    expect(findPartitions(disk, directory.list())).toMatchObject([
      { topic: 'a', topicId: null, flaw: 'cannot be read: EIO' },
      { topic: 'b', topicId: TOPIC_ID, leaderEpoch: 3, flaw: null },
      { topic: 'c', topicId: null, flaw: 'holds no log' },
    ]);
  });

  it('lets no topic name out of the folder', () => {
    const directory = new LogDirectory(new FakeDisk(), 'data');
    for (const topic of ['..', '.', '', '../x', 'a/b', 'a\\b', 'a\0b', 'ä', 'x'.repeat(250), '..-0/..']) {
      expect(() => directory.pathOf(topic, 0)).toThrow(Fault);
    }
    expect(() => directory.pathOf('a', -1)).toThrow(Fault);
    expect(() => directory.pathOf('a', 1.5)).toThrow(Fault);
    expect(directory.pathOf('...', 0)).toBe('data/...-0');
  });

  it('refuses a newer format', () => {
    const disk = new FakeDisk();
    const directory = new LogDirectory(disk, 'data');
    directory.open(null);
    directory.open(null);
    disk.replaceFile('data/perfbroker.format', Buffer.from('2\n'));
    expect(codeOf(() => directory.open(null))).toBe('PB_DATA_NEWER');
    disk.replaceFile('data/perfbroker.format', Buffer.from('?'));
    expect(codeOf(() => directory.open(null))).toBe('PB_DATA_DAMAGED');
  });
});

describe('the lock of a data folder', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'perfbroker-lock-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const path = () => join(folder, 'perfbroker.lock');

  it('is held by one, names the holder, and can be taken again after release', () => {
    const lock = FolderLock.take(folder, Date.now());
    expect(codeOf(() => FolderLock.take(folder, Date.now()))).toBe('PB_DATA_LOCKED');
    expect(() => FolderLock.take(folder, Date.now())).toThrow(`is in use by process ${process.pid}`);
    lock.release();
    FolderLock.take(folder, Date.now()).release();
    expect(existsSync(path())).toBe(false);
  });

  function holder(change: object): void {
    const lock = FolderLock.take(folder, Date.now());
    const content: unknown = JSON.parse(readFileSync(path(), 'utf8'));
    lock.release();
    writeFileSync(path(), JSON.stringify(Object.assign({}, content, change)));
  }

  it.skipIf(readBootId() === null)(
    'is taken from a process that is gone, whose id another has, or of another boot',
    () => {
      const gone = spawnSync(process.execPath, ['-e', '']).pid;
      for (const change of [{ pid: gone }, { startTicks: '1' }, { bootId: 'another' }]) {
        holder(change);
        FolderLock.take(folder, Date.now()).release();
      }
    },
  );

  it.skipIf(readBootId() === null)('of another container is respected while it gives signs of life', () => {
    holder({ namespace: 'pid:[1]' });
    expect(codeOf(() => FolderLock.take(folder, Date.now()))).toBe('PB_DATA_LOCKED');
    utimesSync(path(), 1000, 1000);
    FolderLock.take(folder, Date.now()).release();
  });

  // Two brokers went on writing to one folder; and before a start was through, no sign of life was given at all.
  it('is given signs of life, and its holder told when another process has it', () => {
    vi.useFakeTimers();
    const lock = FolderLock.take(folder, Date.now());
    const onLost = vi.fn();
    lock.keep(onLost);
    utimesSync(path(), 1000, 1000);
    vi.advanceTimersByTime(5000);
    expect(statSync(path()).mtimeMs).toBeGreaterThan(1_000_000);
    expect(onLost).not.toHaveBeenCalled();
    writeFileSync(path(), '{"pid":1}');
    vi.advanceTimersByTime(5000);
    expect(onLost).toHaveBeenCalledOnce();
    vi.advanceTimersByTime(5000);
    lock.release();
    expect(onLost).toHaveBeenCalledOnce();
    expect(existsSync(path())).toBe(true);
    vi.useRealTimers();
  });

  it('is taken where a start was killed while it took it from a dead one', () => {
    for (const guard of ['', String(process.ppid)]) {
      holder({ pid: spawnSync(process.execPath, ['-e', '']).pid });
      const takeover = `${path()}.takeover`;
      writeFileSync(takeover, guard);
      expect(codeOf(() => FolderLock.take(folder, Date.now()))).toBe('PB_DATA_LOCKED');
      utimesSync(takeover, 1000, 1000);
      FolderLock.take(folder, Date.now()).release();
      expect(existsSync(takeover)).toBe(false);
    }
  });

  it('that cannot be read is a dead one', () => {
    writeFileSync(path(), '{');
    FolderLock.take(folder, Date.now()).release();
  });
});
