import { describe, expect, it } from 'vitest';
import { beginLog } from '../../src/storage/log-open.ts';
import { beginPartition } from '../../src/storage/new-partition.ts';
import { formatTopicId } from '../../src/storage/partition-metadata.ts';
import { FakeCrash, FakeDisk } from '../support/fake-disk.ts';
import { append, batch, FOLDER, makeTools, NOW_MS, open, SMALL, TOPIC_ID } from './storage-kit.ts';

describe('a log that was just made', () => {
  function begun() {
    const disk = new FakeDisk();
    const { tools } = makeTools(disk);
    disk.makeFolder('data');
    const its = { folder: FOLDER, topic: 'orders', partition: 0, topicId: TOPIC_ID, leaderEpoch: 3 };
    beginPartition(disk, FOLDER, its);
    const log = beginLog({ ...its, tools, partitionName: 'orders-0', settings: SMALL, nowMs: NOW_MS });
    return { disk, tools, log };
  }

  it('is as one that was found empty', () => {
    const { disk, log } = begun();
    const { tools } = makeTools(disk);
    const found = open(tools, { leaderEpoch: 3 });
    for (const one of [log, found]) {
      expect(one.watermarks).toMatchObject({ start: 0, stable: 0, high: 0, end: 0 });
      expect([one.leaderEpoch, one.recoveryPoint, one.totalBytes, one.segmentCount]).toEqual([3, 0, 0, 1]);
      expect(one.findEpochEnd(3)).toEqual({ epoch: 3, endOffset: 0 });
      expect(one.findByTimestamp(NOW_MS, 0)).toMatchObject({ error: 0, offset: -1 });
      expect(one.read(0, 1000, 0)).toMatchObject({ error: 0, length: 0 });
    }
  });

  it('has no file open and none more on the disk before it is appended to, be it closed meanwhile', () => {
    const { disk, log } = begun();
    const files = disk.list(FOLDER);
    log.read(0, 1000, 0);
    log.findByTimestamp(NOW_MS, 0);
    expect(log.upkeep.enforceRetention(NOW_MS, 10)).toBe(0);
    expect(log.close(true)).toBe(0);
    expect([disk.openCount, disk.list(FOLDER)]).toEqual([0, files]);
  });

  it('gets index files with their first entries, at latest when it is closed', () => {
    const { disk, tools, log } = begun();
    expect(append(log, batch({ count: 3 }))).toBe(0);
    expect(disk.list(FOLDER).filter((name) => name.endsWith('index'))).toEqual([]);
    expect(disk.openCount).toBe(1);
    expect(log.close(true)).toBe(0);
    expect(disk.list(FOLDER).filter((name) => name.endsWith('index'))).toHaveLength(2);
    expect(open(tools, { leaderEpoch: 3 }).watermarks.end).toBe(3);
  });

  it('is whole after a power cut at every change of the disk', () => {
    for (let change = 1; change < 20; change++) {
      const disk = new FakeDisk({ seed: change });
      disk.makeFolder('data');
      disk.syncFolder('data');
      disk.crashAt(change);
      try {
        beginPartition(disk, FOLDER, { topic: 'orders', partition: 0, topicId: TOPIC_ID, leaderEpoch: 0 });
        disk.syncFolder('data');
        disk.syncFolder('data');
        disk.forgive();
      } catch (error) {
        if (!(error instanceof FakeCrash)) throw error;
      }
      disk.crash('power');
      const { tools } = makeTools(disk);
      const log = open(tools, { isClean: false });
      expect([append(log, batch()), log.watermarks.end]).toEqual([0, 1]);
      expect(disk.contentOf(`${FOLDER}/partition.metadata`)).toEqual(formatTopicId(TOPIC_ID));
    }
  });
});
