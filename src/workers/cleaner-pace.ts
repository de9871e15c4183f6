/**
 * Keeps a compaction within its budget of bytes a second and of processor time, by making its thread sleep between two
 * pieces. The thread is its own, in the background pool, so nobody else waits.
 *
 * Processor time: after some milliseconds of work as much rest as the share asks for. Besides, the thread takes the lowest
 * priority there is, where the system lets it: on a busy machine what serves clients then always goes first.
 */
import { readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';

export interface CleanerBudget {
  /** log.cleaner.io.max.bytes.per.second, read and written bytes together. */
  readonly bytesPerSecondMax: number;
  /** perfbroker.cleaner.cpu.share: of one core, above 0 and up to 1. */
  readonly cpuShare: number;
}

const WORK_MS = 4;
const SLEEP_MS_MAX = 1000;

export class CleanerPace {
  private readonly budget: CleanerBudget;
  private readonly nowMs: () => number;
  private readonly sleep: (ms: number) => void;
  private readonly startedMs: number;
  private bytes = 0;
  private workedSinceMs: number;

  constructor(
    budget: CleanerBudget,
    nowMs: () => number = () => performance.now(),
    sleep: (ms: number) => void = sleepThread,
  ) {
    this.budget = budget;
    this.nowMs = nowMs;
    this.sleep = sleep;
    this.startedMs = nowMs();
    this.workedSinceMs = this.startedMs;
  }

  /** So many bytes were read or written. */
  spend(bytes: number): void {
    this.bytes += bytes;
    const { bytesPerSecondMax, cpuShare } = this.budget;
    const nowMs = this.nowMs();
    const workedMs = nowMs - this.workedSinceMs;
    const restMs = workedMs < WORK_MS ? 0 : workedMs * (1 / cpuShare - 1);
    const aheadMs = (this.bytes / bytesPerSecondMax) * 1000 - (nowMs - this.startedMs);
    let leftMs = Math.max(restMs, aheadMs);
    if (leftMs < 1) return;
    while (leftMs > 0) {
      this.sleep(Math.min(leftMs, SLEEP_MS_MAX));
      leftMs -= SLEEP_MS_MAX;
    }
    this.workedSinceMs = this.nowMs();
  }
}

const word = new Int32Array(new SharedArrayBuffer(4));

function sleepThread(ms: number): void {
  Atomics.wait(word, 0, 0, ms);
}

/** Linux takes a thread's id where others take a process's. Elsewhere nothing changes. */
export function yieldToOthers(): void {
  try {
    const [, , thread] = readlinkSync('/proc/thread-self').split('/');
    const id = Number(thread);
    if (Number.isInteger(id) && id > 0) setPriority(id, constants.priority.PRIORITY_LOW);
  } catch {
    // Its rests are all it gives then.
  }
}
