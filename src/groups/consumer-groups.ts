/**
 * Consumer groups at work (KIP-848): hands requests to the decisions (`consumer-heartbeat`, `consumer-leave`,
 * `classic-guests`), applies and writes their records, and owns what decisions only name: alarms and the lookup of regular
 * expressions. Called by `apis/` and by `classic-groups` with the shard that keeps the group.
 *
 *   request ─▶ decision ─▶ records applied to memory ─▶ written ─▶ answer
 *                     └──▶ deadlines, one alarm a group for the nearest
 */
import type { Alarm, Alarms } from '../base/alarms.ts';
import type { StoredEntry } from '../cluster/coordinator-log.ts';
import { errorCode } from '../protocol/errors.ts';
import {
  type GuestJoin,
  type GuestJoined,
  type GuestSync,
  type GuestSynced,
  heartbeatOfGuest,
  joinAsGuest,
  type LeavingGuest,
  leaveAsGuests,
  syncGuest,
} from './classic-guests.ts';
import { ConsumerGroup } from './consumer-group.ts';
import { decodeConsumerRecord, encodeConsumerRecord } from './consumer-group-codec.ts';
import type { ConsumerGroupRecord } from './consumer-group-record.ts';
import { consumerKind } from './consumer-group-schemas.ts';
import { type HeartbeatAnswer, heartbeat } from './consumer-heartbeat.ts';
import { fence, leave } from './consumer-leave.ts';
import type { Group } from './group.ts';
import { type ClassicSide, downgrade, upgrade } from './group-migration.ts';
import type { Downgrade, GroupEffect, Outcome } from './group-outcome.ts';
import { GroupRefusal } from './group-refusal.ts';
import type { GroupProtocol, GroupShard, Replay } from './group-shard.ts';
import type { ConsumerGroupSettings, GroupWorld } from './group-world.ts';
import { type Deadline, MemberDeadlines } from './member-deadlines.ts';
import { checkHeartbeat, type MemberHeartbeat } from './member-heartbeat.ts';
import { PatternLookup, resolutionOutcome } from './pattern-resolution.ts';
import type { TopicView } from './topic-view.ts';

export interface ConsumerGroupsParts {
  readonly alarms: Alarms;
  readonly topics: TopicView;
  /** Read at every use: settings change while the broker runs. */
  readonly settingsOf: (groupId: string) => ConsumerGroupSettings;
  readonly newId: () => string;
  readonly classic: ClassicSide;
  readonly log: { info(message: string): void; warn(message: string): void };
}

export interface HeartbeatReply {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly heartbeatIntervalMs: number;
  readonly answer: HeartbeatAnswer | null;
}

/** What a request comes to: an answer, or why there is none. */
export type Reply<Answer> =
  | { readonly errorCode: 0; readonly message: null; readonly answer: Answer }
  | { readonly errorCode: number; readonly message: string | null; readonly answer: null };

/** What is kept of a group beside its records. */
interface Life {
  readonly shard: GroupShard;
  readonly deadlines: MemberDeadlines;
  alarm: Alarm | null;
  alarmMs: number;
  /** A lookup of patterns is under way. */
  lookup: Alarm | null;
}

const NEVER_MS = Number.POSITIVE_INFINITY;
/** Of one record: what a member subscribes to, or the topics that a pattern stands for. Kafka's limit for a whole batch. */
const ENTRY_BYTES_MAX = 1 << 20;
const reasons: { readonly [deadline in Deadline]: string } = {
  session: 'it was not heard of in time',
  revocation: 'it did not give up its partitions in time',
  join: 'it did not join again in time',
  sync: 'it did not ask for its assignment in time',
};

export class ConsumerGroups implements GroupProtocol {
  readonly kind = 'consumer';
  readonly replays: GroupProtocol['replays'] = Object.values(consumerKind).map((kind) => [kind, replayOf(kind)]);
  private readonly parts: ConsumerGroupsParts;
  /** Which topics the member that was heard of last may see: patterns stand for no others. */
  private readonly viewers = new WeakMap<ConsumerGroup, ((name: string) => boolean) | null>();
  private readonly lives = new Map<ConsumerGroup, Life>();

  constructor(parts: ConsumerGroupsParts) {
    this.parts = parts;
  }

  // ── requests of the newer protocol ────────────────────────────────────────────────────────────────────────────────

