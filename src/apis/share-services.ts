/**
 * Share groups put together: who is in them (`groups/`), what they have of records (`shares/`), and the catalog and the
 * partitions' data beneath both. Built by the control plane; handlers use what is in here.
 */
import { type InternalTopics, SHARE_STATE_TOPIC } from '../admin/internal-topics.ts';
import type { Alarms } from '../base/alarms.ts';
import { Fault } from '../base/fault.ts';
import type { Logger } from '../base/logger.ts';
import type { Controller } from '../cluster/controller.ts';
import { CoordinatorLog } from '../cluster/coordinator-log.ts';
import type { Place } from '../cluster/placement.ts';
import { groupValues } from '../config/group-config.ts';
import type { GroupValues } from '../config/group-settings.ts';
import type { GroupCoordinator } from '../groups/coordinator.ts';
import { ShareGroups } from '../groups/share-groups.ts';
import type { ShareTopics } from '../groups/share-heartbeat.ts';
import type { Crc32c } from '../protocol/batch.ts';
import { LivePartitions } from '../shares/live-partitions.ts';
import { ShareDelivery } from '../shares/share-delivery.ts';
import type { ShareKey } from '../shares/share-key.ts';
import { type ShareSession, ShareSessions } from '../shares/share-sessions.ts';
import { type ShareSettings, shareSettings } from '../shares/share-settings.ts';
import { ShareStateStore } from '../shares/share-state-store.ts';
import type { PartitionPort } from '../workers/partition-port.ts';

/** How often it is asked whether the group states are on the device, and how much longer than it should take. */
const FLUSH_LOOK_MS = 500;
const FLUSH_PATIENCE_MS = 10_000;

export interface ShareServicesParts {
  readonly controller: Controller;
  readonly port: PartitionPort;
  readonly crc32c: Crc32c;
  readonly alarms: Alarms;
  readonly internalTopics: InternalTopics;
  readonly log: Logger;
  readonly topics: ShareTopics;
  /** Built after this, and with it. */
  readonly coordinator: () => GroupCoordinator;
  /** Bytes of answers that wait for room on their way to clients. */
  readonly backlogBytes: () => number;
}

export interface ShareSummary {
  readonly startOffset: number;
  readonly leaderEpoch: number;
  /** -1: not known. Negative too when somebody has set a start behind the end. */
  readonly lag: number;
}

export class ShareServices {
  readonly groups: ShareGroups;
  readonly delivery: ShareDelivery;
  readonly sessions: ShareSessions;
  readonly topics: ShareTopics;
  private readonly parts: ShareServicesParts;
  private readonly store: ShareStateStore;
  private readonly partitions: LivePartitions;
  private readonly valuesOfGroups = new Map<string, CachedValues>();
  private readonly ending = new Set<Promise<void>>();
  private unsubscribe: (() => void) | null = null;

  constructor(parts: ShareServicesParts) {
    const { controller, port, alarms, log } = parts;
    const warn = (message: string): void => log.warn(message);
    const settingsOf = (groupId: string): ShareSettings => this.settingsOf(groupId);
    this.parts = parts;
    this.topics = parts.topics;
    this.store = createStore(parts);
    const placeOf = (topicId: string, partition: number) => controller.placesOf(topicId)[partition] ?? null;
    const groupEpochOf = (key: ShareKey): Promise<number | null> => this.groupEpochOf(key);
    this.partitions = new LivePartitions({ store: this.store, port, placeOf, settingsOf, groupEpochOf, alarms, warn });
    this.delivery = new ShareDelivery({
      partitions: this.partitions,
      port,
      alarms,
      backlogBytes: parts.backlogBytes,
      log,
    });
    this.sessions = new ShareSessions(
      () => controller.config.values['group.share.max.share.sessions'],
      (session) => this.endOf(session),
    );
    this.groups = new ShareGroups({
      alarms,
      topics: this.topics,
      rulesOf: (groupId) => rulesOf(this.valuesOf(groupId), controller),
      states: {
        begin: async (states) => {
          for (const state of states) this.partitions.close(state.groupId, [state]);
          await this.store.begin(
            states.map((state) => ({ ...state, key: keyOf(state), leaderEpoch: this.leaderEpochOf(state) })),
          );
        },
        forget: async (groupId, gone) => {
          const keys = gone.map((one) => ({ groupId, ...one }));
          this.partitions.close(groupId, keys);
          await this.store.forget(keys);
        },
      },
      shardOf: (groupId) => parts.coordinator().shardOf(groupId),
      warn,
    });
  }

  start(): void {
    this.unsubscribe = this.parts.controller.subscribe((update) => {
      if (update.kind !== 'topic-gone') return;
      this.partitions.closeTopic(Buffer.from(update.id).toString('base64url'));
      for (const shard of this.parts.coordinator().shards) this.groups.topicGone(shard);
    });
  }

  /** Fetches that wait are answered. */
  release(): void {
    this.unsubscribe?.();
    this.sessions.closeAll();
  }

  /** What members held is stored as free when this resolves. */
  async stop(): Promise<void> {
    await Promise.all(this.ending);
  }

  settingsOf(groupId: string): ShareSettings {
    return this.cachedOf(groupId).settings;
  }

