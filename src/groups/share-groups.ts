/**
 * Share groups at work: hands heartbeats to the pure decisions in `share-heartbeat.ts`, applies and writes what they say,
 * and forgets members that fall silent. Each group has one alarm, set for its nearest deadline; heartbeats only move
 * deadlines away, so an alarm that rings too early looks and is set again. Called by `apis/`.
 *
 * Before a member is given a partition the group begins with it: its state is laid out in `__share_group_state` (`states`),
 * then the group records that it has it. Of one group that happens one after the other, so that no state is laid out twice.
 */
import type { Alarm, Alarms } from '../base/alarms.ts';
import { isFault } from '../base/fault.ts';
import { errorCode } from '../protocol/errors.ts';
import type { Group } from './group.ts';
import { GroupRefusal } from './group-refusal.ts';
import type { GroupProtocol, GroupShard } from './group-shard.ts';
import { ShareGroup, withBegun } from './share-group.ts';
import type { ShareGroupRecord } from './share-group-record.ts';
import {
  bringsTopics,
  checkShareHeartbeat,
  checkShareSpeaker,
  knowsTopics,
  type PartitionToBegin,
  partitionsToBegin,
  removal,
  type ShareHeartbeat,
  type ShareHeartbeatAnswer,
  type ShareTopics,
  type ShareWorld,
  shareHeartbeat,
  shareLeave,
} from './share-heartbeat.ts';
import {
  KIND_SHARE_BEGUN,
  KIND_SHARE_CURRENT,
  KIND_SHARE_GROUP,
  KIND_SHARE_MEMBER,
  KIND_SHARE_TARGET,
  KIND_SHARE_TARGET_EPOCH,
  readShareEntry,
  shareEntry,
} from './share-records.ts';

export interface StateToBegin {
  readonly groupId: string;
  readonly topicId: string;
  readonly partition: number;
  readonly stateEpoch: number;
  /** -1: where the group's settings say. */
  readonly startOffset: number;
}

/** The states of partitions, as far as groups have a say in them. */
export interface ShareStates {
  begin(states: readonly StateToBegin[]): Promise<void>;
  forget(
    groupId: string,
    partitions: readonly { readonly topicId: string; readonly partition: number }[],
  ): Promise<void>;
}

export interface ShareGroupRules {
  readonly sessionMs: number;
  readonly heartbeatMs: number;
  readonly sizeMax: number;
  readonly assignmentIntervalMs: number;
}

export interface ShareGroupsParts {
  readonly alarms: Alarms;
  readonly topics: ShareTopics;
  /** Read at every use: settings change while the broker runs. */
  readonly rulesOf: (groupId: string) => ShareGroupRules;
  readonly states: ShareStates;
  /** The shard that keeps a group, when it is ready. */
  readonly shardOf: (groupId: string) => { readonly shard: GroupShard | null; readonly errorCode: number };
  readonly warn: (message: string) => void;
}

export interface ShareHeartbeatReply extends ShareHeartbeatAnswer {
  readonly heartbeatMs: number;
}

interface GroupAlarm {
  readonly dueMs: number;
  readonly alarm: Alarm;
}

/** Of one record, as for consumer groups. */
const ENTRY_BYTES_MAX = 1 << 20;
const START_AS_CONFIGURED = -1;
const KINDS = [
  KIND_SHARE_MEMBER,
  KIND_SHARE_GROUP,
  KIND_SHARE_TARGET_EPOCH,
  KIND_SHARE_TARGET,
  KIND_SHARE_CURRENT,
  KIND_SHARE_BEGUN,
];

export class ShareGroups implements GroupProtocol {
  readonly kind = 'share';
  readonly replays: GroupProtocol['replays'] = KINDS.map((kind) => [
    kind,
    (shard, key, value) => this.replay(shard, kind, key, value),
  ]);
  private readonly parts: ShareGroupsParts;
  private readonly groupAlarms = new Map<ShareGroup, GroupAlarm>();
  /** By group id: the end of what is being begun. */
  private readonly beginning = new Map<string, Promise<void>>();

  constructor(parts: ShareGroupsParts) {
    this.parts = parts;
  }