  async heartbeat(shard: GroupShard, command: MemberHeartbeat, apiVersion: number): Promise<HeartbeatReply> {
    const { groupId } = command;
    const settings = this.parts.settingsOf(groupId);
    let group: ConsumerGroup | null = null;
    const reply = await this.decide(shard, () => {
      checkHeartbeat(command, apiVersion, settings.assignors);
      const found = this.groupFor(shard, command);
      group = found.group;
      this.viewers.set(group, command.seesTopic ?? null);
      const outcome =
        command.memberEpoch < 0
          ? leave(found.group, command, this.world(groupId))
          : heartbeat(found.group, command, this.world(groupId));
      return { group: found.group, outcome, entriesBefore: found.entries, install: found.install };
    });
    const heartbeatIntervalMs = reply.answer === null || command.memberEpoch < 0 ? 0 : this.intervalOf(group, settings);
    return { errorCode: reply.errorCode, errorMessage: reply.message, heartbeatIntervalMs, answer: reply.answer };
  }

  /** The group, when everything about it is written; null: there is no consumer group of this id. */
  async groupOf(shard: GroupShard, groupId: string): Promise<ConsumerGroup | null> {
    await shard.settled();
    const group = shard.groups.get(groupId);
    return group?.kind === 'consumer' ? group : null;
  }

  get defaultAssignorName(): string {
    return this.parts.settingsOf('').assignors[0] ?? '';
  }

  // ── requests of classic members of a consumer group ───────────────────────────────────────────────────────────────

  join(shard: GroupShard, group: ConsumerGroup, command: GuestJoin): Promise<Reply<GuestJoined>> {
    return this.decide(shard, () => ({ group, outcome: joinAsGuest(group, command, this.world(group.groupId)) }));
  }

  sync(shard: GroupShard, group: ConsumerGroup, command: GuestSync): Promise<Reply<GuestSynced>> {
    return this.decide(shard, () => ({ group, outcome: syncGuest(group, command, this.parts.topics) }));
  }

  guestHeartbeat(
    shard: GroupShard,
    group: ConsumerGroup,
    command: { readonly memberId: string; readonly instanceId: string | null; readonly generationId: number },
  ): Promise<Reply<number>> {
    return this.decide(shard, () => ({ group, outcome: heartbeatOfGuest(group, command, this.world(group.groupId)) }));
  }

  leave(shard: GroupShard, group: ConsumerGroup, members: readonly LeavingGuest[]): Promise<Reply<readonly number[]>> {
    return this.decide(shard, () => ({ group, outcome: leaveAsGuests(group, members, this.world(group.groupId)) }));
  }

  // ── what happens around ───────────────────────────────────────────────────────────────────────────────────────────

  /** Topics have come, grown or gone: every group looks at its own at the next heartbeat. */
  topicsChanged(): void {
    for (const group of this.lives.keys()) {
      group.isMetadataStale = true;
      group.arePatternsStale = true;
    }
  }

  loaded(shard: GroupShard): void {
    for (const group of shard.groups.values()) {
      if (group.kind !== 'consumer') continue;
      const { sessionTimeoutMs } = this.parts.settingsOf(group.groupId);
      const effects: GroupEffect[] = [];
      for (const { id, current, metadata } of group.members.values()) {
        effects.push({ kind: 'session', memberId: id, delayMs: sessionTimeoutMs });
        if (current.state !== 'unrevoked-partitions' || metadata.classic !== null) continue;
        effects.push({ kind: 'revocation', memberId: id, epoch: current.epoch, delayMs: metadata.rebalanceTimeoutMs });
      }
      this.perform(shard, group, effects);
    }
  }

  dropped(shard: GroupShard): void {
    for (const group of shard.groups.values()) if (group.kind === 'consumer') this.forget(group);
  }

  forget(group: Group): void {
    if (group.kind !== 'consumer') return;
    const life = this.lives.get(group);
    life?.alarm?.cancel();
    life?.lookup?.cancel();
    this.lives.delete(group);
  }

  // ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Whole, for it is written down. */
  private get nowMs(): number {
    return Math.floor(this.parts.alarms.nowMs());
  }

  private world(groupId: string): GroupWorld {
    const { topics, newId, settingsOf } = this.parts;
    return { topics, newId, settings: settingsOf(groupId), nowMs: this.nowMs };
  }

