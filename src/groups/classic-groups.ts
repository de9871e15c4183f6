/**
 * Classic groups at work: hands requests to the state machine (`classic-join`, `classic-sync`, `classic-rebalance`), and
 * carries out what follows. Requests that wait are promises under a ticket; each group has one alarm, set for the nearest
 * of its deadlines. Heartbeats only move deadlines away, so they touch no alarm: one that rings too early looks and is set
 * again. Called by `apis/`, with the shard that keeps the group.
 */
import type { Alarm, Alarms } from '../base/alarms.ts';
import { assert } from '../base/assert.ts';
import type { StoredEntry } from '../cluster/coordinator-log.ts';
import { errorCode } from '../protocol/errors.ts';
import { decodeStored } from '../protocol/stored-record.ts';
import {
  type ClassicEffect,
  type JoinAnswer,
  refusedJoin,
  refusedSync,
  type StoreReason,
  type SyncAnswer,
} from './classic-effects.ts';
import { ClassicGroup } from './classic-group.ts';
import { type JoinCommand, join } from './classic-join.ts';
import { type MemberDescription, NO_TICKET } from './classic-member.ts';
import { type ClassicRules, prepare, tick } from './classic-rebalance.ts';
import {
  type HeartbeatCommand,
  heartbeat,
  type LeaveCommand,
  leave,
  type SyncCommand,
  stored,
  sync,
} from './classic-sync.ts';
import type { Group } from './group.ts';
import type { ClassicDescription, ClassicSide } from './group-migration.ts';
import { groupMetadataKey, groupMetadataValue, KIND_GROUP } from './group-records.ts';
import type { GroupProtocol, GroupShard } from './group-shard.ts';

export interface ClassicGroupsParts {
  readonly alarms: Alarms;
  /** Read at every use: settings change while the broker runs. */
  readonly rules: () => ClassicRules;
  /** Text that no other member has. */
  readonly uniqueText: () => string;
}

export interface JoinWish {
  readonly groupId: string;
  readonly protocolType: string;
  readonly member: MemberDescription;
  readonly mustKnowId: boolean;
  readonly canSkipAssignment: boolean;
}

/** What one member may say of itself, over all its protocols: a group has to fit into one record. */
const METADATA_BYTES_MAX = 1 << 20;

interface GroupAlarm {
  readonly dueMs: number;
  readonly alarm: Alarm;
}

export class ClassicGroups implements GroupProtocol, ClassicSide {
  readonly kind = 'classic';
  readonly replays: GroupProtocol['replays'] = [[KIND_GROUP, (shard, key, value) => this.replay(shard, key, value)]];
  private readonly parts: ClassicGroupsParts;
  private readonly joins = new Map<number, (answer: JoinAnswer) => void>();
  private readonly syncs = new Map<number, (answer: SyncAnswer) => void>();
  private readonly ticking = new Set<ClassicGroup>();
  private readonly groupAlarms = new Map<ClassicGroup, GroupAlarm>();
  private nextTicket = 0;

  constructor(parts: ClassicGroupsParts) {
    this.parts = parts;
  }

  /** Requests that wait. */
  get parkedCount(): number {
    return this.joins.size + this.syncs.size;
  }

  /** NONE, or why nobody can join a group like this, of whatever kind it is. */
  refusalOf(member: MemberDescription): number {
    const { sessionMinMs, sessionMaxMs } = this.parts.rules();
    const { sessionTimeoutMs } = member;
    if (sessionTimeoutMs < sessionMinMs || sessionTimeoutMs > sessionMaxMs) return errorCode.INVALID_SESSION_TIMEOUT;
    return metadataBytes(member) > METADATA_BYTES_MAX ? errorCode.INVALID_REQUEST : errorCode.NONE;
  }

  /** Resolves when the member is in a generation, or will not be. */
  join(shard: GroupShard, wish: JoinWish): Promise<JoinAnswer> {
    const { member } = wish;
    const rules = this.parts.rules();
    const refusal = this.refusalOf(member);
    if (refusal !== errorCode.NONE) return Promise.resolve(refusedJoin(refusal, member.memberId));
    const isNew = !shard.groups.has(wish.groupId);
    if (isNew && member.memberId === '' && !shard.hasRoom) {
      return Promise.resolve(refusedJoin(errorCode.GROUP_MAX_SIZE_REACHED, ''));
    }
    const group = shard.groups.get(wish.groupId) ?? (member.memberId === '' ? this.create(shard, wish.groupId) : null);
    if (group === null) return Promise.resolve(refusedJoin(errorCode.UNKNOWN_MEMBER_ID, member.memberId));
    if (group.kind !== 'classic') {
      return Promise.resolve(refusedJoin(errorCode.INCONSISTENT_GROUP_PROTOCOL, ''));
    }
    const ticket = this.takeTicket();
    const command: JoinCommand = {
      ticket,
      protocolType: wish.protocolType,
      member,
      freshMemberId: `${member.instanceId ?? member.clientId}-${this.parts.uniqueText()}`,
      mustKnowId: wish.mustKnowId,
      canSkipAssignment: wish.canSkipAssignment,
    };
    return new Promise((resolve) => {
      this.joins.set(ticket, resolve);
      this.perform(shard, group, join(group, command, rules, this.nowMs));
    });
  }

