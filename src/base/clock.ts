/**
 * Where time comes from. Only main files and composition roots hold a clock; roles get `nowMs` as an argument of `turn`.
 *
 * Times are milliseconds since 1970 with a fraction. The system clock runs on the monotonic clock and follows the wall
 * clock: it jumps forward with it (a laptop that woke up), but when the wall clock is set back it only slows down a
 * little, because timers, deadlines and append times must not see time go backwards.
 */
export interface Clock {
  nowMs(): number;
}

/** How often the wall clock is asked, the drift that is followed gently, and by how much per asking. */
const CHECK_PERIOD_MS = 100;
const JUMP_MS = 20;
const SLEW_MS = 1;

export class SystemClock implements Clock {
  private readonly monotonicMs: () => number;
  private readonly wallMs: () => number;
  private aheadMs: number;
  private checkAtMs: number;
  private lastMs = 0;

  constructor(monotonicMs: () => number = () => performance.now(), wallMs: () => number = () => Date.now()) {
    this.monotonicMs = monotonicMs;
    this.wallMs = wallMs;
    const startMs = monotonicMs();
    this.aheadMs = wallMs() - startMs;
    this.checkAtMs = startMs + CHECK_PERIOD_MS;
  }

  nowMs(): number {
    const monotonicMs = this.monotonicMs();
    if (monotonicMs >= this.checkAtMs) {
      this.checkAtMs = monotonicMs + CHECK_PERIOD_MS;
      this.follow(this.wallMs() - monotonicMs - this.aheadMs);
    }
    const nowMs = monotonicMs + this.aheadMs;
    // After a slew backwards this stands still for a millisecond at most.
    if (nowMs > this.lastMs) this.lastMs = nowMs;
    return this.lastMs;
  }

  private follow(driftMs: number): void {
    if (driftMs > JUMP_MS) this.aheadMs += driftMs;
    else if (driftMs > SLEW_MS) this.aheadMs += SLEW_MS;
    else if (driftMs < -SLEW_MS) this.aheadMs -= SLEW_MS;
  }
}

export const systemClock: Clock = new SystemClock();

/**
 * For durations that begin in one thread and end in another: milliseconds since the process's idea of 1970, not corrected
 * by the wall clock. Threads agree on it within the microsecond or two that asking takes (test/threads looks).
 */
export function sharedMonotonicMs(): number {
  return threadBeganMs + performance.now();
}

/** Asked for once: it is as dear as the time itself. */
const threadBeganMs = performance.timeOrigin;
