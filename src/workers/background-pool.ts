/**
 * The background pool: recovery scans, the re-encoding of large batches and compaction, outside of every role's turn. Piscina is
 * loaded at the first task, since most runs of a broker never need one and start-up should not pay for it.
 */
import type { Piscina } from 'piscina';
import { Fault, isFault } from '../base/fault.ts';
import type { LogLevel } from '../base/logger.ts';
import type { GroupCleaned, MapBuilt } from '../storage/compaction.ts';
import type { RecoveryArgs, RecoveryReport } from '../storage/recovery.ts';
import type { SegmentToCheck } from '../storage/segment-check.ts';
import {
  type CleanGroupTask,
  type FlushSystemTask,
  type MapTask,
  PRESSING,
  type RecodeTask,
  type RecoverTask,
  type ScrubTask,
  type TaskOutcome,
} from './background-tasks.ts';
import type { CleanerBudget } from './cleaner-pace.ts';
import type { CleaningWork } from './log-cleaner.ts';
import type { ScrubOutcome } from './log-scrubber.ts';
import { RecoveryBatches } from './recovery-batches.ts';

export interface BackgroundPoolParts {
  readonly threadsMax: number;
  readonly usesNative: boolean;
  readonly logLevel: LogLevel;
  readonly warn: (message: string) => void;
}

const IDLE_MS = 5000;
/**
 * Longer than `log.cleaner.backoff.ms`: where there is something to compact at every look, the thread stays. Otherwise one would
 * be made for each, of 12 MB.
 */
const CLEANING_IDLE_MS = 20_000;
/** Most of what they work on lies in buffers outside of their heap. */
const YOUNG_MEBIBYTES = 6;
/** As many as are used: the setting log.cleaner.threads says how many tasks there are at once. */
const CLEANING_THREADS_MAX = 64;
/** Compaction that starved does not try to give way again for so long. */
const PRESSING_MS = 60_000;

export class BackgroundPool {
  private readonly parts: BackgroundPoolParts;
  private pool: Promise<Piscina> | null = null;
  private yieldingPool: Promise<Piscina> | null = null;
  private pressingPool: Promise<Piscina> | null = null;
  private pressingUntilMs = 0;
  private readonly recoveries = new RecoveryBatches((logs) => {
    const { usesNative, logLevel } = this.parts;
    const task: RecoverTask = { logs, usesNative, logLevel };
    return this.runTwice<readonly TaskOutcome<RecoveryReport>[]>('recover', task);
  });

  constructor(parts: BackgroundPoolParts) {
    this.parts = parts;
  }

  async recover(args: RecoveryArgs): Promise<RecoveryReport> {
    try {
      return resultOf(await this.recoveries.recover(args));
    } catch (cause) {
      if (isFault(cause)) throw cause;
      // A partition that stays closed because of it would be half a broker.
      throw new Fault('PB_THREAD', `the thread that put ${args.partitionName} in order died twice: ${String(cause)}`, {
        cause,
      });
    }
  }

  /** 0, or -errno: see the port to the disk. */
  async flushSystem(fd: number): Promise<number> {
    return this.runTwice<number>('flushSystem', { fd, usesNative: this.parts.usesNative });
  }

  async recode(batch: Uint8Array, codec: number, level: number): Promise<Uint8Array | null> {
    const task: RecodeTask = { batch, codec, level, usesNative: this.parts.usesNative };
    return this.runTwice<Uint8Array | null>('recode', task);
  }

  /** A thread that dies under its task (of memory, most likely) takes the task along; another one is given it once more. */
  private async runTwice<T>(name: string, task: RecoverTask | RecodeTask | FlushSystemTask): Promise<T> {
    try {
      return await (await this.load()).run(task, { name });
    } catch (error) {
      this.parts.warn(`a background thread died (${String(error)}); what it did is done again`);
      return (await this.load()).run(task, { name });
    }
  }

