/**
 * A share group (KIP-932): its members, the partitions each is to read (target) and has been told of (assigned), and the
 * partitions that the group has begun with. It changes only by `apply`, one record at a time; decisions are made in
 * `share-heartbeat.ts` and `share-offsets.ts`, which read a group and give records. Nothing here knows of time, topics'
 * partitions or where records are kept.
 *
 *   group epoch        rises when members, subscriptions or topics change
 *   assignment epoch   the group epoch for which the target was made
 *   member epoch       the assignment epoch which the member has been told of
 *
 * Members need not give anything up before others get it: two may read one partition.
 */
import { assertNever } from '../base/assert.ts';
import type { StoredEntry } from '../cluster/coordinator-log.ts';
import { errorCode } from '../protocol/errors.ts';
import { type Assignment, emptyAssignment } from './assignment.ts';
import type { GroupFace } from './group-face.ts';
import type { BegunTopics, ShareCurrent, ShareGroupRecord, ShareMemberMetadata } from './share-group-record.ts';
import { shareEntry } from './share-records.ts';

export interface ShareMember {
  readonly id: string;
  readonly metadata: ShareMemberMetadata;
  readonly current: ShareCurrent;
}

export type ShareGroupState = 'Empty' | 'Stable';

export const JOIN_EPOCH = 0;
export const LEAVE_EPOCH = -1;

const NO_METADATA: ShareMemberMetadata = { rackId: null, clientId: '', clientHost: '', topicNames: [] };
const NO_CURRENT: ShareCurrent = { epoch: 0, previousEpoch: 0, assigned: emptyAssignment };

export function newShareMember(id: string): ShareMember {
  return { id, metadata: NO_METADATA, current: NO_CURRENT };
}

export class ShareGroup implements GroupFace {
  readonly kind = 'share';
  readonly protocolType = 'share';
  readonly groupId: string;
  readonly members = new Map<string, ShareMember>();
  readonly targets = new Map<string, Assignment>();
  begun: BegunTopics = new Map();
  epoch = 1;
  metadataHash = 0n;
  assignmentEpoch = 1;
  /** When the target was made. */
  assignmentMs = 0;
  /** Not recorded: the topics and the partitions for which the group has begun with everything, and its hash was made. */
  known: { readonly topicsVersion: number; readonly begun: BegunTopics } | null = null;
  /** Not recorded: when members were last heard of. */
  readonly deadlines = new Map<string, number>();

  constructor(groupId: string) {
    this.groupId = groupId;
  }

  get stateName(): ShareGroupState {
    return this.members.size === 0 ? 'Empty' : 'Stable';
  }

  get isEmpty(): boolean {
    return this.members.size === 0;
  }

  /** Where a share group stands is no offset that expires: it goes when somebody deletes it. */
  get isExpirable(): boolean {
    return false;
  }

  checkCommit(): number {
    return errorCode.GROUP_ID_NOT_FOUND;
  }

  checkFetch(): number {
    return errorCode.GROUP_ID_NOT_FOUND;
  }

  checkOffsetDelete(): number {
    return errorCode.GROUP_ID_NOT_FOUND;
  }

  agingSinceMs(): number | null {
    return null;
  }

  tombstones(): readonly StoredEntry[] {
    const records: ShareGroupRecord[] = [...this.members.keys()].flatMap(shareMemberTombstones);
    records.push({ kind: 'begun', value: null }, { kind: 'target-epoch', value: null }, { kind: 'group', value: null });
    return records.map((record) => shareEntry(this.groupId, record));
  }

  targetOf(memberId: string): Assignment {
    return this.targets.get(memberId) ?? emptyAssignment;
  }

  isSubscribedTo(topicName: string): boolean {
    for (const { metadata } of this.members.values()) if (metadata.topicNames.includes(topicName)) return true;
    return false;
  }

  hasBegun(topicId: string, partition: number): boolean {
    return this.begun.get(topicId)?.partitions.has(partition) ?? false;
  }

  apply(record: ShareGroupRecord): void {
    switch (record.kind) {
      case 'group':
        this.epoch = record.value?.epoch ?? 1;
        this.metadataHash = record.value?.metadataHash ?? 0n;
        return;
      case 'member':
        if (record.value === null) this.members.delete(record.memberId);
        else this.members.set(record.memberId, { ...this.memberOr(record.memberId), metadata: record.value });
        return;
      case 'target-epoch':
        this.assignmentEpoch = record.value?.epoch ?? 1;
        this.assignmentMs = record.value?.timestampMs ?? 0;
        return;
      case 'target':
        if (record.value === null) this.targets.delete(record.memberId);
        else this.targets.set(record.memberId, record.value);
        return;
      case 'current':
        this.applyCurrent(record.memberId, record.value);
        return;
      case 'begun':
        this.begun = record.value ?? new Map();
        return;
      default:
        assertNever(record);
    }
  }

  /** A tombstone of the assignment may come before that of the member, and must not bring it back. */
  private applyCurrent(memberId: string, value: ShareCurrent | null): void {
    const member = this.members.get(memberId);
    if (value !== null) this.members.set(memberId, { ...this.memberOr(memberId), current: value });
    else if (member !== undefined) this.members.set(memberId, { ...member, current: NO_CURRENT });
  }

  private memberOr(memberId: string): ShareMember {
    return this.members.get(memberId) ?? newShareMember(memberId);
  }
}

/** What has to be written when a member goes. */
export function shareMemberTombstones(memberId: string): ShareGroupRecord[] {
  return [
    { kind: 'current', memberId, value: null },
    { kind: 'target', memberId, value: null },
    { kind: 'member', memberId, value: null },
  ];
}

/** `begun` with more partitions. */
export function withBegun(
  begun: BegunTopics,
  more: Iterable<{ readonly topicId: string; readonly name: string; readonly partition: number }>,
): BegunTopics {
  const topics = new Map<string, { name: string; partitions: Set<number> }>();
  for (const [topicId, { name, partitions }] of begun) topics.set(topicId, { name, partitions: new Set(partitions) });
  for (const { topicId, name, partition } of more) {
    const topic = topics.get(topicId) ?? { name, partitions: new Set<number>() };
    topic.partitions.add(partition);
    topics.set(topicId, topic);
  }
  return topics;
}
