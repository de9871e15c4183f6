/**
 * Small whole files that can be made again from the log (producer snapshots, epochs). A stopped process leaves the old or the
 * new one. They are not flushed, since a lost one costs a scan and a flush costs every roll milliseconds; each has a checksum.
 * Checkpoints that others rely on use `disk.replaceFile` instead.
 *
 * What grows within a page is written over the old content, which the system does whole or not at all. Else it is written
 * beside and renamed: that has ext4 begin to write the new file to the device and free the old one's block, half a millisecond
 * for each log of a start with ten thousand.
 */
import { Fault } from '../base/fault.ts';
import { TEMPORARY_SUFFIX } from './file-names.ts';
import { SCRATCH_BYTES, type StorageTools } from './storage-tools.ts';
import { writeWhole } from './whole-write.ts';

/** Throws Fault when the disk refuses. */
export function writeSmallFile(tools: StorageTools, path: string, content: Uint8Array): void {
  const disk = tools.disk;
  const found = content.length <= SCRATCH_BYTES ? disk.stat(path) : null;
  if (found !== null && found.sizeBytes > 0 && found.sizeBytes <= content.length) {
    writeOver(tools, path, content, found.sizeBytes);
    return;
  }
  const temporary = path + TEMPORARY_SUFFIX;
  const fd = disk.open(temporary, 'create');
  try {
    disk.truncate(fd, 0);
    for (let from = 0; from < content.length; from += SCRATCH_BYTES) {
      writePiece(tools, path, fd, from, content.subarray(from, from + SCRATCH_BYTES));
    }
  } finally {
    disk.close(fd);
  }
  disk.rename(temporary, path);
}

function writeOver(tools: StorageTools, path: string, content: Uint8Array, foundBytes: number): void {
  const { disk, scratch } = tools;
  const fd = disk.open(path, 'read-write');
  try {
    const isSame =
      foundBytes === content.length &&
      disk.read(fd, 0, scratch, 0, foundBytes) === foundBytes &&
      content.every((byte, at) => scratch.bytes[at] === byte);
    if (!isSame) writePiece(tools, path, fd, 0, content);
  } finally {
    disk.close(fd);
  }
}

function writePiece(tools: StorageTools, path: string, fd: number, position: number, piece: Uint8Array): void {
  tools.scratch.bytes.set(piece, 0);
  const error = writeWhole(tools.disk, fd, position, tools.scratch, 0, piece.length);
  if (error < 0)
    throw new Fault('PB_DISK_ERROR', `${path} could not be written (error ${-error}); free some space and retry`);
}
