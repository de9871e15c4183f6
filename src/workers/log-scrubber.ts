/**
 * The scrubber, on main: goes round all logs within a period, one segment after the other, and has each read and checked in the
 * background (`storage/segment-scrub`), within a budget of bytes a second, by a thread that gives way to all others. Damage is told
 * as it is found, long before a consumer or a crash comes upon it. Only segments that nobody writes to any more and that are
 * on the device; one that compaction or retention takes away meanwhile is passed over.
 */
import { isFault } from '../base/fault.ts';
import type { Logger } from '../base/logger.ts';
import { readBound } from '../storage/compaction-bound.ts';
import type { Disk } from '../storage/disk.ts';
import { LOG_SUFFIX, offsetName, offsetOfName } from '../storage/file-names.ts';
import { type Finding, sentenceOf } from '../storage/finding.ts';
import type { SegmentToCheck } from '../storage/segment-check.ts';
import type { PartitionReport } from './commands.ts';

export interface ScrubOutcome {
  readonly bytes: number;
  readonly findings: readonly Finding[];
}

export interface ScrubSettings {
  /** 0: it never begins. */
  readonly everyMs: number;
}

export interface LogScrubberParts {
  readonly disk: Pick<Disk, 'list' | 'readFile' | 'stat'>;
  /** Where the logs lie, by slot, and how far they are flushed. */
  readonly logs: () => Promise<readonly LogToScrub[]>;
  /** Done in the background; throws Fault. */
  readonly check: (segment: SegmentToCheck) => Promise<ScrubOutcome>;
  readonly settings: () => ScrubSettings;
  readonly nowMs: () => number;
  readonly logger: Logger;
}

export interface LogToScrub extends Pick<PartitionReport, 'recoveryPoint' | 'logStart' | 'cleanedOffset'> {
  readonly folder: string;
  readonly isCompacted: boolean;
}

/** For people who watch. */
export interface ScrubFigures {
  readonly rounds: number;
  readonly segments: number;
  readonly bytes: number;
  readonly findings: number;
}

const LOOK_EVERY_MS = 60_000;
/** The first round waits as long as this at least, so that a start is not burdened. */
const FIRST_AFTER_MS = 3_600_000;
/** A round that stopped short is no round. */
const AGAIN_AFTER_MS = 3_600_000;

export class LogScrubber {
  private readonly parts: LogScrubberParts;
  private timer: NodeJS.Timeout | null = null;
  private isStopping = false;
  private underWay: Promise<void> | null = null;
  private dueMs: number;
  private rounds = 0;
  private segments = 0;
  private bytes = 0;
  private findings = 0;

  constructor(parts: LogScrubberParts) {
    this.parts = parts;
    this.dueMs = parts.nowMs() + Math.min(parts.settings().everyMs, FIRST_AFTER_MS);
  }

  get figures(): ScrubFigures {
    const { rounds, segments, bytes, findings } = this;
    return { rounds, segments, bytes, findings };
  }

  start(): void {
    const { everyMs } = this.parts.settings();
    this.timer = setInterval(() => this.look(), everyMs === 0 ? LOOK_EVERY_MS : Math.min(LOOK_EVERY_MS, everyMs));
    this.timer.unref();
  }

  /** The caller ends the background task. */
  async stop(): Promise<void> {
    this.isStopping = true;
    if (this.timer !== null) clearInterval(this.timer);
    await this.underWay;
  }

  /** Begins a round when one is due and none is under way. */
  private look(): void {
    const { everyMs } = this.parts.settings();
    if (everyMs === 0 || this.underWay !== null || this.isStopping || this.parts.nowMs() < this.dueMs) return;
    this.dueMs = this.parts.nowMs() + everyMs;
    this.underWay = this.round()
      .catch((error: unknown) => {
        this.dueMs = Math.min(this.dueMs, this.parts.nowMs() + AGAIN_AFTER_MS);
        if (!this.isStopping) this.parts.logger.warn(`the scrubber stopped short, and goes on later: ${String(error)}`);
      })
      .finally(() => {
        this.underWay = null;
      });
  }

