/**
 * What a worker does for its logs without being asked: flushes that became due by time, logs that met a full disk, producers
 * that expired, segments that retention lets go, files that nobody reads any more. Once a second, between turns' writes, a
 * bounded step at a time: a worker with thousands of logs or segments to look at goes on at the next tick.
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
const EXPIRY_EVERY_MS = 60_000;
/** Kafka waits as long before it looks at segments for the first time. */
const FIRST_CHECK_MS = 30_000;
const UNSET = -1;

export class Housekeeping {
  private readonly parts: HousekeepingParts;
  /** Logs that retention has to look at. */
  private readonly waiting = new Set<OwnedPartition>();
  private checkDueMs = UNSET;
  private expiryDueMs = 0;
  private wasLow = false;

  constructor(parts: HousekeepingParts) {
    this.parts = parts;
  }

  /** New settings take effect at once. */
  lookAt(partition: OwnedPartition): void {
    this.waiting.add(partition);
  }

  /** All writes of the turn are done. */
  tick(nowMs: number): void {
    const expires = nowMs >= this.expiryDueMs;
    if (expires) this.expiryDueMs = nowMs + EXPIRY_EVERY_MS;
    for (const partition of this.parts.table.all()) {
      this.parts.flushes.ask(partition, nowMs);
      if (partition.log.isPoisoned) partition.log.heal(nowMs);
      if (expires) partition.log.expireProducers(nowMs);
    }
    this.lookAtDisk(nowMs);
    this.enforceRetention(nowMs);
    this.letFilesGo(nowMs);
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
      for (const partition of this.parts.table.all()) this.waiting.add(partition);
    }
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

  private retainOne(partition: OwnedPartition, nowMs: number, countMax: number): number {
    const { table, board, logger } = this.parts;
    if (table.at(partition.slot) !== partition) return 0;
    const { log, slot } = partition;
    try {
      const count = log.upkeep.enforceRetention(nowMs, countMax);
      if (count === 0) return 0;
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
