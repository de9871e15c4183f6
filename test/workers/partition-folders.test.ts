import { describe, expect, test } from 'vitest';
import { silentLogger } from '../../src/base/logger.ts';
import { LogDirectory } from '../../src/storage/log-directory.ts';
import { FOLDERS_AT_ONCE, PartitionFolders } from '../../src/workers/partition-folders.ts';
import { FakeCrash, FakeDisk } from '../support/fake-disk.ts';

const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ';
const FILES = ['00000000000000000000.log', 'leader-epoch-checkpoint', 'partition.metadata'];

function makeFolders() {
  const disk = new FakeDisk();
  const directory = new LogDirectory(disk, 'data');
  directory.open(null);
  let pauses = 0;
  let id = 0;
  const folders = new PartitionFolders({
    logger: silentLogger,
    directory,
    uniqueHex: () => (id++).toString(16).padStart(32, '0'),
    pause: () => {
      pauses += 1;
      return Promise.resolve();
    },
  });
  return { disk, directory, folders, pauses: () => pauses };
}

function partitionsOf(topic: string, count: number) {
  return Array.from({ length: count }, (_, partition) => ({ topic, partition, topicId: TOPIC_ID, leaderEpoch: 0 }));
}

describe('partition folders', () => {
  test('are made with what a log begins in, a few at a time', async () => {
    const { disk, folders, pauses } = makeFolders();
    const count = FOLDERS_AT_ONCE * 3 + 1;
    const { open, write, syncFolder } = disk.counts;
    expect(await folders.begin(partitionsOf('orders', count))).toEqual(Array.from({ length: count }, () => 'begun'));
    expect(pauses()).toBe(3);
    expect(disk.list('data/orders-7')).toEqual(FILES);
    expect([disk.counts.open - open, disk.counts.write - write]).toEqual([count * 3, count * 2]);
    folders.syncNames();
    expect(disk.counts.syncFolder - syncFolder).toBe(1);
  });

  test('that are there already are left to their log, and what cannot be made says why', async () => {
    const { disk, folders } = makeFolders();
    disk.makeFolder('data/orders-1');
    disk.failNext('open', 'ENOSPC');
    const [first, second, third] = await folders.begin(partitionsOf('orders', 3));
    expect(first).toMatchObject({ problem: expect.stringContaining('partition.metadata') });
    expect([second, third]).toEqual(['found', 'begun']);
    expect(disk.list('data/orders-1')).toEqual([]);
  });

  test('made under a name that was another topic’s have nothing to do with it, or are not made', async () => {
    const { disk, directory, folders } = makeFolders();
    const [place] = partitionsOf('orders', 1);
    if (place === undefined) throw new Error('there is one');
    await folders.begin([place]);
    directory.saveCheckpoints([{ ...place, recoveryPoint: 9, logStart: 5, high: 9, end: 9, cleanedOffset: 0 }]);
    await folders.remove([place]);
    disk.failNext('write', 'ENOSPC');
    expect(await folders.begin([place])).toEqual([{ problem: expect.stringContaining('checkpoint') }]);
    expect(await folders.begin([place])).toEqual(['begun']);
    const next = new LogDirectory(disk, 'data');
    next.open(null);
    expect(next.vouchersOf('orders', 0)).toMatchObject({ logStartOffset: 0, recoveryPoint: 0 });
  });

  test('of deleted topics go a few at a time, and the data folder is flushed once', async () => {
    const { disk, folders, pauses } = makeFolders();
    const count = FOLDERS_AT_ONCE * 2 + 1;
    const some = partitionsOf('orders', count);
    await folders.begin([...some, ...partitionsOf('kept', 1)]);
    const before = pauses();
    const { syncFolder } = disk.counts;
    await folders.remove([...some, { topic: 'never-made', partition: 0 }]);
    expect(disk.list('data').filter((name) => name.endsWith('-0') || name.includes('delete'))).toEqual(['kept-0']);
    expect(disk.counts.syncFolder - syncFolder).toBe(1);
    expect(pauses() - before).toBe(4);
    await folders.remove([{ topic: 'orders', partition: 0 }]);
    expect(disk.counts.syncFolder - syncFolder).toBe(1);
  });

  test('are all put aside, and left for the next start, once a stop has begun', async () => {
    const { disk, directory, folders } = makeFolders();
    const some = partitionsOf('orders', FOLDERS_AT_ONCE * 2);
    await folders.begin(some);
    const removed = folders.remove(some);
    folders.leave();
    await removed;
    const left = disk.list('data').filter((name) => name.startsWith('orders'));
    expect(left).toHaveLength(some.length);
    expect(left.filter((name) => !name.endsWith('-delete'))).toEqual([]);
    directory.list();
    expect(disk.list('data').filter((name) => name.startsWith('orders'))).toEqual([]);
  });

  // Whatever a stop leaves under the old name is whole, so that whose it was can be read; the rest goes with the next start.
  test('are whole under their names, or have none any more, whenever a removal is stopped', async () => {
    for (let change = 1; ; change++) {
      const { disk, folders } = makeFolders();
      await folders.begin(partitionsOf('orders', 3));
      folders.syncNames();
      disk.crashAt(change);
      try {
        await folders.remove(partitionsOf('orders', 3));
        disk.forgive();
        expect(change).toBeGreaterThan(3 + 1 + 3 * FILES.length);
        return;
      } catch (error) {
        if (!(error instanceof FakeCrash)) throw error;
      }
      disk.crash('kill');
      for (const name of disk.list('data').filter((one) => /^orders-\d$/.test(one)))
        expect(disk.list(`data/${name}`)).toEqual(FILES);
      new LogDirectory(disk, 'data').list();
      expect(disk.list('data').join()).not.toContain('delete');
    }
  });
});
