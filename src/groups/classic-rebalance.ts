/**
 * The rebalance of a classic group: how it begins, waits for the members, ends in a new generation, and what time does to
 * all of it. Pure: a group, a time, effects. Called by `classic-join` and `classic-sync`, and by the alarm of a group.
 */
import { assert } from '../base/assert.ts';
import { errorCode } from '../protocol/errors.ts';
import {
  answerJoin,
  answerSync,
  type ClassicEffect,
  currentJoin,
  refusedSync,
  refuseMember,
} from './classic-effects.ts';
import type { ClassicGroup } from './classic-group.ts';
import type { ClassicMember } from './classic-member.ts';

/** What the settings say about classic groups. */
export interface ClassicRules {
  readonly sizeMax: number;
  readonly initialDelayMs: number;
  readonly sessionMinMs: number;
  readonly sessionMaxMs: number;
}

const NEVER_MS = Number.POSITIVE_INFINITY;
/** While all members are away, look at least this long apart whether one is back. */
const AWAY_LOOK_MS = 1000;
const NO_BYTES = new Uint8Array(0);

/** The group has changed: a rebalance begins, or one that waits for members looks whether all are there. */
export function rebalance(group: ClassicGroup, rules: ClassicRules, nowMs: number): readonly ClassicEffect[] {
  if (group.state === 'PreparingRebalance') return completeIfAllJoined(group, nowMs);
  return prepare(group, rules, nowMs);
}

/** Those who wait for an assignment have to join again. */
export function prepare(group: ClassicGroup, rules: ClassicRules, nowMs: number): readonly ClassicEffect[] {
  assert(group.state !== 'PreparingRebalance', 'a rebalance is begun once');
  const effects =
    group.state === 'CompletingRebalance' ? refuseSyncs(group, errorCode.REBALANCE_IN_PROGRESS, nowMs) : [];
  const wasEmpty = group.state === 'Empty';
  group.syncDeadlineMs = NEVER_MS;
  group.pendingSyncs.clear();
  group.enter('PreparingRebalance', nowMs);
  if (!wasEmpty) {
    group.joinDeadlineMs = nowMs + group.rebalanceTimeoutMs;
    return [...effects, ...completeIfAllJoined(group, nowMs)];
  }
  const { initialDelayMs } = rules;
  if (initialDelayMs === 0) return [...effects, ...complete(group, nowMs)];
  group.initialDelay = { remainingMs: Math.max(group.rebalanceTimeoutMs - initialDelayMs, 0), hasNewMember: false };
  group.joinDeadlineMs = nowMs + initialDelayMs;
  return effects;
}

export function completeIfAllJoined(group: ClassicGroup, nowMs: number): readonly ClassicEffect[] {
  const isReady = group.state === 'PreparingRebalance' && group.initialDelay === null && group.hasAllJoined;
  return isReady ? complete(group, nowMs) : [];
}

/** The wait for members is over: those who are there are the next generation. */
function complete(group: ClassicGroup, nowMs: number): readonly ClassicEffect[] {
  assert(group.state === 'PreparingRebalance', 'a rebalance ends that has begun');
  group.initialDelay = null;
  group.joinDeadlineMs = NEVER_MS;
  const effects: ClassicEffect[] = [];
  for (const member of [...group.members.values()]) {
    // Static members are expected back until their session ends.
    if (!member.isAwaitingJoin && member.instanceId === null) effects.push(...removeMember(group, member));
  }
  if (!electLeader(group) && group.members.size > 0) {
    // Only static members that are away: wait until they come back or their sessions end.
    group.joinDeadlineMs = nowMs + Math.max(group.rebalanceTimeoutMs, AWAY_LOOK_MS);
    return effects;
  }
  group.generation += 1;
  if (group.members.size === 0) {
    becomeEmpty(group, nowMs);
    return [...effects, { kind: 'store', entry: group.toEntry(), reason: { kind: 'empty' } }];
  }
  group.protocolName = group.selectProtocol();
  group.learnTopics();
  group.enter('CompletingRebalance', nowMs);
  group.syncDeadlineMs = nowMs + group.rebalanceTimeoutMs;
  for (const member of group.members.values()) {
    const answer = currentJoin(group, member, group.leaderId === member.memberId);
    effects.push(...answerJoin(group, member, answer));
    member.isNew = false;
    member.renewSession(nowMs);
    group.pendingSyncs.add(member.memberId);
  }
  return effects;
}

