import { constants, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import * as nodeFiles from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CatalogRecord } from '../../src/cluster/catalog-records.ts';
import { FileStore, METADATA_FILE_NAME, type StoreFile, type StoreFiles } from '../../src/cluster/file-store.ts';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'metadata-'));
  path = join(folder, METADATA_FILE_NAME);
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const topic = (name: string): CatalogRecord => ({
  kind: 'topic',
  name,
  id: 'AAAAAAAAAAAAAAAAAAAABA',
  configs: { 'cleanup.policy': 'compact' },
  leaderEpochs: [0, 3],
});

async function written(records: readonly CatalogRecord[]): Promise<Uint8Array> {
  const store = new FileStore(folder);
  await store.open();
  for (const record of records) await store.append([record]);
  await store.close();
  return readFileSync(path);
}

async function reopened(): Promise<{ records: readonly CatalogRecord[]; notices: readonly string[] }> {
  const store = new FileStore(folder);
  const opened = await store.open();
  await store.close();
  return opened;
}

describe('the metadata file', () => {
  it('gives back what was appended, in order', async () => {
    const records = [topic('a'), topic('b'), { kind: 'producer-ids', next: 1000 } as const];
    await written(records);
    expect(await reopened()).toEqual({ records, notices: [] });
  });

  it('loses at most the record a crash cut, wherever it was cut, and says so once', async () => {
    const records = [topic('a'), topic('b'), topic('c')];
    const whole = await written(records);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: whole.length - 1 }), async (keptBytes) => {
        writeFileSync(path, whole.subarray(0, keptBytes));
        const opened = await reopened();
        expect(records.slice(0, opened.records.length)).toEqual(opened.records);
        expect((await reopened()).notices).toEqual([]);
        expect((await reopened()).records).toEqual(opened.records);
      }),
      { numRuns: 60 },
    );
    writeFileSync(path, whole.subarray(0, whole.length - 1));
    const opened = await reopened();
    expect(opened.records).toHaveLength(2);
    expect(opened.notices[0]).toContain('unfinished record');
  });

  it('refuses a file that is damaged before its last record', async () => {
    const whole = Buffer.from(await written([topic('a'), topic('b')]));
    const at = whole.indexOf('"a"') + 1;
    whole[at] = 0x7a;
    writeFileSync(path, whole);
    await expect(reopened()).rejects.toMatchObject({ code: 'PB_DATA_DAMAGED' });
  });

  it('refuses a file or a record of a newer version, and a file of someone else', async () => {
    const whole = Buffer.from(await written([]));
    whole[7] = 2;
    writeFileSync(path, whole);
    await expect(reopened()).rejects.toMatchObject({ code: 'PB_DATA_NEWER' });
    writeFileSync(path, 'something else entirely');
    await expect(reopened()).rejects.toMatchObject({ code: 'PB_DATA_DAMAGED' });
  });

  it('takes what one append wrote as a whole: a page that arrived before its predecessor is no damage', async () => {
    const kept = await written([topic('a')]);
    const store = new FileStore(folder);
    await store.open();
    await store.append([topic('b'), topic('c'), topic('d')]);
    await store.close();
    const whole = readFileSync(path);
    whole.fill(0, kept.length, kept.length + 20);
    writeFileSync(path, whole);
    expect((await reopened()).records).toEqual([topic('a')]);
  });

  it('refuses a record kind that only a newer version knows', async () => {
    await written([topic('a'), JSON.parse('{"kind":"marvel"}')]);
    await expect(reopened()).rejects.toMatchObject({ code: 'PB_DATA_NEWER' });
  });

  it('takes nothing more after a write that failed', async () => {
    const failing = async (): Promise<void> => {
      throw Object.assign(new Error('the device failed'), { code: 'EIO' });
    };
    const files: StoreFiles = {
      rename: nodeFiles.rename,
      open: async (...args) => Object.assign(await nodeFiles.open(...args), { datasync: failing }),
    };
    const store = new FileStore(folder, files);
    await store.open();
    await expect(store.append([topic('a')])).rejects.toMatchObject({ code: 'PB_DATA_UNWRITABLE' });
    await expect(store.append([topic('a')])).rejects.toMatchObject({ code: 'PB_DISK_ERROR' });
    await store.close();
  });

  it('is as it was where it could not be replaced', async () => {
    const store = new FileStore(folder);
    await store.open();
    await store.append([topic('a')]);
    mkdirSync(`${path}.new`);
    await expect(store.replaceAll([topic('b')])).rejects.toMatchObject({ code: 'PB_DATA_UNWRITABLE' });
    await store.append([topic('c')]);
    await store.close();
    expect((await reopened()).records).toEqual([topic('a'), topic('c')]);
  });

  // It was as long as everything that was ever changed, and a start that reads it whole found no memory for it.
  it('is long when it has several times what it was made with', async () => {
    const store = new FileStore(folder);
    await store.open();
    const configs = { 'leader.replication.throttled.replicas': '0:1,'.repeat(1_400_000) };
    const large: CatalogRecord = { kind: 'topic-configs', id: 'AAAAAAAAAAAAAAAAAAAABA', configs };
    const longAfter = async (): Promise<number> => {
      let count = 0;
      for (; !store.isLong; count++) await store.append([large]);
      return count;
    };
    expect(await longAfter()).toBe(3);
    await store.replaceAll([large]);
    expect(await longAfter()).toBe(4);
    await store.replaceAll([]);
    expect(store.isLong).toBe(false);
    await store.close();
    expect((await reopened()).records).toEqual([]);
  });

  it.each([
    ['the disk is full', { code: 'ENOSPC', errno: -28 }],
    ['its user may have no more', { code: 'Unknown system error -122', errno: -122 }],
  ])('goes on once there is room again where %s', async (_why, error) => {
    let isFull = true;
    const files: StoreFiles = {
      rename: nodeFiles.rename,
      async open(...args) {
        const file: StoreFile = await nodeFiles.open(...args);
        const write = file.write.bind(file);
        const refusing: StoreFile['write'] = async (bytes, at, length, position) => {
          // A part of it still fits.
          if (isFull && at === 0) return await write(bytes, at, 3, position);
          if (isFull) throw Object.assign(new Error('full'), error);
          return await write(bytes, at, length, position);
        };
        return Object.assign(file, { write: (args[1] & constants.O_RDWR) === 0 ? write : refusing });
      },
    };
    await written([topic('a')]);
    const store = new FileStore(folder, files);
    await store.open();
    const before = readFileSync(path);
    await expect(store.append([topic('b')])).rejects.toMatchObject({ code: 'PB_DISK_FULL' });
    expect(readFileSync(path)).toEqual(before);
    isFull = false;
    await store.append([topic('c')]);
    await store.close();
    expect((await reopened()).records).toEqual([topic('a'), topic('c')]);
  });

  it('holds exactly the new records after a replacement, and goes on from there', async () => {
    const store = new FileStore(folder);
    await store.open();
    await store.append([topic('a'), topic('b')]);
    await store.replaceAll([topic('c')]);
    await store.append([topic('d')]);
    await store.close();
    expect((await reopened()).records).toEqual([topic('c'), topic('d')]);
  });

  it('says what to do when it cannot be written', async () => {
    await expect(new FileStore(join(folder, 'missing')).open()).rejects.toMatchObject({
      code: 'PB_DATA_UNWRITABLE',
    });
  });
});
