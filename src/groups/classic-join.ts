/**
 * JoinGroup as the state machine of a classic group sees it. Who comes without an id is new (and may first be sent away
 * with an id to come back with, KIP-394); who comes with one is known, or was; static members are known by their instance
 * id and take the place of their former selves (KIP-345). Pure: see `classic-effects`.
 */
import { errorCode } from '../protocol/errors.ts';
import {
  answerJoin,
  type ClassicEffect,
  currentJoin,
  describedMembers,
  type JoinAnswer,
  refusedJoin,
  refuseMember,
} from './classic-effects.ts';
import type { ClassicGroup } from './classic-group.ts';
import type { ClassicMember, MemberDescription } from './classic-member.ts';
import { type ClassicRules, completeIfAllJoined, prepare, rebalance, removeMember } from './classic-rebalance.ts';

export interface JoinCommand {
  readonly ticket: number;
  readonly protocolType: string;
  /** Its member id is '' for a newcomer. */
  readonly member: MemberDescription;
  /** The id a newcomer gets. */
  readonly freshMemberId: string;
  /** The client can be sent away with its id. */
  readonly mustKnowId: boolean;
  /** The client understands that it is the leader but must not assign. */
  readonly canSkipAssignment: boolean;
}

/** A newcomer does not know its id before the answer, so its session is long until then. */
const NEW_MEMBER_WAIT_MS = 5 * 60_000;
/** Ids given out and not used, per group: more newcomers are told that the group is full. */
const PENDING_MEMBERS_MAX = 10_000;

export function join(
  group: ClassicGroup,
  command: JoinCommand,
  rules: ClassicRules,
  nowMs: number,
): readonly ClassicEffect[] {
  const { member, ticket } = command;
  const isNew = member.memberId === '';
  if (!hasRoom(group, member.memberId, rules)) {
    group.pendingMembers.delete(member.memberId);
    const known = group.members.get(member.memberId);
    return [
      ...(known === undefined ? [] : removeMember(group, known)),
      { kind: 'joined', ticket, answer: refusedJoin(errorCode.GROUP_MAX_SIZE_REACHED, '') },
      ...completeIfAllJoined(group, nowMs),
    ];
  }
  if (!group.supports(command.protocolType, member.protocols)) {
    return refused(command, errorCode.INCONSISTENT_GROUP_PROTOCOL);
  }
  return isNew ? joinNew(group, command, rules, nowMs) : joinKnown(group, command, rules, nowMs);
}

function hasRoom(group: ClassicGroup, memberId: string, rules: ClassicRules): boolean {
  const member = group.members.get(memberId);
  switch (group.state) {
    case 'Empty':
      return true;
    case 'PreparingRebalance':
      return member?.isAwaitingJoin === true || group.awaitingJoinCount < rules.sizeMax;
    case 'CompletingRebalance':
    case 'Stable':
      return member !== undefined || group.members.size < rules.sizeMax;
  }
}

function joinNew(
  group: ClassicGroup,
  command: JoinCommand,
  rules: ClassicRules,
  nowMs: number,
): readonly ClassicEffect[] {
  const { freshMemberId, member } = command;
  if (member.instanceId !== null) {
    const formerId = group.staticMembers.get(member.instanceId);
    const former = formerId === undefined ? undefined : group.members.get(formerId);
    if (former === undefined) return addMember(group, command, freshMemberId, rules, nowMs);
    return replaceStatic(group, command, former, rules, nowMs);
  }
  if (!command.mustKnowId) return addMember(group, command, freshMemberId, rules, nowMs);
  if (group.pendingMembers.size >= PENDING_MEMBERS_MAX) return refused(command, errorCode.GROUP_MAX_SIZE_REACHED);
  group.pendingMembers.set(freshMemberId, nowMs + member.sessionTimeoutMs);
  const answer = refusedJoin(errorCode.MEMBER_ID_REQUIRED, freshMemberId);
  return [{ kind: 'joined', ticket: command.ticket, answer }];
}

