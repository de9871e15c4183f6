/**
 * Committing, fetching and deleting the offsets of groups of any kind. A commit is checked by its group, put into memory,
 * written, and answered; offsets of a transaction wait in memory until its marker. Called by `apis/`, with the shard that
 * keeps the group.
 */
import type { StoredEntry } from '../cluster/coordinator-log.ts';
import { errorCode } from '../protocol/errors.ts';
import { ZERO_UUID } from '../protocol/fields.ts';
import { decodeStored, type StoredRecord } from '../protocol/stored-record.ts';
import type { ClassicGroups } from './classic-groups.ts';
import type { CommittedOffset, OfferedOffset } from './committed-offsets.ts';
import type { Group } from './group.ts';
import type { CommitClaim } from './group-face.ts';
import {
  KIND_OFFSET,
  KIND_OFFSET_LEGACY,
  legacyOffsetCommitKey,
  offsetCommitKey,
  offsetCommitValue,
  offsetEntry,
  offsetTombstone,
} from './group-records.ts';
import type { GroupProtocol, GroupShard } from './group-shard.ts';

export interface OffsetDeskParts {
  readonly classic: ClassicGroups;
  readonly nowMs: () => number;
  readonly metadataLengthMax: () => number;
  /** The id of the topic that has this name now; null: there is none. */
  readonly topicIdOf: (name: string) => string | null;
}

export interface OffsetToCommit {
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string;
}

export interface CommitWish {
  readonly groupId: string;
  readonly claim: CommitClaim;
  /** How long the client wants them kept, -1: as the broker likes. */
  readonly retentionMs: number;
  readonly offsets: readonly OffsetToCommit[];
}

export interface TransactionalCommitWish {
  readonly groupId: string;
  readonly claim: CommitClaim;
  readonly producerId: number;
  readonly producerEpoch: number;
  /** The transaction is still the one that was admitted, and not ended. */
  readonly isOpen: () => boolean;
  readonly offsets: readonly OffsetToCommit[];
}

export interface TopicPartitions {
  readonly name: string;
  readonly partitions: readonly number[];
}

export interface FetchWish {
  readonly groupId: string;
  readonly memberId: string | null;
  readonly memberEpoch: number;
  /** Null: all that the group has. */
  readonly topics: readonly TopicPartitions[] | null;
  readonly isStableRequired: boolean;
}

export interface FetchedPartition {
  readonly partition: number;
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly errorCode: number;
}

export interface FetchedOffsets {
  readonly errorCode: number;
  readonly topics: readonly { readonly name: string; readonly partitions: readonly FetchedPartition[] }[];
}

const GROUP_ID_NOT_FOUND_SINCE = 9;
const STALE_EPOCH_SINCE = 9;
/** More would not fit into one batch of the topic. */
const COMMIT_BYTES_MAX = 1_000_000;
/** What a record costs in a batch beside its key and its value. */
const RECORD_OVERHEAD_BYTES = 24;

export class OffsetDesk implements GroupProtocol {
  readonly kind = null;
  readonly replays: GroupProtocol['replays'] = [
    [KIND_OFFSET_LEGACY, (shard, key, value) => this.replay(legacyOffsetCommitKey, shard, key, value, -1)],
    [
      KIND_OFFSET,
      (shard, key, value, facts) => this.replay(offsetCommitKey, shard, key, value, facts.producer?.producerId ?? -1),
    ],
  ];
  private readonly parts: OffsetDeskParts;

  constructor(parts: OffsetDeskParts) {
    this.parts = parts;
  }

  /** Error codes in the order of the offsets; offsets stand or fall one by one, except where the group says no. */
  async commit(shard: GroupShard, wish: CommitWish): Promise<readonly number[]> {
    const { groupId, claim } = wish;
    const checked = this.checkCommit(shard, groupId, claim, wish.offsets);
    if (typeof checked === 'number') return wish.offsets.map(() => checked);
    if (checked.kind === 'classic') this.parts.classic.renewSession(checked, claim.memberId);
    const nowMs = this.parts.nowMs();
    const expireTimestampMs = wish.retentionMs < 0 ? -1 : nowMs + wish.retentionMs;
    const plan = this.plan(groupId, wish.offsets, nowMs, expireTimestampMs);
    for (const { topic, partition, kept } of plan.kept) shard.offsets.set(groupId, topic, partition, kept);
    const code = plan.entries.length === 0 ? errorCode.NONE : await shard.append(plan.entries);
    return code === errorCode.NONE ? plan.codes : plan.codes.map((own) => (own === errorCode.NONE ? code : own));
  }

