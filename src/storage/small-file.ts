/**
 * Small whole files that can be made again from the log (producer snapshots, epochs): written beside their path and
 * renamed over it, so that a stopped process leaves the old or the new one, but not flushed, since a lost one costs a
 * scan and a flush costs every roll milliseconds. Checkpoints that others rely on use `disk.replaceFile` instead.
 */
import { Fault } from '../base/fault.ts';
import { TEMPORARY_SUFFIX } from './file-names.ts';
import { PAGE_BYTES, type StorageTools } from './storage-tools.ts';
import { writeWhole } from './whole-write.ts';

/** Throws Fault when the disk refuses. */
export function writeSmallFile(tools: StorageTools, path: string, content: Uint8Array): void {
  const disk = tools.disk;
  const temporary = path + TEMPORARY_SUFFIX;
  const fd = disk.open(temporary, 'create');
  try {
    disk.truncate(fd, 0);
    for (let from = 0; from < content.length; from += PAGE_BYTES) {
      const piece = content.subarray(from, from + PAGE_BYTES);
      tools.scratch.bytes.set(piece, 0);
      const error = writeWhole(disk, fd, from, tools.scratch, 0, piece.length);
      if (error < 0)
        throw new Fault('PB_DISK_ERROR', `${path} could not be written (error ${-error}); free some space and retry`);
    }
  } finally {
    disk.close(fd);
  }
  disk.rename(temporary, path);
}