function joinKnown(
  group: ClassicGroup,
  command: JoinCommand,
  rules: ClassicRules,
  nowMs: number,
): readonly ClassicEffect[] {
  const { memberId, instanceId, protocols } = command.member;
  if (group.pendingMembers.has(memberId)) {
    // Ids are given out to members without an instance id only.
    if (instanceId !== null) {
      const answer = refusedJoin(errorCode.UNKNOWN_MEMBER_ID, '');
      return [{ kind: 'joined', ticket: command.ticket, answer }];
    }
    return addMember(group, command, memberId, rules, nowMs);
  }
  const code = group.checkMember(memberId, instanceId);
  const member = group.members.get(memberId);
  if (code !== errorCode.NONE || member === undefined) return refused(command, code);
  switch (group.state) {
    case 'Empty':
      return refused(command, errorCode.UNKNOWN_MEMBER_ID);
    case 'PreparingRebalance':
      return updateMember(group, command, member, rules, nowMs);
    case 'CompletingRebalance': {
      // The answer was lost, probably: the same again.
      if (!member.hasSameProtocols(protocols)) return updateMember(group, command, member, rules, nowMs);
      const isLeader = group.leaderId === memberId;
      return [{ kind: 'joined', ticket: command.ticket, answer: currentJoin(group, member, isLeader) }];
    }
    case 'Stable': {
      // A leader that joins again wants to assign anew, for example because topics have grown.
      const wantsRebalance = group.leaderId === memberId || !member.hasSameProtocols(protocols);
      if (wantsRebalance) return updateMember(group, command, member, rules, nowMs);
      return [{ kind: 'joined', ticket: command.ticket, answer: currentJoin(group, member, false) }];
    }
  }
}

function addMember(
  group: ClassicGroup,
  command: JoinCommand,
  memberId: string,
  rules: ClassicRules,
  nowMs: number,
): readonly ClassicEffect[] {
  const member = group.add({ ...command.member, memberId }, command.protocolType, command.ticket);
  member.isNew = true;
  member.deadlineMs = nowMs + NEW_MEMBER_WAIT_MS;
  if (group.initialDelay !== null) group.initialDelay.hasNewMember = true;
  return rebalance(group, rules, nowMs);
}

function updateMember(
  group: ClassicGroup,
  command: JoinCommand,
  member: ClassicMember,
  rules: ClassicRules,
  nowMs: number,
): readonly ClassicEffect[] {
  // A client that asks again on another connection has given up its first request.
  const effects = answerJoin(group, member, refusedJoin(errorCode.REBALANCE_IN_PROGRESS, member.memberId));
  group.describe(member, command.member);
  group.setJoinTicket(member, command.ticket);
  return [...effects, ...rebalance(group, rules, nowMs)];
}

/** A static member begins anew, so it does not know its id: it gets another, and the former one is fenced. */
function replaceStatic(
  group: ClassicGroup,
  command: JoinCommand,
  former: ClassicMember,
  rules: ClassicRules,
  nowMs: number,
): readonly ClassicEffect[] {
  const leaderBefore = group.leaderId ?? '';
  const effects = refuseMember(group, former, errorCode.FENCED_INSTANCE_ID);
  const member = group.replace(former, command.freshMemberId);
  group.describe(member, command.member);
  member.renewSession(nowMs);
  if (group.state === 'Stable' && group.selectProtocol() === group.protocolName && group.fitsRecord()) {
    group.learnTopics();
    const answer = replacedJoin(group, command, member, leaderBefore);
    return [
      ...effects,
      { kind: 'store', entry: group.toEntry(), reason: { kind: 'replaced', ticket: command.ticket, answer } },
    ];
  }
  group.setJoinTicket(member, command.ticket);
  // In CompletingRebalance the leader may be assigning to the former id already, so it has to see the new one.
  if (group.state === 'PreparingRebalance') return [...effects, ...completeIfAllJoined(group, nowMs)];
  return [...effects, ...prepare(group, rules, nowMs)];
}

/**
 * The generation goes on. A client that leads and does not know about skipping must not learn that it does, or it would
 * assign, so it is told the leader's former id (KIP-814).
 */
function replacedJoin(
  group: ClassicGroup,
  command: JoinCommand,
  member: ClassicMember,
  leaderBefore: string,
): JoinAnswer {
  const answer = currentJoin(group, member, false);
  if (!command.canSkipAssignment) return { ...answer, leader: leaderBefore };
  const isLeader = group.leaderId === member.memberId;
  return { ...answer, skipAssignment: isLeader, members: isLeader ? describedMembers(group) : [] };
}

function refused(command: JoinCommand, code: number): readonly ClassicEffect[] {
  return [{ kind: 'joined', ticket: command.ticket, answer: refusedJoin(code, command.member.memberId) }];
}
