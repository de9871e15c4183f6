/**
 * The coordinator of groups: a shard for every partition of `__consumer_offsets` that this broker leads, found by group
 * id. What groups do is in the protocols (`classic-groups` and its siblings) and in `offset-desk`; here is where they live:
 * shards come with the topic, load from their logs, and go with it. Built by the control plane; asked by `apis/`.
 *
 * Until the topic exists nobody can be a group: FindCoordinator, which every client asks first, has it made.
 */
import type { Alarm, Alarms } from '../base/alarms.ts';
import { isFault } from '../base/fault.ts';
import { javaHashPartition } from '../base/java-hash.ts';
import type { Logger } from '../base/logger.ts';
import type { Place } from '../cluster/placement.ts';
import type { RouteTopic, RouteUpdate } from '../cluster/route-image.ts';
import { errorCode } from '../protocol/errors.ts';
import type { Group } from './group.ts';
import { expire, forgetTopic } from './group-removal.ts';
import { type GroupLog, type GroupProtocol, GroupShard, type Replay } from './group-shard.ts';

export const GROUPS_TOPIC = '__consumer_offsets';

export interface GroupCoordinatorParts {
  readonly alarms: Alarms;
  readonly log: Logger;
  /** The log of one partition, not loaded yet. */
  readonly openLog: (partition: number, place: Place) => GroupLog;
  /** Makes the topic if there is none. Rejects with a fault when that fails. */
  readonly ensureTopic: () => Promise<void>;
  /** Tells of topics: an image at once, then changes. */
  readonly subscribe: (listener: (update: RouteUpdate) => void) => () => void;
  readonly protocols: readonly GroupProtocol[];
  /** Topics have come, grown or gone. */
  readonly onTopicsChanged: () => void;
  /** Offsets that nobody needs are kept this long. */
  readonly retentionMs: () => number;
  /** How often they are looked at. */
  readonly upkeepEveryMs: () => number;
}

/** A shard that can be asked, or the error code that its client gets. */
export type ShardFound =
  | { readonly shard: GroupShard; readonly errorCode: 0 }
  | { readonly shard: null; readonly errorCode: number };

/** A log that could not be read is tried again after this long. */
const RELOAD_MS = 1000;
/** FindCoordinator waits this long for the topic to be made, and for a shard to load; its client asks again afterwards. */
const READY_WAIT_MS = 1000;
/** Shards that load at one time at the start; one that is asked for loads at once. */
const LOADS_AT_ONCE = 4;

export class GroupCoordinator {
  private readonly parts: GroupCoordinatorParts;
  private readonly replays = new Map<number, Replay>();
  private shardList: readonly GroupShard[] = [];
  private toLoad: GroupShard[] = [];
  private loading = 0;
  private unsubscribe: (() => void) | null = null;
  private upkeep: Alarm | null = null;

  constructor(parts: GroupCoordinatorParts) {
    this.parts = parts;
    for (const protocol of parts.protocols) {
      for (const [kind, replay] of protocol.replays) this.replays.set(kind, replay);
    }
  }

  /** Shards by partition; empty when there is no topic. */
  get shards(): readonly GroupShard[] {
    return this.shardList;
  }

  start(): void {
    this.unsubscribe = this.parts.subscribe((update) => this.take(update));
    this.setUpkeep();
  }

  /** Whoever waits is answered NOT_COORDINATOR; nothing is written any more. */
  stop(): void {
    this.unsubscribe?.();
    this.unsubscribe = null;
    this.upkeep?.cancel();
    this.upkeep = null;
    this.closeShards();
  }

  /**
   * For FindCoordinator: NONE when the group has a place to be, after making one if need be. A client that is sent to a
   * shard that still loads would come back after its pause for errors, so a load is waited for a little.
   */
  async ready(groupId: string): Promise<number> {
    if (this.shardList.length === 0) await this.orTooLong(this.makeTopic());
    const shard = this.shardList[this.partitionOf(groupId)];
    if (shard === undefined) return errorCode.COORDINATOR_NOT_AVAILABLE;
    if (shard.errorCode === errorCode.COORDINATOR_LOAD_IN_PROGRESS) {
      this.loadNow(shard);
      await this.orTooLong(shard.load());
    }
    return errorCode.NONE;
  }

  /** Partition of the topic that keeps the group; -1 when there is no topic. */
  partitionOf(groupId: string): number {
    const count = this.shardList.length;
    return count === 0 ? -1 : javaHashPartition(groupId, count);
  }

