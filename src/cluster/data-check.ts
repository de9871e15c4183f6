/**
 * Checks a whole data folder from outside: the files in its root, the catalog's, and every partition's. Reads only, and takes
 * no lock, so that it can look while a broker runs. Loaded by `log verify` alone.
 */
import { basename } from 'node:path';
import { Fault, isFault } from '../base/fault.ts';
import {
  CLEANED_FILE,
  HIGH_WATERMARKS_FILE,
  LOG_STARTS_FILE,
  RECOVERY_POINTS_FILE,
  readCheckpoint,
  readCheckpointOrNull,
  readWritten,
  WRITTEN_FILE,
  wrongInCheckpoint,
} from '../storage/checkpoint.ts';
import type { Disk } from '../storage/disk.ts';
import { parsePartitionFolder } from '../storage/file-names.ts';
import { type Finding, fileFinding, sentenceOf, type TellFinding } from '../storage/finding.ts';
import { FolderLock, readBootId } from '../storage/folder-lock.ts';
import { CLEAN_STOP_FILE, FORMAT_FILE } from '../storage/log-directory.ts';
import { NodeDisk } from '../storage/node-disk.ts';
import { checkPartition, type PartitionChecked } from '../storage/partition-check.ts';
import type { Crc } from '../storage/storage-tools.ts';
import { createCrc32c } from '../zerocopy/crc32c.ts';
import { loadNative } from '../zerocopy/native.ts';
import { KAFKA_METADATA_TOPIC } from './adoption.ts';
import type { CatalogRecord } from './catalog-records.ts';
import { METADATA_FILE_NAME } from './file-store.ts';
import { scanFile } from './metadata-frames.ts';

export interface DataToCheck {
  readonly root: string;
  /** "orders-0"; empty: all. */
  readonly partitions: readonly string[];
}

export interface DataChecked {
  readonly partitions: number;
  readonly segments: number;
  readonly batches: number;
  readonly bytes: number;
  readonly isLive: boolean;
  /** The last stop was clean, so that a start scans nothing. */
  readonly isClean: boolean;
}

/** Findings as they are told elsewhere, with a sentence for people. */
export type TellData = (finding: Finding, sentence: string) => void;

export interface DataCheckParts {
  readonly disk: Disk;
  readonly crc: Crc;
  /** A broker runs on the folder. */
  readonly isLive: boolean;
  readonly bootId: string | null;
}

/** Throws Fault when there is nothing to look at. */
export function checkData(wish: DataToCheck, tell: TellData): DataChecked {
  const crc = createCrc32c(loadNative().native);
  const isLive = FolderLock.isHeld(wish.root, Date.now());
  return checkDataWith({ disk: new NodeDisk(), crc, isLive, bootId: readBootId() }, wish, tell);
}

export function checkDataWith(parts: DataCheckParts, { root, partitions }: DataToCheck, tell: TellData): DataChecked {
  return new DataCheck(parts, root, (finding) => tell(finding, sentenceOf(finding))).run(partitions);
}

class DataCheck {
  private readonly parts: DataCheckParts;
  private readonly disk: Disk;
  private readonly root: string;
  private readonly tell: TellFinding;
  private readonly compacted = new Set<string>();
  private readonly topicIds = new Map<string, string>();
  private isCatalogKnown = true;

  constructor(parts: DataCheckParts, root: string, tell: TellFinding) {
    this.parts = parts;
    this.disk = parts.disk;
    this.root = root;
    this.tell = tell;
  }

  run(wanted: readonly string[]): DataChecked {
    const names = this.foldersOf(wanted);
    const { crc, isLive, bootId } = this.parts;
    const isClean = isLive || this.disk.stat(this.path(CLEAN_STOP_FILE)) !== null;
    this.checkFormat();
    this.checkMetadata(isLive);
    for (const file of [RECOVERY_POINTS_FILE, LOG_STARTS_FILE, CLEANED_FILE, HIGH_WATERMARKS_FILE, WRITTEN_FILE])
      this.checkCheckpoint(file);
    const recoveryPoints = readCheckpoint(this.disk, this.path(RECOVERY_POINTS_FILE));
    const starts = readCheckpoint(this.disk, this.path(LOG_STARTS_FILE));
    const cleaned = readCheckpointOrNull(this.disk, this.path(CLEANED_FILE));
    const written = readWritten(this.disk, this.path(WRITTEN_FILE));
    const isSameBoot = written !== null && written.bootId === bootId;
    const tools = { disk: this.disk, crc, pace: () => {} };
    const total = { partitions: 0, segments: 0, batches: 0, bytes: 0 };
    for (const name of names) {
      const checked = this.look(name, isLive, (tell) =>
        checkPartition(
          { ...tools, tell },
          {
            folder: this.path(name),
            vouchers: {
              recoveryPoint: recoveryPoints.get(name) ?? 0,
              logStartOffset: starts.get(name) ?? 0,
              writtenOffset: isSameBoot ? (written?.offsets.get(name) ?? -1) : -1,
              cleanedOffset: cleaned?.get(name) ?? 0,
              mayHaveGaps: cleaned === null,
            },
            isClean,
            isLive,
            topicId: this.topicIds.get(parsePartitionFolder(name)?.topic ?? '') ?? null,
            mayHaveGaps:
              cleaned === null || !this.isCatalogKnown || this.compacted.has(parsePartitionFolder(name)?.topic ?? ''),
          },
        ),
      );
      if (checked === null) continue;
      total.partitions += 1;
      total.segments += checked.segments;
      total.batches += checked.batches;
      total.bytes += checked.bytes;
    }
    return { ...total, isLive, isClean };
  }

