/**
 * ConsumerGroupHeartbeat of a member that joins or stays: from a group and what the member says to records, effects and an
 * answer. Pure; `consumer-groups.ts` applies and writes the records. Leaving is in `consumer-leave.ts`.
 *
 * The group is not changed here, so that a refusal leaves no trace.
 */
import { type HeldPartitions, isSameHolding } from './assignment.ts';
import type { ConsumerGroup } from './consumer-group.ts';
import { type ConsumerMember, type MemberMetadata, sortedNames } from './consumer-member.ts';
import { findSpeaker, refuseFullGroup } from './group-entry.ts';
import { newChange, type Outcome, outcomeOf } from './group-outcome.ts';
import type { GroupWorld } from './group-world.ts';
import type { MemberHeartbeat } from './member-heartbeat.ts';
import { advance, membersAfter, nextEpoch, nextTarget, noteSubscription, type Progress } from './member-progress.ts';
import { preferredAssignor } from './target-assignment.ts';

export interface HeartbeatAnswer {
  readonly memberId: string;
  readonly memberEpoch: number;
  /** Null: what the member was told before still holds. */
  readonly assignment: HeldPartitions | null;
}

export function heartbeat(group: ConsumerGroup, command: MemberHeartbeat, world: GroupWorld): Outcome<HeartbeatAnswer> {
  const { memberEpoch, instanceId, owned } = command;
  refuseFullGroup(group, command.memberId, instanceId, world.settings.sizeMax);
  const memberId = command.memberId === '' ? world.newId() : command.memberId;
  const change = newChange();
  const speaker = { memberId, instanceId, memberEpoch, owned, mayJoin: memberEpoch === 0, isClassic: false };
  const before = findSpeaker(group, speaker, change);
  const progress = { group, world, change, before };

  let member: ConsumerMember = { ...before, metadata: metadataOf(before.metadata, command) };
  const subscription = noteSubscription(progress, member.metadata);
  const members = membersAfter(group, member);
  const needsNewEpoch = subscription.needsNewEpoch || hasAssignorChanged(progress, member, members);
  const epoch = nextEpoch(progress, members, needsNewEpoch);
  const target = nextTarget(progress, members, member, epoch);
  member = advance(progress, member, target, subscription.hasChanged, owned);
  change.effects.push({ kind: 'session', memberId, delayMs: world.settings.sessionTimeoutMs });

  const { assigned, epoch: newEpoch } = member.current;
  const isTold = memberEpoch === 0 || isFull(command) || !isSameHolding(assigned, before.current.assigned);
  return outcomeOf(change, { memberId, memberEpoch: newEpoch, assignment: isTold ? assigned : null });
}

function metadataOf(old: MemberMetadata, command: MemberHeartbeat): MemberMetadata {
  return {
    instanceId: command.instanceId ?? old.instanceId,
    rackId: command.rackId ?? old.rackId,
    clientId: command.clientId,
    clientHost: command.clientHost,
    topicNames: command.topicNames === null ? old.topicNames : sortedNames(command.topicNames),
    topicPattern: command.topicPattern ?? old.topicPattern,
    rebalanceTimeoutMs: command.rebalanceTimeoutMs === -1 ? old.rebalanceTimeoutMs : command.rebalanceTimeoutMs,
    assignorName: command.assignorName ?? old.assignorName,
    classic: null,
  };
}

/** Whether the assignor that most members ask for is another one with what this member asks for now. */
function hasAssignorChanged(
  { group, world, before }: Progress,
  { metadata }: ConsumerMember,
  members: ReadonlyMap<string, ConsumerMember>,
): boolean {
  if (metadata.assignorName === before.metadata.assignorName) return false;
  const [byDefault] = world.settings.assignors;
  const was = preferredAssignor(group.members.values()) ?? byDefault;
  return was !== (preferredAssignor(members.values()) ?? byDefault);
}

/** A member that says everything wants to hear everything: it missed an answer. */
function isFull({ rebalanceTimeoutMs, topicNames, topicPattern, owned }: MemberHeartbeat): boolean {
  return rebalanceTimeoutMs !== -1 && (topicNames !== null || topicPattern !== null) && owned !== null;
}