function becomeEmpty(group: ClassicGroup, nowMs: number): void {
  group.protocolName = null;
  group.leaderId = null;
  group.learnTopics();
  group.enter('Empty', nowMs);
}

/** A leader that has not come back loses its part to one who has. False: nobody has. */
function electLeader(group: ClassicGroup): boolean {
  const leader = group.leaderId === null ? undefined : group.members.get(group.leaderId);
  if (leader === undefined) return false;
  if (leader.isAwaitingJoin) return true;
  for (const member of group.members.values()) {
    if (!member.isAwaitingJoin) continue;
    group.leaderId = member.memberId;
    return true;
  }
  return false;
}

/** A member goes; what it waits for is refused, so that a client that is still there joins anew. */
export function removeMember(group: ClassicGroup, member: ClassicMember): readonly ClassicEffect[] {
  const effects = refuseMember(group, member, errorCode.UNKNOWN_MEMBER_ID);
  group.remove(member);
  return effects;
}

/** Assignments are void, and whoever waits for one is told why. */
export function refuseSyncs(group: ClassicGroup, code: number, nowMs: number): readonly ClassicEffect[] {
  const effects: ClassicEffect[] = [];
  for (const member of group.members.values()) {
    member.assignment = NO_BYTES;
    if (member.isAwaitingSync) member.renewSession(nowMs);
    effects.push(...answerSync(member, refusedSync(code)));
  }
  return effects;
}

/** Time has passed: sessions end, ids that were never used end, waits end. */
export function tick(group: ClassicGroup, rules: ClassicRules, nowMs: number): readonly ClassicEffect[] {
  const effects: ClassicEffect[] = [];
  let hasChanged = false;
  for (const [memberId, deadlineMs] of group.pendingMembers) {
    if (deadlineMs > nowMs) continue;
    group.pendingMembers.delete(memberId);
    effects.push(...completeIfAllJoined(group, nowMs));
  }
  for (const member of [...group.members.values()]) {
    if (member.sessionEndMs > nowMs) continue;
    effects.push(...removeMember(group, member));
    hasChanged = true;
  }
  if (hasChanged) effects.push(...rebalance(group, rules, nowMs));
  if (group.joinDeadlineMs <= nowMs) effects.push(...endJoinWait(group, rules, nowMs));
  if (group.syncDeadlineMs <= nowMs) effects.push(...endSyncWait(group, rules, nowMs));
  return effects;
}

function endJoinWait(group: ClassicGroup, rules: ClassicRules, nowMs: number): readonly ClassicEffect[] {
  const { initialDelay } = group;
  if (initialDelay === null || !initialDelay.hasNewMember || initialDelay.remainingMs === 0) {
    return complete(group, nowMs);
  }
  const delayMs = Math.min(rules.initialDelayMs, initialDelay.remainingMs);
  group.initialDelay = { remainingMs: Math.max(initialDelay.remainingMs - delayMs, 0), hasNewMember: false };
  group.joinDeadlineMs = nowMs + delayMs;
  return [];
}

/** Members that joined but never asked for their part hold the others up; they are put out. */
function endSyncWait(group: ClassicGroup, rules: ClassicRules, nowMs: number): readonly ClassicEffect[] {
  group.syncDeadlineMs = NEVER_MS;
  if (group.pendingSyncs.size === 0) return [];
  const effects: ClassicEffect[] = [];
  for (const memberId of [...group.pendingSyncs]) {
    const member = group.members.get(memberId);
    if (member !== undefined) effects.push(...removeMember(group, member));
  }
  return [...effects, ...prepare(group, rules, nowMs)];
}
