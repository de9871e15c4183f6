/** A clock that stands still until a test moves it. */
import type { Clock } from '../../src/base/clock.ts';

/** A round moment in 2023, so that times in failures are easy to read. */
export const FAKE_START_MS = 1_700_000_000_000;

export class FakeClock implements Clock {
  private currentMs: number;

  constructor(startMs: number = FAKE_START_MS) {
    this.currentMs = startMs;
  }

  nowMs(): number {
    return this.currentMs;
  }

  advance(byMs: number): number {
    this.currentMs += byMs;
    return this.currentMs;
  }

  /** Clocks of people do go backwards; those of turns do not. */
  set(toMs: number): void {
    this.currentMs = toMs;
  }
}
