/**
 * The background pool: recovery scans and the re-encoding of large batches, outside of every role's turn. Piscina is
 * loaded at the first task, since most runs of a broker never need one and start-up should not pay for it.
 */
import type { Piscina } from 'piscina';
import type { LogLevel } from '../base/logger.ts';
import type { RecoveryArgs, RecoveryReport } from '../storage/recovery.ts';
import type { RecodeTask, RecoverTask } from './background-tasks.ts';

export interface BackgroundPoolParts {
  readonly threadsMax: number;
  readonly usesNative: boolean;
  readonly logLevel: LogLevel;
}

const IDLE_MS = 5000;

export class BackgroundPool {
  private readonly parts: BackgroundPoolParts;
  private pool: Promise<Piscina> | null = null;

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

  async close(): Promise<void> {
    if (this.pool === null) return;
    await (await this.pool).destroy();
    this.pool = null;
  }

  private load(): Promise<Piscina> {
    this.pool ??= this.create();
    return this.pool;
  }

  private async create(): Promise<Piscina> {
    const { Piscina } = await import('piscina');
    return new Piscina({
      filename: new URL(
        import.meta.url.endsWith('.ts') ? './background.main.ts' : './background.main.js',
        import.meta.url,
      ).href,
      minThreads: 0,
      maxThreads: this.parts.threadsMax,
      idleTimeout: IDLE_MS,
    });
  }
}
