/**
 * A data folder: one folder a partition, the checkpoints, and who may use it. Main opens it at start, makes and removes
 * partition folders in it, and writes the checkpoint files from the workers' reports. It never opens a log.
 *
 * Names from the wire become paths only through `file-names`, which refuses whatever is no topic name.
 *
 *   perfbroker.format   version of what we add to Kafka's layout; a newer one is refused
 *   perfbroker.lock     see `folder-lock`
 *   .kafka_cleanshutdown   there while nobody runs and the last stop was clean: its logs need no scan
 */
import { dirname } from 'node:path';
import { Fault, isFault } from '../base/fault.ts';
import {
  type CheckpointRow,
  CLEANED_FILE,
  HIGH_WATERMARKS_FILE,
  LOG_STARTS_FILE,
  RECOVERY_POINTS_FILE,
  readCheckpoint,
  readCheckpointOrNull,
  readWritten,
  WRITTEN_FILE,
  writeCheckpoint,
  writeWritten,
} from './checkpoint.ts';
import type { Disk } from './disk.ts';
import { deletedFolderName, isDeletedFolder, parsePartitionFolder, partitionFolderName } from './file-names.ts';
import { beginPartition, type NewPartition } from './new-partition.ts';
import { unwritableFolder } from './unwritable-folder.ts';

export const FORMAT_FILE = 'perfbroker.format';
export const CLEAN_STOP_FILE = '.kafka_cleanshutdown';
const FORMAT_VERSION = 1;
const DOUBTS: { readonly [file: string]: string } = {
  [RECOVERY_POINTS_FILE]: 'after an unclean stop all logs are scanned',
  [LOG_STARTS_FILE]: 'each log begins with its oldest segment, so that deleted records of it come back',
  [CLEANED_FILE]: 'logs are compacted from their beginning again',
};
const encoder = new TextEncoder();
const decoder = new TextDecoder();

export interface PartitionFolder {
  readonly topic: string;
  readonly partition: number;
  readonly name: string;
  readonly path: string;
}

/** What the checkpoints of the last run say of one partition. */
export interface PartitionVouchers {
  readonly recoveryPoint: number;
  readonly logStartOffset: number;
  /** -1 when the machine was started again since, or nothing was noted. */
  readonly writtenOffset: number;
  /** Up to there the log was compacted. */
  readonly cleanedOffset: number;
  /** Nobody knows up to where: it is damaged that says so. */
  readonly mayHaveGaps: boolean;
}

export interface PartitionCheckpoint {
  readonly topic: string;
  readonly partition: number;
  readonly recoveryPoint: number;
  readonly logStart: number;
  readonly high: number;
  readonly end: number;
  readonly cleanedOffset: number;
}

export class LogDirectory {
  readonly root: string;
  private readonly disk: Disk;
  private recoveryPoints = new Map<string, number>();
  private logStarts = new Map<string, number>();
  private cleanedOffsets = new Map<string, number>();
  private isCleanedDoubtful = false;
  /** Another broker wrote it, which does not write down in the logs how far they are compacted. */
  private isBroughtOver = false;
  /** What was found damaged when it was opened. */
  readonly notices: string[] = [];
  private writtenOffsets = new Map<string, number>();
  /** By folder name. */
  private readonly unopened = new Map<string, { readonly topic: string; readonly partition: number }>();
  /** Folder names of partitions that were put aside since the checkpoints were written. */
  private readonly gone = new Set<string>();

  constructor(disk: Disk, root: string) {
    this.disk = disk;
    this.root = root;
  }

  /**
   * Makes the folder when it is missing, checks its format, reads the checkpoints. `bootId` is null where the system does
   * not tell. Throws Fault. Call with the lock held.
   */
  open(bootId: string | null): void {
    try {
      this.disk.makeFolder(this.root);
      this.checkFormat();
    } catch (error) {
      if (isFault(error) && error.code.startsWith('PB_DATA')) throw error;
      throw unwritableFolder(this.root, error);
    }
    this.recoveryPoints = this.read(RECOVERY_POINTS_FILE) ?? new Map();
    this.logStarts = this.read(LOG_STARTS_FILE) ?? new Map();
    const cleaned = this.read(CLEANED_FILE);
    this.cleanedOffsets = cleaned ?? new Map();
    this.isCleanedDoubtful = cleaned === null;
    const written = readWritten(this.disk, this.path(WRITTEN_FILE));
    if (written !== null && bootId !== null && written.bootId === bootId) this.writtenOffsets = written.offsets;
  }

  /** Null: it is damaged. */
  private read(file: string): Map<string, number> | null {
    const rows = readCheckpointOrNull(this.disk, this.path(file));
    if (rows === null) this.notices.push(`${this.path(file)} is damaged and is not believed; ${DOUBTS[file] ?? ''}`);
    return rows;
  }

