/**
 * What changes a share group, one fact at a time: decisions give such records, `share-group.ts` applies them, and
 * `share-records.ts` knows how they lie in `__consumer_offsets`.
 */
import type { Assignment } from './assignment.ts';

export interface ShareMemberMetadata {
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** Sorted, each once. */
  readonly topicNames: readonly string[];
}

export interface ShareCurrent {
  readonly epoch: number;
  readonly previousEpoch: number;
  readonly assigned: Assignment;
}

/** A topic that the group has begun with; the state of each partition is kept in `__share_group_state`. */
export interface BegunTopic {
  readonly name: string;
  readonly partitions: ReadonlySet<number>;
}

export type BegunTopics = ReadonlyMap<string, BegunTopic>;

/** Null values are tombstones. */
export type ShareGroupRecord =
  | { readonly kind: 'group'; readonly value: { readonly epoch: number; readonly metadataHash: bigint } | null }
  | { readonly kind: 'member'; readonly memberId: string; readonly value: ShareMemberMetadata | null }
  | { readonly kind: 'target-epoch'; readonly value: { readonly epoch: number; readonly timestampMs: number } | null }
  | { readonly kind: 'target'; readonly memberId: string; readonly value: Assignment | null }
  | { readonly kind: 'current'; readonly memberId: string; readonly value: ShareCurrent | null }
  | { readonly kind: 'begun'; readonly value: BegunTopics | null };