  /** Throws GroupRefusal. */
  async heartbeat(command: ShareHeartbeat): Promise<ShareHeartbeatReply> {
    checkShareHeartbeat(command);
    const { groupId, memberId } = command;
    const rules = this.parts.rulesOf(groupId);
    if (command.memberEpoch < 0) return { ...(await this.leave(groupId, memberId)), heartbeatMs: 0 };
    checkShareSpeaker(this.groupFor(command, this.shardFor(groupId)), command, this.worldOf(rules));
    const topicsVersion = await this.beginMissing(command);
    const shard = this.shardFor(groupId);
    const group = this.groupFor(command, shard);
    const world = this.worldOf(rules);
    checkShareSpeaker(group, command, world);
    const outcome = shareHeartbeat(group, command, world);
    refuseTooLarge(groupId, outcome.records);
    shard.groups.set(groupId, group);
    for (const record of outcome.records) group.apply(record);
    group.known = topicsVersion === null ? null : { topicsVersion, begun: group.begun };
    group.deadlines.set(memberId, this.nowMs + rules.sessionMs);
    this.setAlarm(shard, group);
    await this.write(shard, group, outcome.records);
    return { ...outcome.answer, heartbeatMs: rules.heartbeatMs };
  }

  /** Null when there is no such group. Throws GroupRefusal when it is of another kind, or cannot be looked at now. */
  find(groupId: string): ShareGroup | null {
    const group = this.shardFor(groupId).groups.get(groupId);
    if (group === undefined) return null;
    if (group.kind !== 'share') throw notShared(groupId);
    return group;
  }

  /** The same, but a group of another kind is none. */
  findAny(groupId: string): ShareGroup | null {
    const group = this.shardFor(groupId).groups.get(groupId);
    return group?.kind === 'share' ? group : null;
  }

  /** What is in memory is written. */
  async settled(groupId: string): Promise<void> {
    await this.shardFor(groupId).settled();
  }

  /**
   * Sets where a group without members starts. A group that does not exist is made when a topic exists that it is asked to
   * start in (`hasTopic`), though none of the partitions may. Throws GroupRefusal, Fault.
   */
  async alterOffsets(
    groupId: string,
    starts: readonly (PartitionToBegin & { readonly startOffset: number })[],
    hasTopic: boolean,
  ): Promise<void> {
    if (groupId === '') throw new GroupRefusal(errorCode.INVALID_GROUP_ID, 'A group has a name.');
    const isMade = this.emptyGroup(groupId) === null && hasTopic;
    if (starts.length === 0 && !isMade) return;
    if (isMade) newGroup(groupId, this.shardFor(groupId));
    await this.oneAfterAnother(groupId, () => this.begin(groupId, starts, () => this.emptyGroup(groupId)));
  }

  /** The group has nothing to do with these topics any more. It has no members. Throws GroupRefusal, Fault. */
  async forgetTopics(groupId: string, topicIds: readonly string[]): Promise<void> {
    await this.oneAfterAnother(groupId, async () => {
      const shard = this.shardFor(groupId);
      const group = this.emptyGroup(groupId);
      if (group !== null) await this.dropTopics(shard, group, topicIds);
    });
  }

  /** Null when there is no such group. Throws GroupRefusal when it is of another kind, or has members. */
  emptyGroup(groupId: string): ShareGroup | null {
    const group = this.find(groupId);
    if (group === null) return null;
    if (!group.isEmpty) throw new GroupRefusal(errorCode.NON_EMPTY_GROUP, `Group ${groupId} has members.`);
    return group;
  }

  /** A topic was deleted: groups give up what they have of topics that are no more. */
  topicGone(shard: GroupShard): void {
    if (shard.errorCode !== errorCode.NONE) return;
    for (const group of shard.groups.values()) {
      if (group.kind !== 'share') continue;
      const gone = [...group.begun.keys()].filter((topicId) => this.parts.topics.nameOf(topicId) === null);
      if (gone.length > 0) void this.supervised(this.dropTopics(shard, group, gone), group.groupId);
    }
  }

  // ── load and loss of a shard ──────────────────────────────────────────────────────────────────────────────────────

  loaded(shard: GroupShard): void {
    for (const group of shard.groups.values()) {
      if (group.kind !== 'share') continue;
      const { sessionMs } = this.parts.rulesOf(group.groupId);
      for (const memberId of group.members.keys()) group.deadlines.set(memberId, this.nowMs + sessionMs);
      this.setAlarm(shard, group);
    }
  }

  dropped(shard: GroupShard): void {
    for (const group of shard.groups.values()) if (group.kind === 'share') this.cancelAlarm(group);
  }

  /** Deleted. Its states go with it. */
  forget(group: Group): void {
    if (group.kind !== 'share') return;
    this.cancelAlarm(group);
    void this.supervised(this.parts.states.forget(group.groupId, partitionsOf(group)), group.groupId);
  }

  private replay(shard: GroupShard, kind: number, key: Uint8Array, value: Uint8Array | null): void {
    const { groupId, record } = readShareEntry(kind, key, value);
    const known = shard.groups.get(groupId);
    if (record.kind === 'group' && record.value === null) {
      if (known?.kind === 'share') shard.groups.delete(groupId);
      return;
    }
    const group = known?.kind === 'share' ? known : new ShareGroup(groupId);
    // A tombstone makes no group.
    if (known !== group && record.value === null) return;
    group.apply(record);
    shard.groups.set(groupId, group);
  }

  // ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Whole: it is written down. */
  private get nowMs(): number {
    return Math.floor(this.parts.alarms.nowMs());
  }

  private worldOf({ sizeMax, assignmentIntervalMs }: ShareGroupRules): ShareWorld {
    return { topics: this.parts.topics, sizeMax, assignmentIntervalMs, nowMs: this.nowMs };
  }

  private shardFor(groupId: string): GroupShard {
    const { shard, errorCode: code } = this.parts.shardOf(groupId);
    if (shard === null) throw new GroupRefusal(code, '');
    return shard;
  }

  /** A new one is in nobody's hands yet. */
  private groupFor({ groupId, memberEpoch }: ShareHeartbeat, shard: GroupShard): ShareGroup {
    const group = shard.groups.get(groupId);
    if (group?.kind === 'share') return group;
    if (group !== undefined) throw notShared(groupId);
    if (memberEpoch === 0) return newGroup(groupId, shard);
    throw new GroupRefusal(errorCode.GROUP_ID_NOT_FOUND, `There is no share group ${groupId}.`);
  }

  private async leave(groupId: string, memberId: string): Promise<ShareHeartbeatAnswer> {
    const shard = this.shardFor(groupId);
    const group = shard.groups.get(groupId);
    if (group === undefined) {
      throw new GroupRefusal(errorCode.GROUP_ID_NOT_FOUND, `There is no group ${groupId}.`);
    }
    if (group.kind !== 'share') throw notShared(groupId);
    const { records, answer } = shareLeave(group, memberId, this.parts.topics);
    for (const record of records) group.apply(record);
    group.deadlines.delete(memberId);
    await this.write(shard, group, records);
    return answer;
  }

  /** The version of the topics with which the group has begun; null: members do without some of it until the next time. */
  private async beginMissing(command: ShareHeartbeat): Promise<number | null> {
    const { groupId } = command;
    const { topics } = this.parts;
    const group = this.groupFor(command, this.shardFor(groupId));
    const { version } = topics;
    if (knowsTopics(group, topics) && !bringsTopics(group, command)) return version;
    const missing = (): PartitionToBegin[] =>
      partitionsToBegin(this.groupFor(command, this.shardFor(groupId)), command.topicNames, topics);
    if (missing().length > 0) await this.oneAfterAnother(groupId, () => this.tryBegin(groupId, missing()));
    return topics.version === version && missing().length === 0 ? version : null;
  }

  private async tryBegin(groupId: string, wanted: readonly PartitionToBegin[]): Promise<void> {
    if (wanted.length === 0) return;
    try {
      const starts = wanted.map((one) => ({ ...one, startOffset: START_AS_CONFIGURED }));
      await this.begin(groupId, starts, () => this.find(groupId));
    } catch (error) {
      if (!isFault(error)) throw error;
      this.parts.warn(`the share group ${groupId} cannot begin with ${wanted.length} partitions: ${error.message}`);
    }
  }

  /**
   * Lays states out, then records that the group has them. Applied and written at once, so that records keep their order. What
   * could be laid out counts though the rest could not: members use it from then on, and to begin it again would undo what
   * they do. Throws Fault where something could not.
   */
  private async begin(
    groupId: string,
    starts: readonly (PartitionToBegin & { readonly startOffset: number })[],
    known: () => ShareGroup | null,
  ): Promise<void> {
    const stateEpoch = known()?.epoch ?? 1;
    const outcomes = await Promise.allSettled(
      starts.map((start) => this.parts.states.begin([{ ...start, groupId, stateEpoch }])),
    );
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    const laidOut = starts.filter((_, index) => outcomes[index]?.status === 'fulfilled');
    if (failed === undefined || laidOut.length > 0) await this.recordBegun(groupId, laidOut, known);
    if (failed !== undefined) throw failed.reason;
  }

  private async recordBegun(
    groupId: string,
    starts: readonly PartitionToBegin[],
    known: () => ShareGroup | null,
  ): Promise<void> {
    const shard = this.shardFor(groupId);
    const group = known() ?? newGroup(groupId, shard);
    const records: ShareGroupRecord[] = [];
    if (!shard.groups.has(groupId)) {
      records.push({ kind: 'group', value: { epoch: group.epoch, metadataHash: group.metadataHash } });
      records.push({ kind: 'target-epoch', value: { epoch: group.assignmentEpoch, timestampMs: this.nowMs } });
    }
    records.push({ kind: 'begun', value: withBegun(group.begun, starts) });
    for (const record of records) group.apply(record);
    shard.groups.set(groupId, group);
    await this.write(shard, group, records);
  }

