import { describe, expect, it } from 'vitest';
import { EntryFile } from '../../src/storage/entry-file.ts';
import { FileHandle } from '../../src/storage/file-cache.ts';
import { recoverPartition } from '../../src/storage/recovery.ts';
import { writeSmallFile } from '../../src/storage/small-file.ts';
import { FakeDisk } from '../support/fake-disk.ts';
import { append, batch, FOLDER, makeTools, NOW_MS, open } from './storage-kit.ts';

const PATH = 'data/small';

function fresh() {
  const disk = new FakeDisk();
  disk.makeFolder('data');
  return { disk, ...makeTools(disk) };
}

const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

describe('a small file', () => {
  it('is written over where it grows within a page, and left alone where it would be the same', () => {
    const { disk, tools } = fresh();
    writeSmallFile(tools, PATH, bytes(10, 1));
    disk.failNext('rename', 'EIO');
    writeSmallFile(tools, PATH, bytes(4096, 2));
    expect(disk.contentOf(PATH)).toEqual(bytes(4096, 2));
    const { write } = disk.counts;
    writeSmallFile(tools, PATH, bytes(4096, 2));
    expect(disk.counts.write).toBe(write);
    expect(disk.openCount).toBe(0);
  });

  it.each([
    ['shorter', 9],
    ['longer than a page', 4097],
  ])('is written beside and renamed where it becomes %s', (_what, length) => {
    const { disk, tools } = fresh();
    writeSmallFile(tools, PATH, bytes(10, 1));
    disk.failNext('rename', 'EIO');
    expect(() => writeSmallFile(tools, PATH, bytes(length, 2))).toThrow('rename');
    expect(disk.contentOf(PATH)).toEqual(bytes(10, 1));
    writeSmallFile(tools, PATH, bytes(length, 2));
    expect(disk.contentOf(PATH)).toEqual(bytes(length, 2));
  });
});

describe('an index that is made anew', () => {
  function entries(count: number) {
    const { disk, tools } = fresh();
    const handle = new FileHandle(PATH);
    handle.isToCome = true;
    const file = new EntryFile(tools, handle, 8, 0);
    const add = (value: number) => file.view.setFloat64(file.claim(), value);
    for (let value = 0; value < count; value++) add(value);
    file.complete();
    file.restart();
    return { disk, file, add };
  }

  it('is written over, and not cut where it is as long as before', () => {
    const { disk, file, add } = entries(3);
    for (const value of [7, 8, 9]) add(value);
    disk.failNext('truncate', 'EIO');
    expect([file.count, file.complete()]).toEqual([3, 0]);
    expect([...new Float64Array(disk.contentOf(PATH).slice().buffer)]).toHaveLength(3);
    expect(new DataView(disk.contentOf(PATH).slice().buffer).getFloat64(16)).toBe(9);
  });

  it('is cut behind its last entry where it is shorter', () => {
    const { disk, file, add } = entries(3);
    add(7);
    expect(disk.contentOf(PATH)).toHaveLength(24);
    expect(file.complete()).toBe(0);
    expect(disk.contentOf(PATH)).toHaveLength(8);
  });
});

describe('recovery of a log', () => {
  it('writes, cuts and renames nothing where it finds all as it should be', () => {
    const { disk, tools } = fresh();
    expect(append(open(tools), batch({ count: 3 }), batch({ producerId: 5, producerEpoch: 0, baseSequence: 0 }))).toBe(
      0,
    );
    disk.crash('kill');
    const args = {
      folder: FOLDER,
      partitionName: 'orders-0',
      recoveryPoint: 0,
      writtenOffset: 4,
      indexIntervalBytes: 200,
    };
    const how = { mayHaveGaps: false, cleanedOffset: 0, isSynced: false, isFlushShared: false, nowMs: NOW_MS };
    expect(recoverPartition(makeTools(disk).tools, { ...args, ...how }).endOffset).toBe(4);
    const before = disk.list(FOLDER).map((name) => [name, [...disk.contentOf(`${FOLDER}/${name}`)]]);
    const { write } = disk.counts;
    for (const operation of ['rename', 'truncate', 'remove'] as const) disk.failNext(operation, 'EIO');
    expect(recoverPartition(makeTools(disk).tools, { ...args, ...how }).endOffset).toBe(4);
    expect(disk.list(FOLDER).map((name) => [name, [...disk.contentOf(`${FOLDER}/${name}`)]])).toEqual(before);
    // The time index, whose last entry comes when a segment is sealed.
    expect(disk.counts.write - write).toBe(1);
  });
});
