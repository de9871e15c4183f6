/**
 * SyncGroup, Heartbeat and LeaveGroup as the state machine of a classic group sees them, and what follows when a record of
 * it is written. Pure: see `classic-effects`.
 */
import { errorCode } from '../protocol/errors.ts';
import {
  answerSync,
  type ClassicEffect,
  currentSync,
  refusedJoin,
  refusedSync,
  type StoreReason,
} from './classic-effects.ts';
import type { ClassicGroup } from './classic-group.ts';
import type { ClassicMember } from './classic-member.ts';
import { type ClassicRules, prepare, rebalance, refuseSyncs, removeMember } from './classic-rebalance.ts';

export interface SyncCommand {
  readonly ticket: number;
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly generationId: number;
  /** Null: the client does not say. */
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  /** From the leader: member id to assignment. */
  readonly assignments: ReadonlyMap<string, Uint8Array>;
}

export interface HeartbeatCommand {
  readonly memberId: string;
  readonly instanceId: string | null;
  readonly generationId: number;
}

export interface LeaveCommand {
  readonly members: readonly { readonly memberId: string; readonly instanceId: string | null }[];
}

const NEVER_MS = Number.POSITIVE_INFINITY;
const NO_BYTES = new Uint8Array(0);

export function sync(
  group: ClassicGroup,
  command: SyncCommand,
  rules: ClassicRules,
  nowMs: number,
): readonly ClassicEffect[] {
  const code = checkSync(group, command);
  const member = group.members.get(command.memberId);
  if (code !== errorCode.NONE || member === undefined) return refused(command.ticket, code);
  switch (group.state) {
    case 'Empty':
      return refused(command.ticket, errorCode.UNKNOWN_MEMBER_ID);
    case 'PreparingRebalance':
      return refused(command.ticket, errorCode.REBALANCE_IN_PROGRESS);
    case 'CompletingRebalance':
      return awaitAssignment(group, member, command, rules, nowMs);
    case 'Stable':
      hasSynced(group, member.memberId);
      member.renewSession(nowMs);
      return [{ kind: 'synced', ticket: command.ticket, answer: currentSync(group, member) }];
  }
}

function checkSync(group: ClassicGroup, command: SyncCommand): number {
  const code = group.checkMember(command.memberId, command.instanceId);
  if (code !== errorCode.NONE) return code;
  if (command.generationId !== group.generation) return errorCode.ILLEGAL_GENERATION;
  const { protocolType, protocolName } = command;
  const isOtherType = protocolType !== null && protocolType !== group.protocolType;
  const isOtherName = protocolName !== null && group.protocolName !== null && protocolName !== group.protocolName;
  return isOtherType || isOtherName ? errorCode.INCONSISTENT_GROUP_PROTOCOL : errorCode.NONE;
}

function awaitAssignment(
  group: ClassicGroup,
  member: ClassicMember,
  command: SyncCommand,
  rules: ClassicRules,
  nowMs: number,
): readonly ClassicEffect[] {
  const effects = [...answerSync(member, refusedSync(errorCode.REBALANCE_IN_PROGRESS))];
  member.syncTicket = command.ticket;
  hasSynced(group, member.memberId);
  if (group.leaderId !== member.memberId) return effects;
  const assignments = new Map<string, Uint8Array>();
  for (const memberId of group.members.keys()) {
    assignments.set(memberId, command.assignments.get(memberId) ?? NO_BYTES);
  }
  // A group that is too large to be written has no generation that anybody could rely on.
  if (!group.fitsRecord(assignments)) {
    const refusals = refuseSyncs(group, errorCode.UNKNOWN_SERVER_ERROR, nowMs);
    return [...effects, ...refusals, ...prepare(group, rules, nowMs)];
  }
  const reason: StoreReason = { kind: 'assignment', generation: group.generation, assignments };
  return [...effects, { kind: 'store', entry: group.toEntry(assignments), reason }];
}

