import { describe, expect, test } from 'vitest';
import { CleanerPace } from '../../src/workers/cleaner-pace.ts';

/** A thread whose clock moves by its work and its sleep alone. */
function makeThread(budget: { bytesPerSecondMax: number; cpuShare: number }) {
  const thread = { nowMs: 0, sleptMs: 0 };
  const pace = new CleanerPace(
    budget,
    () => thread.nowMs,
    (ms) => {
      thread.nowMs += ms;
      thread.sleptMs += ms;
    },
  );
  return { thread, pace };
}

describe('the pace of a compaction', () => {
  test('keeps to its bytes a second', () => {
    const { thread, pace } = makeThread({ bytesPerSecondMax: 1_000_000, cpuShare: 1 });
    for (let index = 0; index < 50; index++) {
      thread.nowMs += 1;
      pace.spend(100_000);
    }
    expect(thread.nowMs).toBeGreaterThanOrEqual(5000);
    expect(thread.nowMs).toBeLessThan(5010);
  });

  test('keeps to its share of a processor', () => {
    for (const cpuShare of [0.1, 0.5, 1]) {
      const { thread, pace } = makeThread({ bytesPerSecondMax: Number.POSITIVE_INFINITY, cpuShare });
      for (let index = 0; index < 1000; index++) {
        thread.nowMs += 1.5;
        pace.spend(1000);
      }
      const workedMs = thread.nowMs - thread.sleptMs;
      expect(workedMs / thread.nowMs).toBeCloseTo(cpuShare, 1);
    }
  });

  test('does not sleep for pieces that take no time', () => {
    const { thread, pace } = makeThread({ bytesPerSecondMax: Number.POSITIVE_INFINITY, cpuShare: 0.5 });
    for (let index = 0; index < 100; index++) pace.spend(1000);
    expect(thread.sleptMs).toBe(0);
  });
});
