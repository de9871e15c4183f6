/**
 * Small text files of numbers: Kafka's checkpoints of a data folder (an offset per partition), its per-partition epoch
 * list, and our own `written-checkpoint`, which says how far each log was written under one boot of the machine.
 *
 *     0                         version
 *     2                         lines that follow
 *     orders 0 1719             topic, partition, offset
 *     orders 1 1720 ␠␉␠…        the last row ends in a checksum (`text-seal`) that Kafka's readers pass over
 */
import type { Disk } from './disk.ts';
import { isTopicName, partitionFolderName } from './file-names.ts';
import { openSeal, sealed } from './text-seal.ts';

export const RECOVERY_POINTS_FILE = 'recovery-point-offset-checkpoint';
export const LOG_STARTS_FILE = 'log-start-offset-checkpoint';
export const HIGH_WATERMARKS_FILE = 'replication-offset-checkpoint';
export const CLEANED_FILE = 'cleaner-offset-checkpoint';
export const WRITTEN_FILE = 'written-checkpoint';

const VERSION = '0';
const decoder = new TextDecoder();
const encoder = new TextEncoder();

export interface CheckpointRow {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** Offsets by partition folder name. Empty when the file is missing or damaged: nothing is vouched for then. */
export function readCheckpoint(disk: Disk, path: string): Map<string, number> {
  return readCheckpointOrNull(disk, path) ?? new Map();
}

/** The same; null when the file is damaged, for those to whom doubt and nothing are not the same. */
export function readCheckpointOrNull(disk: Disk, path: string): Map<string, number> | null {
  const content = disk.readFile(path);
  return content === null ? new Map() : parseRows(content, false);
}

/** Flushed before it takes the old one's place. */
export function writeCheckpoint(disk: Disk, path: string, rows: readonly CheckpointRow[]): void {
  disk.replaceFile(path, encoder.encode(formatRows(rows, '')));
}

export interface WrittenCheckpoint {
  readonly bootId: string;
  readonly offsets: Map<string, number>;
}

/** Written offsets count only under the boot they were written in: then the page cache has what was written. */
export function readWritten(disk: Disk, path: string): WrittenCheckpoint | null {
  const content = disk.readFile(path);
  const offsets = content === null ? null : parseRows(content, true);
  if (content === null || offsets === null) return null;
  const [bootId = ''] = decoder.decode(content).split('\n', 1);
  return bootId.length === 0 ? null : { bootId, offsets };
}

/** What is wrong with a checkpoint's bytes; null when nothing is. `hasHead`: it begins with the boot. */
export function wrongInCheckpoint(content: Uint8Array, hasHead: boolean): string | null {
  if (openSeal(decoder.decode(content)) === null) return 'its checksum does not fit';
  return parseRows(content, hasHead) === null ? 'it cannot be read' : null;
}

/** Not flushed: it counts under the running boot only, and so does the page cache that has it. */
export function writeWritten(disk: Disk, path: string, bootId: string, rows: readonly CheckpointRow[]): void {
  disk.swapFile(path, encoder.encode(formatRows(rows, `${bootId}\n`)));
}

function formatRows(rows: readonly CheckpointRow[], head: string): string {
  const lines = rows.map((row) => `${row.topic} ${row.partition} ${row.offset}\n`);
  return sealed(`${head}${VERSION}\n${rows.length}\n${lines.join('')}`, rows.length);
}

/** Null when anything about it is doubtful: one bad line casts doubt on all, and doubt costs little. */
function parseRows(content: Uint8Array, hasHead: boolean): Map<string, number> | null {
  const text = openSeal(decoder.decode(content));
  if (text === null) return null;
  const lines = text.split('\n').slice(hasHead ? 1 : 0);
  const count = Number(lines[1]);
  if (lines[0] !== VERSION || !Number.isInteger(count) || count < 0 || lines.length < 2 + count) return null;
  const offsets = new Map<string, number>();
  for (const line of lines.slice(2, 2 + count)) {
    const [topic = '', partition = '', offset = '', more] = line.split(' ');
    if (!isTopicName(topic) || !isCount(partition) || !isCount(offset) || more !== undefined) return null;
    offsets.set(partitionFolderName(topic, Number(partition)), Number(offset));
  }
  return offsets;
}

export interface EpochRow {
  readonly epoch: number;
  readonly startOffset: number;
}

const EPOCH_MAX = 2_147_483_647;

/** Null when the text is none of ours: damaged, or of another version. */
export function parseEpochs(content: Uint8Array): EpochRow[] | null {
  const text = openSeal(decoder.decode(content));
  if (text === null) return null;
  const lines = text.split('\n');
  const count = Number(lines[1]);
  if (lines[0] !== VERSION || !Number.isInteger(count) || count < 0 || lines.length < 2 + count) return null;
  const rows: EpochRow[] = [];
  for (const line of lines.slice(2, 2 + count)) {
    const [epoch = '', startOffset = '', more] = line.split(' ');
    if (!isCount(epoch) || !isCount(startOffset) || more !== undefined || Number(epoch) > EPOCH_MAX) return null;
    rows.push({ epoch: Number(epoch), startOffset: Number(startOffset) });
  }
  return rows;
}

export function formatEpochs(rows: readonly EpochRow[]): Uint8Array {
  const lines = rows.map((row) => `${row.epoch} ${row.startOffset}\n`);
  return encoder.encode(sealed(`${VERSION}\n${rows.length}\n${lines.join('')}`, rows.length));
}

function isCount(text: string): boolean {
  return /^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text));
}
