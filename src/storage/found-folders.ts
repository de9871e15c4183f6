/** What the partition folders of a data folder say of themselves, for whoever decides which topics they belong to. */

import { isFault } from '../base/fault.ts';
import { parseEpochs } from './checkpoint.ts';
import type { Disk } from './disk.ts';
import { EPOCHS_FILE, LOG_SUFFIX, offsetOfName, PARTITION_METADATA_FILE } from './file-names.ts';
import type { PartitionFolder } from './log-directory.ts';
import { readTopicId } from './partition-metadata.ts';

export interface FoundPartition {
  readonly topic: string;
  readonly partition: number;
  /** base64url; null when the folder does not say. */
  readonly topicId: string | null;
  /** The last epoch written down, 0 when there is none. */
  readonly leaderEpoch: number;
  /** Why nobody can say whose it is; null: nothing speaks against it. */
  readonly flaw: string | null;
}

export function findPartitions(disk: Disk, folders: readonly PartitionFolder[]): FoundPartition[] {
  return folders.map((folder) => {
    const { topic, partition } = folder;
    try {
      return lookInto(disk, folder);
    } catch (error) {
      // What the disk does not give keeps its own partition from opening, and no other.
      if (!isFault(error) || error.code !== 'PB_DISK_ERROR') throw error;
      return { topic, partition, topicId: null, leaderEpoch: 0, flaw: `cannot be read: ${error.message}` };
    }
  });
}

function lookInto(disk: Disk, { topic, partition, path }: PartitionFolder): FoundPartition {
  const topicId = readTopicId(disk, path);
  const flaw = topicId === null && !disk.list(path).some(isOfLog) ? 'holds no log' : null;
  return { topic, partition, topicId, leaderEpoch: latestEpoch(disk, path), flaw };
}

function isOfLog(name: string): boolean {
  return name === PARTITION_METADATA_FILE || offsetOfName(name, LOG_SUFFIX) >= 0;
}

function latestEpoch(disk: Disk, path: string): number {
  const content = disk.readFile(`${path}/${EPOCHS_FILE}`);
  const rows = content === null ? null : parseEpochs(content);
  return rows?.at(-1)?.epoch ?? 0;
}
