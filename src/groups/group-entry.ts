/**
 * Who is speaking: finds the member that a heartbeat, or a join of the classic protocol, comes from; or makes it; or says
 * why not. Static members are found by their instance id: one that comes back takes over what its forerunner had, under its
 * new member id.
 */
import { errorCode } from '../protocol/errors.ts';
import type { HeldPartitions, TopicPartitions } from './assignment.ts';
import type { ConsumerGroup } from './consumer-group.ts';
import type { ConsumerGroupRecord } from './consumer-group-record.ts';
import { type ConsumerMember, LEAVE_STATIC_EPOCH, newMember } from './consumer-member.ts';
import type { GroupChange } from './group-outcome.ts';
import { GroupRefusal } from './group-refusal.ts';

export interface Speaker {
  readonly memberId: string;
  readonly instanceId: string | null;
  /** Not looked at for the classic protocol. */
  readonly memberEpoch: number;
  readonly owned: readonly TopicPartitions[] | null;
  readonly mayJoin: boolean;
  readonly isClassic: boolean;
}

/** A static member that comes back takes the place of its former self. */
export function refuseFullGroup(
  group: ConsumerGroup,
  memberId: string,
  instanceId: string | null,
  sizeMax: number,
): void {
  const isKnown = group.members.has(memberId) || group.staticMember(instanceId) !== null;
  if (group.members.size < sizeMax || isKnown) return;
  throw new GroupRefusal(
    errorCode.GROUP_MAX_SIZE_REACHED,
    `Group ${group.groupId} has ${sizeMax} members, which is as many as it may have.`,
  );
}

export function findSpeaker(group: ConsumerGroup, speaker: Speaker, change: GroupChange): ConsumerMember {
  if (speaker.instanceId !== null) return findStatic(group, speaker, speaker.instanceId, change);
  const member = group.members.get(speaker.memberId);
  if (member === undefined) {
    if (!speaker.mayJoin) throw unknownMember(group, speaker.memberId);
    return newMember(speaker.memberId);
  }
  if (!speaker.isClassic) checkEpoch(member, speaker);
  return member;
}

function findStatic(group: ConsumerGroup, speaker: Speaker, instanceId: string, change: GroupChange): ConsumerMember {
  const known = group.staticMember(instanceId);
  if (!speaker.mayJoin) {
    const member = knownStatic(group, known, instanceId);
    refuseFenced(group, member, speaker.memberId);
    if (!speaker.isClassic) checkEpoch(member, speaker);
    return member;
  }
  if (known === null) return group.members.get(speaker.memberId) ?? newMember(speaker.memberId);
  const areBothNew = !speaker.isClassic && known.metadata.classic === null;
  if (areBothNew && known.current.epoch !== LEAVE_STATIC_EPOCH) {
    throw new GroupRefusal(
      errorCode.UNRELEASED_INSTANCE_ID,
      `Member ${known.id} of group ${group.groupId} still uses instance id ${instanceId}.`,
    );
  }
  const heir: ConsumerMember = {
    id: speaker.memberId,
    metadata: known.metadata,
    current: { ...known.current, epoch: 0, previousEpoch: 0 },
  };
  inherit(group, known, heir, change);
  return heir;
}

function inherit(
  group: ConsumerGroup,
  old: ConsumerMember,
  heir: ConsumerMember,
  { records, effects }: GroupChange,
): void {
  records.push(...removalOf(old.id));
  records.push({ kind: 'member', memberId: heir.id, value: heir.metadata });
  records.push({ kind: 'target', memberId: heir.id, value: group.targetOf(old.id) });
  records.push({ kind: 'current', memberId: heir.id, value: heir.current });
  if (old.id !== heir.id) effects.push({ kind: 'member-gone', memberId: old.id });
}

export function removalOf(memberId: string): ConsumerGroupRecord[] {
  return [
    { kind: 'current', memberId, value: null },
    { kind: 'target', memberId, value: null },
    { kind: 'member', memberId, value: null },
  ];
}

/**
 * A lower epoch is accepted only when it is the one before and what the member says it has is part of what it was given:
 * then the answer that told it the newer epoch was lost on the way.
 */
function checkEpoch({ current }: ConsumerMember, { memberEpoch, owned }: Speaker): void {
  if (memberEpoch === 0 || memberEpoch === current.epoch) return;
  const isRetry =
    memberEpoch < current.epoch && memberEpoch === current.previousEpoch && isPartOf(owned, current.assigned);
  if (isRetry) return;
  const how = memberEpoch > current.epoch ? 'greater' : 'smaller';
  throw new GroupRefusal(
    errorCode.FENCED_MEMBER_EPOCH,
    `Epoch ${memberEpoch} is ${how} than ${current.epoch}, where the group has the member: it has to join again.`,
  );
}

function isPartOf(owned: readonly TopicPartitions[] | null, assigned: HeldPartitions): boolean {
  if (owned === null) return false;
  return owned.every(({ topicId, partitions }) => {
    const known = assigned.get(topicId);
    return known !== undefined && partitions.every((partition) => known.has(partition));
  });
}

export function knownStatic(group: ConsumerGroup, member: ConsumerMember | null, instanceId: string): ConsumerMember {
  if (member !== null) return member;
  throw new GroupRefusal(
    errorCode.UNKNOWN_MEMBER_ID,
    `Group ${group.groupId} has no member of instance id ${instanceId}.`,
  );
}

export function refuseFenced(group: ConsumerGroup, known: ConsumerMember, memberId: string): void {
  if (known.id === memberId) return;
  throw new GroupRefusal(
    errorCode.FENCED_INSTANCE_ID,
    `Member ${memberId} of group ${group.groupId} lost its instance id to member ${known.id}.`,
  );
}

export function unknownMember(group: ConsumerGroup, memberId: string): GroupRefusal {
  return new GroupRefusal(errorCode.UNKNOWN_MEMBER_ID, `Group ${group.groupId} has no member ${memberId}.`);
}
