/**
 * ShareGroupHeartbeat: from a group and what a member says to records and an answer. Pure; `share-groups.ts` applies and
 * writes the records. The group is not changed here, so that a refusal leaves no trace.
 *
 * A member is only given partitions that the group has begun with, so whoever carries this out begins with the rest first
 * (`partitionsToBegin`).
 */
import { errorCode } from '../protocol/errors.ts';
import { type Assignment, isSameAssignment } from './assignment.ts';
import { GroupRefusal } from './group-refusal.ts';
import { groupHash, topicHash } from './metadata-hash.ts';
import { assignShares } from './share-assignor.ts';
import {
  JOIN_EPOCH,
  LEAVE_EPOCH,
  newShareMember,
  type ShareGroup,
  type ShareMember,
  shareMemberTombstones,
} from './share-group.ts';
import type { ShareGroupRecord, ShareMemberMetadata } from './share-group-record.ts';
import type { TopicView } from './topic-view.ts';

export interface ShareHeartbeat {
  readonly groupId: string;
  readonly memberId: string;
  /** 0 joins, -1 leaves. */
  readonly memberEpoch: number;
  /** Null: as before. */
  readonly rackId: string | null;
  readonly topicNames: readonly string[] | null;
  readonly clientId: string;
  readonly clientHost: string;
}

export interface ShareHeartbeatAnswer {
  readonly memberId: string;
  readonly memberEpoch: number;
  /** Null: what the member was told before still holds. */
  readonly assignment: Assignment | null;
}

export interface ShareOutcome {
  readonly records: readonly ShareGroupRecord[];
  readonly answer: ShareHeartbeatAnswer;
}

/** What share groups want to know of topics. */
export type ShareTopics = Pick<TopicView, 'version' | 'idOf' | 'nameOf' | 'partitionCountOf'>;

export interface ShareWorld {
  readonly topics: ShareTopics;
  readonly sizeMax: number;
  /** The least time between two targets, except where a member joins: it is not left waiting for its next heartbeat. */
  readonly assignmentIntervalMs: number;
  readonly nowMs: number;
}

export interface PartitionToBegin {
  readonly topicId: string;
  readonly name: string;
  readonly partition: number;
}

const MEMBER_ID_LENGTH_MAX = 36;

/** Which requests make no sense whatever the state of the group is. */
export function checkShareHeartbeat(command: ShareHeartbeat): void {
  const { memberId, memberEpoch } = command;
  if (memberId.trim() === '' || memberId.length > MEMBER_ID_LENGTH_MAX)
    throw new GroupRefusal(errorCode.INVALID_REQUEST, '');
  if (command.groupId.trim() === '') refuse('Who sends a heartbeat has to say its group.');
  if (command.rackId !== null && command.rackId.trim() === '')
    refuse('A rack has a name; leave the field out if there is none.');
  if (memberEpoch < LEAVE_EPOCH) refuse(`A member epoch of ${memberEpoch} has no meaning.`);
  if (memberEpoch === JOIN_EPOCH && (command.topicNames === null || command.topicNames.length === 0)) {
    refuse('Who joins has to say which topics it reads.');
  }
}

/** Partitions of topics that members read, or this one is going to, which the group has not begun with. */
export function partitionsToBegin(
  group: ShareGroup,
  topicNames: readonly string[] | null,
  topics: ShareTopics,
): PartitionToBegin[] {
  const names = new Set(topicNames ?? []);
  for (const { metadata } of group.members.values()) for (const name of metadata.topicNames) names.add(name);
  const partitions: PartitionToBegin[] = [];
  for (const name of names) {
    const topicId = topics.idOf(name);
    if (topicId === null) continue;
    const count = topics.partitionCountOf(topicId);
    for (let partition = 0; partition < count; partition++) {
      if (!group.hasBegun(topicId, partition)) partitions.push({ topicId, name, partition });
    }
  }
  return partitions;
}

