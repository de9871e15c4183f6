/**
 * Members that speak the classic protocol inside a consumer group (KIP-848, online migration): JoinGroup is their way of
 * saying what they read and have, SyncGroup hands them what the group gave them, and a Heartbeat sends them to join again
 * when there is something new. Their generation is their member epoch. Pure, like `consumer-heartbeat.ts`.
 */
import { errorCode } from '../protocol/errors.ts';
import { listOf } from './assignment.ts';
import type { ConsumerGroup } from './consumer-group.ts';
import { fence } from './consumer-leave.ts';
import { type ClassicProtocol, type ConsumerMember, type MemberMetadata, sortedNames } from './consumer-member.ts';
import { CONSUMER_PROTOCOL_TYPE } from './consumer-protocol.ts';
import { type EmbeddedSubscription, readSubscription, writeAssignment } from './embedded-protocol.ts';
import { findSpeaker, knownStatic, refuseFenced, refuseFullGroup, unknownMember } from './group-entry.ts';
import { newChange, type Outcome, outcomeOf } from './group-outcome.ts';
import { GroupRefusal } from './group-refusal.ts';
import { canDowngrade, type GroupWorld } from './group-world.ts';
import {
  advance,
  isTargetDue,
  membersAfter,
  nextEpoch,
  nextTarget,
  noteSubscription,
  type Progress,
} from './member-progress.ts';
import type { TopicView } from './topic-view.ts';

export interface GuestJoin {
  readonly protocolType: string;
  /** Empty: the member is new. */
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly protocols: readonly ClassicProtocol[];
  /** The client is to be sent away with its new id and to come back with it. */
  readonly mustKnowId: boolean;
}

export interface GuestJoined {
  readonly errorCode: number;
  readonly memberId: string;
  readonly generationId: number;
  readonly protocolName: string;
}

export function joinAsGuest(group: ConsumerGroup, join: GuestJoin, world: GroupWorld): Outcome<GuestJoined> {
  const { instanceId } = join;
  if (world.settings.migrationPolicy === 'disabled') {
    throw new GroupRefusal(
      errorCode.INCONSISTENT_GROUP_PROTOCOL,
      `Group ${group.groupId} takes no members of the classic protocol: group.consumer.migration.policy is disabled.`,
    );
  }
  const isNew = join.memberId === '';
  const memberId = isNew ? world.newId() : join.memberId;
  refuseFullGroup(group, memberId, instanceId, world.settings.sizeMax);
  const [first] = join.protocols;
  if (first === undefined || !supports(group, join))
    throw new GroupRefusal(errorCode.INCONSISTENT_GROUP_PROTOCOL, `No protocol of member ${memberId} fits the group.`);
  const change = newChange();
  if (join.mustKnowId)
    return outcomeOf(change, { errorCode: errorCode.MEMBER_ID_REQUIRED, memberId, generationId: -1, protocolName: '' });

  const subscription = readSubscription(first.metadata, world.topics);
  if (subscription === null)
    throw new GroupRefusal(errorCode.UNKNOWN_SERVER_ERROR, `The subscription of member ${memberId} cannot be read.`);
  const forerunner = group.staticMember(instanceId);
  const mayJoin = instanceId === null || isNew;
  const speaker = { memberId, instanceId, memberEpoch: -1, owned: [], mayJoin, isClassic: true };
  const before = findSpeaker(group, speaker, change);
  const progress = { group, world, change, before };
  const joined: ConsumerMember = { ...before, metadata: guestMetadata(before.metadata, join, subscription) };
  const willDowngrade = forerunner !== null && isLastOfItsKind(group, forerunner, world);
  const result = progressOf(progress, joined, subscription, willDowngrade);
  const { member, needsRebalance } = result;

  change.effects.push({ kind: 'join-over', memberId });
  change.effects.push({ kind: 'session', memberId, delayMs: join.sessionTimeoutMs });
  change.effects.push({ kind: 'sync', memberId, delayMs: member.metadata.rebalanceTimeoutMs });
  const generationId = member.current.epoch;
  const answer = { errorCode: errorCode.NONE, memberId, generationId, protocolName: first.name };
  const outcome = outcomeOf(change, answer);
  return willDowngrade ? { ...outcome, downgrade: { leaving: [], joining: member, needsRebalance } } : outcome;
}

