/**
 * Lines that a client can provoke as often as it likes (bad frames, refused logins) go through here: at most one line
 * per key in a period, and the next one says how many were left out. Keys are of our making (a fault code, not what the
 * client sent); should there be too many of them anyway, the oldest is forgotten.
 */
import type { Clock } from './clock.ts';
import type { LogFields, Logger, LogLevel } from './logger.ts';

const KEYS_MAX = 1024;

interface Spoken {
  atMs: number;
  suppressedCount: number;
}

export class RateLimitedLog {
  private readonly logger: Logger;
  private readonly clock: Clock;
  private readonly periodMs: number;
  private readonly spoken = new Map<string, Spoken>();

  constructor(logger: Logger, clock: Clock, periodMs: number) {
    this.logger = logger;
    this.clock = clock;
    this.periodMs = periodMs;
  }

  say(key: string, level: Exclude<LogLevel, 'silent'>, message: string, fields?: LogFields): void {
    const nowMs = this.clock.nowMs();
    const last = this.spoken.get(key);
    if (last !== undefined && nowMs - last.atMs < this.periodMs) {
      last.suppressedCount += 1;
      return;
    }
    const suppressedCount = last?.suppressedCount ?? 0;
    this.spoken.delete(key);
    if (this.spoken.size === KEYS_MAX) this.forgetOldest();
    this.spoken.set(key, { atMs: nowMs, suppressedCount: 0 });
    this.logger[level](message, suppressedCount === 0 ? fields : { ...fields, suppressedCount });
  }

  private forgetOldest(): void {
    for (const key of this.spoken.keys()) {
      this.spoken.delete(key);
      return;
    }
  }
}
