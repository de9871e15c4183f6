import { randomBytes } from 'node:crypto';
import { lstatSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isFault } from '../../src/base/fault.ts';
import type { Disk } from '../../src/storage/disk.ts';
import { NativeDisk } from '../../src/storage/native-disk.ts';
import { NodeDisk } from '../../src/storage/node-disk.ts';
import { createWriteVector, pushPiece } from '../../src/zerocopy/memory.ts';
import { loadNative } from '../../src/zerocopy/native.ts';
import { Prng } from '../support/prng.ts';

const { native } = loadNative();
const bodies: [string, () => Disk][] = [['node', () => new NodeDisk()]];
if (native !== null) bodies.push(['native', () => new NativeDisk(native)]);

describe.each(bodies)('the %s disk', (_name, createDisk) => {
  let folder = '';
  let disk: Disk;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'perfbroker-disk-'));
    disk = createDisk();
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  function codeOf(call: () => unknown): string {
    try {
      call();
    } catch (error) {
      return isFault(error) ? error.code : String(error);
    }
    return 'no fault';
  }

  it('gives memory that counts for the collector', () => {
    const before = process.memoryUsage().external;
    const memories = Array.from({ length: 8 }, () => disk.allocate(1_048_576));
    expect(process.memoryUsage().external - before).toBeGreaterThanOrEqual(memories.length * 1_048_576);
  });

  it('writes and reads at positions', () => {
    const fd = disk.open(join(folder, 'a'), 'create');
    const memory = disk.allocate(32);
    memory.bytes.set(Buffer.from('0123456789'));
    expect(disk.write(fd, 5, memory, 2, 4)).toBe(4);
    expect(disk.sizeBytes(fd)).toBe(9);
    expect(disk.read(fd, 4, memory, 20, 12)).toBe(5);
    expect(Buffer.from(memory.bytes.subarray(20, 25)).toString('latin1')).toBe('\x002345');
    expect(disk.read(fd, 100, memory, 0, 5)).toBe(0);
    expect(disk.sync(fd)).toBe(0);
    disk.truncate(fd, 6);
    expect(disk.sizeBytes(fd)).toBe(6);
    disk.close(fd);
  });

  it('says when a file was written last, and takes another time for it', () => {
    const path = join(folder, 'a');
    disk.makeFile(path, new Uint8Array(3));
    disk.setModified(path, 1_600_000_000_500);
    expect(disk.stat(path)).toEqual({ sizeBytes: 3, modifiedMs: 1_600_000_000_500, isFolder: false });
    expect(codeOf(() => disk.setModified(join(folder, 'b'), 0))).toBe('PB_DISK_ERROR');
  });

  it('writes vectors of any number of pieces, in their order, from several memories', () => {
    const random = new Prng(7);
    for (const count of [1, 2, 1023, 1024, 1025, 3000]) {
      const memories = [disk.allocate(5000), disk.allocate(3000)];
      for (const memory of memories) memory.bytes.set(randomBytes(memory.bytes.length));
      const vector = createWriteVector(count);
      const expected: Uint8Array[] = [];
      for (let piece = 0; piece < count; piece++) {
        const memory = memories[random.nextInt(2)] ?? disk.allocate(1);
        const length = 1 + random.nextInt(50);
        const at = random.nextInt(memory.bytes.length - length);
        expect(pushPiece(vector, memory, at, length)).toBe(true);
        expected.push(memory.bytes.slice(at, at + length));
      }
      const path = join(folder, `v${count}`);
      const fd = disk.open(path, 'create');
      expect(disk.writeVector(fd, 3, vector)).toBe(vector.bytesTotal);
      disk.close(fd);
      expect(readFileSync(path).subarray(3).equals(Buffer.concat(expected))).toBe(true);
    }
  });

  it('answers with a negative errno where writing or reading is not possible', () => {
    const path = join(folder, 'a');
    writeFileSync(path, 'abc');
    const fd = disk.open(path, 'read');
    const memory = disk.allocate(8);
    const vector = createWriteVector(1);
    pushPiece(vector, memory, 0, 8);
    expect(disk.write(fd, 0, memory, 0, 1)).toBe(-constants.errno.EBADF);
    expect(disk.writeVector(fd, 0, vector)).toBe(-constants.errno.EBADF);
    disk.close(fd);
    expect(disk.read(1_000_000, 0, memory, 0, 1)).toBe(-constants.errno.EBADF);
    expect(disk.sync(1_000_000)).toBe(-constants.errno.EBADF);
  });

  it('brings bytes into memory and knows that they are there', () => {
    const path = join(folder, 'a');
    writeFileSync(path, randomBytes(300_000));
    const fd = disk.open(path, 'read');
    expect(disk.warm(fd, 1000, 200_000)).toBe(200_000);
    expect(disk.residentBytes(fd, 1000, 200_000, true)).toBeGreaterThanOrEqual(200_000);
    expect(disk.residentBytes(fd, 1000, 0, true)).toBe(0);
    // Only what the file holds; the last page is a part of one.
    expect(disk.warm(fd, 299_000, 200_000)).toBe(1000);
    expect(disk.warm(fd, 4095, 2)).toBe(2);
    expect(disk.warm(fd, 300_000, 1)).toBe(0);
    expect(disk.warm(1_000_000, 0, 1)).toBe(-constants.errno.EBADF);
    disk.close(fd);
  });

  it('reserves space without changing the size', () => {
    const fd = disk.open(join(folder, 'a'), 'create');
    disk.reserve(fd, 0, 1_000_000);
    disk.reserve(fd, 0, 0);
    expect(disk.sizeBytes(fd)).toBe(0);
    disk.close(fd);
  });

  it('makes folders and files for its own user alone', () => {
    const nested = join(folder, 'b', 'c');
    disk.makeFolder(nested);
    disk.makeFolder(nested);
    disk.close(disk.open(join(nested, 'f'), 'create'));
    expect(statSync(join(folder, 'b')).mode & 0o777).toBe(0o700);
    expect(statSync(nested).mode & 0o777).toBe(0o700);
    expect(statSync(join(nested, 'f')).mode & 0o777).toBe(0o600);
  });

  it.runIf(process.platform === 'linux')('gives up where no folder can be made', () => {
    // Node's own recursive mkdir tries forever here: the parent exists, and yet the answer is ENOENT.
    expect(codeOf(() => disk.makeFolder('/proc/perfbroker/data'))).toBe('PB_DISK_ERROR');
    writeFileSync(join(folder, 'file'), '');
    expect(codeOf(() => disk.makeFolder(join(folder, 'file')))).toBe('PB_DISK_ERROR');
    expect(codeOf(() => disk.makeFolder(join(folder, 'file', 'below')))).toBe('PB_DISK_ERROR');
  });

  it('does not follow a link that lies where a file should', () => {
    writeFileSync(join(folder, 'target'), 'secret');
    symlinkSync(join(folder, 'target'), join(folder, 'link'));
    expect(codeOf(() => disk.open(join(folder, 'link'), 'read'))).toBe('PB_DATA_UNSAFE');
    expect(codeOf(() => disk.open(join(folder, 'link'), 'create'))).toBe('PB_DATA_UNSAFE');
  });

  it('lists, renames, removes and looks', () => {
    disk.makeFolder(join(folder, 'd'));
    for (const name of ['c', 'a', 'b']) writeFileSync(join(folder, name), name.repeat(3));
    expect(disk.list(folder)).toEqual(['a', 'b', 'c', 'd']);
    disk.rename(join(folder, 'a'), join(folder, 'b'));
    expect(readFileSync(join(folder, 'b'), 'utf8')).toBe('aaa');
    expect(disk.stat(join(folder, 'a'))).toBeNull();
    expect(disk.stat(join(folder, 'b'))?.sizeBytes).toBe(3);
    expect(disk.stat(join(folder, 'd'))?.sizeBytes).toBe(0);
    disk.remove(join(folder, 'b'));
    writeFileSync(join(folder, 'd', 'x'), '');
    disk.removeFolder(join(folder, 'd'));
    expect(disk.list(folder)).toEqual(['c']);
    disk.syncFolder(folder);
    expect(disk.readFile(join(folder, 'none'))).toBeNull();
    expect(codeOf(() => disk.list(join(folder, 'none')))).toBe('PB_DISK_ERROR');
    expect(codeOf(() => disk.remove(join(folder, 'none')))).toBe('PB_DISK_ERROR');
    expect(codeOf(() => disk.open(join(folder, 'none'), 'read-write'))).toBe('PB_DISK_ERROR');
  });

  it('replaces a small file whole, and leaves nothing beside it', () => {
    const path = join(folder, 'checkpoint');
    disk.replaceFile(path, Buffer.from('first and long'));
    disk.replaceFile(path, Buffer.from('second'));
    expect(Buffer.from(disk.readFile(path) ?? []).toString()).toBe('second');
    expect(disk.list(folder)).toEqual(['checkpoint']);
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
  });
});

describe.runIf(native !== null)('the page cache as the native disk sees it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-cache-'));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('is told apart byte by byte: what was read is there, what was dropped is not', () => {
    if (native === null) return;
    const disk = new NativeDisk(native);
    const path = join(folder, 'segment');
    const fd = disk.open(path, 'create');
    const memory = disk.allocate(1 << 20);
    disk.write(fd, 0, memory, 0, memory.bytes.length);
    disk.sync(fd);
    expect(native.chill(fd, 0, 0)).toBe(0);
    const cold = disk.residentBytes(fd, 0, 1 << 20, true);
    // A file system in memory has nothing to drop.
    if (cold >= 1 << 20) return;
    expect(cold).toBe(0);
    disk.warm(fd, 0, 1 << 20);
    expect(disk.residentBytes(fd, 5, (1 << 20) - 5, true)).toBeGreaterThanOrEqual((1 << 20) - 5);
    expect(native.chill(fd, 512 * 1024, 4096 * 16)).toBe(0);
    expect(disk.residentBytes(fd, 100, 900_000, true)).toBe(512 * 1024 - 100);
    expect(disk.residentBytes(fd, 512 * 1024 + 1, 10, true)).toBe(0);
    disk.close(fd);
  });
});
