/**
 * Everything about groups over logs in memory: written when the test says so (`log.isHeld`), lost when it says so, and read
 * again by a second rig over the same memory. Time is moved by hand.
 */
import { Alarms } from '../../src/base/alarms.ts';
import { Fault } from '../../src/base/fault.ts';
import { silentLogger } from '../../src/base/logger.ts';
import { Catalog } from '../../src/cluster/catalog.ts';
import type { LogProducer, LogReplay, StoredEntry } from '../../src/cluster/coordinator-log.ts';
import type { RouteUpdate } from '../../src/cluster/route-image.ts';
import { CatalogTopics } from '../../src/groups/catalog-topics.ts';
import { createGroupServices, type GroupServices } from '../../src/groups/group-services.ts';
import type { GroupLog, GroupShard } from '../../src/groups/group-shard.ts';
import type { ConsumerGroupSettings } from '../../src/groups/group-world.ts';

type Stored =
  | { readonly kind: 'entry'; readonly entry: StoredEntry; readonly producer: LogProducer | null }
  | { readonly kind: 'marker'; readonly producer: LogProducer; readonly isCommit: boolean };

/** What lies in one partition. Several `MemoryLog`s, one after the other, can be over it. */
export class Partition {
  readonly stored: Stored[] = [];
  /** Writes wait for `release`. */
  isHeld = false;
  /** What becomes of the next writes; null: they succeed. */
  nextFault: Fault | null = null;
  readonly waiting: (() => void)[] = [];

  release(): void {
    for (const write of this.waiting.splice(0)) write();
  }

  mark(producerId: number, isCommit: boolean): void {
    this.stored.push({ kind: 'marker', producer: { producerId, producerEpoch: 0 }, isCommit });
  }
}

class MemoryLog implements GroupLog {
  private readonly partition: Partition;

  constructor(partition: Partition) {
    this.partition = partition;
  }

  load(replay: LogReplay): Promise<void> {
    this.partition.stored.forEach((stored, offset) => {
      if (stored.kind === 'marker') replay.marker(stored.producer, stored.isCommit);
      else {
        const { entry, producer } = stored;
        replay.entry(entry.key, entry.value, { offset, timestampMs: 0, leaderEpoch: 0, producer });
      }
    });
    return Promise.resolve();
  }

  append(entries: readonly StoredEntry[], producer: LogProducer | null): Promise<void> {
    const { partition } = this;
    return new Promise((resolve, reject) => {
      const write = (): void => {
        const fault = partition.nextFault;
        if (fault !== null) {
          reject(fault);
          return;
        }
        for (const entry of entries) partition.stored.push({ kind: 'entry', entry, producer });
        resolve();
      };
      if (partition.isHeld) partition.waiting.push(write);
      else write();
    });
  }
}

export interface GroupRig extends GroupServices {
  readonly partitions: readonly Partition[];
  readonly alarms: Alarms;
  nowMs: number;
  shardOf(groupId: string): GroupShard;
  pass(ms: number): Promise<void>;
  tell(update: RouteUpdate): void;
}

export const START_MS = 1_000_000;

export async function groupRig(
  options: {
    readonly partitions?: readonly Partition[];
    readonly initialDelayMs?: number;
    readonly sizeMax?: number;
    readonly nowMs?: number;
    readonly upkeepEveryMs?: number;
    /** Ids of the topics that exist. */
    readonly topicIds?: ReadonlyMap<string, string>;
    readonly consumerSettings?: ConsumerGroupSettings;
  } = {},
): Promise<GroupRig> {
  const partitions = options.partitions ?? [new Partition()];
  let nowMs = options.nowMs ?? START_MS;
  const alarms = new Alarms(() => nowMs);
  let listener: (update: RouteUpdate) => void = () => undefined;
  let unique = 0;
  const services = createGroupServices({
    alarms,
    log: silentLogger,
    openLog: (partition) => new MemoryLog(partitions[partition] ?? new Partition()),
    ensureTopic: () => Promise.resolve(),
    subscribe: (subscriber) => {
      listener = subscriber;
      subscriber(imageOf(partitions.length));
      return () => undefined;
    },
    retentionMs: () => 60_000,
    upkeepEveryMs: () => options.upkeepEveryMs ?? 10_000,
    classicRules: () => ({
      sizeMax: options.sizeMax ?? 1000,
      initialDelayMs: options.initialDelayMs ?? 0,
      sessionMinMs: 10,
      sessionMaxMs: 100_000,
    }),
    uniqueText: () => String(unique++),
    offsetMetadataLengthMax: () => 100,
    topics: new CatalogTopics({ catalog: catalogOf(options.topicIds ?? new Map()) }),
    consumerSettingsOf: () => {
      if (options.consumerSettings === undefined) throw new Error('these groups are classic');
      return options.consumerSettings;
    },
    newMemberId: () => String(unique++),
    moreProtocols: [],
  });
  services.coordinator.start();
  await settle();
  return {
    ...services,
    partitions,
    alarms,
    get nowMs() {
      return nowMs;
    },
    set nowMs(ms) {
      nowMs = ms;
    },
    shardOf(groupId) {
      const { shard, errorCode } = services.coordinator.shardOf(groupId);
      if (shard === null) throw new Error(`the shard answers ${errorCode}`);
      return shard;
    },
    async pass(ms) {
      const endMs = nowMs + ms;
      for (;;) {
        const dueMs = Math.max(nowMs, alarms.nextDueMs);
        if (dueMs > endMs) break;
        nowMs = dueMs;
        alarms.run();
        await settle();
      }
      nowMs = endMs;
      await settle();
    },
    tell: (update) => listener(update),
  };
}

function catalogOf(topicIds: ReadonlyMap<string, string>): Catalog {
  return Catalog.empty.with(
    Array.from(topicIds, ([name, id]) => ({ kind: 'topic', name, id, configs: {}, leaderEpochs: [0] }) as const),
  );
}

function imageOf(count: number): RouteUpdate {
  const partitions = Array.from({ length: count }, (_, slot) => ({ slot, worker: 0, leaderEpoch: 0 }));
  const topics = [{ name: '__consumer_offsets', id: new Uint8Array(16), partitions }];
  return { kind: 'image', version: 1, nodeId: 1, topics };
}

export async function settle(): Promise<void> {
  for (let round = 0; round < 30; round++) await Promise.resolve();
}

export const logLost = new Fault('PB_LOG_LOST', 'the log is lost');
export const fenced = new Fault('PB_FENCED', 'another producer has taken its place');
