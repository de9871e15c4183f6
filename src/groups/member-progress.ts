/**
 * The steps that every sign of life of a member leads to, whichever protocol it speaks: note what it says of itself, see
 * whether the group needs a new epoch, make a new target if one is due, and bring the member nearer to its target.
 */

import { LinearPattern } from '../base/linear-pattern.ts';
import { errorCode } from '../protocol/errors.ts';
import { type Assignment, emptyAssignment, type TopicPartitions } from './assignment.ts';
import type { ConsumerGroup } from './consumer-group.ts';
import {
  type ConsumerMember,
  isReconciled,
  isSameCurrent,
  isSameList,
  isSameMetadata,
  type MemberMetadata,
} from './consumer-member.ts';
import type { GroupChange } from './group-outcome.ts';
import { GroupRefusal } from './group-refusal.ts';
import type { GroupWorld } from './group-world.ts';
import { reconcile } from './reconciliation.ts';
import { metadataHashOf, subscribedIdsOf, subscribedNames } from './subscriptions.ts';
import { makeTarget } from './target-assignment.ts';

/** Patterns of a group are looked up together, and not more often than this. */
const RESOLUTION_INTERVAL_MS = 10_000;

export interface Progress {
  readonly group: ConsumerGroup;
  readonly world: GroupWorld;
  readonly change: GroupChange;
  /** As the group knows it. */
  readonly before: ConsumerMember;
}

export interface Target {
  readonly epoch: number;
  readonly assignment: Assignment;
}

/** What the new subscription means for the group. */
export interface SubscriptionChange {
  readonly hasChanged: boolean;
  /** Whether the set of topics may differ already; that of a pattern nobody looked up yet does not. */
  readonly needsNewEpoch: boolean;
}

export function noteSubscription(progress: Progress, metadata: MemberMetadata): SubscriptionChange {
  const { before, change } = progress;
  if (!isSameMetadata(before.metadata, metadata))
    change.records.push({ kind: 'member', memberId: before.id, value: metadata });
  const haveNamesChanged = !isSameList(before.metadata.topicNames, metadata.topicNames);
  const pattern = notePattern(progress, metadata.topicPattern);
  return {
    hasChanged: haveNamesChanged || pattern !== 'same',
    needsNewEpoch: haveNamesChanged || pattern === 'resolved',
  };
}

type PatternChange = 'same' | 'unresolved' | 'resolved';

function notePattern(progress: Progress, pattern: string): PatternChange {
  const { group, before, change } = progress;
  const old = before.metadata.topicPattern;
  let result: PatternChange = 'same';
  let isNew = false;
  if (old !== pattern) {
    result = 'unresolved';
    if (old !== '' && group.patternReaderCount(old) === 1)
      change.records.push({ kind: 'pattern', pattern: old, value: null });
    if (pattern === '') result = 'resolved';
    else if (group.patternReaderCount(pattern) > 0) result = group.patterns.has(pattern) ? 'resolved' : 'unresolved';
    else {
      refuseBroken(pattern);
      isNew = true;
    }
  }
  if (isNew || group.hasPatternReaders) requestResolution(progress, pattern, isNew);
  return result;
}

function refuseBroken(pattern: string): void {
  const compiled = LinearPattern.compile(pattern);
  if (compiled.kind === 'pattern') return;
  throw new GroupRefusal(
    errorCode.INVALID_REGULAR_EXPRESSION,
    `The regular expression ${pattern.slice(0, 200)} cannot be used: ${compiled.why}.`,
  );
}

function requestResolution({ group, world, before, change }: Progress, pattern: string, isNew: boolean): void {
  const [first] = group.patterns.values();
  const lastMs = first?.timestampMs ?? Number.NEGATIVE_INFINITY;
  if (world.nowMs <= lastMs + RESOLUTION_INTERVAL_MS) return;
  const patterns = new Set(group.readPatterns());
  const old = before.metadata.topicPattern;
  if (old !== '' && group.patternReaderCount(old) === 1) patterns.delete(old);
  if (pattern !== '') patterns.add(pattern);
  const isDue =
    isNew ||
    patterns.size !== group.patterns.size ||
    group.arePatternsStale ||
    world.nowMs > lastMs + world.settings.patternRefreshIntervalMs;
  if (isDue && patterns.size > 0) change.effects.push({ kind: 'resolve', patterns: [...patterns] });
}