  /**
   * While a group is on its way to a new assignment its members are to come back soon; and for a while after, because who
   * joins is seldom alone: the first of many has everything at once and would else not hear of the others for long.
   */
  private intervalOf(group: ConsumerGroup | null, settings: ConsumerGroupSettings): number {
    const { heartbeatIntervalMs, unsettledHeartbeatIntervalMs } = settings;
    if (group === null) return heartbeatIntervalMs;
    const isYoung = this.nowMs - group.assignmentTimestampMs < heartbeatIntervalMs;
    if (group.stateName === 'Stable' && !isYoung) return heartbeatIntervalMs;
    return Math.min(heartbeatIntervalMs, unsettledHeartbeatIntervalMs);
  }

  /** The group that a heartbeat is for; one that has to be made, or converted, is put in its place by `install`. */
  private groupFor(shard: GroupShard, { groupId, memberEpoch }: MemberHeartbeat): FoundGroup {
    const known = shard.groups.get(groupId);
    if (known?.kind === 'consumer') return { group: known, entries: [], install: () => undefined };
    if (memberEpoch !== 0 || (known !== undefined && known.kind !== 'classic'))
      throw new GroupRefusal(errorCode.GROUP_ID_NOT_FOUND, `There is no consumer group ${groupId}.`);
    if (known === undefined && !shard.hasRoom)
      throw new GroupRefusal(errorCode.GROUP_MAX_SIZE_REACHED, 'There is no room for another group.');
    if (known === undefined || known.isEmpty) {
      const group = new ConsumerGroup(groupId);
      const install = (): void => {
        if (known !== undefined) shard.forget(known);
        shard.groups.set(groupId, group);
      };
      return { group, entries: known?.tombstones() ?? [], install };
    }
    const { classic, topics, settingsOf, log } = this.parts;
    const { group, records } = upgrade(classic.describe(known), topics, settingsOf(groupId));
    const install = (): void => {
      classic.retire(shard, known);
      shard.groups.set(groupId, group);
      const guests = [...group.members.values()];
      const effects = guests.map(({ id, metadata }): GroupEffect => {
        return { kind: 'session', memberId: id, delayMs: metadata.classic?.sessionTimeoutMs ?? 0 };
      });
      this.perform(shard, group, effects);
      log.info(`the classic group ${groupId} became a consumer group`);
    };
    const entries = [...known.tombstones(), ...records.map((record) => encodeConsumerRecord(groupId, record))];
    return { group, entries, install };
  }

  /** Decides, applies, writes. A refusal has changed nothing. */
  private async decide<Answer>(shard: GroupShard, decision: () => Decision<Answer>): Promise<Reply<Answer>> {
    let decided: Decision<Answer>;
    try {
      decided = decision();
    } catch (error) {
      if (!(error instanceof GroupRefusal)) throw error;
      return { errorCode: error.errorCode, message: error.message, answer: null };
    }
    const { outcome } = decided;
    const code = await this.carryOut(shard, decided);
    if (code !== errorCode.NONE) return { errorCode: code, message: null, answer: null };
    return { errorCode: 0, message: null, answer: outcome.answer };
  }

  /** What does not fit into the log is not done at all. */
  private async carryOut(shard: GroupShard, decision: Decision<unknown>): Promise<number> {
    const { group, outcome, entriesBefore = [], install } = decision;
    const entries = [...entriesBefore, ...outcome.records.map((record) => encodeConsumerRecord(group.groupId, record))];
    const tooLarge = entries.find(({ key, value }) => key.length + (value?.length ?? 0) > ENTRY_BYTES_MAX);
    if (tooLarge !== undefined) {
      this.parts.log.warn(`what is to be kept of group ${group.groupId} is larger than ${ENTRY_BYTES_MAX} bytes`);
      return errorCode.UNKNOWN_SERVER_ERROR;
    }
    install?.();
    if (outcome.downgrade !== null) return await this.becomeClassic(shard, group, outcome.downgrade);
    for (const record of outcome.records) group.apply(record);
    this.perform(shard, group, outcome.effects);
    if (entries.length > 0) return await shard.appendInPieces(entries);
    await shard.settled();
    return shard.errorCode;
  }

  /** The tombstones of the group cover what the change itself would have written of it. */
  private async becomeClassic(shard: GroupShard, group: ConsumerGroup, change: Downgrade): Promise<number> {
    const { classic, topics, log } = this.parts;
    const tombstones = group.tombstones();
    const description = downgrade(group, change, topics);
    shard.forget(group);
    const kept = classic.adopt(shard, description, change.needsRebalance);
    log.info(`the consumer group ${group.groupId} became a classic group`);
    return await shard.appendInPieces([...tombstones, ...kept]);
  }

