/**
 * Whether the disk has room for ordinary appends, or only its reserve is left: head-room that offset commits, transaction
 * markers, checkpoints and the metadata may still use, so that a full disk stops producers and nothing else. One for all
 * logs of a thread.
 *
 * The system is asked on a tick, and again whenever this thread has written a good part of the reserve since; in between
 * written bytes are subtracted. Other threads and programs write as well, which is what the reserve's size is for.
 *
 *   free   ──── room ────│─ an eighth ─│──── reserve ────│
 *                        low ends here  low begins here
 */
import type { Disk } from './disk.ts';

const LOOKS_PER_RESERVE = 16;
const MEBIBYTE = 1_048_576;

export class DiskRoom {
  /** Ordinary appends are refused. */
  isLow = false;
  private readonly disk: Disk;
  private readonly folder: string;
  private readonly reserveBytes: number;
  private readonly lookEveryBytes: number;
  private freeBytes = Number.POSITIVE_INFINITY;
  private writtenBytes = 0;

  /** A reserve of 0 never is low, and costs nothing. */
  constructor(disk: Disk, folder: string, reserveBytes: number) {
    this.disk = disk;
    this.folder = folder;
    this.reserveBytes = reserveBytes;
    this.lookEveryBytes = Math.max(MEBIBYTE, reserveBytes / LOOKS_PER_RESERVE);
    this.look();
  }

  look(): void {
    if (this.reserveBytes === 0) return;
    this.freeBytes = this.disk.freeBytes(this.folder);
    this.writtenBytes = 0;
    this.judge();
  }

  noteWritten(bytes: number): void {
    if (this.reserveBytes === 0) return;
    this.writtenBytes += bytes;
    if (this.writtenBytes >= this.lookEveryBytes) this.look();
    else this.judge();
  }

  private judge(): void {
    const limit = this.isLow ? this.reserveBytes + this.reserveBytes / 8 : this.reserveBytes;
    this.isLow = this.freeBytes - this.writtenBytes < limit;
  }
}
