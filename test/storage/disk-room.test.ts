import { describe, expect, it } from 'vitest';
import { DiskRoom } from '../../src/storage/disk-room.ts';
import { NodeDisk } from '../../src/storage/node-disk.ts';
import { FakeDisk } from '../support/fake-disk.ts';

const MEBIBYTE = 1_048_576;

function fill(disk: FakeDisk, bytes: number): void {
  disk.capacityBytes -= bytes;
}

describe('room on the disk', () => {
  it('is low below the reserve, and no longer a little above it', () => {
    const disk = new FakeDisk({ capacityBytes: 100 * MEBIBYTE });
    const room = new DiskRoom(disk, '', 16 * MEBIBYTE);
    expect(room.isLow).toBe(false);
    fill(disk, 84 * MEBIBYTE);
    room.look();
    expect(room.isLow).toBe(false);
    fill(disk, 1);
    room.look();
    expect(room.isLow).toBe(true);
    fill(disk, -MEBIBYTE);
    room.look();
    expect(room.isLow).toBe(true);
    fill(disk, -MEBIBYTE - 1);
    room.look();
    expect(room.isLow).toBe(false);
  });

  it('counts what this thread has written between two looks, and looks again before long', () => {
    const disk = new FakeDisk({ capacityBytes: 33 * MEBIBYTE });
    const room = new DiskRoom(disk, '', 32 * MEBIBYTE);
    room.noteWritten(MEBIBYTE);
    expect(room.isLow).toBe(false);
    room.noteWritten(1);
    expect(room.isLow).toBe(true);
    // Nothing was written to this disk after all: the look after two mebibytes says so, but within the eighth.
    room.noteWritten(MEBIBYTE);
    expect(room.isLow).toBe(true);
    fill(disk, -8 * MEBIBYTE);
    room.noteWritten(2 * MEBIBYTE);
    expect(room.isLow).toBe(false);
  });

  it('is never low without a reserve, or where the system does not tell', () => {
    const disk = new FakeDisk({ capacityBytes: 0 });
    expect(new DiskRoom(disk, '', 0).isLow).toBe(false);
    expect(new NodeDisk().freeBytes('/nonexistent/folder')).toBe(Number.POSITIVE_INFINITY);
    expect(new NodeDisk().freeBytes('/')).toBeGreaterThan(0);
  });
});
