/**
 * What main tells a partition worker, and what comes back: objects through the mailbox, a handful a second at most.
 * Several partitions travel in one command, so that starting with thousands of them costs a few messages.
 */
import type { CleaningPlan, GroupCleaned } from '../storage/compaction.ts';
import type { Cleanable } from '../storage/log-cleaning.ts';
import type { LogSettings } from '../storage/log-settings.ts';
import type { ProducerFacts } from '../storage/producer-entry.ts';

export interface PartitionOpening {
  readonly slot: number;
  readonly topic: string;
  readonly partition: number;
  /** "topic-0", for messages. */
  readonly partitionName: string;
  /** base64url, as partition.metadata has it. */
  readonly topicId: string;
  /** The partition's folder. */
  readonly folder: string;
  readonly leaderEpoch: number;
  readonly settings: LogSettings;
  /** Main has just made the folder: see `new-partition`. */
  readonly isBegun: boolean;
  /** Nothing needs scanning: the log was closed well, or recovery has just passed over it. */
  readonly isClean: boolean;
  readonly recoveryPoint: number;
  readonly logStartOffset: number;
  /** Bytes up to this offset were written under the boot that still runs; -1 when nobody vouches for that. */
  readonly writtenOffset: number;
  /** Up to there the log was compacted. */
  readonly cleanedOffset: number;
  readonly mayHaveGaps: boolean;
}

export type WorkerCommand =
  | { readonly kind: 'open'; readonly id: number; readonly partitions: readonly PartitionOpening[] }
  | { readonly kind: 'close'; readonly id: number; readonly slots: readonly number[]; readonly remove: boolean }
  | { readonly kind: 'configure'; readonly id: number; readonly slot: number; readonly settings: LogSettings }
  | { readonly kind: 'move-starts'; readonly id: number; readonly moves: readonly StartWish[] }
  | { readonly kind: 'report'; readonly id: number }
  /** Only what has changed since the last of these; `isWhole`: the answer to that one may be lost. */
  | { readonly kind: 'report-changes'; readonly id: number; readonly isWhole: boolean }
  | { readonly kind: 'producers'; readonly id: number; readonly slot: number }
  | { readonly kind: 'stop'; readonly id: number }
  | CleaningCommand
  | { readonly kind: 'recoded'; readonly ticket: number; readonly bytes: Uint8Array | null };

/** Compaction: see `log-cleaner`. */
export type CleaningCommand =
  | { readonly kind: 'cleanables'; readonly id: number }
  | { readonly kind: 'begin-cleaning'; readonly id: number; readonly slot: number }
  | {
      readonly kind: 'swap-cleaned';
      readonly id: number;
      readonly slot: number;
      readonly partitionName: string;
      readonly cleaned: GroupCleaned;
    }
  | {
      readonly kind: 'end-cleaning';
      readonly id: number;
      readonly slot: number;
      readonly partitionName: string;
      /** -1: given up. */
      readonly endOffset: number;
    };

export interface CleanableLog extends Cleanable {
  readonly slot: number;
  readonly partitionName: string;
  readonly dirtyRatioMin: number;
}

/** Everything before the offset shall go; -1 is the high watermark. */
export interface StartWish {
  readonly slot: number;
  readonly offset: number;
}

export interface StartMoved {
  readonly slot: number;
  /** A Kafka error code. */
  readonly error: number;
  /** Where the log begins now; -1 with an error. */
  readonly logStart: number;
}

/** One partition's offsets, for the checkpoint files, and its size. */
export interface PartitionReport {
  readonly slot: number;
  readonly recoveryPoint: number;
  readonly logStart: number;
  readonly high: number;
  readonly end: number;
  readonly sizeBytes: number;
  readonly cleanedOffset: number;
  /** Since when something written waits to be flushed; -1: nothing does. */
  readonly unsyncedSinceMs: number;
  /** Closed well: everything is on the device and written down. */
  readonly isClean: boolean;
}

export interface PartitionOutcome {
  readonly slot: number;
  /** Null when all went well; else a sentence for people. */
  readonly problem: string | null;
}

export type WorkerReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'remove-files'; readonly paths: readonly string[] }
  | { readonly kind: 'outcome'; readonly id: number; readonly outcomes: readonly PartitionOutcome[] }
  | { readonly kind: 'starts-moved'; readonly id: number; readonly rows: readonly StartMoved[] }
  /** Null: the partition is not here. */
  | { readonly kind: 'producers'; readonly id: number; readonly producers: readonly ProducerFacts[] | null }
  | { readonly kind: 'cleanables'; readonly id: number; readonly rows: readonly CleanableLog[] }
  | { readonly kind: 'cleaning-plan'; readonly id: number; readonly plan: CleaningPlan | null }
  | { readonly kind: 'swapped'; readonly id: number; readonly isDone: boolean }
  | { readonly kind: 'report'; readonly id: number; readonly rows: readonly PartitionReport[] }
  | {
      readonly kind: 'recode';
      readonly ticket: number;
      readonly batch: Uint8Array;
      readonly codec: number;
      readonly level: number;
    };