/** Nothing came to topics, or to what the group has begun with, since it looked last: most heartbeats end early by it. */
export function knowsTopics({ known, begun }: ShareGroup, topics: ShareTopics): boolean {
  return known !== null && known.topicsVersion === topics.version && known.begun === begun;
}

/** Whether the member reads something that it did not read before. */
export function bringsTopics(group: ShareGroup, { memberId, topicNames }: ShareHeartbeat): boolean {
  if (topicNames === null) return false;
  const before = new Set(group.members.get(memberId)?.metadata.topicNames);
  return topicNames.some((name) => !before.has(name));
}

/** Throws GroupRefusal when the member may not speak, or not so. */
export function checkShareSpeaker(group: ShareGroup, command: ShareHeartbeat, world: ShareWorld): void {
  speakerOf(group, command, world);
}

/** Throws GroupRefusal. */
export function shareHeartbeat(group: ShareGroup, command: ShareHeartbeat, world: ShareWorld): ShareOutcome {
  const before = speakerOf(group, command, world);
  const metadata = metadataOf(before, command);
  const isChanged = !group.members.has(before.id) || !isSameMetadata(before.metadata, metadata);
  const hasNewTopics = !group.members.has(before.id) || !areSame(before.metadata.topicNames, metadata.topicNames);
  const records: ShareGroupRecord[] = [];
  if (isChanged) records.push({ kind: 'member', memberId: before.id, value: metadata });
  let member: ShareMember = { ...before, metadata };
  const members = new Map(group.members).set(member.id, member);

  const isKnown = !hasNewTopics && knowsTopics(group, world.topics);
  const metadataHash = isKnown ? group.metadataHash : hashOf(group, members.values(), world.topics);
  const needsEpoch = hasNewTopics || metadataHash !== group.metadataHash;
  const epoch = needsEpoch ? group.epoch + 1 : group.epoch;
  if (needsEpoch) records.push({ kind: 'group', value: { epoch, metadataHash } });
  const target = targetOf(group, members, member, epoch, world, records);
  if (target.epoch !== member.current.epoch) {
    const current = { epoch: target.epoch, previousEpoch: member.current.epoch, assigned: target.assignment };
    member = { ...member, current };
    records.push({ kind: 'current', memberId: member.id, value: current });
  }

  const { assigned } = member.current;
  const isTold =
    command.memberEpoch === JOIN_EPOCH ||
    command.topicNames !== null ||
    !isSameAssignment(assigned, before.current.assigned);
  const answer = { memberId: member.id, memberEpoch: member.current.epoch, assignment: isTold ? assigned : null };
  return { records, answer };
}

/** Throws GroupRefusal. */
export function shareLeave(group: ShareGroup, memberId: string, topics: ShareTopics): ShareOutcome {
  knownMember(group, memberId);
  return {
    records: removal(group, memberId, topics),
    answer: { memberId, memberEpoch: LEAVE_EPOCH, assignment: null },
  };
}

/** Records for a member that left, or was not heard of in time. */
export function removal(group: ShareGroup, memberId: string, topics: ShareTopics): ShareGroupRecord[] {
  const members = [...group.members.values()].filter(({ id }) => id !== memberId);
  const metadataHash = hashOf(group, members, topics);
  return [...shareMemberTombstones(memberId), { kind: 'group', value: { epoch: group.epoch + 1, metadataHash } }];
}

// ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function speakerOf(group: ShareGroup, { memberId, memberEpoch }: ShareHeartbeat, world: ShareWorld): ShareMember {
  if (memberEpoch === JOIN_EPOCH) {
    const member = group.members.get(memberId);
    if (member !== undefined) return member;
    if (group.members.size >= world.sizeMax) {
      throw new GroupRefusal(
        errorCode.GROUP_MAX_SIZE_REACHED,
        `Group ${group.groupId} has ${world.sizeMax} members, which is as many as it may have.`,
      );
    }
    return newShareMember(memberId);
  }
  const member = knownMember(group, memberId);
  const { epoch, previousEpoch } = member.current;
  if (memberEpoch > epoch) {
    throw new GroupRefusal(
      errorCode.FENCED_MEMBER_EPOCH,
      `Epoch ${memberEpoch} is greater than ${epoch}, where the group has the member: it has to join again.`,
    );
  }
  if (memberEpoch < epoch && memberEpoch !== previousEpoch) {
    throw new GroupRefusal(
      errorCode.FENCED_MEMBER_EPOCH,
      `Epoch ${memberEpoch} is smaller than ${epoch}, where the group has the member: it has to join again.`,
    );
  }
  return member;
}