  /** True once after a clean stop: the mark is taken away, so that a crash from now on is noticed. */
  takeCleanMark(): boolean {
    const path = this.path(CLEAN_STOP_FILE);
    if (this.disk.stat(path) === null) return false;
    this.disk.remove(path);
    this.disk.syncFolder(this.root);
    return true;
  }

  /** To be called when every log was closed cleanly and the checkpoints are written. */
  leaveCleanMark(): void {
    this.disk.replaceFile(this.path(CLEAN_STOP_FILE), encoder.encode('{"version":0,"brokerEpoch":-1}'));
  }

  vouchersOf(topic: string, partition: number): PartitionVouchers {
    const name = partitionFolderName(topic, partition);
    return {
      recoveryPoint: this.recoveryPoints.get(name) ?? 0,
      logStartOffset: this.logStarts.get(name) ?? 0,
      writtenOffset: this.writtenOffsets.get(name) ?? -1,
      cleanedOffset: this.cleanedOffsets.get(name) ?? 0,
      mayHaveGaps: this.isCleanedDoubtful || this.isBroughtOver,
    };
  }

  /** A log that was found and did not open: what is written down of it stays so, for the start that opens it. */
  noteUnopened(topic: string, partition: number): void {
    this.unopened.set(partitionFolderName(topic, partition), { topic, partition });
  }

  /** It is open now, or gone. */
  forgetUnopened(topic: string, partition: number): void {
    this.unopened.delete(partitionFolderName(topic, partition));
  }

  get hasUnopened(): boolean {
    return this.unopened.size > 0;
  }

  /** The checkpoints that must outlive the power: flushed offsets, log starts, high watermarks. */
  saveCheckpoints(rows: readonly PartitionCheckpoint[]): void {
    this.save(RECOVERY_POINTS_FILE, rows, this.recoveryPoints, (row) => row.recoveryPoint);
    this.saveLogStarts(rows);
    this.saveCleaned(rows);
    this.save(HIGH_WATERMARKS_FILE, rows, this.recoveryPoints, (row) => row.high);
    this.gone.clear();
  }

  /**
   * To be called before partitions are made: what the checkpoints say of earlier ones of their names goes. A start would believe
   * it of the new ones, and take records before an old log start for deleted. Throws Fault.
   */
  forgetNamesakes(partitions: readonly { readonly topic: string; readonly partition: number }[]): void {
    const all = partitions.map(({ topic, partition }) => partitionFolderName(topic, partition));
    const found = [this.recoveryPoints, this.logStarts, this.cleanedOffsets, this.writtenOffsets];
    const names = new Set(all.filter((name) => this.gone.has(name) || found.some((offsets) => offsets.has(name))));
    if (names.size === 0) return;
    for (const file of [RECOVERY_POINTS_FILE, LOG_STARTS_FILE, CLEANED_FILE, HIGH_WATERMARKS_FILE]) {
      const offsets = readCheckpoint(this.disk, this.path(file));
      const rows = rowsWithout(names, offsets);
      if (rows.length < offsets.size) writeCheckpoint(this.disk, this.path(file), rows);
    }
    const written = readWritten(this.disk, this.path(WRITTEN_FILE));
    const rows = written === null ? [] : rowsWithout(names, written.offsets);
    if (written !== null && rows.length < written.offsets.size)
      writeWritten(this.disk, this.path(WRITTEN_FILE), written.bootId, rows);
    for (const name of names) {
      this.gone.delete(name);
      for (const offsets of found) offsets.delete(name);
    }
  }

  /** Where logs begin: soon after a start has moved, so that what was deleted does not come back with a killed process. */
  saveLogStarts(rows: readonly PartitionCheckpoint[]): void {
    const moved = rows.filter((row) => row.logStart > 0);
    this.save(LOG_STARTS_FILE, moved, this.logStarts, (row) => row.logStart);
  }

  /** How far logs are compacted: after each compaction, so that the next begins where it ended. */
  saveCleaned(rows: readonly PartitionCheckpoint[]): void {
    const cleaned = rows.filter((row) => row.cleanedOffset > 0);
    this.save(CLEANED_FILE, cleaned, this.cleanedOffsets, (row) => row.cleanedOffset);
  }

  /** How far logs are written under this boot, so that a killed process costs no scan. */
  saveWritten(bootId: string, rows: readonly PartitionCheckpoint[]): void {
    const lines = this.linesOf(rows, this.writtenOffsets, (row) => row.end);
    writeWritten(this.disk, this.path(WRITTEN_FILE), bootId, lines);
  }

