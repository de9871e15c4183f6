/**
 * The records of a consumer group (KIP-848) as values: everything a group is comes from them, at load as while running.
 * `null` stands for a tombstone. Their bytes are `consumer-group-codec.ts`'s business.
 */
import type { Assignment } from './assignment.ts';
import type { CurrentAssignment, MemberMetadata } from './consumer-member.ts';

/** The topics that a regular expression stood for when it was last looked up. */
export interface ResolvedPattern {
  /** Sorted. */
  readonly topicNames: readonly string[];
  /** Of the catalog in which they were looked up. */
  readonly catalogVersion: number;
  readonly timestampMs: number;
}

export type ConsumerGroupRecord =
  | { readonly kind: 'group'; readonly value: { readonly epoch: number; readonly metadataHash: bigint } | null }
  /** Older brokers wrote what they knew of the topics; today it is only ever removed. */
  | { readonly kind: 'partition-metadata'; readonly isPresent: boolean }
  | { readonly kind: 'member'; readonly memberId: string; readonly value: MemberMetadata | null }
  | { readonly kind: 'target-epoch'; readonly value: { readonly epoch: number; readonly timestampMs: number } | null }
  | { readonly kind: 'target'; readonly memberId: string; readonly value: Assignment | null }
  | { readonly kind: 'current'; readonly memberId: string; readonly value: CurrentAssignment | null }
  | { readonly kind: 'pattern'; readonly pattern: string; readonly value: ResolvedPattern | null };
