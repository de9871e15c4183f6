/**
 * Up to where compaction may have taken batches out of a log. A start after a power cut needs to know: behind that offset no
 * batch may be missing, and a gap is what the cut made of unflushed writes. On the device before the first compacted segment
 * takes the place of others, in a file of the log's own, so that nothing that befalls a checkpoint of the whole folder makes
 * a hole of a gap, and a start cut the log there.
 *
 *     0                   version
 *     1719 1719 ␠␉␠…      gaps lie before this offset; everything before the other was flushed; a checksum (`text-seal`)
 */
import { Fault } from '../base/fault.ts';
import type { Disk } from './disk.ts';
import { COMPACTION_BOUND_FILE } from './file-names.ts';
import { snapshotPath, syncSnapshot } from './producer-snapshot.ts';
import { openSeal, sealed } from './text-seal.ts';

export interface CompactionBound {
  /** No gap lies at it or behind it. Infinity: nobody knows. */
  readonly gapsBelow: number;
  /** Only what is on the device is compacted. */
  readonly flushed: number;
}

const NEVER: CompactionBound = { gapsBelow: 0, flushed: 0 };
const UNKNOWN: CompactionBound = { gapsBelow: Number.POSITIVE_INFINITY, flushed: 0 };
const FORM = /^0\n(\d{1,16}) (\d{1,16})\n$/;

export function readBound(disk: Pick<Disk, 'readFile'>, folder: string): CompactionBound {
  const content = disk.readFile(pathIn(folder));
  if (content === null) return NEVER;
  return boundOf(content) ?? UNKNOWN;
}

/** Null: it is damaged. */
export function boundOf(content: Uint8Array): CompactionBound | null {
  const text = new TextDecoder().decode(content);
  const opened = openSeal(text);
  const found = opened === null || opened === text ? null : FORM.exec(opened);
  if (found === null) return null;
  const bound = { gapsBelow: Number(found[1]), flushed: Number(found[2]) };
  return Number.isSafeInteger(bound.gapsBelow) && Number.isSafeInteger(bound.flushed) ? bound : null;
}

/** Before a compaction up to an offset: it does not begin unless this is on the device. Throws Fault. */
export function boundCompaction(disk: Disk, folder: string, offset: number): void {
  const before = readBound(disk, folder);
  if (before.gapsBelow >= offset && before.flushed >= offset && before !== UNKNOWN) return;
  // Batches that are gone tell nobody of their producers any more.
  keepProducers(disk, folder, offset);
  const gapsBelow = before === UNKNOWN ? offset : Math.max(before.gapsBelow, offset);
  write(disk, folder, { gapsBelow, flushed: Math.max(before.flushed, offset) });
}

/** Where it was compacted before anybody wrote down how far: by another broker, or by one whose note is damaged. Throws Fault. */
export function boundUnknownGaps(disk: Disk, folder: string, offset: number): void {
  const { gapsBelow, flushed } = readBound(disk, folder);
  if (gapsBelow < offset || gapsBelow === Number.POSITIVE_INFINITY) write(disk, folder, { gapsBelow: offset, flushed });
}

/** The log was cut there: what is written from now on nobody has flushed. Throws Fault. */
export function cutBound(disk: Disk, folder: string, offset: number): void {
  const { gapsBelow, flushed } = readBound(disk, folder);
  if (flushed > offset) write(disk, folder, { gapsBelow: Math.min(gapsBelow, offset), flushed: offset });
}

function keepProducers(disk: Disk, folder: string, offset: number): void {
  const path = snapshotPath(folder, offset);
  // Where none could be written, a batch sent again is told that it is out of order, as other brokers tell it.
  if (disk.stat(path) === null) return;
  const error = syncSnapshot(disk, folder, offset);
  if (error < 0) throw new Fault('PB_DISK_ERROR', `${path} could not be flushed: error ${-error}`);
}

function write(disk: Disk, folder: string, { gapsBelow, flushed }: CompactionBound): void {
  disk.replaceFile(pathIn(folder), new TextEncoder().encode(sealed(`0\n${gapsBelow} ${flushed}\n`, 1)));
}

function pathIn(folder: string): string {
  return `${folder}/${COMPACTION_BOUND_FILE}`;
}