function progressOf(
  progress: Progress,
  joined: ConsumerMember,
  { owned }: EmbeddedSubscription,
  willDowngrade: boolean,
): { readonly member: ConsumerMember; readonly needsRebalance: boolean } {
  const { group } = progress;
  const { hasChanged } = noteSubscription(progress, joined.metadata);
  const members = membersAfter(group, joined);
  const epoch = nextEpoch(progress, members, hasChanged);
  // A group that is about to become a classic one makes no target any more; its members will.
  const needsRebalance = willDowngrade && group.assignmentEpoch < epoch;
  if (needsRebalance) return { member: joined, needsRebalance };
  const target = nextTarget(progress, members, joined, willDowngrade ? group.assignmentEpoch : epoch);
  return { member: advance(progress, joined, target, hasChanged, owned), needsRebalance };
}

function guestMetadata(old: MemberMetadata, join: GuestJoin, { topics, rackId }: EmbeddedSubscription): MemberMetadata {
  return {
    instanceId: join.instanceId ?? old.instanceId,
    rackId: rackId ?? old.rackId,
    clientId: join.clientId,
    clientHost: join.clientHost,
    topicNames: sortedNames(topics),
    topicPattern: '',
    rebalanceTimeoutMs: join.rebalanceTimeoutMs === -1 ? old.rebalanceTimeoutMs : join.rebalanceTimeoutMs,
    assignorName: old.assignorName,
    classic: { sessionTimeoutMs: join.sessionTimeoutMs, supportedProtocols: join.protocols },
  };
}

/** One of the member's protocols has to be supported by all classic members that are there. */
function supports(group: ConsumerGroup, { protocolType, protocols }: GuestJoin): boolean {
  if (protocolType !== CONSUMER_PROTOCOL_TYPE) return false;
  let common = new Set(protocols.map(({ name }) => name));
  for (const { metadata } of group.members.values()) {
    if (metadata.classic === null) continue;
    const own = metadata.classic.supportedProtocols.map(({ name }) => name);
    common = new Set(own.filter((name) => common.has(name)));
  }
  return common.size > 0;
}

function isLastOfItsKind(group: ConsumerGroup, member: ConsumerMember, { settings }: GroupWorld): boolean {
  const isLast = member.metadata.classic === null && group.classicMemberCount === group.members.size - 1;
  return isLast && canDowngrade(settings) && group.members.size <= settings.classicSizeMax;
}

export interface GuestSync {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly generationId: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
}

export interface GuestSynced {
  readonly errorCode: number;
  readonly assignment: Uint8Array;
}

export function syncGuest(group: ConsumerGroup, sync: GuestSync, topics: TopicView): Outcome<GuestSynced> {
  const { member, sessionTimeoutMs, protocol } = guestOf(group, sync.memberId, sync.instanceId);
  refuseOtherGeneration(member, sync.generationId);
  const isOtherType = sync.protocolType !== null && sync.protocolType !== CONSUMER_PROTOCOL_TYPE;
  const isOtherName = sync.protocolName !== null && sync.protocolName !== protocol.name;
  if (isOtherType || isOtherName) {
    throw new GroupRefusal(
      errorCode.INCONSISTENT_GROUP_PROTOCOL,
      `Member ${member.id} joined with the protocol ${protocol.name}.`,
    );
  }
  const change = newChange();
  const { current } = member;
  if (group.assignmentEpoch > current.epoch && current.state !== 'unrevoked-partitions') {
    change.effects.push({ kind: 'join', memberId: member.id, delayMs: member.metadata.rebalanceTimeoutMs });
    return outcomeOf(change, { errorCode: errorCode.REBALANCE_IN_PROGRESS, assignment: new Uint8Array(0) });
  }
  change.effects.push({ kind: 'sync-over', memberId: member.id });
  change.effects.push({ kind: 'session', memberId: member.id, delayMs: sessionTimeoutMs });
  const assignment = writeAssignment(listOf(current.assigned), topics, protocol.metadata);
  return outcomeOf(change, { errorCode: errorCode.NONE, assignment });
}

