/**
 * A classic group: its members, its generation, and the state it is in. What moves it from state to state is in the
 * `classic-…` files beside this one; here are the facts and the small changes that keep them consistent.
 *
 *                    first member                     all (re)joined, or time is up
 *   Empty ────────────────────────▶ PreparingRebalance ─────────────────────────▶ CompletingRebalance
 *     ▲                              ▲  │    ▲   ▲                                   │          │
 *     └── nobody left ──────────────────┘    │   └── somebody joins or goes ─────────┘          │ leader's SyncGroup
 *                                            │                                                  ▼ is written
 *                                            └── somebody joins, goes, or is gone ─────────── Stable
 *
 * A group without a protocol type never had members: a consumer that only commits ("simple"). Dead is no state here: a
 * dead group is not in its shard.
 */
import { assert } from '../base/assert.ts';
import { javaHash } from '../base/java-hash.ts';
import type { StoredEntry } from '../cluster/coordinator-log.ts';
import { errorCode } from '../protocol/errors.ts';
import { ClassicMember, type ClassicProtocol, type MemberDescription, NO_TICKET } from './classic-member.ts';
import type { CommittedOffset } from './committed-offsets.ts';
import { CONSUMER_PROTOCOL_TYPE, subscribedTopics } from './consumer-protocol.ts';
import type { CommitClaim, GroupFace } from './group-face.ts';

import { APPEND_BYTES_MAX, groupEntry, groupTombstone } from './group-records.ts';

export type ClassicState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable';

/** Of one UTF-16 unit. */
const UTF8_BYTES_MAX = 3;
const NEVER_MS = Number.POSITIVE_INFINITY;

export class ClassicGroup implements GroupFace {
  readonly kind = 'classic';
  readonly groupId: string;
  readonly members = new Map<string, ClassicMember>();
  /** From instance id to member id. */
  readonly staticMembers = new Map<string, string>();
  /** Ids that were given out and not used yet, and until when they hold. */
  readonly pendingMembers = new Map<string, number>();
  /** Members of this generation that have not asked for their assignment yet. */
  readonly pendingSyncs = new Set<string>();
  state: ClassicState = 'Empty';
  stateSinceMs: number;
  generation = 0;
  protocolType = '';
  protocolName: string | null = null;
  leaderId: string | null = null;
  /** Null: not known. */
  topics: ReadonlySet<string> | null = null;
  /** When the wait for members ends, in PreparingRebalance. */
  joinDeadlineMs = NEVER_MS;
  /** When members that have not asked for their assignment are put out. */
  syncDeadlineMs = NEVER_MS;
  /** The first rebalance of a group waits a while for more members; set while it does. */
  initialDelay: { readonly remainingMs: number; hasNewMember: boolean } | null = null;
  /** Members with a parked JoinGroup. */
  awaitingJoinCount = 0;
  /** How many members support a protocol. */
  private readonly support = new Map<string, number>();

  constructor(groupId: string, nowMs: number) {
    this.groupId = groupId;
    this.stateSinceMs = nowMs;
  }

  // ── what every group is asked ─────────────────────────────────────────────────────────────────────────────────────

  get stateName(): string {
    return this.state;
  }

  get isEmpty(): boolean {
    return this.state === 'Empty';
  }

  get isExpirable(): boolean {
    return true;
  }

  isSubscribedTo(topic: string): boolean {
    return this.topics === null ? this.protocolType === CONSUMER_PROTOCOL_TYPE : this.topics.has(topic);
  }

  checkCommit(claim: CommitClaim): number {
    const { generationOrEpoch, memberId, instanceId, isTransactional } = claim;
    // An admin client, or a consumer that manages its partitions itself: as long as nobody else is there.
    if (generationOrEpoch < 0 && this.state === 'Empty') return errorCode.NONE;
    if (generationOrEpoch >= 0 || memberId !== '' || instanceId !== null) {
      const code = this.checkMember(memberId, instanceId);
      if (code !== errorCode.NONE) return code;
      if (generationOrEpoch !== this.generation) return errorCode.ILLEGAL_GENERATION;
    } else if (!isTransactional && this.state !== 'Empty') {
      return errorCode.UNKNOWN_MEMBER_ID;
    }
    // The member has its generation but not its assignment: what it read belongs to the one before.
    if (!isTransactional && this.state === 'CompletingRebalance') return errorCode.REBALANCE_IN_PROGRESS;
    return errorCode.NONE;
  }

