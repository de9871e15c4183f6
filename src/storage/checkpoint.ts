/**
 * Small text files of numbers: Kafka's checkpoints of a data folder (an offset per partition), its per-partition epoch
 * list, and our own `written-checkpoint`, which says how far each log was written under one boot of the machine.
 *
 *     0                         version
 *     2                         lines that follow
 *     orders 0 1719             topic, partition, offset
 *     orders 1 1720
 */
import type { Disk } from './disk.ts';
import { isTopicName, partitionFolderName } from './file-names.ts';

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
  const content = disk.readFile(path);
  return content === null ? new Map() : parseRows(decoder.decode(content).split('\n'), 0);
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
  if (content === null) return null;
  const lines = decoder.decode(content).split('\n');
  const bootId = lines[0] ?? '';
  return bootId.length === 0 ? null : { bootId, offsets: parseRows(lines, 1) };
}

/** Not flushed: it counts under the running boot only, and so does the page cache that has it. */
export function writeWritten(disk: Disk, path: string, bootId: string, rows: readonly CheckpointRow[]): void {
  disk.swapFile(path, encoder.encode(formatRows(rows, `${bootId}\n`)));
}

function formatRows(rows: readonly CheckpointRow[], head: string): string {
  const lines = rows.map((row) => `${row.topic} ${row.partition} ${row.offset}\n`);
  return `${head}${VERSION}\n${rows.length}\n${lines.join('')}`;
}

function parseRows(lines: readonly string[], from: number): Map<string, number> {
  const offsets = new Map<string, number>();
  const count = Number(lines[from + 1]);
  if (lines[from] !== VERSION || !Number.isInteger(count) || count < 0 || lines.length < from + 2 + count)
    return offsets;
  for (const line of lines.slice(from + 2, from + 2 + count)) {
    const [topic = '', partition = '', offset = ''] = line.split(' ');
    const isGood = isTopicName(topic) && isCount(partition) && isCount(offset);
    // One bad line makes the whole file doubtful, and doubt costs only a scan.
    if (!isGood) return new Map();
    offsets.set(partitionFolderName(topic, Number(partition)), Number(offset));
  }
  return offsets;
}

export interface EpochRow {
  readonly epoch: number;
  readonly startOffset: number;
}

/** Null when the text is none of ours: damaged, or of another version. */
export function parseEpochs(content: Uint8Array): EpochRow[] | null {
  const lines = decoder.decode(content).split('\n');
  const count = Number(lines[1]);
  if (lines[0] !== VERSION || !Number.isInteger(count) || count < 0 || lines.length < 2 + count) return null;
  const rows: EpochRow[] = [];
  for (const line of lines.slice(2, 2 + count)) {
    const [epoch = '', startOffset = ''] = line.split(' ');
    if (!isCount(epoch) || !isCount(startOffset)) return null;
    rows.push({ epoch: Number(epoch), startOffset: Number(startOffset) });
  }
  return rows;
}

export function formatEpochs(rows: readonly EpochRow[]): Uint8Array {
  const lines = rows.map((row) => `${row.epoch} ${row.startOffset}\n`);
  return encoder.encode(`${VERSION}\n${rows.length}\n${lines.join('')}`);
}

function isCount(text: string): boolean {
  return /^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text));
}