  /** Resolves when the member has its assignment, or will not get it. */
  sync(shard: GroupShard, groupId: string, command: Omit<SyncCommand, 'ticket'>): Promise<SyncAnswer> {
    const group = shard.groups.get(groupId);
    if (group?.kind !== 'classic') return Promise.resolve(refusedSync(errorCode.UNKNOWN_MEMBER_ID));
    const ticket = this.takeTicket();
    return new Promise((resolve) => {
      this.syncs.set(ticket, resolve);
      this.perform(shard, group, sync(group, { ...command, ticket }, this.parts.rules(), this.nowMs));
    });
  }

  heartbeat(shard: GroupShard, groupId: string, command: HeartbeatCommand): number {
    const group = shard.groups.get(groupId);
    return group?.kind === 'classic' ? heartbeat(group, command, this.nowMs) : errorCode.UNKNOWN_MEMBER_ID;
  }

  /** Error codes in the order of the members; null: no such group. */
  leave(shard: GroupShard, groupId: string, command: LeaveCommand): readonly number[] | null {
    const group = shard.groups.get(groupId);
    if (group?.kind !== 'classic') return null;
    const { codes, effects } = leave(group, command, this.parts.rules(), this.nowMs);
    this.perform(shard, group, effects);
    return codes;
  }

  /** A commit shows that the member is there, while its generation is in force or about to end. */
  renewSession(group: ClassicGroup, memberId: string): void {
    if (group.state === 'Stable' || group.state === 'PreparingRebalance') {
      group.members.get(memberId)?.renewSession(this.nowMs);
    }
  }

  /** A group without members, in memory only: nothing is written until it has something to keep. */
  create(shard: GroupShard, groupId: string): ClassicGroup {
    assert(!shard.groups.has(groupId), 'a group is created once');
    const group = new ClassicGroup(groupId, this.nowMs);
    shard.groups.set(groupId, group);
    return group;
  }

  // ── change of protocol ────────────────────────────────────────────────────────────────────────────────────────────

  describe(group: ClassicGroup): ClassicDescription {
    const { groupId, protocolType, protocolName, generation } = group;
    return { groupId, protocolType, protocolName, generation, members: [...group.members.values()] };
  }

  retire(shard: GroupShard, group: ClassicGroup): void {
    this.sendAway(group, errorCode.REBALANCE_IN_PROGRESS);
    shard.forget(group);
  }

  adopt(shard: GroupShard, description: ClassicDescription, needsRebalance: boolean): readonly StoredEntry[] {
    const group = new ClassicGroup(description.groupId, this.nowMs);
    group.generation = description.generation;
    for (const member of description.members) {
      const added = group.add(member, description.protocolType, NO_TICKET);
      added.assignment = member.assignment;
      added.renewSession(this.nowMs);
    }
    group.protocolName = group.selectProtocol();
    group.state = 'Stable';
    group.learnTopics();
    shard.groups.set(group.groupId, group);
    const entry = group.toEntry();
    this.perform(shard, group, needsRebalance ? prepare(group, this.parts.rules(), this.nowMs) : []);
    return [entry];
  }

  // ── load and loss of a shard ──────────────────────────────────────────────────────────────────────────────────────

  loaded(shard: GroupShard): void {
    const rules = this.parts.rules();
    for (const group of shard.groups.values()) {
      if (group.kind !== 'classic') continue;
      for (const member of group.members.values()) member.renewSession(this.nowMs);
      const isTooLarge = group.members.size > rules.sizeMax;
      this.perform(shard, group, isTooLarge ? prepare(group, rules, this.nowMs) : []);
    }
  }

  dropped(shard: GroupShard, code: number): void {
    for (const group of shard.groups.values()) {
      if (group.kind !== 'classic') continue;
      this.forget(group);
      this.sendAway(group, code);
    }
  }

  /** Whoever waits in the group is answered with the code. */
  private sendAway(group: ClassicGroup, code: number): void {
    for (const { memberId, joinTicket, syncTicket } of group.members.values()) {
      if (joinTicket !== NO_TICKET) this.answerJoin(joinTicket, refusedJoin(code, memberId));
      if (syncTicket !== NO_TICKET) this.answerSync(syncTicket, refusedSync(code));
    }
  }

  forget(group: Group): void {
    if (group.kind !== 'classic') return;
    this.groupAlarms.get(group)?.alarm.cancel();
    this.groupAlarms.delete(group);
  }