  private async oneAfterAnother(groupId: string, step: () => Promise<void>): Promise<void> {
    const before = this.beginning.get(groupId) ?? Promise.resolve();
    const mine = before.then(step, step);
    this.beginning.set(groupId, mine);
    try {
      await mine;
    } finally {
      if (this.beginning.get(groupId) === mine) this.beginning.delete(groupId);
    }
  }

  private async dropTopics(shard: GroupShard, group: ShareGroup, topicIds: readonly string[]): Promise<void> {
    const gone = partitionsOf(group).filter(({ topicId }) => topicIds.includes(topicId));
    if (gone.length === 0) return;
    const begun = new Map([...group.begun].filter(([topicId]) => !topicIds.includes(topicId)));
    const record: ShareGroupRecord = { kind: 'begun', value: begun };
    group.apply(record);
    await this.write(shard, group, [record]);
    await this.parts.states.forget(group.groupId, gone);
  }

  private async write(shard: GroupShard, group: ShareGroup, records: readonly ShareGroupRecord[]): Promise<void> {
    if (records.length === 0) {
      // What the answer tells may be on its way into the log.
      await shard.settled();
      if (shard.errorCode !== errorCode.NONE) throw new GroupRefusal(shard.errorCode, '');
      return;
    }
    const code = await shard.append(records.map((record) => shareEntry(group.groupId, record)));
    if (code !== errorCode.NONE) throw new GroupRefusal(code, '');
  }

  private setAlarm(shard: GroupShard, group: ShareGroup): void {
    if (shard.groups.get(group.groupId) !== group) return;
    const dueMs = Math.min(Number.POSITIVE_INFINITY, ...group.deadlines.values());
    const known = this.groupAlarms.get(group);
    if (known !== undefined && known.dueMs <= dueMs) return;
    this.cancelAlarm(group);
    if (dueMs === Number.POSITIVE_INFINITY) return;
    const alarm = this.parts.alarms.set(dueMs, () => {
      this.groupAlarms.delete(group);
      if (shard.groups.get(group.groupId) === group) this.ring(shard, group);
    });
    this.groupAlarms.set(group, { dueMs, alarm });
  }

  private cancelAlarm(group: ShareGroup): void {
    this.groupAlarms.get(group)?.alarm.cancel();
    this.groupAlarms.delete(group);
  }

  private ring(shard: GroupShard, group: ShareGroup): void {
    const records: ShareGroupRecord[] = [];
    for (const [memberId, dueMs] of [...group.deadlines]) {
      if (dueMs > this.nowMs) continue;
      group.deadlines.delete(memberId);
      if (!group.members.has(memberId)) continue;
      const gone = removal(group, memberId, this.parts.topics);
      for (const record of gone) group.apply(record);
      records.push(...gone);
    }
    this.setAlarm(shard, group);
    if (records.length > 0) void this.supervised(this.write(shard, group, records), group.groupId);
  }

  /** Nobody waits for this work; a bug in it must still end the process. */
  private async supervised(work: Promise<void>, groupId: string): Promise<void> {
    try {
      await work;
    } catch (error) {
      if (!isFault(error) && !(error instanceof GroupRefusal)) {
        queueMicrotask(() => {
          throw error;
        });
        return;
      }
      this.parts.warn(`the share group ${groupId} could not be brought up to date: ${error.message}`);
    }
  }
}

function partitionsOf(group: ShareGroup): { topicId: string; partition: number }[] {
  return [...group.begun].flatMap(([topicId, { partitions }]) =>
    [...partitions].map((partition) => ({ topicId, partition })),
  );
}

/** Throws GroupRefusal where the shard has no room for another. */
function newGroup(groupId: string, { hasRoom }: GroupShard): ShareGroup {
  if (hasRoom) return new ShareGroup(groupId);
  throw new GroupRefusal(errorCode.GROUP_MAX_SIZE_REACHED, 'There is no room for another group.');
}

/** What does not fit into the log is not done at all. */
function refuseTooLarge(groupId: string, records: readonly ShareGroupRecord[]): void {
  for (const record of records) {
    const { key, value } = shareEntry(groupId, record);
    if (key.length + (value?.length ?? 0) <= ENTRY_BYTES_MAX) continue;
    throw new GroupRefusal(
      errorCode.UNKNOWN_SERVER_ERROR,
      `A record of more than ${ENTRY_BYTES_MAX} bytes is not kept.`,
    );
  }
}

function notShared(groupId: string): GroupRefusal {
  return new GroupRefusal(errorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} is not a share group.`);
}