  /**
   * The group's side of TxnOffsetCommit: offsets that become visible with the marker. They become the producer's when they
   * are written and not before: the log may refuse a fenced producer, whose successor's offsets must not be touched.
   */
  async commitInTransaction(shard: GroupShard, wish: TransactionalCommitWish): Promise<readonly number[]> {
    const { groupId, claim, producerId, producerEpoch, isOpen } = wish;
    const checked = this.checkCommit(shard, groupId, claim, wish.offsets);
    if (typeof checked === 'number') return wish.offsets.map(() => checked);
    const plan = this.plan(groupId, wish.offsets, this.parts.nowMs(), -1);
    if (plan.entries.length === 0) return plan.codes;
    const offer = shard.offsets.offerPending(groupId, plan.kept);
    const code = await shard.append(plan.entries, { producerId, producerEpoch }, isOpen);
    shard.offsets.takeOffer(offer, code === errorCode.NONE ? producerId : null);
    return plan.codes.map((own) => (own === errorCode.NONE ? code : own));
  }

  async fetch(shard: GroupShard, wish: FetchWish): Promise<FetchedOffsets> {
    const fetched = this.look(shard, wish);
    // What is in memory but not written yet must not be told. What comes while this waits is not in the answer.
    await shard.settled();
    return shard.errorCode === errorCode.NONE ? fetched : { errorCode: shard.errorCode, topics: [] };
  }

  /** The code of the group, and codes by topic and partition in the order of the wish. */
  async deleteOffsets(
    shard: GroupShard,
    groupId: string,
    topics: readonly TopicPartitions[],
  ): Promise<{ readonly errorCode: number; readonly codes: readonly (readonly number[])[] }> {
    const group = shard.groups.get(groupId);
    const refusal = group === undefined ? errorCode.GROUP_ID_NOT_FOUND : group.checkOffsetDelete();
    if (group === undefined || refusal !== errorCode.NONE) return { errorCode: refusal, codes: [] };
    const entries: StoredEntry[] = [];
    const codes = topics.map(({ name, partitions }) => {
      const code = group.isSubscribedTo(name) ? errorCode.GROUP_SUBSCRIBED_TO_TOPIC : errorCode.NONE;
      if (code === errorCode.NONE) removeOffsets(shard, groupId, name, partitions, entries);
      return partitions.map(() => code);
    });
    return { errorCode: await shard.appendInPieces(entries), codes };
  }

  // ── load ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Groups that only commit have no record of their own; and topics may have gone while nobody was there to see it. */
  loaded(shard: GroupShard): void {
    const entries: StoredEntry[] = [];
    for (const groupId of new Set([...shard.offsets.groupIds, ...shard.offsets.pendingGroupIds])) {
      for (const [topic, partitions] of [...shard.offsets.ofGroup(groupId)]) {
        const now = this.parts.topicIdOf(topic);
        for (const [partition, { topicId }] of [...partitions]) {
          if (topicId !== ZERO_UUID && topicId !== now) removeOffsets(shard, groupId, topic, [partition], entries);
        }
      }
      if (shard.groups.has(groupId)) continue;
      const hasOffsets = shard.offsets.has(groupId) || shard.offsets.hasPending(groupId);
      if (hasOffsets) this.parts.classic.create(shard, groupId);
    }
    if (entries.length > 0) void shard.appendInPieces(entries);
  }

  dropped(): void {}

  forget(): void {}

  private replay(
    keyRecord: StoredRecord<{ readonly group: string; readonly topic: string; readonly partition: number }>,
    shard: GroupShard,
    keyBytes: Uint8Array,
    valueBytes: Uint8Array | null,
    producerId: number,
  ): void {
    const { group, topic, partition } = decodeStored(keyRecord, keyBytes);
    if (valueBytes === null) {
      shard.offsets.remove(group, topic, partition);
      return;
    }
    const value = decodeStored(offsetCommitValue, valueBytes);
    const offset: CommittedOffset = {
      offset: value.offset,
      leaderEpoch: value.leaderEpoch,
      metadata: value.metadata,
      commitTimestampMs: value.commitTimestamp,
      expireTimestampMs: value.expireTimestamp,
      topicId: value.topicId,
    };
    if (producerId < 0) shard.offsets.set(group, topic, partition, offset);
    else shard.offsets.setPending(producerId, group, topic, partition, offset);
  }

  // ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The group that takes the commit, or the error code. A consumer that only commits makes its group by that. */
  private checkCommit(
    shard: GroupShard,
    groupId: string,
    claim: CommitClaim,
    offsets: readonly OffsetToCommit[],
  ): Group | number {
    let group = shard.groups.get(groupId);
    if (group === undefined) {
      if (claim.generationOrEpoch >= 0) {
        const isNew = !claim.isTransactional && claim.apiVersion >= GROUP_ID_NOT_FOUND_SINCE;
        return isNew ? errorCode.GROUP_ID_NOT_FOUND : errorCode.ILLEGAL_GENERATION;
      }
      if (!shard.hasRoom) return errorCode.GROUP_MAX_SIZE_REACHED;
      group = this.parts.classic.create(shard, groupId);
    }
    const code = group.checkCommit(claim, offsets);
    if (code === errorCode.NONE) return group;
    if (code !== errorCode.STALE_MEMBER_EPOCH) return code;
    if (claim.isTransactional) return errorCode.ILLEGAL_GENERATION;
    return claim.apiVersion >= STALE_EPOCH_SINCE ? code : errorCode.UNSUPPORTED_VERSION;
  }

