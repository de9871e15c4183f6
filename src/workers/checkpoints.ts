/**
 * Writes down how far the logs are, from the workers' reports: every few seconds how far each was written under this boot
 * of the machine (so that a killed process costs no scan), now and then how far each is on the device, and both at the
 * end. Workers tell only of logs that moved since they were asked last, so that idle ones cost next to nothing. Runs on
 * main, beside its other work; a report that does not come is logged and asked for again.
 */
import type { Logger } from '../base/logger.ts';
import type { LogDirectory, PartitionCheckpoint } from '../storage/log-directory.ts';
import type { PartitionReport } from './commands.ts';
import type { PlacedPartition, WorkerHost } from './worker-host.ts';
import type { WorkerPost } from './worker-post.ts';

interface KnownLog {
  readonly placed: PlacedPartition;
  readonly row: PartitionReport;
}

export interface CheckpointsParts {
  readonly directory: LogDirectory;
  readonly bootId: string | null;
  readonly host: WorkerHost;
  readonly posts: readonly WorkerPost[];
  /** Between two writes of the device checkpoints. */
  readonly everyMs: number;
  readonly nowMs: () => number;
  readonly logger: Logger;
}

const WRITTEN_EVERY_MS = 3000;
const REPORT_WAIT_MS = 5000;

export class Checkpoints {
  private readonly parts: CheckpointsParts;
  private timer: NodeJS.Timeout | null = null;
  private hasStopped = false;
  private isUnderWay = false;
  private deviceDueMs = 0;
  /** The latest of every log, by slot, and whose it was: a slot may go to another partition. */
  private readonly known = new Map<number, KnownLog>();
  /** Workers that have to tell everything: at first, and after an answer that did not come. */
  private readonly owesWhole: boolean[];
  /** Moved, and not written down yet. */
  private hasEnds = false;
  private hasStarts = false;
  private hasCleaned = false;
  private hasAny = false;

  constructor(parts: CheckpointsParts) {
    this.parts = parts;
    this.owesWhole = parts.posts.map(() => true);
  }

  start(): void {
    this.timer = setInterval(() => void this.pass().catch((error: unknown) => this.complain(error)), WRITTEN_EVERY_MS);
    this.timer.unref();
  }

  stop(): void {
    this.hasStopped = true;
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  /** After the workers have closed their logs. The clean mark is left only when every log was open, and closed well. */
  saveLast(reports: readonly PartitionReport[]): void {
    const { directory, bootId } = this.parts;
    const rows = this.rowsOf(reports);
    directory.saveCheckpoints(rows);
    if (bootId !== null) directory.saveWritten(bootId, rows);
    const isClean = reports.every((report) => report.isClean) && rows.length === this.parts.host.open.size;
    if (isClean && !directory.hasUnopened) directory.leaveCleanMark();
  }

  /** Asks every worker and writes down what has moved. */
  async pass(): Promise<void> {
    if (this.isUnderWay) return;
    this.isUnderWay = true;
    try {
      await Promise.all(this.parts.posts.map((post, index) => this.ask(post, index)));
      if (!this.hasStopped) this.save();
    } finally {
      this.isUnderWay = false;
    }
  }

  private async ask(post: WorkerPost, index: number): Promise<void> {
    const isWhole = this.owesWhole[index] === true;
    this.owesWhole[index] = true;
    const rows = await post.reportChanges(isWhole, REPORT_WAIT_MS);
    this.owesWhole[index] = false;
    for (const row of rows) {
      // Its opening is not known here yet; the worker would not tell again by itself.
      if (!this.learn(row)) this.owesWhole[index] = true;
    }
  }

  private learn(row: PartitionReport): boolean {
    const placed = this.parts.host.open.get(row.slot);
    if (placed === undefined) return false;
    const before = this.known.get(row.slot);
    const isOther = before === undefined || before.placed !== placed;
    this.known.set(row.slot, { placed, row });
    this.hasAny = true;
    if (isOther || before.row.end !== row.end) this.hasEnds = true;
    if (isOther || before.row.logStart !== row.logStart) this.hasStarts = true;
    if (isOther || before.row.cleanedOffset !== row.cleanedOffset) this.hasCleaned = true;
    return true;
  }

  /** Logs that are not open any more leave the files. */
  private forgetClosed(): void {
    for (const [slot, { placed }] of this.known) {
      if (this.parts.host.open.get(slot) === placed) continue;
      this.known.delete(slot);
      this.hasAny = this.hasEnds = this.hasStarts = this.hasCleaned = true;
    }
  }

  private save(): void {
    const { directory, bootId, everyMs } = this.parts;
    this.forgetClosed();
    const nowMs = this.parts.nowMs();
    const isDeviceDue = nowMs >= this.deviceDueMs;
    const isWrittenDue = this.hasEnds && bootId !== null;
    if (!isWrittenDue && !this.hasStarts && !this.hasCleaned && !(isDeviceDue && this.hasAny)) return;
    const rows = this.rowsOf(Array.from(this.known.values(), ({ row }) => row));
    if (isWrittenDue) directory.saveWritten(bootId, rows);
    this.hasEnds = false;
    if (isDeviceDue) {
      directory.saveCheckpoints(rows);
      this.deviceDueMs = nowMs + everyMs;
      this.hasAny = false;
    } else {
      if (this.hasStarts) directory.saveLogStarts(rows);
      if (this.hasCleaned) directory.saveCleaned(rows);
    }
    this.hasStarts = this.hasCleaned = false;
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
