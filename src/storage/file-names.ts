/**
 * How the files and folders of a data folder are named: Kafka's names. Pure text; touches no disk. The check on topic
 * names is here as well, since a name from the wire becomes part of a path.
 */
import { Fault } from '../base/fault.ts';

export const LOG_SUFFIX = '.log';
export const INDEX_SUFFIX = '.index';
export const TIME_INDEX_SUFFIX = '.timeindex';
export const ABORTED_SUFFIX = '.txnindex';
export const SNAPSHOT_SUFFIX = '.snapshot';
/** All files of one segment, the batches first. */
export const SEGMENT_SUFFIXES: readonly string[] = [
  LOG_SUFFIX,
  INDEX_SUFFIX,
  TIME_INDEX_SUFFIX,
  ABORTED_SUFFIX,
  SNAPSHOT_SUFFIX,
];
export const TEMPORARY_SUFFIX = '.tmp';
/** Added to the name of a file that left its log and waits to be removed. */
export const DELETED_ENDING = '.deleted';
/** Added to the names of a segment that compaction writes. */
export const CLEANED_ENDING = '.cleaned';
/** Added to them once it is whole, while it takes the place of others. */
export const SWAP_ENDING = '.swap';
/** The files of a segment that a compaction writes, in the order in which they are renamed: the batches last. */
export const SWAP_SUFFIXES: readonly string[] = [INDEX_SUFFIX, TIME_INDEX_SUFFIX, ABORTED_SUFFIX, LOG_SUFFIX];
/** Endings of files that a stopped process may leave behind and that no log is made of. */
export const LEFTOVER_SUFFIXES: readonly string[] = [DELETED_ENDING, CLEANED_ENDING, TEMPORARY_SUFFIX];

export const EPOCHS_FILE = 'leader-epoch-checkpoint';
/** See `failed-flush`. */
export const FAILED_FLUSH_FILE = 'flush-failed';
/** See `compaction-bound`. */
export const COMPACTION_BOUND_FILE = 'compaction-bound';
export const PARTITION_METADATA_FILE = 'partition.metadata';

const OFFSET_DIGITS = 20;
const TOPIC_LENGTH_MAX = 249;
const FOLDER_LENGTH_MAX = 255;
const TOPIC_PATTERN = /^[a-zA-Z0-9._-]+$/;
const FOLDER_PATTERN = /^([a-zA-Z0-9._-]+)-(\d{1,10})$/;
const DELETED_PATTERN = /^.+\.[0-9a-f]{32}-delete$/;
const PARTITIONS_MAX = 2_147_483_647;

export function offsetName(offset: number): string {
  return String(offset).padStart(OFFSET_DIGITS, '0');
}

/** The offset in a file name with the given ending, -1 when the name is none of ours. */
export function offsetOfName(name: string, suffix: string): number {
  if (name.length !== OFFSET_DIGITS + suffix.length || !name.endsWith(suffix)) return -1;
  const digits = name.slice(0, OFFSET_DIGITS);
  if (!/^\d+$/.test(digits)) return -1;
  const offset = Number(digits);
  return Number.isSafeInteger(offset) ? offset : -1;
}

export function isTopicName(topic: string): boolean {
  if (topic.length === 0 || topic.length > TOPIC_LENGTH_MAX) return false;
  return topic !== '.' && topic !== '..' && TOPIC_PATTERN.test(topic);
}

export function partitionFolderName(topic: string, partition: number): string {
  if (!isTopicName(topic) || !Number.isInteger(partition) || partition < 0 || partition > PARTITIONS_MAX) {
    throw new Fault('PB_PROTOCOL', `"${topic.slice(0, 80)}-${partition}" cannot be the name of a partition's folder`);
  }
  return `${topic}-${partition}`;
}

export interface PartitionName {
  readonly topic: string;
  readonly partition: number;
}

/** Null when the folder is not a partition's. */
export function parsePartitionFolder(name: string): PartitionName | null {
  const match = FOLDER_PATTERN.exec(name);
  if (match === null) return null;
  const topic = match[1] ?? '';
  const partition = Number(match[2]);
  // Names such as "a-007" are not written by anyone; taking them would give one partition two folders.
  if (!isTopicName(topic) || partition > PARTITIONS_MAX || String(partition) !== match[2]) return null;
  return { topic, partition };
}

/** The name a partition's folder gets before its files are removed, so that a stop in between leaves no half partition. */
export function deletedFolderName(topic: string, partition: number, uniqueHex: string): string {
  const ending = `-${partition}.${uniqueHex}-delete`;
  return `${topic.slice(0, FOLDER_LENGTH_MAX - ending.length)}${ending}`;
}

export function isDeletedFolder(name: string): boolean {
  return DELETED_PATTERN.test(name);
}
