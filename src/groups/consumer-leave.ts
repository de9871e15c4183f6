/**
 * How members go: by their own word, for a while (static members), or because they were not heard of in time. Where those
 * that stay all speak the classic protocol, the group becomes a classic one instead.
 */
import { nothingHeld, withEpoch, withoutEpochs } from './assignment.ts';
import type { ConsumerGroup } from './consumer-group.ts';
import type { HeartbeatAnswer } from './consumer-heartbeat.ts';
import { type ConsumerMember, LEAVE_STATIC_EPOCH } from './consumer-member.ts';
import { knownStatic, refuseFenced, removalOf, unknownMember } from './group-entry.ts';
import { newChange, type Outcome, outcomeOf } from './group-outcome.ts';
import { type ConsumerGroupSettings, canDowngrade, type GroupWorld } from './group-world.ts';
import type { MemberHeartbeat } from './member-heartbeat.ts';
import { metadataHashOf, subscribedNames } from './subscriptions.ts';

const DOWNGRADE_BYTES_MAX = 1 << 20;

/** ConsumerGroupHeartbeat with epoch -1 or -2. */
export function leave(group: ConsumerGroup, command: MemberHeartbeat, world: GroupWorld): Outcome<HeartbeatAnswer> {
  const { memberId, memberEpoch, instanceId } = command;
  const member = leaverOf(group, memberId, instanceId);
  const answer = { memberId, memberEpoch, assignment: null };
  if (memberEpoch !== LEAVE_STATIC_EPOCH || instanceId === null) return fence(group, [member], world, answer);
  const change = newChange();
  const current = {
    ...member.current,
    epoch: LEAVE_STATIC_EPOCH,
    pendingRevocation: nothingHeld,
    // What it has waits for its return; epochs start anew, for it comes back with one of 0.
    assigned: withEpoch(withoutEpochs(member.current.assigned), 0),
  };
  change.records.push({ kind: 'current', memberId: member.id, value: current });
  return outcomeOf(change, answer);
}

function leaverOf(group: ConsumerGroup, memberId: string, instanceId: string | null): ConsumerMember {
  if (instanceId === null) {
    const member = group.members.get(memberId);
    if (member === undefined) throw unknownMember(group, memberId);
    return member;
  }
  const member = knownStatic(group, group.staticMember(instanceId), instanceId);
  refuseFenced(group, member, memberId);
  return member;
}

/** Members are out; the group has a new epoch, and the next heartbeat of anybody makes a new target. */
export function fence<Answer>(
  group: ConsumerGroup,
  leaving: readonly ConsumerMember[],
  world: GroupWorld,
  answer: Answer,
): Outcome<Answer> {
  const change = newChange();
  if (leaving.length === 0) return outcomeOf(change, answer);
  for (const { id } of leaving) change.effects.push({ kind: 'member-gone', memberId: id });
  if (isDowngrade(group, leaving, world.settings))
    return { ...outcomeOf(change, answer), downgrade: { leaving, joining: null, needsRebalance: true } };
  const staying = new Map(group.members);
  for (const { id } of leaving) {
    staying.delete(id);
    change.records.push(...removalOf(id));
  }
  const readPatterns = new Set([...staying.values()].map(({ metadata }) => metadata.topicPattern));
  for (const pattern of group.patterns.keys()) {
    if (!readPatterns.has(pattern)) change.records.push({ kind: 'pattern', pattern, value: null });
  }
  const metadataHash = metadataHashOf(subscribedNames(staying.values(), group.patterns), world.topics);
  change.records.push({ kind: 'group', value: { epoch: group.epoch + 1, metadataHash } });
  return outcomeOf(change, answer);
}

function isDowngrade(
  group: ConsumerGroup,
  leaving: readonly ConsumerMember[],
  settings: ConsumerGroupSettings,
): boolean {
  const stayingCount = group.members.size - leaving.length;
  const classicLeavingCount = leaving.filter(({ metadata }) => metadata.classic !== null).length;
  const areAllClassic = group.classicMemberCount - classicLeavingCount === stayingCount;
  const isAllowed = canDowngrade(settings) && stayingCount <= settings.classicSizeMax;
  return areAllClassic && stayingCount > 0 && isAllowed && fitsRecord(group);
}

/** A classic group is one record, with what all its members say of themselves. */
function fitsRecord(group: ConsumerGroup): boolean {
  let bytes = 0;
  for (const { metadata } of group.members.values()) {
    for (const protocol of metadata.classic?.supportedProtocols ?? []) bytes += protocol.metadata.length;
  }
  return bytes <= DOWNGRADE_BYTES_MAX;
}
