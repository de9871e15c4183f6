import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RateWindow } from '../../src/net/rate-window.ts';

const WINDOWS = 11;
const WINDOW_MS = 1000;

/** Every event kept, judged by the same rule: windows begin with the first event behind the last one's end. */
class PlainRate {
  readonly windows: { startMs: number; lastMs: number; sum: number }[] = [];

  record(value: number, nowMs: number): void {
    let window = this.windows.at(-1);
    if (window === undefined || nowMs - window.startMs >= WINDOW_MS) {
      window = { startMs: nowMs, lastMs: nowMs, sum: 0 };
      this.windows.push(window);
    }
    window.sum += value;
    window.lastMs = nowMs;
  }

  rate(nowMs: number): number {
    const alive = this.windows.slice(-12).filter(({ lastMs }) => nowMs - lastMs < WINDOWS * WINDOW_MS);
    const startMs = Math.min(nowMs, ...alive.map((window) => window.startMs));
    const whole = Math.floor((nowMs - startMs) / WINDOW_MS);
    const elapsedMs = nowMs - startMs + Math.max(0, WINDOWS - 1 - whole) * WINDOW_MS;
    return (alive.reduce((sum, window) => sum + window.sum, 0) * 1000) / elapsedMs;
  }
}

describe('a rate', () => {
  it('lets ten windows of the bound pass at once, and then tells how long silence brings it down', () => {
    const rate = new RateWindow(WINDOWS, WINDOW_MS);
    rate.record(10_000, 5000);
    expect(rate.excessMs(1000, 5000)).toBe(0);
    rate.record(1000, 5000);
    expect(rate.excessMs(1000, 5000)).toBe(1000);
    expect(rate.excessMs(1000, 5999)).toBe(1);
    expect(rate.excessMs(1000, 6000)).toBe(1000);
    rate.record(-1000, 5000);
    expect(rate.excessMs(1000, 5000)).toBe(0);
  });

  it('forgets what is older than its windows', () => {
    const rate = new RateWindow(WINDOWS, WINDOW_MS);
    rate.record(1_000_000, 0);
    expect(rate.isIdle(10_999)).toBe(false);
    expect(rate.excessMs(1, 10_999)).toBeGreaterThan(0);
    expect(rate.isIdle(11_000)).toBe(true);
    expect(rate.excessMs(1, 11_000)).toBe(0);
  });

  it('is what keeping every event would give', () => {
    const event = fc.tuple(fc.nat(3000), fc.integer({ min: -50, max: 500 }));
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const rate = new RateWindow(WINDOWS, WINDOW_MS);
        const plain = new PlainRate();
        let nowMs = 1000;
        for (const [pauseMs, value] of events) {
          nowMs += pauseMs;
          rate.record(value, nowMs);
          plain.record(value, nowMs);
          const expected = plain.rate(nowMs);
          const bound = 20;
          expect(rate.excessMs(bound, nowMs) > 0).toBe(expected > bound);
        }
      }),
    );
  });
});
