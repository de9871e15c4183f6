/**
 * Compaction as a whole, on main: asks the workers which logs are dirty, takes the dirtiest, has its offset map and its
 * segments made in the background, and has the owner put each segment in place. One log at a time for each of
 * `log.cleaner.threads`. The workers go on serving the log meanwhile; nothing here touches a file.
 *
 *   a log is taken when its dirty share is above min.cleanable.dirty.ratio, or a record in it waits for longer than
 *   max.compaction.lag.ms; of several the one with the largest share
 */
import { type Fault, type FaultCode, isFault } from '../base/fault.ts';
import type { Logger } from '../base/logger.ts';
import { NO_TRANSACTIONS, type TransactionsState } from '../storage/cleaned-transactions.ts';
import type { CleaningPlan, GroupCleaned, GroupTask, MapBuilt, MapWishes } from '../storage/compaction.ts';
import type { CleanableLog } from './commands.ts';
import type { WorkerPost } from './worker-post.ts';

/** Where the work is done: the background pool, or the test itself. They throw Fault. */
export interface CleaningWork {
  buildMap(plan: CleaningPlan, wishes: MapWishes): Promise<MapBuilt>;
  cleanGroup(task: GroupTask): Promise<GroupCleaned>;
}

/** From the broker's settings as they are at the moment. */
export interface CleanerSettings {
  readonly isEnabled: boolean;
  readonly threads: number;
  readonly mapBytesMax: number;
  readonly loadFactor: number;
  readonly backoffMs: number;
  /** Stays free on the disk whatever compaction writes. */
  readonly reserveBytes: number;
}

export interface LogCleanerParts {
  readonly posts: readonly WorkerPost[];
  readonly work: CleaningWork;
  readonly settings: () => CleanerSettings;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly logger: Logger;
}

/** For people who watch: how compaction goes. */
export interface CleanerFigures {
  readonly underWay: number;
  /** At the last look: logs that were due and not begun, and dirty bytes of all logs. */
  readonly waiting: number;
  readonly dirtyBytes: number;
  /** Left alone until the next start. */
  readonly uncleanable: number;
  readonly done: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

interface Candidate extends CleanableLog {
  readonly post: WorkerPost;
}

const ANSWER_WAIT_MS = 30_000;
/** A look costs the workers a little. */
const BACKOFF_MS_MIN = 100;
/** Memory of maps is let go when nothing was compacted in so many looks. */
const IDLE_LOOKS_MAX = 8;
/** What does not pass by itself: the log is left alone until the broker is started again. */
const LASTING: readonly FaultCode[] = ['PB_DATA_DAMAGED', 'PB_PROTOCOL', 'PB_LIMIT'];

export class LogCleaner {
  private readonly parts: LogCleanerParts;
  private timer: NodeJS.Timeout | null = null;
  private readonly underWay = new Set<Promise<void>>();
  private readonly uncleanable = new Set<string>();
  /**
   * Memory of maps that are done with, used again: shared memory counts for no collector, which came to it so late that an
   * idle main held dozens of them.
   */
  private readonly mapMemories: SharedArrayBuffer[] = [];
  private idleLooks = 0;
  private doneAtLook = 0;
  private isStopping = false;
  private cleaning = 0;
  private due = 0;
  private dirtyBytes = 0;
  private done = 0;
  private bytesBefore = 0;
  private bytesAfter = 0;

  constructor(parts: LogCleanerParts) {
    this.parts = parts;
  }

  get figures(): CleanerFigures {
    const { cleaning, due, dirtyBytes, done, bytesBefore, bytesAfter } = this;
    const uncleanable = this.uncleanable.size;
    return { underWay: cleaning, waiting: due, dirtyBytes, uncleanable, done, bytesBefore, bytesAfter };
  }

  start(): void {
    this.timer = setTimeout(
      () => {
        const { threads, isEnabled } = this.parts.settings();
        this.forgetMemory();
        while (isEnabled && this.underWay.size < threads) this.begin();
        this.start();
      },
      Math.max(BACKOFF_MS_MIN, this.parts.settings().backoffMs),
    );
    this.timer.unref();
  }

  /** What is under way is given up; the caller ends the background tasks. */
  async stop(): Promise<void> {
    this.isStopping = true;
    if (this.timer !== null) clearTimeout(this.timer);
    await Promise.all(this.underWay);
  }

  /** Compacts the dirtiest log, but for those that `failed`, and adds to these. False when none is compacted. */
  async pass(failed = new Set<string>()): Promise<boolean> {
    const chosen = this.choose(await this.candidates(), failed);
    if (chosen === null) return false;
    const { partitionName } = chosen;
    failed.add(partitionName);
    const plan = await this.planFor(chosen);
    if (plan === null) return false;
    let endOffset = -1;
    this.cleaning += 1;
    try {
      endOffset = await this.clean(chosen, plan);
    } catch (error) {
      if (!isFault(error)) throw error;
      this.complain(partitionName, error);
      return false;
    } finally {
      this.cleaning -= 1;
      await chosen.post.endCleaning(chosen.slot, partitionName, endOffset, ANSWER_WAIT_MS);
    }
    if (endOffset < 0) return false;
    failed.delete(partitionName);
    return true;
  }