/** The members as they will be when the records of this change are applied. */
export function membersAfter(group: ConsumerGroup, member: ConsumerMember): ReadonlyMap<string, ConsumerMember> {
  const members = new Map(group.members);
  const { instanceId } = member.metadata;
  const previousId = instanceId === null ? undefined : group.staticMembers.get(instanceId);
  if (previousId !== undefined && previousId !== member.id) members.delete(previousId);
  return members.set(member.id, member);
}

/** The epoch of the group after this change. */
export function nextEpoch(
  { group, world, change }: Omit<Progress, 'before'>,
  members: ReadonlyMap<string, ConsumerMember>,
  isForced: boolean,
): number {
  if (!isForced && !group.isMetadataStale) return group.epoch;
  const metadataHash = metadataHashOf(subscribedNames(members.values(), group.patterns), world.topics);
  const isNew = isForced || metadataHash !== group.metadataHash;
  const epoch = isNew ? group.epoch + 1 : group.epoch;
  if (isNew) change.records.push({ kind: 'group', value: { epoch, metadataHash } });
  if (group.hasPartitionMetadata) change.records.push({ kind: 'partition-metadata', isPresent: false });
  change.effects.push({ kind: 'metadata-fresh' });
  return epoch;
}

/** The target for `member`: a new one where it is due and the last one is old enough, else the last one. */
export function nextTarget(
  { group, world, change }: Progress,
  members: ReadonlyMap<string, ConsumerMember>,
  member: ConsumerMember,
  epoch: number,
): Target {
  const { settings, nowMs } = world;
  if (!isTargetDue(group, epoch, world)) return { epoch: group.assignmentEpoch, assignment: lastTarget(group, member) };
  const defaultAssignor = settings.assignors[0] ?? 'uniform';
  const { records, assignments } = makeTarget({ group, members, epoch, defaultAssignor, topics: world.topics, nowMs });
  change.records.push(...records);
  return { epoch, assignment: assignments.get(member.id) ?? emptyAssignment };
}

export function isTargetDue(group: ConsumerGroup, epoch: number, { settings, nowMs }: GroupWorld): boolean {
  const { assignmentTimestampMs } = group;
  const isSettled = assignmentTimestampMs === 0 || nowMs >= assignmentTimestampMs + settings.assignmentIntervalMs;
  return group.assignmentEpoch < epoch && isSettled;
}

function lastTarget(group: ConsumerGroup, { id, metadata }: ConsumerMember): Assignment {
  const forerunner = metadata.instanceId === null ? undefined : group.staticMembers.get(metadata.instanceId);
  return group.targetOf(forerunner ?? id);
}

export function advance(
  { group, world, change }: Progress,
  member: ConsumerMember,
  target: Target,
  hasSubscriptionChanged: boolean,
  owned: readonly TopicPartitions[] | null,
): ConsumerMember {
  if (!hasSubscriptionChanged && isReconciled(member, target.epoch)) return member;
  const current = reconcile({
    member,
    targetEpoch: target.epoch,
    target: target.assignment,
    subscribedIds: subscribedIdsOf(member, group.patterns, world.topics),
    hasSubscriptionChanged,
    owned,
    isHeld: (topicId, partition) => group.holderOf(topicId, partition) !== null,
  });
  if (isSameCurrent(current, member.current)) return member;
  change.records.push({ kind: 'current', memberId: member.id, value: current });
  if (member.metadata.classic === null) {
    change.effects.push(
      current.state === 'unrevoked-partitions'
        ? { kind: 'revocation', memberId: member.id, epoch: current.epoch, delayMs: member.metadata.rebalanceTimeoutMs }
        : { kind: 'revocation-over', memberId: member.id },
    );
  }
  return { ...member, current };
}
