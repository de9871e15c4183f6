/**
 * Writes down how far the logs are, from the workers' reports: every few seconds how far each was written under this boot
 * of the machine (so that a killed process costs no scan), now and then how far each is on the device, and both at the
 * end. Runs on main, beside its other work; a report that does not come is logged and asked for again.
 */
import type { Logger } from '../base/logger.ts';
import type { LogDirectory, PartitionCheckpoint } from '../storage/log-directory.ts';
import type { PartitionReport } from './commands.ts';
import type { WorkerHost } from './worker-host.ts';
import type { WorkerPost } from './worker-post.ts';

export interface CheckpointsParts {
  readonly directory: LogDirectory;
  readonly bootId: string | null;
  readonly host: WorkerHost;
  readonly posts: readonly WorkerPost[];
  /** Between two writes of the device checkpoints. */
  readonly everyMs: number;
  readonly logger: Logger;
}

const WRITTEN_EVERY_MS = 3000;
const REPORT_WAIT_MS = 5000;

export class Checkpoints {
  private readonly parts: CheckpointsParts;
  private timer: NodeJS.Timeout | null = null;
  private isUnderWay = false;
  private deviceDueMs = 0;
  private lastWritten = '';
  private lastStarts = '';
  private lastCleaned = '';

  constructor(parts: CheckpointsParts) {
    this.parts = parts;
  }

  start(): void {
    this.timer = setInterval(() => void this.tick().catch((error: unknown) => this.complain(error)), WRITTEN_EVERY_MS);
    this.timer.unref();
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  /** After the workers have closed their logs. The clean mark is left only when every one of them closed well. */
  saveLast(reports: readonly PartitionReport[]): void {
    const { directory, bootId } = this.parts;
    const rows = this.rowsOf(reports);
    directory.saveCheckpoints(rows);
    if (bootId !== null) directory.saveWritten(bootId, rows);
    const isClean = reports.every((report) => report.isClean) && rows.length === this.parts.host.open.size;
    if (isClean) directory.leaveCleanMark();
  }

  private async tick(): Promise<void> {
    if (this.isUnderWay) return;
    this.isUnderWay = true;
    try {
      const reports = (await Promise.all(this.parts.posts.map((post) => post.report(REPORT_WAIT_MS)))).flat();
      if (this.timer !== null) this.save(reports);
    } finally {
      this.isUnderWay = false;
    }
  }

  private save(reports: readonly PartitionReport[]): void {
    const { directory, bootId, everyMs } = this.parts;
    const rows = this.rowsOf(reports);
    const ends = reports.map((report) => `${report.slot}:${report.end}`).join();
    if (bootId !== null && ends !== this.lastWritten) directory.saveWritten(bootId, rows);
    this.lastWritten = ends;
    const starts = reports.map((report) => `${report.slot}:${report.logStart}`).join();
    const hasMoved = starts !== this.lastStarts;
    this.lastStarts = starts;
    const cleaned = reports.map((report) => `${report.slot}:${report.cleanedOffset}`).join();
    const isCleaned = cleaned !== this.lastCleaned;
    this.lastCleaned = cleaned;
    const nowMs = Date.now();
    if (nowMs < this.deviceDueMs) {
      if (hasMoved) directory.saveLogStarts(rows);
      if (isCleaned) directory.saveCleaned(rows);
      return;
    }
    this.deviceDueMs = nowMs + everyMs;
    directory.saveCheckpoints(rows);
  }

  private rowsOf(reports: readonly PartitionReport[]): PartitionCheckpoint[] {
    const rows: PartitionCheckpoint[] = [];
    for (const report of reports) {
      const placed = this.parts.host.open.get(report.slot);
      if (placed === undefined) continue;
      const { recoveryPoint, logStart, high, end, cleanedOffset } = report;
      const { topic, partition } = placed;
      rows.push({ topic, partition, recoveryPoint, logStart, high, end, cleanedOffset });
    }
    return rows;
  }

  private complain(error: unknown): void {
    this.parts.logger.warn(`checkpoints were not written: ${error instanceof Error ? error.message : String(error)}`);
  }
}
