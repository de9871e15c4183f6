/**
 * What follows from a transition of a classic group: answers to requests that waited, and a record to be written. The
 * transitions only say so; `classic-groups` carries it out. Tickets are the numbers under which requests wait.
 */
import type { StoredEntry } from '../cluster/coordinator-log.ts';
import { errorCode } from '../protocol/errors.ts';
import type { ClassicGroup } from './classic-group.ts';
import { type ClassicMember, NO_TICKET } from './classic-member.ts';

export interface JoinAnswer {
  readonly errorCode: number;
  readonly generationId: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly leader: string;
  readonly skipAssignment: boolean;
  readonly memberId: string;
  readonly members: readonly {
    readonly memberId: string;
    readonly groupInstanceId: string | null;
    readonly metadata: Uint8Array;
  }[];
}

export interface SyncAnswer {
  readonly errorCode: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignment: Uint8Array;
}

/** Why a record is written: what is to be done when it is, see `stored` in `classic-transitions`. */
export type StoreReason =
  /** The leader's assignment, for the members it is for. */
  | { readonly kind: 'assignment'; readonly generation: number; readonly assignments: ReadonlyMap<string, Uint8Array> }
  /** The last member has gone. */
  | { readonly kind: 'empty' }
  /** A static member has a new id, and nothing else changed. */
  | { readonly kind: 'replaced'; readonly ticket: number; readonly answer: JoinAnswer };

export type ClassicEffect =
  | { readonly kind: 'joined'; readonly ticket: number; readonly answer: JoinAnswer }
  | { readonly kind: 'synced'; readonly ticket: number; readonly answer: SyncAnswer }
  | { readonly kind: 'store'; readonly entry: StoredEntry; readonly reason: StoreReason };

const NO_BYTES = new Uint8Array(0);
export const NO_GENERATION = -1;

export function refusedJoin(code: number, memberId: string): JoinAnswer {
  return {
    errorCode: code,
    generationId: NO_GENERATION,
    protocolType: null,
    protocolName: null,
    leader: '',
    skipAssignment: false,
    memberId,
    members: [],
  };
}

export function refusedSync(code: number): SyncAnswer {
  return { errorCode: code, protocolType: null, protocolName: null, assignment: NO_BYTES };
}

/** A member's place in the generation as it is; the leader learns about everybody. */
export function currentJoin(group: ClassicGroup, member: ClassicMember, toldMembers: boolean): JoinAnswer {
  return {
    errorCode: errorCode.NONE,
    generationId: group.generation,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    leader: group.leaderId ?? '',
    skipAssignment: false,
    memberId: member.memberId,
    members: toldMembers ? describedMembers(group) : [],
  };
}

export function describedMembers(group: ClassicGroup): JoinAnswer['members'] {
  return Array.from(group.members.values(), (member) => ({
    memberId: member.memberId,
    groupInstanceId: member.instanceId,
    metadata: member.metadataFor(group.protocolName),
  }));
}

export function currentSync(group: ClassicGroup, member: ClassicMember): SyncAnswer {
  return {
    errorCode: errorCode.NONE,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    assignment: member.assignment,
  };
}

/** Answers the JoinGroup that the member waits with, if it does. */
export function answerJoin(group: ClassicGroup, member: ClassicMember, answer: JoinAnswer): readonly ClassicEffect[] {
  const ticket = member.joinTicket;
  if (ticket === NO_TICKET) return [];
  group.setJoinTicket(member, NO_TICKET);
  return [{ kind: 'joined', ticket, answer }];
}

/** Answers the SyncGroup that the member waits with, if it does. */
export function answerSync(member: ClassicMember, answer: SyncAnswer): readonly ClassicEffect[] {
  const ticket = member.syncTicket;
  if (ticket === NO_TICKET) return [];
  member.syncTicket = NO_TICKET;
  return [{ kind: 'synced', ticket, answer }];
}

/** Whatever the member waits for is refused. */
export function refuseMember(group: ClassicGroup, member: ClassicMember, code: number): readonly ClassicEffect[] {
  return [...answerJoin(group, member, refusedJoin(code, member.memberId)), ...answerSync(member, refusedSync(code))];
}