/** The answer is NONE, or REBALANCE_IN_PROGRESS: join again. */
export function heartbeatOfGuest(
  group: ConsumerGroup,
  { memberId, instanceId, generationId }: { memberId: string; instanceId: string | null; generationId: number },
  world: GroupWorld,
): Outcome<number> {
  const { member, sessionTimeoutMs } = guestOf(group, memberId, instanceId);
  refuseOtherGeneration(member, generationId);
  const change = newChange();
  change.effects.push({ kind: 'session', memberId: member.id, delayMs: sessionTimeoutMs });
  // Where nobody speaks the newer protocol no heartbeat makes a new target: one that joins again has to.
  const areAlone = group.classicMemberCount === group.members.size;
  const isDue = areAlone && isTargetDue(group, nextEpoch({ group, world, change }, group.members, false), world);
  if (!isDue && !hasNews(group, member)) return outcomeOf(change, errorCode.NONE);
  change.effects.push({ kind: 'join', memberId: member.id, delayMs: member.metadata.rebalanceTimeoutMs });
  return outcomeOf(change, errorCode.REBALANCE_IN_PROGRESS);
}

function hasNews(group: ConsumerGroup, member: ConsumerMember): boolean {
  const { epoch, state } = member.current;
  if (epoch < group.assignmentEpoch || state === 'unrevoked-partitions') return true;
  return state === 'unreleased-partitions' && !isWaiting(group, member);
}

/** Whether some partition that the member is to have is still held by another. */
function isWaiting(group: ConsumerGroup, { id, current }: ConsumerMember): boolean {
  for (const [topicId, partitions] of group.targetOf(id)) {
    for (const partition of partitions) {
      const isMissing = current.assigned.get(topicId)?.has(partition) !== true;
      if (isMissing && group.holderOf(topicId, partition) !== null) return true;
    }
  }
  return false;
}

export interface LeavingGuest {
  readonly memberId: string;
  readonly instanceId: string | null;
}

/** LeaveGroup; takes members of either protocol out. The answer has an error code for each, in their order. */
export function leaveAsGuests(
  group: ConsumerGroup,
  guests: readonly LeavingGuest[],
  world: GroupWorld,
): Outcome<readonly number[]> {
  const leaving = new Set<ConsumerMember>();
  const codes = guests.map(({ memberId, instanceId }) => {
    try {
      leaving.add(leaverOf(group, memberId, instanceId));
      return errorCode.NONE;
    } catch (error) {
      if (error instanceof GroupRefusal) return error.errorCode;
      throw error;
    }
  });
  return fence(group, [...leaving], world, codes);
}

/** An operator removes static members by their instance id alone. */
function leaverOf(group: ConsumerGroup, memberId: string, instanceId: string | null): ConsumerMember {
  if (instanceId === null) {
    const member = group.members.get(memberId);
    if (member === undefined) throw unknownMember(group, memberId);
    return member;
  }
  const member = knownStatic(group, group.staticMember(instanceId), instanceId);
  if (memberId !== '') refuseFenced(group, member, memberId);
  return member;
}

interface Guest {
  readonly member: ConsumerMember;
  readonly sessionTimeoutMs: number;
  /** The one it was told in the answer to its JoinGroup. */
  readonly protocol: ClassicProtocol;
}

function guestOf(group: ConsumerGroup, memberId: string, instanceId: string | null): Guest {
  let member = group.members.get(memberId) ?? null;
  if (instanceId !== null) {
    member = knownStatic(group, group.staticMember(instanceId), instanceId);
    refuseFenced(group, member, memberId);
  }
  const classic = member?.metadata.classic ?? null;
  const [protocol] = classic?.supportedProtocols ?? [];
  if (member === null || classic === null || protocol === undefined) throw unknownMember(group, memberId);
  return { member, sessionTimeoutMs: classic.sessionTimeoutMs, protocol };
}

function refuseOtherGeneration({ id, current }: ConsumerMember, generationId: number): void {
  if (generationId === current.epoch) return;
  throw new GroupRefusal(
    errorCode.ILLEGAL_GENERATION,
    `Member ${id} is in generation ${current.epoch}, not ${generationId}.`,
  );
}
