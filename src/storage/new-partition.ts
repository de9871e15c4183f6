/**
 * What lies in the folder of a partition that was just made: whose it is, its first epoch, and an empty segment to append
 * to. Written by main before a worker hears of the partition, so that no worker's turn pays for it; the log begins without
 * a look at the disk (`log-open`). Indexes come with their first entries.
 *
 * Nothing is written beside and renamed: a stop in between leaves files that cannot be read, which are written anew. The
 * batches' file comes last.
 */
import { formatEpochs } from './checkpoint.ts';
import type { Disk } from './disk.ts';
import { EPOCHS_FILE, LOG_SUFFIX, offsetName, PARTITION_METADATA_FILE } from './file-names.ts';
import { formatTopicId } from './partition-metadata.ts';

const NOTHING = new Uint8Array(0);

export interface NewPartition {
  readonly topic: string;
  readonly partition: number;
  /** base64url */
  readonly topicId: string;
  readonly leaderEpoch: number;
}

/** The folder was not there. Throws Fault. */
export function beginPartition(disk: Disk, folder: string, { topicId, leaderEpoch }: NewPartition): void {
  disk.makeFolder(folder);
  disk.makeFile(`${folder}/${PARTITION_METADATA_FILE}`, formatTopicId(topicId));
  disk.makeFile(`${folder}/${EPOCHS_FILE}`, formatEpochs([{ epoch: leaderEpoch, startOffset: 0 }]));
  disk.makeFile(`${folder}/${offsetName(0)}${LOG_SUFFIX}`, NOTHING);
}