  private look(shard: GroupShard, wish: FetchWish): FetchedOffsets {
    const group = shard.groups.get(wish.groupId);
    const code = group?.checkFetch(wish.memberId, wish.memberEpoch) ?? errorCode.NONE;
    // A group that cannot have offsets is like one that is not there: it has committed nothing.
    const isRefused = code !== errorCode.NONE && code !== errorCode.GROUP_ID_NOT_FOUND;
    if (isRefused) return { errorCode: code, topics: [] };
    const { groupId, isStableRequired } = wish;
    const topics = wish.topics ?? allTopics(shard, groupId);
    return {
      errorCode: errorCode.NONE,
      topics: topics.map(({ name, partitions }) => {
        const topic = { name, id: this.parts.topicIdOf(name) };
        return {
          name,
          partitions: partitions.map((partition) => fetchOne(shard, groupId, topic, partition, isStableRequired)),
        };
      }),
    };
  }

  private plan(
    groupId: string,
    offsets: readonly OffsetToCommit[],
    nowMs: number,
    expireTimestampMs: number,
  ): CommitPlan {
    const lengthMax = this.parts.metadataLengthMax();
    const entries: StoredEntry[] = [];
    const kept: OfferedOffset[] = [];
    let bytes = 0;
    const codes = offsets.map(({ topic, topicId, partition, offset, leaderEpoch, metadata }) => {
      if (metadata.length > lengthMax) return errorCode.OFFSET_METADATA_TOO_LARGE;
      const one = { offset, leaderEpoch, metadata, commitTimestampMs: nowMs, expireTimestampMs, topicId };
      const entry = offsetEntry(groupId, topic, partition, one);
      bytes += entry.key.length + (entry.value?.length ?? 0) + RECORD_OVERHEAD_BYTES;
      entries.push(entry);
      kept.push({ topic, partition, kept: one });
      return errorCode.NONE;
    });
    if (bytes <= COMMIT_BYTES_MAX) return { entries, kept, codes };
    const tooLarge = codes.map((code) => (code === errorCode.NONE ? errorCode.INVALID_COMMIT_OFFSET_SIZE : code));
    return { entries: [], kept: [], codes: tooLarge };
  }
}

interface CommitPlan {
  readonly entries: readonly StoredEntry[];
  readonly kept: readonly OfferedOffset[];
  readonly codes: readonly number[];
}

/** Takes offsets, also those of open transactions, out of memory; adds the tombstones that have to be written for it. */
export function removeOffsets(
  shard: GroupShard,
  groupId: string,
  topic: string,
  partitions: Iterable<number>,
  entries: StoredEntry[],
): void {
  for (const partition of [...partitions]) {
    const isThere =
      shard.offsets.get(groupId, topic, partition) !== null || shard.offsets.isPending(groupId, topic, partition);
    if (!isThere) continue;
    shard.offsets.remove(groupId, topic, partition);
    entries.push(offsetTombstone(groupId, topic, partition));
  }
}

function allTopics(shard: GroupShard, groupId: string): readonly TopicPartitions[] {
  return Array.from(shard.offsets.ofGroup(groupId), ([name, partitions]) => ({
    name,
    partitions: [...partitions.keys()],
  }));
}

function fetchOne(
  shard: GroupShard,
  groupId: string,
  { name, id }: { readonly name: string; readonly id: string | null },
  partition: number,
  isStableRequired: boolean,
): FetchedPartition {
  const { offsets } = shard;
  const none = { partition, offset: -1, leaderEpoch: -1, metadata: '' };
  if (isStableRequired && offsets.isPending(groupId, name, partition)) {
    return { ...none, errorCode: errorCode.UNSTABLE_OFFSET_COMMIT };
  }
  const found = offsets.get(groupId, name, partition);
  // A transaction may commit offsets of a topic that another of its name has followed meanwhile.
  const isOfAnother = id !== null && found !== null && found.topicId !== ZERO_UUID && found.topicId !== id;
  if (found === null || isOfAnother) return { ...none, errorCode: errorCode.NONE };
  const { offset, leaderEpoch, metadata } = found;
  return { partition, offset, leaderEpoch, metadata, errorCode: errorCode.NONE };
}
