/**
 * Main's hand on the partition workers: opens, configures and closes partitions wherever they are placed. After an unclean
 * stop it has their folders put in order first, several side by side in the background pool. The controller uses it
 * through its own port, which this class fits; it knows topics only as names.
 */
import { must } from '../base/assert.ts';
import { isFault } from '../base/fault.ts';
import type { Logger } from '../base/logger.ts';
import type { BrokerConfig } from '../config/broker-config.ts';
import type { TopicValues } from '../config/topic-settings.ts';
import { partitionFolderName } from '../storage/file-names.ts';
import { promisesDevice } from '../storage/flush-policy.ts';
import type { LogDirectory, PartitionVouchers } from '../storage/log-directory.ts';
import type { LogSettings } from '../storage/log-settings.ts';
import type { ProducerFacts } from '../storage/producer-entry.ts';
import type { RecoveryArgs, RecoveryReport } from '../storage/recovery.ts';
import type { PartitionOpening, PartitionOutcome, PartitionReport, StartMoved, StartWish } from './commands.ts';
import { ONE_BY_ONE_MAX } from './flush-window.ts';
import type { LogToScrub } from './log-scrubber.ts';
import { type Beginning, PartitionFolders } from './partition-folders.ts';
import { type BrokerLogSettings, logSettingsOf } from './topic-log-settings.ts';
import type { WorkerPost } from './worker-post.ts';

export interface PlacedPartition {
  readonly slot: number;
  readonly worker: number;
  readonly topic: string;
  readonly topicId: string;
  readonly partition: number;
}

export interface PartitionToStart extends PlacedPartition {
  readonly leaderEpoch: number;
  readonly values: TopicValues;
  /** Created just now: nobody has written to it, nothing needs recovery. */
  readonly isNew: boolean;
}

export interface LogsStanding {
  readonly sizes: ReadonlyMap<number, number>;
  readonly unflushedMs: number;
}

export interface WorkerHostParts {
  readonly posts: readonly WorkerPost[];
  readonly directory: LogDirectory;
  /** The last stop was clean: nothing needs recovery. */
  readonly isClean: boolean;
  readonly settings: BrokerLogSettings;
  readonly recover: (args: RecoveryArgs) => Promise<RecoveryReport>;
  /** Flushes everything on the file system. False: it failed, or that cannot be told. */
  readonly flushAll: () => Promise<boolean>;
  /** A slot gets its first partition, or another one: what was counted in it is of no worth any more. */
  readonly forgetTallies: (slot: number) => void;
  /** 32 hex digits, others each time. */
  readonly uniqueHex: () => string;
  /** Lets main do something else; left out: there is nothing else. */
  readonly pause?: () => Promise<void>;
  readonly logger: Logger;
}

const NO_VOUCHERS: PartitionVouchers = {
  recoveryPoint: 0,
  logStartOffset: 0,
  writtenOffset: -1,
  cleanedOffset: 0,
  mayHaveGaps: false,
};
const OPEN_WAIT_MS = 600_000;
const CLOSE_WAIT_MS = 30_000;
const CONFIGURE_WAIT_MS = 30_000;
const REPORT_WAIT_MS = 5000;
const DESCRIBE_WAIT_MS = 30_000;
/** To read one command out of its message takes a worker's turn a millisecond. */
const PARTITIONS_PER_COMMAND = 256;

export class WorkerHost {
  /** Partitions that are open, by slot, for whoever writes checkpoints. */
  readonly open = new Map<number, PlacedPartition>();
  bytesScanned = 0;
  private readonly parts: WorkerHostParts;
  private settings: BrokerLogSettings;
  private readonly folders: PartitionFolders;

  constructor(parts: WorkerHostParts) {
    this.parts = parts;
    this.settings = parts.settings;
    this.folders = new PartitionFolders({ ...parts, pause: parts.pause ?? (() => Promise.resolve()) });
  }

  /** Before a stop: removals under way leave to the next start what they can. */
  leaveFolders(): void {
    this.folders.leave();
  }

  takeConfig({ values }: BrokerConfig): void {
    this.settings = { ...this.settings, producerExpiryMs: values['producer.id.expiration.ms'] };
  }

