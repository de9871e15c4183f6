/** The port from the controller to the threads that own partitions. Its body lives at the roof, over the workers' mailboxes. */
import type { BrokerConfig } from '../config/broker-config.ts';
import type { TopicValues } from '../config/topic-settings.ts';
import type { ProducerFacts } from '../storage/producer-entry.ts';
import type { Place } from './placement.ts';

export interface HostedPartition extends Place {
  readonly topic: string;
  /** base64url, as partition.metadata has it. */
  readonly topicId: string;
  readonly partition: number;
}

export interface PartitionToOpen extends HostedPartition {
  readonly leaderEpoch: number;
  readonly values: TopicValues;
  /** Created just now: its folder is not there yet. */
  readonly isNew: boolean;
}

export interface OpenOutcome {
  readonly slot: number;
  /** Null when it is open; else a sentence for people. */
  readonly problem: string | null;
}

export interface StartOutcome {
  readonly slot: number;
  /** A Kafka error code. */
  readonly error: number;
  /** Where the log begins now; -1 with an error. */
  readonly logStart: number;
}

export interface PartitionHost {
  /** What logs take from the broker's settings; holds for partitions opened or configured from then on. */
  takeConfig(config: BrokerConfig): void;
  /** Resolves when every partition is open or has failed; one outcome each, in any order. */
  openPartitions(partitions: readonly PartitionToOpen[]): Promise<readonly OpenOutcome[]>;
  /**
   * Resolves when no worker touches them any more and, with `remove`, when their folders are gone. One of them may never
   * have been opened (its opening failed): that is no error.
   */
  closePartitions(partitions: readonly HostedPartition[], options: { readonly remove: boolean }): Promise<void>;
  /** What a deletion left on disk that was broken off; no partition of it is open. */
  removeFolders(folders: readonly { readonly topic: string; readonly partition: number }[]): Promise<void>;
  /** What the partition's log knows of its producers; null: it is not open. */
  describeProducers(place: Place): Promise<readonly ProducerFacts[] | null>;
  configurePartitions(partitions: readonly (HostedPartition & { readonly values: TopicValues })[]): Promise<void>;
  /** Deletes records before an offset (-1: the high watermark); in force and written down when this resolves. */
  moveStarts(moves: readonly (Place & { readonly offset: number })[]): Promise<readonly StartOutcome[]>;
  /** Up to where each open partition is on the device, by slot. */
  flushedOffsets(): Promise<ReadonlyMap<number, number>>;
  /** Bytes of each open partition, by slot. */
  sizes(): Promise<ReadonlyMap<number, number>>;
}