  private replay(shard: GroupShard, keyBytes: Uint8Array, valueBytes: Uint8Array | null): void {
    const { group: groupId } = decodeStored(groupMetadataKey, keyBytes);
    if (valueBytes === null) {
      if (shard.groups.get(groupId)?.kind === 'classic') shard.groups.delete(groupId);
      return;
    }
    const value = decodeStored(groupMetadataValue, valueBytes);
    const group = new ClassicGroup(groupId, value.currentStateTimestamp < 0 ? this.nowMs : value.currentStateTimestamp);
    group.generation = value.generation;
    group.protocolName = value.protocol;
    for (const member of value.members) {
      const protocols = [{ name: value.protocol ?? '', metadata: member.subscription }];
      const added = group.add(
        {
          memberId: member.memberId,
          instanceId: member.groupInstanceId,
          clientId: member.clientId,
          clientHost: member.clientHost,
          rebalanceTimeoutMs: member.rebalanceTimeout < 0 ? member.sessionTimeout : member.rebalanceTimeout,
          sessionTimeoutMs: member.sessionTimeout,
          protocols,
        },
        value.protocolType,
        NO_TICKET,
      );
      added.assignment = member.assignment;
    }
    group.protocolType = value.protocolType;
    group.leaderId = value.leader;
    if (group.members.size > 0) group.state = 'Stable';
    group.learnTopics();
    shard.groups.set(groupId, group);
  }

  // ── effects ───────────────────────────────────────────────────────────────────────────────────────────────────────

  private get nowMs(): number {
    // Whole milliseconds: times are written down.
    return Math.floor(this.parts.alarms.nowMs());
  }

  private takeTicket(): number {
    return this.nextTicket++;
  }

  private perform(shard: GroupShard, group: ClassicGroup, effects: readonly ClassicEffect[]): void {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'joined':
          this.answerJoin(effect.ticket, effect.answer);
          break;
        case 'synced':
          this.answerSync(effect.ticket, effect.answer);
          break;
        case 'store':
          void this.store(shard, group, effect);
          break;
      }
    }
    this.setAlarm(shard, group);
  }

  private async store(
    shard: GroupShard,
    group: ClassicGroup,
    { entry, reason }: Extract<ClassicEffect, { kind: 'store' }>,
  ): Promise<void> {
    const code = await shard.append([entry]);
    if (shard.groups.get(group.groupId) === group) {
      this.perform(shard, group, stored(group, reason, code, this.parts.rules(), this.nowMs));
    } else {
      this.abandon(reason, code === errorCode.NONE ? errorCode.NOT_COORDINATOR : code);
    }
  }

  /** The group went while its record was being written; who waits in it was answered when it went, except this one. */
  private abandon(reason: StoreReason, code: number): void {
    if (reason.kind === 'replaced') this.answerJoin(reason.ticket, refusedJoin(code, reason.answer.memberId));
  }

  private setAlarm(shard: GroupShard, group: ClassicGroup): void {
    if (shard.groups.get(group.groupId) !== group) return;
    let dueMs = group.nextDeadlineMs;
    // A timeout of 0 is over at once. Once, so that nothing can go round here.
    if (dueMs <= this.nowMs && !this.ticking.has(group)) {
      this.ticking.add(group);
      this.perform(shard, group, tick(group, this.parts.rules(), this.nowMs));
      this.ticking.delete(group);
      dueMs = group.nextDeadlineMs;
    }
    if (shard.groups.get(group.groupId) !== group) return;
    const known = this.groupAlarms.get(group);
    if (known !== undefined && known.dueMs <= dueMs) return;
    known?.alarm.cancel();
    if (dueMs === Number.POSITIVE_INFINITY) return;
    const alarm = this.parts.alarms.set(dueMs, () => {
      this.groupAlarms.delete(group);
      if (shard.groups.get(group.groupId) !== group) return;
      this.perform(shard, group, tick(group, this.parts.rules(), this.nowMs));
      this.forgetUnused(shard, group);
    });
    this.groupAlarms.set(group, { dueMs, alarm });
  }

  /** Somebody took an id and never came back: a group that never was anything goes without a word. */
  private forgetUnused(shard: GroupShard, group: ClassicGroup): void {
    const isUnused = group.isEmpty && group.generation === 0 && group.pendingMembers.size === 0;
    const { groupId } = group;
    if (!isUnused || shard.offsets.has(groupId) || shard.offsets.hasPending(groupId)) return;
    if (shard.groups.get(groupId) === group) shard.forget(group);
  }

  private answerJoin(ticket: number, answer: JoinAnswer): void {
    this.joins.get(ticket)?.(answer);
    this.joins.delete(ticket);
  }

  private answerSync(ticket: number, answer: SyncAnswer): void {
    this.syncs.get(ticket)?.(answer);
    this.syncs.delete(ticket);
  }
}

function metadataBytes(member: MemberDescription): number {
  return member.protocols.reduce((sum, { name, metadata }) => sum + name.length + metadata.length, 0);
}