  async openPartitions(partitions: readonly PartitionToStart[]): Promise<readonly PartitionOutcome[]> {
    const fresh = partitions.filter(({ isNew }) => isNew);
    for (const { slot } of fresh) this.parts.forgetTallies(slot);
    const beginnings = await this.folders.begin(fresh);
    const begun = new Map(fresh.map(({ slot }, index) => [slot, must(beginnings[index], 'each has an outcome')]));
    const unmade = partitions.filter((partition) => this.isUnmade(partition));
    const problem = unmade.length === 0 ? null : this.folders.forgetNamesakes(unmade);
    if (problem !== null) for (const { slot } of unmade) begun.set(slot, problem);
    const openings = await this.openingsOf(partitions, begun);
    const byWorker = new Map<number, PartitionOpening[]>();
    const problems: PartitionOutcome[] = [];
    partitions.forEach((partition, index) => {
      const opening = openings[index];
      if (opening === undefined) return;
      if (typeof opening === 'string') {
        problems.push({ slot: partition.slot, problem: opening });
        return;
      }
      const list = byWorker.get(partition.worker) ?? [];
      list.push(opening);
      byWorker.set(partition.worker, list);
    });
    const answers = await Promise.all(
      [...byWorker].map(([worker, list]) => inPieces(list, (piece) => this.postOf(worker).open(piece, OPEN_WAIT_MS))),
    );
    // Before anything is acknowledged in a folder that was just made: its name must outlive the power as its files do.
    this.folders.syncNames();
    const outcomes = [...problems, ...answers.flat()];
    const failed = new Set(outcomes.filter((outcome) => outcome.problem !== null).map((outcome) => outcome.slot));
    for (const partition of partitions) {
      const { slot, topic, partition: number, isNew } = partition;
      if (!failed.has(slot)) {
        this.open.set(slot, partition);
        this.parts.directory.forgetUnopened(topic, number);
      } else if (!isNew) this.parts.directory.noteUnopened(topic, number);
    }
    return outcomes;
  }

  async closePartitions(partitions: readonly PlacedPartition[], options: { readonly remove: boolean }): Promise<void> {
    const byWorker = new Map<number, number[]>();
    for (const { slot, worker } of partitions) {
      this.open.delete(slot);
      const slots = byWorker.get(worker) ?? [];
      slots.push(slot);
      byWorker.set(worker, slots);
    }
    const { remove } = options;
    await Promise.all(
      [...byWorker].map(([worker, list]) =>
        inPieces(list, (slots) => this.postOf(worker).close(slots, remove, CLOSE_WAIT_MS)),
      ),
    );
    if (!remove) return;
    for (const { topic, partition } of partitions) this.parts.directory.forgetUnopened(topic, partition);
    await this.removeFolders(partitions);
  }

  removeFolders(folders: readonly { readonly topic: string; readonly partition: number }[]): Promise<void> {
    return this.folders.remove(folders);
  }

  /** Null: the partition is not open, or its log takes nothing now. */
  describeProducers({
    worker,
    slot,
  }: Pick<PlacedPartition, 'worker' | 'slot'>): Promise<readonly ProducerFacts[] | null> {
    return this.postOf(worker).producers(slot, DESCRIBE_WAIT_MS);
  }

  async configurePartitions(
    partitions: readonly (PlacedPartition & { readonly values: TopicValues })[],
  ): Promise<void> {
    await Promise.all(
      partitions.map(({ worker, slot, values }) =>
        this.postOf(worker).configure(slot, logSettingsOf(values, this.settings), CONFIGURE_WAIT_MS),
      ),
    );
  }

  /** Written down as well when this resolves: what was deleted does not come back with a killed process. */
  async moveStarts(
    moves: readonly { readonly slot: number; readonly worker: number; readonly offset: number }[],
  ): Promise<readonly StartMoved[]> {
    const byWorker = new Map<number, StartWish[]>();
    for (const { slot, worker, offset } of moves) {
      byWorker.set(worker, [...(byWorker.get(worker) ?? []), { slot, offset }]);
    }
    const moved = await Promise.all(
      [...byWorker].map(([worker, list]) => this.postOf(worker).moveStarts(list, CONFIGURE_WAIT_MS)),
    );
    const reports = await this.reports();
    const rows = reports.flatMap((report) => {
      const placed = this.open.get(report.slot);
      return placed === undefined ? [] : { ...report, topic: placed.topic, partition: placed.partition };
    });
    this.parts.directory.saveLogStarts(rows);
    return moved.flat();
  }

  /** How large the logs are, and how long ago the oldest of what is not flushed was written; 0: everything is. */
  async standing(nowMs: () => number): Promise<LogsStanding> {
    const reports = await this.reports();
    const now = nowMs();
    const sizes = new Map(reports.map(({ slot, sizeBytes }) => [slot, sizeBytes]));
    let unflushedMs = 0;
    for (const { unsyncedSinceMs } of reports) {
      if (unsyncedSinceMs >= 0) unflushedMs = Math.max(unflushedMs, now - unsyncedSinceMs);
    }
    return { sizes, unflushedMs };
  }

  /** Where the logs lie, and how far they are on the device. */
  async logsToScrub(isCompacted: (topic: string) => boolean): Promise<LogToScrub[]> {
    const reports = await this.reports();
    return reports.flatMap((report) => {
      const placed = this.open.get(report.slot);
      if (placed === undefined) return [];
      const folder = this.parts.directory.pathOf(placed.topic, placed.partition);
      return { ...report, folder, isCompacted: isCompacted(placed.topic) };
    });
  }

