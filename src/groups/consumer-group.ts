/**
 * A consumer group of the newer protocol (KIP-848): its members, the assignment they are to have (target) and the one they
 * have (current). It changes only by `apply`, one record at a time; decisions are made in `consumer-heartbeat.ts` and its
 * neighbours, which read a group and give records. Nothing here knows of time, topics' partitions or where records are kept.
 *
 *   group epoch        rises when members, subscriptions or topics change
 *   assignment epoch   the group epoch for which the target was made; below the group epoch: a new target is due
 *   member epoch       the assignment epoch which the member has come to
 */
import { assertNever } from '../base/assert.ts';
import type { StoredEntry } from '../cluster/coordinator-log.ts';
import { errorCode } from '../protocol/errors.ts';
import { type Assignment, emptyAssignment, type HeldPartitions, nothingHeld } from './assignment.ts';
import type { CommittedOffset } from './committed-offsets.ts';
import { encodeConsumerRecord } from './consumer-group-codec.ts';
import type { ConsumerGroupRecord, ResolvedPattern } from './consumer-group-record.ts';
import { type ConsumerMember, isReconciled, LEAVE_EPOCH, newAssignment, newMember } from './consumer-member.ts';
import { CONSUMER_PROTOCOL_TYPE } from './consumer-protocol.ts';
import type { CommitClaim, CommittedPartition, GroupFace } from './group-face.ts';

/** From this version on OffsetCommit carries member epochs. */
const MEMBER_EPOCH_VERSION = 9;

export type ConsumerGroupState = 'Empty' | 'Assigning' | 'Reconciling' | 'Stable';

export class ConsumerGroup implements GroupFace {
  readonly kind = 'consumer';
  readonly groupId: string;
  readonly members = new Map<string, ConsumerMember>();
  readonly targets = new Map<string, Assignment>();
  readonly patterns = new Map<string, ResolvedPattern>();
  /** Group instance id → member id. */
  readonly staticMembers = new Map<string, string>();
  epoch = 1;
  metadataHash = 0n;
  assignmentEpoch = 1;
  assignmentTimestampMs = 0;
  hasPartitionMetadata = false;
  /** Not recorded: topics may have changed since the metadata hash was made. True after load. */
  isMetadataStale = true;
  /** Not recorded: a topic may have come since the patterns were looked up. True after load. */
  arePatternsStale = true;
  private readonly holders = new Map<string, Map<number, string>>();
  private readonly patternReaders = new Map<string, number>();
  private classicCount = 0;
  /** Made when somebody asks, until members or patterns change. */
  private subscribed: Set<string> | null = null;

  constructor(groupId: string) {
    this.groupId = groupId;
  }

  get stateName(): ConsumerGroupState {
    if (this.members.size === 0) return 'Empty';
    if (this.epoch > this.assignmentEpoch) return 'Assigning';
    for (const member of this.members.values()) {
      if (!isReconciled(member, this.assignmentEpoch)) return 'Reconciling';
    }
    return 'Stable';
  }

  get isEmpty(): boolean {
    return this.members.size === 0;
  }

  get protocolType(): string {
    return CONSUMER_PROTOCOL_TYPE;
  }

  get isExpirable(): boolean {
    return true;
  }

  /** Members that still speak the classic protocol. */
  get classicMemberCount(): number {
    return this.classicCount;
  }

  staticMember(instanceId: string | null): ConsumerMember | null {
    if (instanceId === null) return null;
    const memberId = this.staticMembers.get(instanceId);
    return memberId === undefined ? null : (this.members.get(memberId) ?? null);
  }

  targetOf(memberId: string): Assignment {
    return this.targets.get(memberId) ?? emptyAssignment;
  }

  /** Who has the partition, or has been told to give it up and has not said that it did. */
  holderOf(topicId: string, partition: number): string | null {
    return this.holders.get(topicId)?.get(partition) ?? null;
  }

  patternReaderCount(pattern: string): number {
    return this.patternReaders.get(pattern) ?? 0;
  }

  /** The patterns that members read by, whether or not they are resolved. */
  readPatterns(): IterableIterator<string> {
    return this.patternReaders.keys();
  }

  get hasPatternReaders(): boolean {
    return this.patternReaders.size > 0;
  }

  isSubscribedTo(topicName: string): boolean {
    if (this.subscribed === null) {
      this.subscribed = new Set();
      for (const { metadata } of this.members.values()) addAll(this.subscribed, metadata.topicNames);
      for (const { topicNames } of this.patterns.values()) addAll(this.subscribed, topicNames);
    }
    return this.subscribed.has(topicName);
  }

  /**
   * A member may commit at its epoch; at an older one only for partitions that it has had since then (KIP-1251): an answer
   * with the new epoch may be under way to it.
   */
  checkCommit(claim: CommitClaim, partitions: readonly CommittedPartition[]): number {
    const { memberId, instanceId, generationOrEpoch: epoch, isTransactional } = claim;
    if (epoch < 0 && this.members.size === 0) return errorCode.NONE;
    const isAnonymous = epoch === -1 && memberId === '' && instanceId === null;
    if (isTransactional && isAnonymous) return errorCode.NONE;
    const member = this.members.get(memberId);
    if (member === undefined) return errorCode.UNKNOWN_MEMBER_ID;
    const isClassic = member.metadata.classic !== null;
    if (!isTransactional && !isClassic && claim.apiVersion < MEMBER_EPOCH_VERSION) return errorCode.UNSUPPORTED_VERSION;
    if (epoch === member.current.epoch) return errorCode.NONE;
    const { assigned, pendingRevocation } = member.current;
    const hasHad = ({ topicId, partition }: CommittedPartition): boolean => {
      const since = assigned.get(topicId)?.get(partition) ?? pendingRevocation.get(topicId)?.get(partition);
      return since !== undefined && epoch >= since;
    };
    if (epoch < member.current.epoch && partitions.every(hasHad)) return errorCode.NONE;
    return isClassic ? errorCode.ILLEGAL_GENERATION : errorCode.STALE_MEMBER_EPOCH;
  }