  /** Null: the group has not begun with the partition. Throws Fault. */
  async summaryOf(key: ShareKey): Promise<ShareSummary | null> {
    const state = await this.store.read(key);
    if (state === null) return null;
    const { startOffset, leaderEpoch, deliveryCompleteCount } = state;
    const place = this.parts.controller.placesOf(key.topicId)[key.partition];
    if (startOffset === -1 || place === undefined) return { startOffset, leaderEpoch, lag: -1 };
    const lag = this.parts.port.board.high(place.slot) - startOffset - Math.max(0, deliveryCompleteCount);
    return { startOffset, leaderEpoch, lag };
  }

  /** What the member holds is free again; a group without sessions needs nothing in memory. */
  private endOf({ groupId, memberId }: ShareSession): void {
    const ending = this.delivery.release(groupId, memberId).then(() => {
      if (!this.sessions.hasGroup(groupId)) this.partitions.close(groupId);
      this.ending.delete(ending);
    });
    this.ending.add(ending);
  }

  private async groupEpochOf({ groupId, topicId, partition }: ShareKey): Promise<number | null> {
    const coordinator = this.parts.coordinator();
    // After a start members may come before their group is read.
    await coordinator.loaded(groupId);
    const group = coordinator.groupOf(groupId);
    if (group?.kind !== 'share' || !group.hasBegun(topicId, partition)) return null;
    await coordinator.shardOf(groupId).shard?.settled();
    // What could not be written went with all that the shard had in memory.
    return coordinator.groupOf(groupId) === group ? group.epoch : null;
  }

  private leaderEpochOf({ topicId, partition }: Pick<ShareKey, 'topicId' | 'partition'>): number {
    return this.parts.controller.catalog.topicsById.get(topicId)?.leaderEpochs[partition] ?? 0;
  }

  private valuesOf(groupId: string): GroupValues {
    return this.cachedOf(groupId).values;
  }

  /** Settings are asked for at every step of a fetch, and change once in a while. */
  private cachedOf(groupId: string): CachedValues {
    const { catalog, config } = this.parts.controller;
    const overrides = catalog.groupConfigs.get(groupId);
    // Groups without settings of their own share one entry.
    const name = overrides === undefined ? '' : groupId;
    const known = this.valuesOfGroups.get(name);
    if (known !== undefined && known.overrides === overrides && known.config === config) return known;
    const values = groupValues(overrides ?? {}, config);
    const cached = { overrides, config, values, settings: shareSettings(values) };
    if (this.valuesOfGroups.size >= CACHED_GROUPS_MAX) this.valuesOfGroups.clear();
    this.valuesOfGroups.set(name, cached);
    return cached;
  }
}

interface CachedValues {
  readonly overrides: { readonly [key: string]: string } | undefined;
  readonly config: Controller['config'];
  readonly values: GroupValues;
  readonly settings: ShareSettings;
}

const CACHED_GROUPS_MAX = 1000;

function keyOf({ groupId, topicId, partition }: ShareKey): ShareKey {
  return { groupId, topicId, partition };
}

function rulesOf(values: GroupValues, controller: Controller) {
  return {
    sessionMs: values['share.session.timeout.ms'],
    heartbeatMs: values['share.heartbeat.interval.ms'],
    assignmentIntervalMs: values['share.assignment.interval.ms'],
    sizeMax: controller.config.values['group.share.max.size'],
  };
}

function createStore({ controller, port, crc32c, alarms, internalTopics, log }: ShareServicesParts): ShareStateStore {
  const nowMs = (): number => Math.floor(alarms.nowMs());
  const placeOf = (partition: number): Place => {
    const place = controller.placeOf(SHARE_STATE_TOPIC, partition);
    if (place === null) throw new Fault('PB_LOG_LOST', `the topic ${SHARE_STATE_TOPIC} was deleted`);
    return place;
  };
  const store = new ShareStateStore({
    ensureTopic: () => internalTopics.ensure(SHARE_STATE_TOPIC),
    openLog: (partition) => {
      const name = `${SHARE_STATE_TOPIC}-${partition}`;
      return new CoordinatorLog({
        port,
        place: placeOf(partition),
        name,
        crc32c,
        nowMs,
        warn: (message) => log.error(message),
      });
    },
    endOf: (partition) => port.board.end(placeOf(partition).slot),
    untilFlushed: async (partition, offset) => {
      const windowMs = controller.config.values['perfbroker.flush.window.ms'];
      if (windowMs === 0) return;
      for (const endMs = nowMs() + 2 * windowMs + FLUSH_PATIENCE_MS; nowMs() < endMs; ) {
        const { slot } = placeOf(partition);
        const flushed = (await controller.host.flushedOffsets()).get(slot) ?? 0;
        if (flushed >= offset) return;
        await new Promise<void>((resolve) => {
          alarms.set(alarms.nowMs() + FLUSH_LOOK_MS, resolve);
        });
      }
      throw new Fault('PB_DISK_ERROR', `partition ${partition} of ${SHARE_STATE_TOPIC} is not flushed`);
    },
    deleteBefore: async (partition, offset) => {
      await controller.host.moveStarts([{ ...placeOf(partition), offset }]);
    },
    updatesPerSnapshot: () => controller.config.values['share.coordinator.snapshot.update.records.per.snapshot'],
    nowMs,
    warn: (message) => log.warn(message),
  });
  controller.subscribe((update) => {
    if (update.kind === 'topic-gone' && update.name === SHARE_STATE_TOPIC) store.forgetAll();
  });
  return store;
}
