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

  /** As Kafka's throttle has it: how far above the bound, times the time that was measured. */
  waitMs(bound: number, nowMs: number): number {
    const { rate, elapsedMs } = this.measure(nowMs);
    return rate > bound ? Math.round(((rate - bound) / bound) * elapsedMs) : 0;
  }

  private measure(nowMs: number): { rate: number; elapsedMs: number } {
    const alive = this.windows.slice(-12).filter(({ lastMs }) => nowMs - lastMs < WINDOWS * WINDOW_MS);
    const startMs = Math.min(nowMs, ...alive.map((window) => window.startMs));
    const whole = Math.floor((nowMs - startMs) / WINDOW_MS);
    const elapsedMs = nowMs - startMs + Math.max(0, WINDOWS - 1 - whole) * WINDOW_MS;
    return { rate: (alive.reduce((sum, window) => sum + window.sum, 0) * 1000) / elapsedMs, elapsedMs };
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

  // More than 24 days came out of the field as any number, below zero as well.
  it('tells of no longer wait than its field holds', () => {
    const rate = new RateWindow(WINDOWS, WINDOW_MS);
    rate.record(100_000_000, 5000);
    expect(rate.excessMs(1, 5000)).toBe(2_147_483_647);
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
          expect(rate.excessMs(20, nowMs)).toBe(plain.waitMs(20, nowMs));
        }
      }),
    );
  });

  it('lets no more pass in any stretch of time than the bound allows in it and in its windows besides', () => {
    const bound = 1000;
    const schedule = fc.record({
      windowCount: fc.integer({ min: 2, max: WINDOWS }),
      requestBytes: fc.integer({ min: 20, max: 100 }),
      pausesMs: fc.array(fc.oneof(fc.constant(0), fc.nat(20), fc.nat(30_000)), { minLength: 1, maxLength: 40 }),
    });
    fc.assert(
      fc.property(schedule, ({ windowCount, requestBytes, pausesMs }) => {
        const rate = new RateWindow(windowCount, WINDOW_MS);
        const startMs = 1000;
        let nowMs = startMs;
        let passed = 0;
        let lowest = 0;
        for (const pauseMs of pausesMs) {
          nowMs += pauseMs;
          for (let again = 0; again < 40; again++) {
            const above = passed - (bound * (nowMs - startMs)) / 1000;
            lowest = Math.min(lowest, above);
            passed += requestBytes;
            // One window more than count: the oldest one leaves as a whole.
            expect(above - lowest).toBeLessThanOrEqual((bound * (windowCount + 1) * WINDOW_MS) / 1000);
            rate.record(requestBytes, nowMs);
            nowMs += rate.excessMs(bound, nowMs);
          }
        }
      }),
    );
  });
});
