/**
 * The reading half of a disk for whoever reads everything once and nothing again (the scrubber): what was not in memory before
 * is let go of afterwards, so that it drives nothing out of the page cache that clients read.
 */
import type { Memory } from '../zerocopy/memory.ts';
import type { Disk, OpenMode } from './disk.ts';

export type ReadingDisk = Pick<Disk, 'open' | 'close' | 'read' | 'readFile' | 'allocate'>;

/** Lets the system forget a range of a file, where it can. */
export type ForgetPages = (fd: number, position: number, length: number) => void;

export class GentleDisk implements ReadingDisk {
  private readonly disk: Disk;
  private readonly forget: ForgetPages;

  constructor(disk: Disk, forget: ForgetPages) {
    this.disk = disk;
    this.forget = forget;
  }

  open(path: string, mode: OpenMode): number {
    return this.disk.open(path, mode);
  }

  close(fd: number): void {
    this.disk.close(fd);
  }

  read(fd: number, position: number, memory: Memory, at: number, length: number): number {
    const resident = this.disk.residentBytes(fd, position, length, true);
    const got = this.disk.read(fd, position, memory, at, length);
    if (got > resident) this.forget(fd, position + resident, got - resident);
    return got;
  }

  readFile(path: string): Uint8Array | null {
    return this.disk.readFile(path);
  }

  allocate(bytes: number): Memory {
    return this.disk.allocate(bytes);
  }
}