  /**
   * Under a running broker topics and segments come, go and take each other's places while they are looked at: only what is
   * found again counts.
   */
  private look(name: string, isLive: boolean, check: (tell: TellFinding) => PartitionChecked): PartitionChecked | null {
    if (!isLive) return this.lookOnce(name, check);
    let checked: PartitionChecked | null = null;
    let found: Finding[] = [];
    for (let looks = 0; looks < LIVE_LOOKS; looks++) {
      const before = looks === 0 ? null : new Set(found.map(keyOf));
      const now: Finding[] = [];
      try {
        checked = check((finding) => now.push(finding));
      } catch (error) {
        if (!isFault(error)) throw error;
        if (this.disk.stat(this.path(name)) === null) return null;
        now.push(fileFinding(this.path(name), 'it could not be read', error.message));
      }
      found = now.filter((finding) => before === null || before.has(keyOf(finding)));
      if (found.length === 0) break;
    }
    for (const finding of found) this.tell(finding);
    return checked;
  }

  /** A file that the disk does not give says nothing of all the others. */
  private lookOnce(name: string, check: (tell: TellFinding) => PartitionChecked): PartitionChecked | null {
    try {
      return check(this.tell);
    } catch (error) {
      if (!isFault(error)) throw error;
      this.tell(fileFinding(this.path(name), 'it could not be read to its end', error.message));
      return null;
    }
  }

  private foldersOf(wanted: readonly string[]): string[] {
    if (this.disk.stat(this.root) === null) {
      throw new Fault('PB_BAD_SETTING', `there is no data folder ${this.root}; name one with --data`);
    }
    const there = this.disk.list(this.root).filter((name) => {
      const parsed = parsePartitionFolder(name);
      if (parsed === null || parsed.topic === KAFKA_METADATA_TOPIC) return false;
      return this.disk.stat(this.path(name))?.isFolder === true;
    });
    if (there.length === 0 && this.disk.stat(this.path(FORMAT_FILE)) === null) {
      throw new Fault('PB_BAD_SETTING', `${this.root} holds no partitions and is no data folder; name one with --data`);
    }
    // A folder's path means its name as well, as people complete it on the command line.
    const names = wanted.map((path) => basename(path));
    for (const name of names) {
      if (!there.includes(name)) {
        throw new Fault('PB_BAD_SETTING', `there is no partition ${name} in ${this.root}; write it as orders-0`);
      }
    }
    return names.length === 0 ? there : names;
  }

  private checkFormat(): void {
    const content = this.disk.readFile(this.path(FORMAT_FILE));
    if (content === null) return;
    if (new TextDecoder().decode(content).trim() === '1') return;
    this.tell(fileFinding(this.path(FORMAT_FILE), 'it should hold the number 1', 'a start refuses and says so'));
  }

  private checkMetadata(isLive: boolean): void {
    const file = this.path(METADATA_FILE_NAME);
    const bytes = this.disk.readFile(file);
    if (bytes === null) return;
    try {
      const { records, wholeBytes } = scanFile(bytes, file);
      this.noteTopics(records);
      if (wholeBytes === bytes.length || isLive) return;
      const problem = `the last ${bytes.length - wholeBytes} bytes are no whole record`;
      this.tell({ ...fileFinding(file, problem, 'a start cuts them off'), position: wholeBytes });
    } catch (error) {
      if (!isFault(error)) throw error;
      this.isCatalogKnown = false;
      this.tell(fileFinding(file, error.message.replace(`${file} `, 'it '), 'a start refuses and says so'));
    }
  }

  /** Whoever was compacted once may have gaps for good; a topic that is none any more counts as well. */
  private noteTopics(records: readonly CatalogRecord[]): void {
    const nameOf = new Map<string, string>();
    for (const record of records) {
      if (record.kind === 'topic') {
        nameOf.set(record.id, record.name);
        this.topicIds.set(record.name, record.id);
      }
      if (record.kind !== 'topic' && record.kind !== 'topic-configs') continue;
      const policy = record.configs['cleanup.policy'] ?? '';
      if (policy.includes('compact')) this.compacted.add(nameOf.get(record.id) ?? '');
    }
  }

  private checkCheckpoint(name: string): void {
    const file = this.path(name);
    const content = this.disk.readFile(file);
    const wrong = content === null ? null : wrongInCheckpoint(content, name === WRITTEN_FILE);
    if (wrong === null) return;
    this.tell(fileFinding(file, wrong, CHECKPOINT_OUTCOMES[name] ?? 'a start goes without it'));
  }

  private path(name: string): string {
    return `${this.root}/${name}`;
  }
}

const LIVE_LOOKS = 3;

function keyOf({ file, position, problem }: Finding): string {
  return `${file} ${position} ${problem}`;
}

const CHECKPOINT_OUTCOMES: { readonly [name: string]: string } = {
  [RECOVERY_POINTS_FILE]: 'a start after a crash scans all logs',
  [LOG_STARTS_FILE]: 'a start begins each log with its oldest segment, so that deleted records of it come back',
  [CLEANED_FILE]: 'a start compacts logs from their beginning again',
  [HIGH_WATERMARKS_FILE]: 'nothing here reads it',
  [WRITTEN_FILE]: 'a start after a crash scans what was not flushed',
};
