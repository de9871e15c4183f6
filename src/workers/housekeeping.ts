/**
 * What a worker does for its logs without being asked: flushes that became due by time, logs that met a full disk, producers
 * that expired, segments that retention lets go, files that nobody reads any more. Once a second, between turns' writes, a
 * bounded step at a time: a worker with thousands of logs or segments to look at goes on at the next tick.
 *
 * A log that nobody uses costs next to nothing. Looked at in every tick are those that were written and wait for a flush by
 * time, or met a full disk; all others have their turn once in a round of a minute, for producers that expire.
 */
import { isFault } from '../base/fault.ts';
import type { Logger } from '../base/logger.ts';
import type { StorageTools } from '../storage/storage-tools.ts';
import type { Board } from '../zerocopy/board.ts';
import type { WorkerReply } from './commands.ts';
import type { LogFlushes } from './log-flushes.ts';
import type { OwnedPartition, PartitionTable } from './partition-table.ts';

export interface HousekeepingSettings {
  /** log.retention.check.interval.ms */
  readonly retentionCheckMs: number;
  /** perfbroker.flush.window.ms */
  readonly flushWindowMs: number;
  /** perfbroker.write.back.bytes */
  readonly writeBackBytes: number;
  /** perfbroker.disk.reserve.bytes, of the disk that the data folder lies on. */
  readonly reserve: { readonly folder: string; readonly bytes: number };
}

export interface HousekeepingParts {
  readonly tools: StorageTools;
  readonly table: PartitionTable;
  readonly board: Board;
  readonly flushes: LogFlushes;
  readonly reply: (reply: WorkerReply) => void;
  readonly logger: Logger;
  readonly settings: HousekeepingSettings;
}

/** A rename or two for each; with the look at its index about 50 µs. */
const SEGMENTS_PER_TICK = 32;
const LOGS_PER_TICK = 128;
const ROUND_EVERY_MS = 60_000;
/** Ends a round in good time before the next. */
const TICKS_PER_ROUND = 50;
/** Kafka waits as long before it looks at segments for the first time. */
const FIRST_CHECK_MS = 30_000;
const UNSET = -1;

export class Housekeeping {
  private readonly parts: HousekeepingParts;
  /** Logs that retention has to look at. */
  private readonly waiting = new Set<OwnedPartition>();
  private checkDueMs = UNSET;
  /** Logs to look at in every tick. */
  private readonly watched: OwnedPartition[] = [];
  private roundDueMs = 0;
  /** Where the round, and the check of retention, go on; -1: they rest. */
  private roundPlace = -1;
  private checkPlace = -1;
  private wasLow = false;
  /** Logs that a full disk had stopped: what was flushed of them meanwhile shows now. The worker empties it. */
  readonly healed: OwnedPartition[] = [];

  constructor(parts: HousekeepingParts) {
    this.parts = parts;
  }

  /** New settings take effect at once. */
  lookAt(partition: OwnedPartition): void {
    this.waiting.add(partition);
    this.watch(partition);
  }

  /** Something was written to it, or failed to be. */
  watch(partition: OwnedPartition): void {
    if (partition.isWatched) return;
    partition.isWatched = true;
    this.watched.push(partition);
  }

  /** All writes of the turn are done. */
  tick(nowMs: number): void {
    this.parts.flushes.askRefused(nowMs);
    this.lookAtWatched(nowMs);
    this.goRound(nowMs);
    this.lookAtDisk(nowMs);
    this.enforceRetention(nowMs);
    this.letFilesGo(nowMs);
  }

  private lookAtWatched(nowMs: number): void {
    let kept = 0;
    for (const partition of this.watched) {
      partition.isWatched = this.parts.table.at(partition.slot) === partition && this.lookNow(partition, nowMs);
      if (!partition.isWatched) continue;
      this.watched[kept] = partition;
      kept += 1;
    }
    this.watched.length = kept;
  }