  /** Partition folders, by name; removes what is left of deleted ones. Files, and folders of other names, are left alone. */
  list(): PartitionFolder[] {
    const folders: PartitionFolder[] = [];
    for (const name of this.disk.list(this.root)) {
      const parsed = parsePartitionFolder(name);
      const isDeleted = isDeletedFolder(name);
      if ((parsed === null && !isDeleted) || this.disk.stat(this.path(name))?.isFolder !== true) continue;
      if (isDeleted) this.removeFolder(this.path(name));
      // Kafka keeps its own metadata as a partition beside the others; it is none of ours to open.
      if (parsed === null || parsed.topic === '__cluster_metadata') continue;
      folders.push({ topic: parsed.topic, partition: parsed.partition, name, path: this.path(name) });
    }
    return folders;
  }

  /** False: a stop came between the writing down of a partition and the making of its folder, or took the folder's name. */
  has(topic: string, partition: number): boolean {
    return this.disk.stat(this.pathOf(topic, partition)) !== null;
  }

  /** Partition folders made, or put aside, until then stay so when the power is lost. */
  syncNames(): void {
    this.disk.syncFolder(this.root);
  }

  /** Where a partition lies or will lie; its log makes the folder. Throws Fault for what is no topic name. */
  pathOf(topic: string, partition: number): string {
    return this.path(partitionFolderName(topic, partition));
  }

  /** False: there is something of that name already, and a log that opens in it has to look. Throws Fault. */
  begin(partition: NewPartition): boolean {
    const path = this.pathOf(partition.topic, partition.partition);
    if (this.disk.stat(path) !== null) return false;
    beginPartition(this.disk, path, partition);
    return true;
  }

  /**
   * Its log must be closed. The folder gets a name under which it is removed, now by whoever asks or by the next start, once
   * `syncNames` has made that certain; null when there is none. `uniqueHex`: 32 hex digits that no earlier deletion used.
   */
  putAside(topic: string, partition: number, uniqueHex: string): string | null {
    const from = this.pathOf(topic, partition);
    this.gone.add(partitionFolderName(topic, partition));
    if (this.disk.stat(from) === null) return null;
    const to = this.path(deletedFolderName(topic, partition, uniqueHex));
    this.disk.rename(from, to);
    return to;
  }

  /** What was put aside. */
  removeFolder(path: string): void {
    for (const name of this.disk.list(path)) this.removeAny(`${path}/${name}`);
    this.disk.removeFolder(path);
  }

  /** Somebody may have put a folder there. */
  private removeAny(path: string): void {
    try {
      this.disk.remove(path);
    } catch (error) {
      if (!isFault(error) || this.disk.stat(path)?.isFolder !== true) throw error;
      this.disk.removeFolder(path);
    }
  }

  private save(
    file: string,
    rows: readonly PartitionCheckpoint[],
    found: ReadonlyMap<string, number>,
    offsetOf: (row: PartitionCheckpoint) => number,
  ): void {
    writeCheckpoint(this.disk, this.path(file), this.linesOf(rows, found, offsetOf));
  }

  private linesOf(
    rows: readonly PartitionCheckpoint[],
    found: ReadonlyMap<string, number>,
    offsetOf: (row: PartitionCheckpoint) => number,
  ): CheckpointRow[] {
    const lines = rows.map((row) => ({ topic: row.topic, partition: row.partition, offset: offsetOf(row) }));
    for (const [name, unopened] of this.unopened) {
      const offset = found.get(name);
      if (offset !== undefined) lines.push({ ...unopened, offset });
    }
    return lines;
  }

  private checkFormat(): void {
    const path = this.path(FORMAT_FILE);
    const content = this.disk.readFile(path);
    if (content === null) {
      this.isBroughtOver = this.disk.list(this.root).some((name) => parsePartitionFolder(name) !== null);
      this.disk.replaceFile(path, encoder.encode(`${FORMAT_VERSION}\n`));
      // The first start: the folder's own name must outlive the power as well.
      this.disk.syncFolder(dirname(this.root));
      return;
    }
    const text = decoder.decode(content).trim();
    const version = Number(text);
    if (text === '' || !Number.isInteger(version)) {
      throw new Fault(
        'PB_DATA_DAMAGED',
        `${path} should hold a version number but holds "${text.slice(0, 40)}"; restore it to ${FORMAT_VERSION}`,
      );
    }
    if (version > FORMAT_VERSION) {
      throw new Fault(
        'PB_DATA_NEWER',
        `data folder ${this.root} was written by a newer perfbroker (format ${version}, this one knows ${FORMAT_VERSION}); use that version or another --data; if none ever ran here, ${path} is damaged: write ${FORMAT_VERSION} into it`,
      );
    }
  }

  private path(name: string): string {
    return `${this.root}/${name}`;
  }
}

function rowsWithout(names: ReadonlySet<string>, offsets: ReadonlyMap<string, number>): CheckpointRow[] {
  const rows: CheckpointRow[] = [];
  for (const [name, offset] of offsets) {
    const place = names.has(name) ? null : parsePartitionFolder(name);
    if (place !== null) rows.push({ topic: place.topic, partition: place.partition, offset });
  }
  return rows;
}