  checkFetch(_memberId: string | null, _memberEpoch: number): number {
    return errorCode.NONE;
  }

  checkOffsetDelete(): number {
    return this.state === 'Empty' || this.protocolType === CONSUMER_PROTOCOL_TYPE
      ? errorCode.NONE
      : errorCode.NON_EMPTY_GROUP;
  }

  agingSinceMs(offset: CommittedOffset): number | null {
    if (this.protocolType === '') return offset.commitTimestampMs;
    if (this.state === 'Empty') return Math.max(this.stateSinceMs, offset.commitTimestampMs);
    const isKnown = this.protocolType === CONSUMER_PROTOCOL_TYPE && this.topics !== null;
    return isKnown && this.state === 'Stable' ? offset.commitTimestampMs : null;
  }

  tombstones(): readonly StoredEntry[] {
    return [groupTombstone(this.groupId)];
  }

  // ── members ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** NONE, or why these two names do not name a member. */
  checkMember(memberId: string, instanceId: string | null): number {
    if (instanceId !== null) {
      const known = this.staticMembers.get(instanceId);
      if (known === undefined) return errorCode.UNKNOWN_MEMBER_ID;
      if (known !== memberId) return errorCode.FENCED_INSTANCE_ID;
    }
    return this.members.has(memberId) ? errorCode.NONE : errorCode.UNKNOWN_MEMBER_ID;
  }

  get hasAllJoined(): boolean {
    return this.awaitingJoinCount === this.members.size && this.pendingMembers.size === 0;
  }

  get rebalanceTimeoutMs(): number {
    let longest = 0;
    for (const { rebalanceTimeoutMs } of this.members.values()) longest = Math.max(longest, rebalanceTimeoutMs);
    return longest;
  }

  add(description: MemberDescription, protocolType: string, joinTicket: number): ClassicMember {
    assert(!this.members.has(description.memberId), 'a member is added once');
    const member = new ClassicMember(description);
    if (this.members.size === 0) this.protocolType = protocolType;
    this.leaderId ??= member.memberId;
    this.members.set(member.memberId, member);
    if (member.instanceId !== null) this.staticMembers.set(member.instanceId, member.memberId);
    this.count(member.protocols, 1);
    this.pendingMembers.delete(member.memberId);
    this.setJoinTicket(member, joinTicket);
    return member;
  }

  /** The caller has answered what the member waits for. */
  remove(member: ClassicMember): void {
    assert(!member.isAwaitingJoin && !member.isAwaitingSync, 'a member that goes waits for nothing');
    this.members.delete(member.memberId);
    this.pendingSyncs.delete(member.memberId);
    this.count(member.protocols, -1);
    if (member.instanceId !== null && this.staticMembers.get(member.instanceId) === member.memberId) {
      this.staticMembers.delete(member.instanceId);
    }
    if (this.leaderId === member.memberId) this.leaderId = this.members.keys().next().value ?? null;
  }

  /** A static member has come back under a new id: it takes the place of its former self. */
  replace(former: ClassicMember, memberId: string): ClassicMember {
    assert(!former.isAwaitingJoin && !former.isAwaitingSync, 'a member that is replaced waits for nothing');
    const { instanceId, clientId, clientHost, rebalanceTimeoutMs, sessionTimeoutMs, protocols } = former;
    assert(instanceId !== null, 'only static members are replaced');
    const common = { instanceId, clientId, clientHost, rebalanceTimeoutMs, sessionTimeoutMs, protocols };
    const member = new ClassicMember({ memberId, ...common });
    member.assignment = former.assignment;
    this.members.delete(former.memberId);
    this.pendingSyncs.delete(former.memberId);
    this.members.set(memberId, member);
    this.staticMembers.set(instanceId, memberId);
    if (this.leaderId === former.memberId) this.leaderId = memberId;
    return member;
  }

  describe(member: ClassicMember, description: MemberDescription): void {
    this.count(member.protocols, -1);
    member.protocols = description.protocols;
    member.rebalanceTimeoutMs = description.rebalanceTimeoutMs;
    member.sessionTimeoutMs = description.sessionTimeoutMs;
    this.count(member.protocols, 1);
  }

  setJoinTicket(member: ClassicMember, ticket: number): void {
    this.awaitingJoinCount += Number(ticket !== NO_TICKET) - Number(member.isAwaitingJoin);
    member.joinTicket = ticket;
  }

