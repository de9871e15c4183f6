/**
 * Recoveries on their way to the background pool. Where thousands of logs are to be put in order there is little in each, and a
 * task costs main and its thread more than the log does: then several go in one. Those asked for in one go are shared out.
 */
import { must } from '../base/assert.ts';
import type { RecoveryArgs, RecoveryReport } from '../storage/recovery.ts';
import type { TaskOutcome } from './background-tasks.ts';

type Outcome = TaskOutcome<RecoveryReport>;

interface Waiting {
  readonly args: RecoveryArgs;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

/** Fewer are shared out one by one: one of them may take long. */
export const ALONE_MAX = 256;
export const LOGS_PER_TASK = 16;

export class RecoveryBatches {
  private readonly run: (logs: readonly RecoveryArgs[]) => Promise<readonly Outcome[]>;
  private waiting: Waiting[] = [];

  /** `run`: an outcome for each, in their order; rejects when its thread died. */
  constructor(run: (logs: readonly RecoveryArgs[]) => Promise<readonly Outcome[]>) {
    this.run = run;
  }

  recover(args: RecoveryArgs): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ args, resolve, reject });
      // Behind all that are asked for before anybody waits.
      if (this.waiting.length === 1) queueMicrotask(() => this.shareOut());
    });
  }

  private shareOut(): void {
    const all = this.waiting;
    this.waiting = [];
    const size = all.length > ALONE_MAX ? LOGS_PER_TASK : 1;
    for (let from = 0; from < all.length; from += size) void this.runSome(all.slice(from, from + size));
  }

  private async runSome(some: readonly Waiting[]): Promise<void> {
    try {
      const outcomes = await this.run(some.map(({ args }) => args));
      for (const [index, one] of some.entries()) one.resolve(must(outcomes[index], 'each has an outcome'));
    } catch (error) {
      // One of them killed the thread: alone, the others are put in order, and it is known which.
      if (some.length === 1) some[0]?.reject(error);
      else for (const one of some) await this.runSome([one]);
    }
  }
}