  shardOf(groupId: string): ShardFound {
    const shard = this.shardList[this.partitionOf(groupId)];
    if (shard === undefined) return { shard: null, errorCode: errorCode.NOT_COORDINATOR };
    const code = shard.errorCode;
    if (code === errorCode.NONE) return { shard, errorCode: errorCode.NONE };
    if (code === errorCode.COORDINATOR_LOAD_IN_PROGRESS) this.loadNow(shard);
    return { shard: null, errorCode: code };
  }

  /** The group, if its shard is ready and has it. */
  groupOf(groupId: string): Group | null {
    return this.shardOf(groupId).shard?.groups.get(groupId) ?? null;
  }

  /** Resolves when the group's shard has loaded, or has not for too long. One that was lost is read when its time comes. */
  async loaded(groupId: string): Promise<void> {
    const shard = this.shardList[this.partitionOf(groupId)];
    if (shard?.errorCode !== errorCode.COORDINATOR_LOAD_IN_PROGRESS) return;
    this.loadNow(shard);
    await this.orTooLong(shard.isLoading ? shard.load() : new Promise(() => undefined));
  }

  /**
   * The coordinator of transactions has written a marker into a partition of `__consumer_offsets`: offsets of the
   * transaction become visible, or are forgotten. Resolves when they are.
   */
  async onMarkers(partition: number, producerId: number, _producerEpoch: number, isCommit: boolean): Promise<void> {
    const shard = this.shardList[partition];
    // A commit of the transaction that was written just before the marker is put into memory first.
    await shard?.settled();
    shard?.endTransaction(producerId, isCommit);
  }

  private async makeTopic(): Promise<void> {
    try {
      await this.parts.ensureTopic();
    } catch (error) {
      if (!isFault(error)) throw error;
      this.parts.log.warn(`the topic ${GROUPS_TOPIC} cannot be made: ${error.message}`);
    }
  }

  private orTooLong(work: Promise<void>): Promise<void> {
    const { alarms } = this.parts;
    return new Promise((resolve, reject) => {
      const alarm = alarms.set(alarms.nowMs() + READY_WAIT_MS, resolve);
      this.watched(work.then(resolve, reject).finally(() => alarm.cancel()));
    });
  }

  private take(update: RouteUpdate): void {
    this.parts.onTopicsChanged();
    switch (update.kind) {
      case 'image': {
        const topic = update.topics.find(({ name }) => name === GROUPS_TOPIC);
        if (topic !== undefined) this.openShards(topic);
        return;
      }
      case 'topic':
        // Partitions that are added later are used from the next start on: groups must not move while they are in use.
        if (update.topic.name === GROUPS_TOPIC && this.shardList.length === 0) this.openShards(update.topic);
        return;
      case 'topic-gone':
        if (update.name === GROUPS_TOPIC) this.closeShards();
        else for (const shard of this.shardList) this.watched(forgetTopic(shard, update.name));
        return;
    }
  }

  private openShards(topic: RouteTopic): void {
    this.shardList = topic.partitions.map(
      ({ slot, worker }, partition) =>
        new GroupShard({
          partition,
          openLog: () => this.parts.openLog(partition, { slot, worker }),
          protocols: this.parts.protocols,
          replays: this.replays,
          onProblem: (message) => this.parts.log.error(message),
          onLost: (shard) => this.loadLater(shard),
        }),
    );
    this.toLoad = [...this.shardList];
    this.loadMore();
  }

  private closeShards(): void {
    const shards = this.shardList;
    this.shardList = [];
    this.toLoad = [];
    for (const shard of shards) shard.close();
  }

  private setUpkeep(): void {
    const { alarms } = this.parts;
    this.upkeep = alarms.set(alarms.nowMs() + this.parts.upkeepEveryMs(), () => {
      const retentionMs = this.parts.retentionMs();
      for (const shard of this.shardList) this.watched(expire(shard, alarms.nowMs(), retentionMs));
      this.setUpkeep();
    });
  }

  private loadMore(): void {
    while (this.loading < LOADS_AT_ONCE) {
      const shard = this.toLoad.shift();
      if (shard === undefined) return;
      this.loading += 1;
      this.watched(
        shard.load().finally(() => {
          this.loading -= 1;
          this.loadMore();
        }),
      );
    }
  }

  private loadNow(shard: GroupShard): void {
    const index = this.toLoad.indexOf(shard);
    if (index < 0) return;
    this.toLoad.splice(index, 1);
    this.watched(shard.load());
  }

  private loadLater(shard: GroupShard): void {
    const { alarms } = this.parts;
    alarms.set(alarms.nowMs() + RELOAD_MS, () => {
      if (this.shardList[shard.partition] !== shard) return;
      this.toLoad.push(shard);
      this.loadMore();
    });
  }

  /** Nobody waits for it; a bug in it must still end the process. */
  private watched(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      queueMicrotask(() => {
        throw error;
      });
    });
  }
}
