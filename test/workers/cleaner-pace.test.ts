import { describe, expect, test } from 'vitest';
import { CleanerPace } from '../../src/workers/cleaner-pace.ts';

/** A thread whose clock moves by its work, its waiting and its sleep alone. */
function makeThread(budget: { bytesPerSecondMax: number; cpuShare: number }, mayStarve = true) {
  const thread = { nowMs: 0, sleptMs: 0, waitedMs: 0 };
  const pace = new CleanerPace(budget, mayStarve, {
    nowMs: () => thread.nowMs,
    sleep: (ms) => {
      thread.nowMs += ms;
      thread.sleptMs += ms;
    },
    waitedMs: () => thread.waitedMs,
  });
  return { thread, pace };
}

/** It works for `workMs` and waits for a processor for `waitMs`. */
function step({ thread, pace }: ReturnType<typeof makeThread>, workMs: number, waitMs: number): void {
  thread.nowMs += workMs + waitMs;
  thread.waitedMs += waitMs;
  pace.spend(1000);
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

  test('takes no rest for the time that it was kept waiting', () => {
    const one = makeThread({ bytesPerSecondMax: Number.POSITIVE_INFINITY, cpuShare: 0.5 });
    for (let index = 0; index < 100; index++) step(one, 10, 30);
    expect(one.thread.sleptMs).toBe(1000);
  });

  test('gives up when hardly any processor time is left for it', () => {
    const starving = makeThread({ bytesPerSecondMax: Number.POSITIVE_INFINITY, cpuShare: 0.5 }, false);
    expect(() => {
      for (let index = 0; index < 20; index++) step(starving, 10, 990);
    }).toThrowError(/processor time/);
    expect(starving.thread.nowMs).toBeGreaterThan(9_000);
    expect(starving.thread.nowMs).toBeLessThan(12_000);
  });

  test('does not give up for a disk that is slow, nor where nobody could do better', () => {
    const slow = makeThread({ bytesPerSecondMax: Number.POSITIVE_INFINITY, cpuShare: 0.5 }, false);
    for (let index = 0; index < 100; index++) step(slow, 1000, 100);
    const patient = makeThread({ bytesPerSecondMax: Number.POSITIVE_INFINITY, cpuShare: 0.5 }, true);
    for (let index = 0; index < 100; index++) step(patient, 10, 990);
    expect(patient.thread.nowMs).toBeGreaterThan(100_000);
  });
});
