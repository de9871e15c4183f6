/** Keeps a loop to so many steps a second, without drift: each step has its time, counted from the first. */
export class Pace {
  private readonly periodMs: number;
  private readonly startedMs = performance.now();
  private count = 0;

  constructor(perSecond: number) {
    this.periodMs = 1000 / perSecond;
  }

  /** Resolves when the next step is due; at once when the loop is behind. */
  next(): Promise<void> {
    const waitMs = this.startedMs + this.count * this.periodMs - performance.now();
    this.count += 1;
    // Node's timers are a millisecond coarse: short waits are made up for by the steps behind them.
    return waitMs < 1 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}
