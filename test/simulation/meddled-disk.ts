/** A disk that lies to the broker, for tests that show that the simulation would notice. */

import { constants } from 'node:os';
import { LOG_STARTS_FILE } from '../../src/storage/checkpoint.ts';
import type { Disk } from '../../src/storage/disk.ts';
import type { FakeDisk } from '../support/fake-disk.ts';

type Meddle = Partial<
  Pick<Disk, 'sync' | 'syncSystem' | 'syncFolder' | 'read' | 'writeVector' | 'replaceFile' | 'truncate'>
>;

function meddled(disk: FakeDisk, changes: Meddle): Disk {
  return new Proxy(disk, {
    get(target, key) {
      const part: unknown = Reflect.get(changes, key) ?? Reflect.get(target, key);
      return typeof part === 'function' ? part.bind(target) : part;
    },
  });
}

/** Flushes are said to be done, and are not. */
export function forgetfulDisk(disk: FakeDisk): Disk {
  return meddled(disk, { sync: () => 0, syncSystem: () => 0 });
}

/** Batches are said to be written while they wait for the next ones; those in waiting go with the process. */
export function earlyDisk(disk: FakeDisk): Disk {
  const waiting = new Map<number, { readonly position: number; readonly bytes: Uint8Array<ArrayBuffer> }>();
  const settle = (fd: number): void => {
    const write = waiting.get(fd);
    waiting.delete(fd);
    if (write === undefined) return;
    const { bytes, position } = write;
    const memory = { bytes, view: new DataView(bytes.buffer), address: 0 };
    disk.write(fd, position, memory, 0, bytes.length);
  };
  return meddled(disk, {
    writeVector(fd, position, vector) {
      settle(fd);
      const bytes = new Uint8Array(vector.bytesTotal);
      let at = 0;
      for (let index = 0; index < vector.count; index++) {
        const from = vector.ats[index] ?? 0;
        const length = vector.lengths[index] ?? 0;
        bytes.set(vector.memories[index]?.bytes.subarray(from, from + length) ?? [], at);
        at += length;
      }
      waiting.set(fd, { position, bytes });
      return bytes.length;
    },
    read(fd, position, memory, at, length) {
      settle(fd);
      return disk.read(fd, position, memory, at, length);
    },
    truncate(fd, sizeBytes) {
      settle(fd);
      disk.truncate(fd, sizeBytes);
    },
    sync(fd) {
      settle(fd);
      return disk.sync(fd);
    },
  });
}

/** Now and then a bit of what is read is another. */
export function flippingDisk(disk: FakeDisk): Disk {
  let reads = 0;
  return meddled(disk, {
    read(fd, position, memory, at, length) {
      const count = disk.read(fd, position, memory, at, length);
      reads += 1;
      if (reads % 50 === 0 && count > 30) memory.bytes[at + count - 1] = (memory.bytes[at + count - 1] ?? 0) ^ 4;
      return count;
    },
  });
}

/** What the device does not give is said not to be there. */
export function blindDisk(disk: FakeDisk): Disk {
  return meddled(disk, {
    read: (fd, position, memory, at, length) => Math.max(0, disk.read(fd, position, memory, at, length)),
  });
}

/** Now and then a write is refused for nothing. */
export function moodyDisk(disk: FakeDisk): Disk {
  let writes = 0;
  return meddled(disk, {
    writeVector(fd, position, vector) {
      writes += 1;
      return writes % 100 === 0 ? -constants.errno.EIO : disk.writeVector(fd, position, vector);
    },
  });
}

/** Where logs begin is never written down. */
export function beginlessDisk(disk: FakeDisk): Disk {
  return meddled(disk, {
    replaceFile(path, content) {
      if (!path.endsWith(LOG_STARTS_FILE)) disk.replaceFile(path, content);
    },
  });
}

/** Names of files are never flushed. */
export function namelessDisk(disk: FakeDisk): Disk {
  return meddled(disk, { syncFolder: () => {} });
}
