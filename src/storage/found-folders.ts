/** What the partition folders of a data folder say of themselves, for whoever decides which topics they belong to. */

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
  /** Nothing in it is of a log. */
  readonly isForeign: boolean;
}

export function findPartitions(disk: Disk, folders: readonly PartitionFolder[]): FoundPartition[] {
  return folders.map(({ topic, partition, path }) => {
    const topicId = readTopicId(disk, path);
    const isForeign = topicId === null && !disk.list(path).some(isOfLog);
    return { topic, partition, topicId, leaderEpoch: latestEpoch(disk, path), isForeign };
  });
}

function isOfLog(name: string): boolean {
  return name === PARTITION_METADATA_FILE || offsetOfName(name, LOG_SUFFIX) >= 0;
}

function latestEpoch(disk: Disk, path: string): number {
  const content = disk.readFile(`${path}/${EPOCHS_FILE}`);
  const rows = content === null ? null : parseEpochs(content);
  return rows?.at(-1)?.epoch ?? 0;
}
