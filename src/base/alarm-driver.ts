/** Runs alarms by Node's timers: one timer for the next of them, moved when a sooner one is set. */
import type { Alarms } from './alarms.ts';

/** Node's timers take no more than about 24 days; look again long before. */
const SLEEP_MS_MAX = 3_600_000;

export class AlarmDriver {
  private readonly alarms: Alarms;
  private timer: NodeJS.Timeout | null = null;
  private isStopped = false;

  constructor(alarms: Alarms) {
    this.alarms = alarms;
  }

  start(): void {
    this.alarms.onSooner = (dueMs) => this.sleepUntil(dueMs);
    this.sleepUntil(this.alarms.nextDueMs);
  }

  stop(): void {
    this.isStopped = true;
    this.alarms.onSooner = null;
    if (this.timer !== null) clearTimeout(this.timer);
  }

  private sleepUntil(dueMs: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    if (this.isStopped || dueMs === Number.POSITIVE_INFINITY) return;
    const waitMs = Math.min(SLEEP_MS_MAX, Math.max(0, Math.ceil(dueMs - this.alarms.nowMs())));
    this.timer = setTimeout(() => {
      this.timer = null;
      this.alarms.run();
      this.sleepUntil(this.alarms.nextDueMs);
    }, waitMs);
    // The sockets keep a broker alive, not its timers.
    this.timer.unref();
  }
}