  /** Whether the next tick has to look again. */
  private lookNow(partition: OwnedPartition, nowMs: number): boolean {
    const { log } = partition;
    const isAsked = this.parts.flushes.ask(partition, nowMs);
    if (log.isPoisoned && log.heal(nowMs) === 0) this.healed.push(partition);
    return log.isPoisoned || log.waitsForTime || !isAsked;
  }

  private goRound(nowMs: number): void {
    const { table } = this.parts;
    if (this.roundPlace < 0) {
      if (nowMs < this.roundDueMs) return;
      this.roundDueMs = nowMs + ROUND_EVERY_MS;
      this.roundPlace = table.count - 1;
    }
    const count = Math.max(LOGS_PER_TICK, Math.ceil(table.count / TICKS_PER_ROUND));
    for (let left = count; left > 0; left--) {
      this.roundPlace = Math.min(this.roundPlace, table.count - 1);
      const partition = table.inPlace(this.roundPlace);
      if (partition === null) return;
      this.roundPlace -= 1;
      partition.log.expireProducers(nowMs);
      if (!partition.isWatched && this.lookNow(partition, nowMs)) this.watch(partition);
    }
  }

  private lookAtDisk(nowMs: number): void {
    const { room } = this.parts.tools;
    room.look();
    if (room.isLow === this.wasLow) return;
    this.wasLow = room.isLow;
    const { logger } = this.parts;
    if (!room.isLow) {
      logger.info('the disk has room again: producers are served');
      return;
    }
    logger.warn('the disk is full but for its reserve: producers are refused until there is room');
    // What has expired since the last check may be enough.
    this.checkDueMs = nowMs;
  }

  private enforceRetention(nowMs: number): void {
    const { retentionCheckMs } = this.parts.settings;
    if (this.checkDueMs === UNSET) this.checkDueMs = nowMs + Math.min(FIRST_CHECK_MS, retentionCheckMs);
    if (nowMs >= this.checkDueMs) {
      this.checkDueMs = nowMs + retentionCheckMs;
      this.checkPlace = this.parts.table.count - 1;
    }
    this.callForCheck();
    let segments = 0;
    let logs = 0;
    for (const partition of this.waiting) {
      if (segments >= SEGMENTS_PER_TICK || logs >= LOGS_PER_TICK) return;
      logs += 1;
      const count = this.retainOne(partition, nowMs, SEGMENTS_PER_TICK - segments);
      segments += count;
      if (count === 0) this.waiting.delete(partition);
    }
  }

  /** As many as one tick may look at: the others are called when these are through. */
  private callForCheck(): void {
    const { table } = this.parts;
    while (this.checkPlace >= 0 && this.waiting.size < LOGS_PER_TICK) {
      const partition = table.inPlace(Math.min(this.checkPlace, table.count - 1));
      this.checkPlace = Math.min(this.checkPlace, table.count - 1) - 1;
      if (partition !== null) this.waiting.add(partition);
    }
  }

  private retainOne(partition: OwnedPartition, nowMs: number, countMax: number): number {
    const { table, board, logger } = this.parts;
    if (table.at(partition.slot) !== partition) return 0;
    const { log, slot } = partition;
    try {
      const count = log.upkeep.enforceRetention(nowMs, countMax);
      if (count === 0) return 0;
      this.watch(partition);
      const marks = log.watermarks;
      board.set(slot, marks.start, marks.stable, marks.high, marks.end, log.bytesAppended);
      logger.debug(`${log.partitionName}: ${count} expired segments left the log, which begins at ${marks.start} now`);
      return count;
    } catch (error) {
      if (!isFault(error)) throw error;
      logger.warn(`${log.partitionName}: expired segments could not be removed: ${error.message}`);
      return 0;
    }
  }

  /** Main has them removed, on a thread that may wait for the device. */
  private letFilesGo(nowMs: number): void {
    const paths = this.parts.tools.removed.takeDue(nowMs, SEGMENTS_PER_TICK, this.parts.tools.room.isLow);
    if (paths.length > 0) this.parts.reply({ kind: 'remove-files', paths });
  }
}
