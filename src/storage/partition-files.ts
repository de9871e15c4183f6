/**
 * What lies in a partition's folder when it is opened: the segments, oldest first, and what a stopped process left behind,
 * which is swept away here: temporary files, indexes without their log, snapshots that no segment goes with.
 */
import type { Disk } from './disk.ts';
import { FileHandle } from './file-cache.ts';
import {
  ABORTED_SUFFIX,
  INDEX_SUFFIX,
  LEFTOVER_SUFFIXES,
  LOG_SUFFIX,
  offsetOfName,
  SNAPSHOT_SUFFIX,
  TIME_INDEX_SUFFIX,
} from './file-names.ts';
import { Segment } from './segment.ts';
import { finishSwaps } from './segment-swap.ts';
import type { StorageTools } from './storage-tools.ts';

/**
 * Segments of a folder by base offset; sweeps. What is left of snapshots is removed later, by whoever removes the files of
 * old segments: to free a block takes some disks a millisecond, and after a crash most logs leave one. Throws Fault.
 * `keepsSnapshots`: the log that is opened next lists them again.
 */
export function listSegments(tools: StorageTools, folder: string, nowMs: number, keepsSnapshots = false): Segment[] {
  finishSwaps(tools, folder);
  const names = tools.disk.list(folder);
  const bases = names.map((name) => offsetOfName(name, LOG_SUFFIX)).filter((base) => base >= 0);
  bases.sort((left, right) => left - right);
  const strays = sweep(tools.disk, folder, names, new Set(bases), bases.at(-1) ?? -1);
  for (const path of keepsSnapshots ? [] : strays) tools.removed.add(new FileHandle(path), [path], 0);
  return bases.map((base) => {
    const segment = new Segment(tools, folder, base, 0, nowMs);
    const stat = tools.disk.stat(segment.log.path);
    const bytes = stat?.sizeBytes ?? 0;
    return new Segment(tools, folder, base, bytes, stat?.modifiedMs ?? nowMs, '', bytes);
  });
}

/** Snapshots that go with no segment are left for later. */
function sweep(
  disk: Disk,
  folder: string,
  names: readonly string[],
  bases: ReadonlySet<number>,
  newest: number,
): string[] {
  const strays: string[] = [];
  let strayOffset = -1;
  for (const name of names) strayOffset = Math.max(strayOffset, offsetOfName(name, SNAPSHOT_SUFFIX));
  for (const name of names) {
    if (LEFTOVER_SUFFIXES.some((suffix) => name.endsWith(suffix))) {
      disk.remove(`${folder}/${name}`);
      continue;
    }
    for (const suffix of [INDEX_SUFFIX, TIME_INDEX_SUFFIX, ABORTED_SUFFIX]) {
      const base = offsetOfName(name, suffix);
      if (base >= 0 && !bases.has(base)) disk.remove(`${folder}/${name}`);
    }
    // A snapshot goes with the segment it is named for; the newest may lie behind the last segment's base.
    const snapshot = offsetOfName(name, SNAPSHOT_SUFFIX);
    const isKept = bases.has(snapshot) || (snapshot === strayOffset && snapshot > newest);
    if (snapshot >= 0 && !isKept) strays.push(`${folder}/${name}`);
  }
  return strays;
}
