/** The fake disk must forget what a real one may forget, or the storage tests prove nothing. */
import { constants } from 'node:os';
import { beforeEach, describe, expect, test } from 'vitest';
import { clearVector, createWriteVector, pushPiece } from '../../src/zerocopy/memory.ts';
import { FakeCrash, FakeDisk } from './fake-disk.ts';
import { plainMemory } from './plain-memory.ts';

const { EIO, ENOSPC } = constants.errno;

function memoryOfText(text: string): ReturnType<typeof plainMemory> {
  const memory = plainMemory(text.length);
  memory.bytes.set(new TextEncoder().encode(text));
  return memory;
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

describe('the fake disk', () => {
  let disk: FakeDisk;

  beforeEach(() => {
    disk = new FakeDisk({ seed: 5 });
    disk.makeFolder('/data/a-0');
    disk.syncFolder('/');
    disk.syncFolder('/data');
  });

  function write(path: string, position: number, content: string): number {
    const fd = disk.open(path, 'create');
    const result = disk.write(fd, position, memoryOfText(content), 0, content.length);
    disk.close(fd);
    return result;
  }

  function sync(path: string): void {
    const fd = disk.open(path, 'read-write');
    expect(disk.sync(fd)).toBe(0);
    disk.close(fd);
  }

  test('reads back what was written, also through a vector', () => {
    const fd = disk.open('/data/a-0/log', 'create');
    const vector = createWriteVector(4);
    pushPiece(vector, memoryOfText('xhello'), 1, 5);
    pushPiece(vector, memoryOfText(' world!'), 0, 6);
    expect(disk.writeVector(fd, 3, vector)).toBe(11);
    clearVector(vector);
    expect(disk.sizeBytes(fd)).toBe(14);
    const target = plainMemory(32);
    expect(disk.read(fd, 3, target, 2, 20)).toBe(11);
    expect(text(target.bytes.subarray(2, 13))).toBe('hello world');
    disk.truncate(fd, 8);
    expect(text(disk.contentOf('/data/a-0/log').subarray(3))).toBe('hello');
    disk.close(fd);
    expect(disk.openCount).toBe(0);
    expect(() => disk.sizeBytes(fd)).toThrow('a file is used while it is open');
  });

  test('keeps everything after a kill', () => {
    write('/data/a-0/log', 0, 'unsynced');
    disk.crash('kill');
    expect(text(disk.contentOf('/data/a-0/log'))).toBe('unsynced');
  });

  test('keeps what was synced, name and bytes, when the power goes', () => {
    write('/data/a-0/log', 0, 'durable');
    sync('/data/a-0/log');
    disk.syncFolder('/data/a-0');
    for (let round = 0; round < 10; round++) {
      write('/data/a-0/log', 7, ` and round ${round}`);
      disk.crash('power');
      expect(text(disk.contentOf('/data/a-0/log')).slice(0, 7)).toBe('durable');
    }
  });

  test('may lose bytes that were not synced, and names whose folder was not', () => {
    let lostBytes = 0;
    let lostNames = 0;
    for (let round = 0; round < 40; round++) {
      write(`/data/a-0/kept-${round}`, 0, '0123456789');
      disk.syncFolder('/data/a-0');
      write(`/data/a-0/new-${round}`, 0, 'x');
      sync(`/data/a-0/new-${round}`);
      disk.crash('power');
      if (disk.contentOf(`/data/a-0/kept-${round}`).length < 10) lostBytes += 1;
      if (disk.stat(`/data/a-0/new-${round}`) === null) lostNames += 1;
    }
    expect(lostBytes).toBeGreaterThan(5);
    expect(lostBytes).toBeLessThan(35);
    expect(lostNames).toBeGreaterThan(5);
    expect(lostNames).toBeLessThan(35);
  });

  test('shows the old file or the new one after a rename, never neither', () => {
    for (let round = 0; round < 20; round++) {
      disk.replaceFile('/data/checkpoint', new TextEncoder().encode(`round ${round}`));
      write('/data/checkpoint.next', 0, 'next');
      sync('/data/checkpoint.next');
      disk.rename('/data/checkpoint.next', '/data/checkpoint');
      disk.crash('power');
      expect([`round ${round}`, 'next']).toContain(text(disk.readFile('/data/checkpoint') ?? new Uint8Array(0)));
    }
  });

  test('moves folders with all that is in them', () => {
    write('/data/a-0/log', 0, 'bytes');
    disk.rename('/data/a-0', '/data/a-0.delete');
    expect(disk.list('/data')).toEqual(['a-0.delete']);
    expect(text(disk.contentOf('/data/a-0.delete/log'))).toBe('bytes');
    disk.removeFolder('/data/a-0.delete');
    expect(disk.list('/data')).toEqual([]);
  });

  test('tears the write in which it crashes', () => {
    const lengths = new Set<number>();
    for (let round = 0; round < 20; round++) {
      const path = `/data/a-0/log-${round}`;
      const fd = disk.open(path, 'create');
      disk.crashAt(1);
      expect(() => disk.write(fd, 0, memoryOfText('0123456789'), 0, 10)).toThrow(FakeCrash);
      disk.crash('kill');
      lengths.add(disk.contentOf(path).length);
    }
    expect(lengths.size).toBeGreaterThan(4);
    expect(write('/data/a-0/last', 0, '0123456789')).toBe(10);
    disk.crashInLastWrite();
    expect(disk.contentOf('/data/a-0/last').length).toBeLessThanOrEqual(10);
  });

  test('counts changes to the crash, so that a test can try every one', () => {
    disk.crashAt(3);
    write('/data/a-0/one', 0, 'x');
    expect(() => disk.rename('/data/a-0/one', '/data/a-0/two')).toThrow(FakeCrash);
    disk.crash('kill');
    expect(disk.list('/data/a-0')).toEqual(['one']);
  });

  test('runs full: first a short write, then ENOSPC, and room again when a file goes', () => {
    disk.capacityBytes = 12;
    expect(write('/data/a-0/a', 0, '0123456789')).toBe(10);
    expect(write('/data/a-0/b', 0, '0123456789')).toBe(2);
    expect(write('/data/a-0/b', 2, '23456789')).toBe(-ENOSPC);
    expect(write('/data/a-0/a', 0, 'ABC')).toBe(3);
    disk.remove('/data/a-0/a');
    expect(write('/data/a-0/b', 2, '23456789')).toBe(8);
    expect(() => {
      disk.capacityBytes = 10;
      disk.replaceFile('/data/c', new Uint8Array(4));
    }).toThrow('could not be written: ENOSPC');
    expect(disk.openCount).toBe(0);
  });

  test('fails what it is told to fail, once', () => {
    disk.failNext('sync', 'EIO');
    disk.failNext('open', 'EMFILE');
    expect(() => disk.open('/data/a-0/log', 'create')).toThrow('EMFILE');
    const fd = disk.open('/data/a-0/log', 'create');
    expect(disk.write(fd, 0, memoryOfText('x'), 0, 1)).toBe(1);
    expect(disk.sync(fd)).toBe(-EIO);
    expect(disk.isSynced('/data/a-0/log')).toBe(false);
    expect(disk.sync(fd)).toBe(0);
  });

  test('writes short and fails by chance, the same for the same seed', () => {
    const results = (seed: number): number[] => {
      const faulty = new FakeDisk({ seed });
      faulty.faults.shortWrite = 0.3;
      faulty.faults.writeError = 0.2;
      const fd = faulty.open('/log', 'create');
      return Array.from({ length: 40 }, (_, index) => faulty.write(fd, index * 10, memoryOfText('0123456789'), 0, 10));
    };
    expect(results(1)).toEqual(results(1));
    expect(results(1)).not.toEqual(results(2));
    expect(new Set(results(1))).toContain(-EIO);
    expect(results(1).some((result) => result > 0 && result < 10)).toBe(true);
  });

  test('knows which pages are cold', () => {
    write('/data/a-0/log', 0, 'x'.repeat(10_000));
    const fd = disk.open('/data/a-0/log', 'read');
    expect(disk.residentBytes(fd, 0, 10_000, true)).toBe(10_000);
    disk.chill('/data/a-0/log');
    expect(disk.residentBytes(fd, 5000, 100, true)).toBe(0);
    expect(disk.warm(fd, 0, 4096)).toBe(4096);
    expect(disk.residentBytes(fd, 1000, 9000, true)).toBe(3096);
  });
});
