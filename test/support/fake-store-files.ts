/** The files of the metadata store on the fake disk, so that the catalog meets the same faults and crashes as the logs. */
import { constants } from 'node:fs';
import { Fault } from '../../src/base/fault.ts';
import type { StoreFile, StoreFiles } from '../../src/cluster/file-store.ts';
import type { Disk } from '../../src/storage/disk.ts';
import { memoryOver } from './plain-memory.ts';

const { O_CREAT, O_RDWR, O_TRUNC } = constants;
const ENOSPC = 28;

export function fakeStoreFiles(disk: Disk): StoreFiles {
  return {
    async open(path, flags) {
      const mode = (flags & O_RDWR) === 0 ? 'read' : (flags & O_CREAT) === 0 ? 'read-write' : 'create';
      const fd = withCode(() => disk.open(path, mode));
      if ((flags & O_TRUNC) !== 0) withCode(() => disk.truncate(fd, 0));
      return storeFile(disk, path, fd);
    },
    async rename(from, to) {
      withCode(() => disk.rename(from, to));
    },
  };
}

function storeFile(disk: Disk, path: string, fd: number): StoreFile {
  const sync = async (): Promise<void> => {
    if (disk.sync(fd) < 0) throw errorOf('EIO');
  };
  return {
    sync,
    datasync: sync,
    async write(bytes, at, length, position) {
      const copy = memoryOver(Uint8Array.from(bytes.subarray(at, at + length)).buffer);
      const bytesWritten = disk.write(fd, position, copy, 0, length);
      if (bytesWritten < 0) throw errorOf(bytesWritten === -ENOSPC ? 'ENOSPC' : 'EIO');
      return { bytesWritten };
    },
    async truncate(sizeBytes) {
      withCode(() => disk.truncate(fd, sizeBytes));
    },
    async chmod() {},
    async readFile() {
      return withCode(() => disk.readFile(path)) ?? new Uint8Array(0);
    },
    async close() {
      disk.close(fd);
    },
  };
}

/** As Node's own calls fail. */
function withCode<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    const cause = error instanceof Fault ? error.cause : null;
    const code = typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : null;
    throw code === null ? error : errorOf(code);
  }
}

function errorOf(code: string): Error {
  return Object.assign(new Error(`${code} on the fake disk`), { code });
}