  checkFetch(memberId: string | null, memberEpoch: number): number {
    if (memberId === null && memberEpoch < 0) return errorCode.NONE;
    const member = memberId === null ? undefined : this.members.get(memberId);
    if (member === undefined) return errorCode.UNKNOWN_MEMBER_ID;
    if (memberEpoch === member.current.epoch) return errorCode.NONE;
    return member.metadata.classic === null ? errorCode.STALE_MEMBER_EPOCH : errorCode.ILLEGAL_GENERATION;
  }

  checkOffsetDelete(): number {
    return errorCode.NONE;
  }

  agingSinceMs({ commitTimestampMs }: CommittedOffset): number {
    return commitTimestampMs;
  }

  tombstones(): readonly StoredEntry[] {
    return this.deletion().map((record) => encodeConsumerRecord(this.groupId, record));
  }

  private deletion(): ConsumerGroupRecord[] {
    const memberIds = [...this.members.keys()];
    return [
      ...memberIds.map((memberId) => ({ kind: 'current', memberId, value: null }) as const),
      ...memberIds.map((memberId) => ({ kind: 'target', memberId, value: null }) as const),
      { kind: 'target-epoch', value: null },
      ...memberIds.map((memberId) => ({ kind: 'member', memberId, value: null }) as const),
      ...[...this.patterns.keys()].map((pattern) => ({ kind: 'pattern', pattern, value: null }) as const),
      { kind: 'partition-metadata', isPresent: false },
      { kind: 'group', value: null },
    ];
  }

  apply(record: ConsumerGroupRecord): void {
    if (record.kind === 'member' || record.kind === 'pattern') this.subscribed = null;
    switch (record.kind) {
      case 'group':
        this.epoch = record.value?.epoch ?? 1;
        this.metadataHash = record.value?.metadataHash ?? 0n;
        return;
      case 'partition-metadata':
        this.hasPartitionMetadata = record.isPresent;
        return;
      case 'member':
        this.applyMetadata(record);
        return;
      case 'target-epoch':
        this.assignmentEpoch = record.value?.epoch ?? -1;
        this.assignmentTimestampMs = record.value?.timestampMs ?? 0;
        return;
      case 'target':
        if (record.value === null) this.targets.delete(record.memberId);
        else this.targets.set(record.memberId, record.value);
        return;
      case 'current':
        this.applyCurrent(record);
        return;
      case 'pattern':
        if (record.value === null) this.patterns.delete(record.pattern);
        else this.patterns.set(record.pattern, record.value);
        return;
      default:
        assertNever(record);
    }
  }

  private applyMetadata({ memberId, value }: ConsumerGroupRecord & { kind: 'member' }): void {
    const old = this.members.get(memberId) ?? null;
    if (value !== null) {
      this.replace(old, { ...(old ?? newMember(memberId)), metadata: value });
      return;
    }
    if (old === null) return;
    this.replace(old, null);
  }

  private applyCurrent({ memberId, value }: ConsumerGroupRecord & { kind: 'current' }): void {
    const old = this.members.get(memberId) ?? null;
    if (value !== null) {
      this.replace(old, { ...(old ?? newMember(memberId)), current: value });
      return;
    }
    if (old === null) return;
    this.replace(old, { ...old, current: { ...newAssignment, epoch: LEAVE_EPOCH, previousEpoch: LEAVE_EPOCH } });
  }

  private replace(old: ConsumerMember | null, member: ConsumerMember | null): void {
    if (old !== null) this.forget(old);
    if (member === null) {
      if (old !== null) this.members.delete(old.id);
      return;
    }
    this.members.set(member.id, member);
    const { instanceId, topicPattern, classic } = member.metadata;
    if (instanceId !== null) this.staticMembers.set(instanceId, member.id);
    if (topicPattern !== '') this.patternReaders.set(topicPattern, this.patternReaderCount(topicPattern) + 1);
    if (classic !== null) this.classicCount++;
    this.hold(member.id, member.current.assigned);
    this.hold(member.id, member.current.pendingRevocation);
  }

  private forget(member: ConsumerMember): void {
    const { instanceId, topicPattern, classic } = member.metadata;
    if (instanceId !== null && this.staticMembers.get(instanceId) === member.id) this.staticMembers.delete(instanceId);
    if (topicPattern !== '') {
      const count = this.patternReaderCount(topicPattern) - 1;
      if (count > 0) this.patternReaders.set(topicPattern, count);
      else this.patternReaders.delete(topicPattern);
    }
    if (classic !== null) this.classicCount--;
    this.release(member.id, member.current.assigned);
    this.release(member.id, member.current.pendingRevocation);
  }

  private hold(memberId: string, partitions: HeldPartitions = nothingHeld): void {
    for (const [topicId, ids] of partitions) {
      let holders = this.holders.get(topicId);
      if (holders === undefined) {
        holders = new Map();
        this.holders.set(topicId, holders);
      }
      for (const partition of ids.keys()) holders.set(partition, memberId);
    }
  }

  private release(memberId: string, partitions: HeldPartitions): void {
    for (const [topicId, ids] of partitions) {
      const holders = this.holders.get(topicId);
      if (holders === undefined) continue;
      for (const partition of ids.keys()) if (holders.get(partition) === memberId) holders.delete(partition);
      if (holders.size === 0) this.holders.delete(topicId);
    }
  }
}

function addAll(names: Set<string>, more: readonly string[]): void {
  for (const name of more) names.add(name);
}