  /** How a compaction's work is done, within the budget of the moment. */
  cleaning(budget: () => CleanerBudget): CleaningWork {
    const { usesNative, logLevel } = this.parts;
    const common = (isPressing: boolean) => ({ budget: budget(), isPressing, usesNative, logLevel });
    return {
      buildMap: (plan, wishes) =>
        this.clean<MapTask, MapBuilt>('buildOffsetMap', (isPressing) => ({ plan, wishes, ...common(isPressing) })),
      cleanGroup: (group) =>
        this.clean<CleanGroupTask, GroupCleaned>('cleanSegments', (isPressing) => ({ group, ...common(isPressing) })),
    };
  }

  /** Reads a segment from end to end; a thread that starves gives up, and it is done another time. */
  async scrub(segment: SegmentToCheck, budget: CleanerBudget): Promise<ScrubOutcome> {
    const { usesNative, logLevel } = this.parts;
    this.yieldingPool ??= this.createYielding();
    const task: ScrubTask = { segment, budget, isPressing: false, usesNative, logLevel };
    return resultOf<ScrubOutcome>(await (await this.yieldingPool).run(task, { name: 'scrubSegment' }));
  }

  /** Ends compactions and scrubbing, at whatever point; what they have written is swept away at the next start. */
  async endCleaning(): Promise<void> {
    const pools = [this.yieldingPool, this.pressingPool];
    this.yieldingPool = null;
    this.pressingPool = null;
    for (const pool of pools) if (pool !== null) await (await pool).destroy();
  }

  async close(): Promise<void> {
    await this.endCleaning();
    if (this.pool === null) return;
    await (await this.pool).destroy();
    this.pool = null;
  }

  private load(): Promise<Piscina> {
    this.pool ??= this.create('background', this.parts.threadsMax, [], () => {
      this.pool = null;
    });
    return this.pool;
  }

  private createYielding(): Promise<Piscina> {
    return this.create('cleaning', CLEANING_THREADS_MAX, [], () => {
      this.yieldingPool = null;
    });
  }

  /** A thread that found no processor time to spare gave up: then one that does not give way, for a while. */
  private async clean<Task, T>(name: string, taskOf: (isPressing: boolean) => Task): Promise<T> {
    if (performance.now() >= this.pressingUntilMs) {
      // Threads of their own: they give way for good, and what clients wait for must not stand behind them.
      this.yieldingPool ??= this.createYielding();
      const outcome: TaskOutcome<T> = await (await this.yieldingPool).run(taskOf(false), { name });
      if (outcome.kind === 'done' || outcome.code !== 'PB_STARVED') return resultOf(outcome);
      this.pressingUntilMs = performance.now() + PRESSING_MS;
      this.parts.warn('compaction found no processor time to spare; it takes its share now, for a minute at least');
    }
    this.pressingPool ??= this.create('cleaning', CLEANING_THREADS_MAX, [PRESSING], () => {
      this.pressingPool = null;
    });
    return resultOf<T>(await (await this.pressingPool).run(taskOf(true), { name }));
  }

  private async create(
    entry: 'background' | 'cleaning',
    maxThreads: number,
    argv: string[],
    forget: () => void,
  ): Promise<Piscina> {
    const { Piscina } = await import('piscina');
    const file = `./${entry}.main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`;
    const pool = new Piscina({
      filename: new URL(file, import.meta.url).href,
      minThreads: 0,
      maxThreads,
      idleTimeout: entry === 'cleaning' ? CLEANING_IDLE_MS : IDLE_MS,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEBIBYTES },
      argv,
    });
    // A thread that died between two tasks, or before its first. Nobody would make another for tasks that wait, so the pool
    // ends: whoever has a task in it is told, and whoever needs a pool gets a new one.
    pool.on('error', (error: unknown) => {
      this.parts.warn(`a background thread died: ${String(error)}`);
      forget();
      pool.destroy().catch((failure: unknown) => this.parts.warn(`its pool did not end: ${String(failure)}`));
    });
    return pool;
  }
}

function resultOf<T>(outcome: TaskOutcome<T>): T {
  if (outcome.kind === 'done') return outcome.result;
  throw new Fault(outcome.code, outcome.message);
}
