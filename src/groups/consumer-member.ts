/**
 * A member of a consumer group, as its records tell it: what it said of itself (metadata), and how far it has come on the
 * way to the assignment it is to have (current assignment). A member is a value; a change makes a new one.
 *
 *   stable                  has what it is to have at its epoch
 *   unrevoked-partitions    has to give up partitions first, and has not said yet that it did
 *   unreleased-partitions   waits for partitions that others have not given up yet
 */
import { type HeldPartitions, isSameHolding, nothingHeld } from './assignment.ts';

export type MemberState = 'stable' | 'unrevoked-partitions' | 'unreleased-partitions' | 'unknown';

/** The epoch with which a member leaves, and a static member leaves for a while. */
export const LEAVE_EPOCH = -1;
export const LEAVE_STATIC_EPOCH = -2;

export interface ClassicProtocol {
  readonly name: string;
  readonly metadata: Uint8Array;
}

/** Of a member that still speaks the classic protocol, inside a group that was upgraded. */
export interface ClassicMemberMetadata {
  readonly sessionTimeoutMs: number;
  readonly supportedProtocols: readonly ClassicProtocol[];
}

export interface MemberMetadata {
  readonly instanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** Sorted, each once. */
  readonly topicNames: readonly string[];
  /** Empty: none. */
  readonly topicPattern: string;
  readonly rebalanceTimeoutMs: number;
  readonly assignorName: string | null;
  readonly classic: ClassicMemberMetadata | null;
}

export interface CurrentAssignment {
  readonly epoch: number;
  readonly previousEpoch: number;
  readonly state: MemberState;
  readonly assigned: HeldPartitions;
  readonly pendingRevocation: HeldPartitions;
}

export interface ConsumerMember {
  readonly id: string;
  readonly metadata: MemberMetadata;
  readonly current: CurrentAssignment;
}

const newMetadata: MemberMetadata = {
  instanceId: null,
  rackId: null,
  clientId: '',
  clientHost: '',
  topicNames: [],
  topicPattern: '',
  rebalanceTimeoutMs: -1,
  assignorName: null,
  classic: null,
};

export const newAssignment: CurrentAssignment = {
  epoch: 0,
  previousEpoch: -1,
  state: 'stable',
  assigned: nothingHeld,
  pendingRevocation: nothingHeld,
};

export function newMember(id: string): ConsumerMember {
  return { id, metadata: newMetadata, current: newAssignment };
}

export function sortedNames(names: readonly string[]): readonly string[] {
  return [...new Set(names)].sort();
}

export function isReconciled({ current }: ConsumerMember, targetEpoch: number): boolean {
  return current.state === 'stable' && current.epoch === targetEpoch;
}

export function isSameMetadata(one: MemberMetadata, other: MemberMetadata): boolean {
  return (
    one.instanceId === other.instanceId &&
    one.rackId === other.rackId &&
    one.clientId === other.clientId &&
    one.clientHost === other.clientHost &&
    isSameList(one.topicNames, other.topicNames) &&
    one.topicPattern === other.topicPattern &&
    one.rebalanceTimeoutMs === other.rebalanceTimeoutMs &&
    one.assignorName === other.assignorName &&
    isSameClassic(one.classic, other.classic)
  );
}

export function isSameCurrent(one: CurrentAssignment, other: CurrentAssignment): boolean {
  return (
    one.epoch === other.epoch &&
    one.previousEpoch === other.previousEpoch &&
    one.state === other.state &&
    isSameHolding(one.assigned, other.assigned) &&
    isSameHolding(one.pendingRevocation, other.pendingRevocation)
  );
}

export function isSameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, index) => text === other[index]);
}

function isSameClassic(one: ClassicMemberMetadata | null, other: ClassicMemberMetadata | null): boolean {
  if (one === null || other === null) return one === other;
  return (
    one.sessionTimeoutMs === other.sessionTimeoutMs &&
    one.supportedProtocols.length === other.supportedProtocols.length &&
    one.supportedProtocols.every((protocol, index) => {
      const twin = other.supportedProtocols[index];
      return (
        twin !== undefined && twin.name === protocol.name && Buffer.compare(twin.metadata, protocol.metadata) === 0
      );
    })
  );
}