  private async planFor({ post, slot, partitionName }: Candidate): Promise<CleaningPlan | null> {
    try {
      return await post.beginCleaning(slot, ANSWER_WAIT_MS);
    } catch (error) {
      // The worker may take it up later: retention in that log waits for the end of a compaction.
      await post.endCleaning(slot, partitionName, -1, ANSWER_WAIT_MS);
      throw error;
    }
  }

  private forgetMemory(): void {
    this.idleLooks = this.done === this.doneAtLook ? this.idleLooks + 1 : 0;
    this.doneAtLook = this.done;
    if (this.idleLooks >= IDLE_LOOKS_MAX) this.mapMemories.length = 0;
  }

  private begin(): void {
    const run = this.passes().finally(() => this.underWay.delete(run));
    this.underWay.add(run);
  }

  private async passes(): Promise<void> {
    const { logger, settings } = this.parts;
    // One that cannot be compacted now must not keep the others from it.
    const failed = new Set<string>();
    try {
      while (!this.isStopping && settings().isEnabled) {
        const failedBefore = failed.size;
        if (!(await this.pass(failed)) && failed.size === failedBefore) break;
      }
    } catch (error) {
      if (!this.isStopping) logger.warn(`compaction stopped short: ${String(error)}`);
    }
  }

  /** Returns up to where the log is compacted now; -1 when its segments changed meanwhile. */
  private async clean(chosen: Candidate, plan: CleaningPlan): Promise<number> {
    const { work, settings, randomBytes } = this.parts;
    const { mapBytesMax, loadFactor } = settings();
    const memory = this.mapMemories.pop() ?? null;
    const wishes = { bytesMax: mapBytesMax, loadFactor, secret: randomBytes(16), memory };
    let kept = memory;
    try {
      const built = await work.buildMap(plan, wishes);
      kept = built.map;
      return await this.cleanGroups(chosen, plan, built);
    } finally {
      if (kept !== null && kept.byteLength <= mapBytesMax) this.mapMemories.push(kept);
    }
  }

  private async cleanGroups(chosen: Candidate, plan: CleaningPlan, built: MapBuilt): Promise<number> {
    const { work, settings, logger } = this.parts;
    const { reserveBytes } = settings();
    let transactions: TransactionsState = NO_TRANSACTIONS;
    let before = 0;
    let after = 0;
    for (const group of built.groups) {
      if (this.isStopping) return -1;
      const cleaned: GroupCleaned = await work.cleanGroup({ plan, group, map: built.map, transactions, reserveBytes });
      transactions = cleaned.transactions;
      if (!(await chosen.post.swapCleaned(chosen.slot, plan.partitionName, cleaned, ANSWER_WAIT_MS))) return -1;
      for (const { sizeBytes } of group) before += sizeBytes;
      after += cleaned.sizeBytes;
    }
    this.done += 1;
    this.bytesBefore += before;
    this.bytesAfter += after;
    logger.info(`${plan.partitionName} was compacted up to offset ${built.endOffset}: ${before} bytes became ${after}`);
    return built.endOffset;
  }

  private async candidates(): Promise<Candidate[]> {
    const { posts } = this.parts;
    const rows = await Promise.all(posts.map((post) => post.cleanables(ANSWER_WAIT_MS)));
    return rows.flatMap((ofPost, index) => {
      const post = posts[index];
      return post === undefined ? [] : ofPost.map((row) => ({ ...row, post }));
    });
  }

  private choose(candidates: readonly Candidate[], failed: ReadonlySet<string>): Candidate | null {
    let best: Candidate | null = null;
    this.forgetGone(candidates);
    this.due = -1;
    this.dirtyBytes = 0;
    for (const candidate of candidates) {
      this.dirtyBytes += candidate.dirtyBytes;
      if (this.uncleanable.has(candidate.partitionName)) continue;
      const isWorthIt = candidate.isOverdue || dirtyRatio(candidate) > candidate.dirtyRatioMin;
      if (isWorthIt) this.due += 1;
      if (!isWorthIt || failed.has(candidate.partitionName)) continue;
      if (best === null || dirtyRatio(candidate) > dirtyRatio(best)) best = candidate;
    }
    this.due = Math.max(0, this.due);
    return best;
  }

  /** What is not dirty any more was deleted, and another may come under its name. */
  private forgetGone(candidates: readonly Candidate[]): void {
    if (this.uncleanable.size === 0) return;
    const dirty = new Set(candidates.map(({ partitionName }) => partitionName));
    for (const name of this.uncleanable) if (!dirty.has(name)) this.uncleanable.delete(name);
  }

  private complain(partitionName: string, fault: Fault): void {
    if (this.isStopping) return;
    const isLasting = LASTING.includes(fault.code);
    if (isLasting) this.uncleanable.add(partitionName);
    const outlook = isLasting ? 'it stays uncompacted until the next start' : 'it is tried again';
    this.parts.logger.warn(`${partitionName} could not be compacted, ${outlook}: ${fault.message}`);
  }
}

function dirtyRatio({ cleanBytes, dirtyBytes }: CleanableLog): number {
  return dirtyBytes / (cleanBytes + dirtyBytes);
}
