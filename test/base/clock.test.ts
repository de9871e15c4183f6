import { describe, expect, test } from 'vitest';
import { SystemClock, systemClock } from '../../src/base/clock.ts';

/** Two clocks of a machine that a test sets. */
class Machine {
  monotonicMs = 50;
  wallMs = 1_700_000_000_000;
  readonly clock = new SystemClock(
    () => this.monotonicMs,
    () => this.wallMs,
  );

  pass(ms: number, wallRate = 1): number {
    this.monotonicMs += ms;
    this.wallMs += ms * wallRate;
    return this.clock.nowMs();
  }
}

describe('the system clock', () => {
  test('tells the time of day', () => {
    expect(Math.abs(systemClock.nowMs() - Date.now())).toBeLessThan(1000);
  });

  test('jumps forward with the wall clock', () => {
    const machine = new Machine();
    machine.wallMs += 3_600_000;
    expect(machine.pass(101)).toBeCloseTo(machine.wallMs, 3);
  });

  test('never goes back when the wall clock does, and keeps moving', () => {
    const machine = new Machine();
    const startMs = machine.clock.nowMs();
    machine.wallMs -= 3_600_000;
    let lastMs = startMs;
    for (let step = 0; step < 1000; step++) {
      const nowMs = machine.pass(10);
      expect(nowMs).toBeGreaterThanOrEqual(lastMs);
      lastMs = nowMs;
    }
    // 10 s of the monotonic clock, less one millisecond in a hundred.
    expect(lastMs - startMs).toBeGreaterThan(9_800);
    expect(lastMs - startMs).toBeLessThan(10_000);
  });

  test('follows a wall clock that runs a little fast', () => {
    const machine = new Machine();
    for (let step = 0; step < 1000; step++) machine.pass(100, 1.0001);
    expect(Math.abs(machine.clock.nowMs() - machine.wallMs)).toBeLessThan(3);
  });
});
