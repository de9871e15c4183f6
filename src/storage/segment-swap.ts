/**
 * How a compacted segment takes the place of those it was made of, by renames, so that a stop after any of them leaves a
 * folder that `finishSwaps` puts in order:
 *
 *   1  .index .timeindex .txnindex, then .log:   .cleaned → .swap      the last rename decides: from now on it is the log
 *   2  every old segment, indexes first:         → .deleted
 *   3  .index .timeindex .txnindex, then .log:   .swap → in place
 *
 * The bytes, and the names ending in .cleaned, were flushed before the first rename. File systems keep the order of renames
 * within a folder, so a loss of power leaves what a stop after one of them would have left.
 */
import { Fault } from '../base/fault.ts';
import { BatchWalk } from './batch-walk.ts';
import type { Disk } from './disk.ts';
import {
  CLEANED_ENDING,
  LOG_SUFFIX,
  offsetName,
  offsetOfName,
  SNAPSHOT_SUFFIX,
  SWAP_ENDING,
  SWAP_SUFFIXES,
} from './file-names.ts';
import type { StorageTools } from './storage-tools.ts';

/** Step 1. Throws Fault; before the last rename nothing has happened yet. */
export function beginSwap(disk: Disk, folder: string, baseOffset: number): void {
  renameAll(disk, folder, baseOffset, CLEANED_ENDING, SWAP_ENDING);
}

/** Step 3. Throws Fault. */
export function endSwap(disk: Disk, folder: string, baseOffset: number): void {
  renameAll(disk, folder, baseOffset, SWAP_ENDING, '');
}

/** A compaction's result that is not wanted any more. Throws Fault. */
export function discardCleaned(disk: Disk, folder: string, baseOffset: number): void {
  for (const suffix of SWAP_SUFFIXES) {
    for (const ending of [CLEANED_ENDING, SWAP_ENDING])
      removeIfThere(disk, pathOf(folder, baseOffset, suffix) + ending);
  }
}

/** Finishes what a stopped process began, or takes it back. To be called before the segments of a folder are listed. */
export function finishSwaps(tools: StorageTools, folder: string): void {
  const { disk } = tools;
  const names = disk.list(folder).filter((name) => name.endsWith(SWAP_ENDING));
  if (names.length === 0) return;
  const decided = names.map((name) => offsetOfName(name, LOG_SUFFIX + SWAP_ENDING)).filter((base) => base >= 0);
  for (const base of decided.toSorted((left, right) => left - right)) finishOne(tools, folder, base);
  for (const name of names) removeIfThere(disk, `${folder}/${name}`);
}

function finishOne(tools: StorageTools, folder: string, base: number): void {
  const { disk } = tools;
  const end = endOf(disk, pathOf(folder, base, LOG_SUFFIX) + SWAP_ENDING, base);
  const olds = disk.list(folder).map((name) => offsetOfName(name, LOG_SUFFIX));
  for (const old of olds) {
    // Those whose last records were compacted away lie behind the end; they stay, which does no harm.
    if (old < base || old >= Math.max(end, base + 1)) continue;
    for (const suffix of SWAP_SUFFIXES) removeIfThere(disk, pathOf(folder, old, suffix));
    if (old !== base) removeIfThere(disk, pathOf(folder, old, SNAPSHOT_SUFFIX));
  }
  endSwap(disk, folder, base);
  tools.logger.info(
    `${pathOf(folder, base, LOG_SUFFIX)}: a compaction that was stopped while it took its place is finished`,
  );
}

/** The next offset after the batches of a file. */
function endOf(disk: Disk, path: string, base: number): number {
  const fd = disk.open(path, 'read');
  try {
    const walk = new BatchWalk(disk);
    walk.begin(fd, 0, disk.sizeBytes(fd));
    let end = base;
    while (walk.next()) end = walk.lastOffset + 1;
    if (walk.readError < 0)
      throw new Fault('PB_DISK_ERROR', `${path} could not be read: error ${-walk.readError}; look at the disk`);
    return end;
  } finally {
    disk.close(fd);
  }
}

function renameAll(disk: Disk, folder: string, base: number, from: string, to: string): void {
  for (const suffix of SWAP_SUFFIXES) {
    const path = pathOf(folder, base, suffix);
    if (suffix === LOG_SUFFIX || disk.stat(path + from) !== null) disk.rename(path + from, path + to);
  }
}

function removeIfThere(disk: Disk, path: string): void {
  if (disk.stat(path) !== null) disk.remove(path);
}

function pathOf(folder: string, base: number, suffix: string): string {
  return `${folder}/${offsetName(base)}${suffix}`;
}