function knownMember(group: ShareGroup, memberId: string): ShareMember {
  const member = group.members.get(memberId);
  if (member !== undefined) return member;
  throw new GroupRefusal(errorCode.UNKNOWN_MEMBER_ID, `Group ${group.groupId} has no member ${memberId}.`);
}

function metadataOf({ metadata }: ShareMember, command: ShareHeartbeat): ShareMemberMetadata {
  return {
    rackId: command.rackId ?? metadata.rackId,
    clientId: command.clientId,
    clientHost: command.clientHost,
    topicNames: command.topicNames === null ? metadata.topicNames : [...new Set(command.topicNames)].sort(),
  };
}

function targetOf(
  group: ShareGroup,
  members: ReadonlyMap<string, ShareMember>,
  { id }: ShareMember,
  epoch: number,
  world: ShareWorld,
  records: ShareGroupRecord[],
): { epoch: number; assignment: Assignment } {
  const isTooSoon = group.targets.has(id) && world.nowMs < group.assignmentMs + world.assignmentIntervalMs;
  if (epoch <= group.assignmentEpoch || isTooSoon) {
    return { epoch: group.assignmentEpoch, assignment: group.targetOf(id) };
  }
  const { topics } = world;
  const targets = assignShares(
    [...members.values()].map((member) => ({
      id: member.id,
      topicIds: idsOf(member, topics),
      assigned: group.targetOf(member.id),
    })),
    (topicId) => begunPartitions(group, topicId, topics),
  );
  for (const [memberId, value] of targets) {
    if (isSameAssignment(value, group.targetOf(memberId)) && group.targets.has(memberId)) continue;
    records.push({ kind: 'target', memberId, value });
  }
  records.push({ kind: 'target-epoch', value: { epoch, timestampMs: world.nowMs } });
  return { epoch, assignment: targets.get(id) ?? group.targetOf(id) };
}

function idsOf({ metadata }: ShareMember, topics: ShareTopics): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const name of metadata.topicNames) {
    const id = topics.idOf(name);
    if (id !== null) ids.add(id);
  }
  return ids;
}

function begunPartitions(group: ShareGroup, topicId: string, topics: ShareTopics): number[] {
  const count = topics.partitionCountOf(topicId);
  return [...(group.begun.get(topicId)?.partitions ?? [])]
    .filter((partition) => partition < count)
    .sort((a, b) => a - b);
}

/** Over the topics that members read, as far as the group has begun with them: what changes it changes the assignment. */
function hashOf(group: ShareGroup, members: Iterable<ShareMember>, topics: ShareTopics): bigint {
  const names = new Set<string>();
  for (const { metadata } of members) for (const name of metadata.topicNames) names.add(name);
  const hashes: bigint[] = [];
  for (const name of [...names].sort()) {
    const id = topics.idOf(name);
    if (id === null) continue;
    hashes.push(topicHash({ id, name, partitionCount: begunPartitions(group, id, topics).length }));
  }
  return groupHash(hashes);
}

function isSameMetadata(one: ShareMemberMetadata, other: ShareMemberMetadata): boolean {
  return (
    one.rackId === other.rackId &&
    one.clientId === other.clientId &&
    one.clientHost === other.clientHost &&
    areSame(one.topicNames, other.topicNames)
  );
}

function areSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, index) => name === other[index]);
}

function refuse(message: string): never {
  throw new GroupRefusal(errorCode.INVALID_REQUEST, message);
}