function hasSynced(group: ClassicGroup, memberId: string): void {
  if (group.pendingSyncs.delete(memberId) && group.pendingSyncs.size === 0) group.syncDeadlineMs = NEVER_MS;
}

/** NONE, or the error code. Renews the session where Kafka does. */
export function heartbeat(group: ClassicGroup, command: HeartbeatCommand, nowMs: number): number {
  const code = group.checkMember(command.memberId, command.instanceId);
  const member = group.members.get(command.memberId);
  if (code !== errorCode.NONE || member === undefined) return code;
  if (command.generationId !== group.generation) return errorCode.ILLEGAL_GENERATION;
  if (group.state === 'Empty') return errorCode.UNKNOWN_MEMBER_ID;
  member.renewSession(nowMs);
  return group.state === 'PreparingRebalance' ? errorCode.REBALANCE_IN_PROGRESS : errorCode.NONE;
}

export interface LeaveOutcome {
  /** In the order of the command. */
  readonly codes: readonly number[];
  readonly effects: readonly ClassicEffect[];
}

export function leave(group: ClassicGroup, command: LeaveCommand, rules: ClassicRules, nowMs: number): LeaveOutcome {
  const effects: ClassicEffect[] = [];
  let hasChanged = false;
  const codes = command.members.map(({ memberId, instanceId }) => {
    if (group.pendingMembers.delete(memberId)) {
      hasChanged = true;
      return errorCode.NONE;
    }
    // An operator removes static members by the name alone.
    const known = memberId === '' && instanceId !== null ? (group.staticMembers.get(instanceId) ?? '') : memberId;
    const code = group.checkMember(known, instanceId);
    const member = group.members.get(known);
    if (code !== errorCode.NONE || member === undefined) return known === '' ? errorCode.UNKNOWN_MEMBER_ID : code;
    effects.push(...removeMember(group, member));
    hasChanged = true;
    return errorCode.NONE;
  });
  // As in Kafka, one that never joined counts: whoever is there has to join again.
  if (hasChanged && group.state !== 'Empty') effects.push(...rebalance(group, rules, nowMs));
  return { codes, effects };
}

/** A record of the group is written (NONE), or could not be. */
export function stored(
  group: ClassicGroup,
  reason: StoreReason,
  code: number,
  rules: ClassicRules,
  nowMs: number,
): readonly ClassicEffect[] {
  switch (reason.kind) {
    case 'empty':
      return [];
    case 'replaced':
      if (code === errorCode.NONE) return [{ kind: 'joined', ticket: reason.ticket, answer: reason.answer }];
      return [{ kind: 'joined', ticket: reason.ticket, answer: refusedJoin(code, reason.answer.memberId) }];
    case 'assignment':
      return assigned(group, reason, code, rules, nowMs);
  }
}

/** Only if nothing has happened to the generation meanwhile; if something has, the members join again anyhow. */
function assigned(
  group: ClassicGroup,
  reason: Extract<StoreReason, { kind: 'assignment' }>,
  code: number,
  rules: ClassicRules,
  nowMs: number,
): readonly ClassicEffect[] {
  if (group.state !== 'CompletingRebalance' || group.generation !== reason.generation) return [];
  if (code !== errorCode.NONE) return [...refuseSyncs(group, code, nowMs), ...prepare(group, rules, nowMs)];
  group.enter('Stable', nowMs);
  const effects: ClassicEffect[] = [];
  for (const member of group.members.values()) {
    member.assignment = reason.assignments.get(member.memberId) ?? NO_BYTES;
    if (member.isAwaitingSync) member.renewSession(nowMs);
    effects.push(...answerSync(member, currentSync(group, member)));
  }
  return effects;
}

function refused(ticket: number, code: number): readonly ClassicEffect[] {
  return [{ kind: 'synced', ticket, answer: refusedSync(code) }];
}