  // ── protocols ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether somebody with these protocols can be in the group. */
  supports(protocolType: string, protocols: readonly ClassicProtocol[]): boolean {
    if (protocolType === '' || protocols.length === 0) return false;
    if (this.members.size === 0) return true;
    if (protocolType !== this.protocolType) return false;
    return protocols.some(({ name }) => this.support.get(name) === this.members.size);
  }

  /** The protocol that most members like best among those that all support. */
  selectProtocol(): string | null {
    const candidates = new Set<string>();
    for (const [name, count] of this.support) if (count === this.members.size) candidates.add(name);
    const votes = new Map<string, number>();
    for (const member of this.members.values()) {
      const choice = member.vote(candidates);
      assert(choice !== null, 'all members of a group support one of its protocols');
      const count = (votes.get(choice) ?? 0) + 1;
      votes.set(choice, count);
    }
    let winner: string | null = null;
    for (const name of [...votes.keys()].sort((one, other) => bucketOf(one) - bucketOf(other))) {
      if (winner === null || (votes.get(name) ?? 0) > (votes.get(winner) ?? 0)) winner = name;
    }
    return winner;
  }

  // ── states ────────────────────────────────────────────────────────────────────────────────────────────────────────

  enter(state: ClassicState, nowMs: number): void {
    this.state = state;
    this.stateSinceMs = nowMs;
  }

  /** The topics of the members that speak the consumer protocol, as far as they can be read. */
  learnTopics(): void {
    if (this.protocolType !== CONSUMER_PROTOCOL_TYPE) {
      this.topics = null;
      return;
    }
    const topics = new Set<string>();
    for (const member of this.members.values()) {
      const found = this.protocolName === null ? null : subscribedTopics(member.metadataFor(this.protocolName));
      if (found === null) {
        this.topics = null;
        return;
      }
      for (const topic of found) topics.add(topic);
    }
    this.topics = topics;
  }

  /** Whether the group's record can be written; members can bring more than fits. */
  fitsRecord(assignments?: ReadonlyMap<string, Uint8Array>): boolean {
    let bytes = 0;
    for (const member of this.members.values()) {
      const texts = member.memberId.length + (member.instanceId?.length ?? 0) + member.clientId.length;
      const assignment = assignments?.get(member.memberId) ?? member.assignment;
      bytes += texts * UTF8_BYTES_MAX + member.metadataFor(this.protocolName).length + assignment.length;
    }
    return bytes < APPEND_BYTES_MAX / 2;
  }

  /** The group as it is stored, with other assignments than those it has if some are given. */
  toEntry(assignments?: ReadonlyMap<string, Uint8Array>): StoredEntry {
    return groupEntry(this.groupId, {
      protocolType: this.protocolType,
      generation: this.generation,
      protocol: this.protocolName,
      leader: this.leaderId,
      currentStateTimestamp: this.stateSinceMs,
      members: Array.from(this.members.values(), (member) => ({
        memberId: member.memberId,
        groupInstanceId: member.instanceId,
        clientId: member.clientId,
        clientHost: member.clientHost,
        rebalanceTimeout: member.rebalanceTimeoutMs,
        sessionTimeout: member.sessionTimeoutMs,
        subscription: member.metadataFor(this.protocolName),
        assignment: assignments?.get(member.memberId) ?? member.assignment,
      })),
    });
  }

  /** When something is due next if nothing happens before. */
  get nextDeadlineMs(): number {
    let next = Math.min(this.joinDeadlineMs, this.syncDeadlineMs);
    for (const member of this.members.values()) next = Math.min(next, member.sessionEndMs);
    for (const deadlineMs of this.pendingMembers.values()) next = Math.min(next, deadlineMs);
    return next;
  }

  private count(protocols: readonly ClassicProtocol[], change: number): void {
    for (const { name } of protocols) {
      const count = (this.support.get(name) ?? 0) + change;
      if (count === 0) this.support.delete(name);
      else this.support.set(name, count);
    }
  }
}

/**
 * Where a small hash map of Java keeps a name. Kafka counts votes in one and takes the first of the most voted, so this is
 * how a group whose members disagree gets the same protocol here as there.
 */
function bucketOf(name: string): number {
  const hash = javaHash(name);
  return (hash ^ (hash >>> 16)) & BUCKET_MASK;
}

const BUCKET_MASK = 15;
