/**
 * What every group can be asked, whatever protocol its members speak: by the offsets it commits, by those who list, delete
 * and clean up groups. `classic-group`, `consumer-group` and `share-group` implement it. A group is state without a clock,
 * a log or a socket.
 */
import type { StoredEntry } from '../cluster/coordinator-log.ts';
import type { CommittedOffset } from './committed-offsets.ts';

export type GroupKind = 'classic' | 'consumer' | 'share';

/** Who commits: what an OffsetCommit or TxnOffsetCommit tells of its sender. */
export interface CommitClaim {
  readonly memberId: string;
  readonly instanceId: string | null;
  /** Generation of a classic group, member epoch of a consumer group; -1: no member. */
  readonly generationOrEpoch: number;
  readonly isTransactional: boolean;
  readonly apiVersion: number;
}

export interface CommittedPartition {
  /** ZERO_UUID when it is not known. */
  readonly topicId: string;
  readonly partition: number;
}

export interface GroupFace {
  readonly kind: GroupKind;
  readonly groupId: string;
  /** As ListGroups tells it: 'Stable', 'Empty', … */
  readonly stateName: string;
  /** '' when members never said one. */
  readonly protocolType: string;
  /** Nobody is in it or on the way into it: it can be deleted, and ends when its last offset does. */
  readonly isEmpty: boolean;
  /** It goes by itself when it is empty and its last offset has expired. */
  readonly isExpirable: boolean;
  isSubscribedTo(topic: string): boolean;
  /** NONE, or the error code that the commit is refused with. */
  checkCommit(claim: CommitClaim, partitions: readonly CommittedPartition[]): number;
  /** NONE, or the error code of an OffsetFetch; null and -1: the asker is no member. */
  checkFetch(memberId: string | null, memberEpoch: number): number;
  /** NONE, or the error code of an OffsetDelete. */
  checkOffsetDelete(): number;
  /** When this offset began to grow old; null: it does not, somebody is there who needs it. */
  agingSinceMs(offset: CommittedOffset): number | null;
  /** Tombstones of the group's own records, not of its offsets. */
  tombstones(): readonly StoredEntry[];
}