  async flushedOffsets(): Promise<ReadonlyMap<number, number>> {
    return new Map((await this.reports()).map(({ slot, recoveryPoint }) => [slot, recoveryPoint]));
  }

  /** How many bytes each open partition takes, by slot. */
  async sizes(): Promise<ReadonlyMap<number, number>> {
    return new Map((await this.reports()).map(({ slot, sizeBytes }) => [slot, sizeBytes]));
  }

  private async reports(): Promise<readonly PartitionReport[]> {
    return (await Promise.all(this.parts.posts.map((post) => post.report(REPORT_WAIT_MS)))).flat();
  }

  /** What many logs need on the device after a power cut is flushed together, or one by one where that does not work. */
  private async openingsOf(
    partitions: readonly PartitionToStart[],
    begun: ReadonlyMap<number, Beginning>,
  ): Promise<(PartitionOpening | string)[]> {
    const { directory, flushAll } = this.parts;
    const settings = new Map<TopicValues, LogSettings>();
    for (const { values } of partitions)
      if (!settings.has(values)) settings.set(values, logSettingsOf(values, this.settings));
    const openings = (isFlushShared: boolean) =>
      Promise.all(
        partitions.map((partition) => {
          const its = must(settings.get(partition.values), 'all settings were looked at');
          return this.openingOf(partition, its, begun.get(partition.slot) ?? 'found', isFlushShared);
        }),
      );
    const isUnvouched = (one: PartitionToStart) =>
      this.isToRecover(one) && directory.vouchersOf(one.topic, one.partition).writtenOffset < 0;
    if (partitions.filter(isUnvouched).length <= ONE_BY_ONE_MAX || !(await flushAll())) return openings(false);
    const flushedLater = await openings(true);
    return (await flushAll()) ? flushedLater : openings(false);
  }

  /** A stop came before its folder was made: what is written down under its name is of a topic that was deleted. */
  private isUnmade({ isNew, topic, partition }: PartitionToStart): boolean {
    return !isNew && !this.parts.isClean && !this.parts.directory.has(topic, partition);
  }

  /** Without a folder there is nothing to recover: the log begins anew, under another epoch. */
  private isToRecover({ isNew, topic, partition }: PartitionToStart): boolean {
    return !isNew && !this.parts.isClean && this.parts.directory.has(topic, partition);
  }

  /** A sentence instead, when the folder could not be put in order. */
  private async openingOf(
    partition: PartitionToStart,
    settings: LogSettings,
    beginning: Beginning,
    isFlushShared: boolean,
  ): Promise<PartitionOpening | string> {
    if (typeof beginning === 'object') return beginning.problem;
    const { directory } = this.parts;
    const name = partitionFolderName(partition.topic, partition.partition);
    const folder = directory.pathOf(partition.topic, partition.partition);
    const vouchers = partition.isNew ? NO_VOUCHERS : directory.vouchersOf(partition.topic, partition.partition);
    const opening: PartitionOpening = {
      slot: partition.slot,
      topic: partition.topic,
      partition: partition.partition,
      partitionName: name,
      topicId: partition.topicId,
      folder,
      leaderEpoch: partition.leaderEpoch,
      settings,
      isBegun: beginning === 'begun',
      isClean: true,
      recoveryPoint: vouchers.recoveryPoint,
      logStartOffset: vouchers.logStartOffset,
      writtenOffset: -1,
      cleanedOffset: vouchers.cleanedOffset,
      mayHaveGaps: vouchers.mayHaveGaps,
    };
    if (!this.isToRecover(partition)) return opening;
    try {
      const report = await this.parts.recover({
        folder,
        partitionName: name,
        recoveryPoint: opening.recoveryPoint,
        writtenOffset: vouchers.writtenOffset,
        indexIntervalBytes: settings.indexIntervalBytes,
        mayHaveGaps: vouchers.mayHaveGaps,
        cleanedOffset: vouchers.cleanedOffset,
        isSynced: promisesDevice(settings),
        isFlushShared,
        nowMs: Date.now(),
      });
      this.bytesScanned += report.bytesScanned;
      return { ...opening, recoveryPoint: report.recoveryPoint };
    } catch (error) {
      if (isFault(error) && error.code === 'PB_THREAD') throw error;
      return `${name} could not be recovered: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  private postOf(worker: number): WorkerPost {
    const post = this.parts.posts[worker];
    if (post === undefined) throw new RangeError(`there is no worker ${worker}`);
    return post;
  }
}

/** One piece after the other, so that nobody has the whole before him at once. */
async function inPieces<Item, Outcome>(
  items: readonly Item[],
  work: (piece: readonly Item[]) => Promise<readonly Outcome[]>,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let from = 0; from < items.length; from += PARTITIONS_PER_COMMAND)
    outcomes.push(...(await work(items.slice(from, from + PARTITIONS_PER_COMMAND))));
  return outcomes;
}