  private perform(shard: GroupShard, group: ConsumerGroup, effects: readonly GroupEffect[]): void {
    const life = this.lifeOf(shard, group);
    let nearestMs = NEVER_MS;
    for (const effect of effects) {
      nearestMs = Math.min(nearestMs, life.deadlines.take(effect, this.nowMs));
      if (effect.kind === 'metadata-fresh') group.isMetadataStale = false;
      if (effect.kind === 'resolve' && life.lookup === null) this.lookUp(group, life, effect.patterns);
    }
    this.setAlarm(group, life, nearestMs);
  }

  private lifeOf(shard: GroupShard, group: ConsumerGroup): Life {
    let life = this.lives.get(group);
    if (life === undefined) {
      life = { shard, deadlines: new MemberDeadlines(), alarm: null, alarmMs: NEVER_MS, lookup: null };
      this.lives.set(group, life);
    }
    return life;
  }

  /** Deadlines that move away leave the alarm as it is: it rings early, looks, and is set again. */
  private setAlarm(group: ConsumerGroup, life: Life, dueMs: number): void {
    if (dueMs === NEVER_MS || (life.alarm !== null && life.alarmMs <= dueMs)) return;
    life.alarm?.cancel();
    life.alarmMs = dueMs;
    life.alarm = this.parts.alarms.set(dueMs, () => {
      life.alarm = null;
      this.fenceOverdue(group, life);
      if (this.lives.get(group) === life) this.setAlarm(group, life, life.deadlines.nextMs);
    });
  }

  private fenceOverdue(group: ConsumerGroup, life: Life): void {
    const leaving = life.deadlines.takeOverdue(this.nowMs).flatMap(({ memberId, deadline, revocationEpoch }) => {
      const member = group.members.get(memberId);
      if (member === undefined) return [];
      if (deadline === 'revocation' && member.current.epoch !== revocationEpoch) return [];
      this.parts.log.info(`member ${memberId} is put out of group ${group.groupId}: ${reasons[deadline]}`);
      return [member];
    });
    if (leaving.length === 0) return;
    const outcome = fence(group, leaving, this.world(group.groupId), null);
    void this.carryOut(life.shard, { group, outcome });
  }

  /** A slice of work at a time, each in an alarm of its own, so that others have as much time in between. */
  private lookUp(group: ConsumerGroup, life: Life, patterns: readonly string[]): void {
    const { alarms, topics } = this.parts;
    group.arePatternsStale = false;
    const sees = this.viewers.get(group) ?? null;
    const names = sees === null ? topics.names() : [...topics.names()].filter(sees);
    const lookup = new PatternLookup(patterns, names);
    const step = (): void => {
      const begunMs = alarms.nowMs();
      if (!lookup.work()) {
        const nowMs = alarms.nowMs();
        life.lookup = alarms.set(nowMs + Math.max(1, nowMs - begunMs), step);
        return;
      }
      life.lookup = null;
      const outcome = resolutionOutcome(group, lookup.result, this.world(group.groupId));
      void this.carryOut(life.shard, { group, outcome });
    };
    life.lookup = alarms.set(this.nowMs, step);
  }
}

interface FoundGroup {
  readonly group: ConsumerGroup;
  /** To be written before what the heartbeat itself writes. */
  readonly entries: readonly StoredEntry[];
  readonly install: () => void;
}

interface Decision<Answer> {
  readonly group: ConsumerGroup;
  readonly outcome: Outcome<Answer>;
  readonly entriesBefore?: readonly StoredEntry[];
  /** Puts a group that was made or converted in its place. */
  readonly install?: () => void;
}

function replayOf(kind: number): Replay {
  return (shard, key, value) => {
    const read = decodeConsumerRecord(kind, key, value);
    if (read !== null) replayRecord(shard, read.groupId, read.record);
  };
}

/** A tombstone of a group that is not there is left over from one that went, and means nothing. */
function replayRecord(shard: GroupShard, groupId: string, record: ConsumerGroupRecord): void {
  const known = shard.groups.get(groupId);
  const isTombstone = record.kind === 'partition-metadata' ? !record.isPresent : record.value === null;
  if (known?.kind === 'consumer') {
    if (record.kind === 'group' && record.value === null) shard.groups.delete(groupId);
    else known.apply(record);
    return;
  }
  if (isTombstone) return;
  const group = new ConsumerGroup(groupId);
  group.apply(record);
  shard.groups.set(groupId, group);
}
