/**
 * The background pool: recovery scans, the re-encoding of large batches and compaction, outside of every role's turn. Piscina is
 * loaded at the first task, since most runs of a broker never need one and start-up should not pay for it.
 */
import type { Piscina } from 'piscina';
import { Fault } from '../base/fault.ts';
import type { LogLevel } from '../base/logger.ts';
import type { GroupCleaned, MapBuilt } from '../storage/compaction.ts';
import type { RecoveryArgs, RecoveryReport } from '../storage/recovery.ts';
import type { CleanGroupTask, MapTask, RecodeTask, RecoverTask, TaskOutcome } from './background-tasks.ts';
import type { CleanerBudget } from './cleaner-pace.ts';
import type { CleaningWork } from './log-cleaner.ts';

export interface BackgroundPoolParts {
  readonly threadsMax: number;
  readonly usesNative: boolean;
  readonly logLevel: LogLevel;
  readonly warn: (message: string) => void;
}

const IDLE_MS = 5000;
/** As many as are used: the setting log.cleaner.threads says how many tasks there are at once. */
const CLEANING_THREADS_MAX = 64;

export class BackgroundPool {
  private readonly parts: BackgroundPoolParts;
  private pool: Promise<Piscina> | null = null;
  private cleaningPool: Promise<Piscina> | null = null;

  constructor(parts: BackgroundPoolParts) {
    this.parts = parts;
  }

  async recover(args: RecoveryArgs): Promise<RecoveryReport> {
    const { usesNative, logLevel } = this.parts;
    const pool = await this.load();
    return pool.run({ args, usesNative, logLevel } satisfies RecoverTask, { name: 'recover' });
  }

  async recode(batch: Uint8Array, codec: number, level: number): Promise<Uint8Array | null> {
    const pool = await this.load();
    return pool.run({ batch, codec, level, usesNative: this.parts.usesNative } satisfies RecodeTask, {
      name: 'recode',
    });
  }

  /** How a compaction's work is done, within the budget of the moment. */
  cleaning(budget: () => CleanerBudget): CleaningWork {
    const { usesNative, logLevel } = this.parts;
    return {
      buildMap: async (plan, wishes) => {
        const task: MapTask = { plan, wishes, budget: budget(), usesNative, logLevel };
        const pool = await this.loadCleaning();
        return resultOf<MapBuilt>(await pool.run(task, { name: 'buildOffsetMap' }));
      },
      cleanGroup: async (group) => {
        const task: CleanGroupTask = { group, budget: budget(), usesNative, logLevel };
        const pool = await this.loadCleaning();
        return resultOf<GroupCleaned>(await pool.run(task, { name: 'cleanSegments' }));
      },
    };
  }

  /** Ends compactions, at whatever point; what they have written is swept away at the next start. */
  async endCleaning(): Promise<void> {
    if (this.cleaningPool !== null) await (await this.cleaningPool).destroy();
    this.cleaningPool = null;
  }

  async close(): Promise<void> {
    await this.endCleaning();
    if (this.pool === null) return;
    await (await this.pool).destroy();
    this.pool = null;
  }

  private load(): Promise<Piscina> {
    this.pool ??= this.create('background', this.parts.threadsMax);
    return this.pool;
  }

  /** Threads of their own: their priority is low for good, and what clients wait for must not stand behind them. */
  private loadCleaning(): Promise<Piscina> {
    this.cleaningPool ??= this.create('cleaning', CLEANING_THREADS_MAX);
    return this.cleaningPool;
  }

  private async create(entry: 'background' | 'cleaning', maxThreads: number): Promise<Piscina> {
    const { Piscina } = await import('piscina');
    const file = `./${entry}.main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`;
    const pool = new Piscina({
      filename: new URL(file, import.meta.url).href,
      minThreads: 0,
      maxThreads,
      idleTimeout: IDLE_MS,
    });
    // A thread that dies between two tasks: whoever needs the pool next gets another. Those with a task are told by it.
    pool.on('error', (error: unknown) => this.parts.warn(`a background thread died: ${String(error)}`));
    return pool;
  }
}

function resultOf<T>(outcome: TaskOutcome<T>): T {
  if (outcome.kind === 'done') return outcome.result;
  throw new Fault(outcome.code, outcome.message);
}