  /** All segments once. */
  async round(): Promise<void> {
    const { logger } = this.parts;
    const before = this.figures;
    for (const log of this.inTurn(await this.parts.logs())) {
      for (const segment of this.segmentsOf(log)) {
        if (this.isStopping) return;
        await this.scrub(segment);
      }
    }
    this.rounds += 1;
    const [segments, bytes] = [this.segments - before.segments, this.bytes - before.bytes];
    logger.info(`scrubbed ${segments} segments, ${bytes} bytes: ${this.findings - before.findings} findings`);
  }

  /**
   * From where the clock stands in the period. A stop ends a round and a start begins another: from the first log, those
   * behind would never be read where the broker is started again more often than a round takes.
   */
  private inTurn(logs: readonly LogToScrub[]): readonly LogToScrub[] {
    const { everyMs } = this.parts.settings();
    const first = everyMs === 0 ? 0 : Math.floor(((this.parts.nowMs() % everyMs) / everyMs) * logs.length);
    return [...logs.slice(first), ...logs.slice(0, first)];
  }

  private segmentsOf({ folder, recoveryPoint, logStart, cleanedOffset, isCompacted }: LogToScrub): SegmentToCheck[] {
    const bases = this.namesIn(folder)
      .map((name) => offsetOfName(name, LOG_SUFFIX))
      .filter((base) => base >= 0)
      .sort((left, right) => left - right);
    const gapsBelow = isCompacted ? Number.POSITIVE_INFINITY : Math.max(cleanedOffset, this.boundOf(folder));
    return bases.flatMap((baseOffset, index) => {
      const upper = bases[index + 1] ?? Number.POSITIVE_INFINITY;
      if (upper > recoveryPoint || upper <= logStart) return [];
      const sizeBytes = this.sizeOf(folder, baseOffset);
      return sizeBytes < 0 ? [] : { folder, baseOffset, sizeBytes, upper, gapsBelow, isGrowing: false };
    });
  }

  /** Up to where a compaction got that did not come to its end. */
  private boundOf(folder: string): number {
    try {
      return readBound(this.parts.disk, folder).gapsBelow;
    } catch (error) {
      if (!isFault(error)) throw error;
      return Number.POSITIVE_INFINITY;
    }
  }

  private namesIn(folder: string): readonly string[] {
    try {
      return this.parts.disk.list(folder);
    } catch (error) {
      if (!isFault(error)) throw error;
      return [];
    }
  }

  /** -1: it is gone, or cannot be looked at. */
  private sizeOf(folder: string, baseOffset: number): number {
    const path = `${folder}/${offsetName(baseOffset)}${LOG_SUFFIX}`;
    try {
      return this.parts.disk.stat(path)?.sizeBytes ?? -1;
    } catch (error) {
      if (!isFault(error)) throw error;
      this.parts.logger.warn(`${path} could not be scrubbed: ${error.message}`);
      return -1;
    }
  }

  private async scrub(segment: SegmentToCheck): Promise<void> {
    const { check, logger } = this.parts;
    const { folder, baseOffset, sizeBytes } = segment;
    try {
      const { bytes, findings } = await check(segment);
      this.segments += 1;
      this.bytes += bytes;
      // One that took its place while it was read would be compared with what it is not.
      if (this.sizeOf(folder, baseOffset) !== sizeBytes) return;
      this.findings += findings.length;
      for (const finding of findings) logger.error(`damage found: ${sentenceOf(finding)}`);
    } catch (error) {
      if (!isFault(error)) throw error;
      if (this.isStopping || this.sizeOf(folder, baseOffset) < 0) return;
      logger.warn(`${folder}/${offsetName(baseOffset)}${LOG_SUFFIX} could not be scrubbed: ${error.message}`);
    }
  }
}
