/**
 * What a failed flush leaves to the next start. Linux calls the pages of a failed flush clean: they are read back from
 * memory as if nothing had happened, and the next flush succeeds without having written them. Nobody could tell from the
 * file that the device does not have them. So a log that meets such a failure leaves a note in its folder, and recovery
 * writes the same bytes again before it flushes and vouches for them.
 *
 * The note needs no flush of its own: it has to last as long as the page cache does, which is what it is about.
 */
import { Fault, isFault } from '../base/fault.ts';
import type { FileHandle } from './file-cache.ts';
import { FAILED_FLUSH_FILE } from './file-names.ts';
import type { StorageTools } from './storage-tools.ts';
import { writeWhole } from './whole-write.ts';

const PIECE_BYTES = 1 << 20;

/** Its being there says it all: an empty file finds a place on a full disk as well. False: not even that, to be tried again. */
export function noteFailedFlush({ disk, logger }: StorageTools, folder: string): boolean {
  const path = `${folder}/${FAILED_FLUSH_FILE}`;
  try {
    disk.close(disk.open(path, 'create'));
    return true;
  } catch (error) {
    if (!isFault(error)) throw error;
    logger.warn(`${folder}: that a flush failed could not be noted: ${error.message}`);
    return false;
  }
}

export function hasFailedFlush({ disk }: StorageTools, folder: string): boolean {
  return disk.stat(`${folder}/${FAILED_FLUSH_FILE}`) !== null;
}

/** Everything is on the device after all. */
export function forgetFailedFlush({ disk }: StorageTools, folder: string): void {
  disk.remove(`${folder}/${FAILED_FLUSH_FILE}`);
}

/** The same bytes again, so that the next flush has something to do. Throws Fault. */
export function rewriteFile(tools: StorageTools, handle: FileHandle): void {
  const { disk, files } = tools;
  const fd = files.use(handle);
  const memory = disk.allocate(PIECE_BYTES);
  const end = disk.sizeBytes(fd);
  for (let position = 0; position < end; ) {
    const count = disk.read(fd, position, memory, 0, Math.min(PIECE_BYTES, end - position));
    const error = count > 0 ? writeWhole(disk, fd, position, memory, 0, count) : Math.min(count, -1);
    if (error < 0) {
      throw new Fault('PB_DISK_ERROR', `${handle.path} could not be written again: error ${-error}; look at the disk`);
    }
    position += count;
  }
}
