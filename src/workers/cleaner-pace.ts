/**
 * Keeps a compaction within its budget of bytes a second and of processor time, by making its thread sleep between two
 * pieces. The thread is its own, in the background pool, so nobody else waits.
 *
 * Processor time: after some milliseconds of work as much rest as the share asks for. Besides, the thread gives way to all
 * others, where the system lets it: on a busy machine what serves clients then always goes first. Where nothing is ever left
 * for it the work is given up, and done again by a thread that does not give way.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { Fault } from '../base/fault.ts';
import type { Native } from '../zerocopy/native.ts';

export interface CleanerBudget {
  /** log.cleaner.io.max.bytes.per.second, read and written bytes together. */
  readonly bytesPerSecondMax: number;
  /** perfbroker.cleaner.cpu.share: of one core, above 0 and up to 1. */
  readonly cpuShare: number;
}

/** What a pace asks of its thread; tests bring a thread of their own. */
export interface PacedThread {
  nowMs(): number;
  sleep(ms: number): void;
  /** How long it was ready to run and was not let, since it began. */
  waitedMs(): number;
}

const WORK_MS = 4;
const SLEEP_MS_MAX = 1000;
/** So long awake, and of that so much spent waiting for a processor, is starving. */
const STARVING_MS = 10_000;
const STARVING_SHARE = 0.9;

export class CleanerPace {
  private readonly budget: CleanerBudget;
  private readonly thread: PacedThread;
  private readonly mayStarve: boolean;
  private readonly startedMs: number;
  private bytes = 0;
  private workedSinceMs: number;
  private waitedBeforeMs: number;
  private awakeMs = 0;
  private waitingMs = 0;

  /** `mayStarve`: it never gives up, however little processor time there is for it. */
  constructor(budget: CleanerBudget, mayStarve: boolean, thread: PacedThread = ownThread) {
    this.budget = budget;
    this.mayStarve = mayStarve;
    this.thread = thread;
    this.startedMs = thread.nowMs();
    this.workedSinceMs = this.startedMs;
    this.waitedBeforeMs = thread.waitedMs();
  }

  /** So many bytes were read or written. Throws Fault when the thread starves. */
  spend(bytes: number): void {
    this.bytes += bytes;
    const nowMs = this.thread.nowMs();
    const aheadMs = (this.bytes / this.budget.bytesPerSecondMax) * 1000 - (nowMs - this.startedMs);
    const leftMs = Math.max(this.restMs(nowMs), aheadMs);
    if (leftMs < 1) return;
    for (let ms = leftMs; ms > 0; ms -= SLEEP_MS_MAX) this.thread.sleep(Math.min(ms, SLEEP_MS_MAX));
    this.workedSinceMs = this.thread.nowMs();
    this.waitedBeforeMs = this.thread.waitedMs();
  }

  private restMs(nowMs: number): number {
    const awakeMs = nowMs - this.workedSinceMs;
    if (awakeMs < WORK_MS) return 0;
    const waitedMs = Math.min(awakeMs, this.thread.waitedMs() - this.waitedBeforeMs);
    this.noteWait(awakeMs, waitedMs);
    return (awakeMs - waitedMs) * (1 / this.budget.cpuShare - 1);
  }

  private noteWait(awakeMs: number, waitedMs: number): void {
    this.awakeMs += awakeMs;
    this.waitingMs += waitedMs;
    if (this.awakeMs < STARVING_MS) return;
    const isStarving = this.waitingMs > this.awakeMs * STARVING_SHARE;
    this.awakeMs = 0;
    this.waitingMs = 0;
    if (isStarving && !this.mayStarve) throw new Fault('PB_STARVED', 'no processor time was left for compaction');
  }
}

const word = new Int32Array(new SharedArrayBuffer(4));

const ownThread: PacedThread = {
  nowMs: () => performance.now(),
  sleep(ms) {
    Atomics.wait(word, 0, 0, ms);
  },
  waitedMs() {
    try {
      // Time on a processor, time ready to run, how often; in nanoseconds.
      const [, waitedNs] = readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ');
      return Number(waitedNs) / 1e6 || 0;
    } catch {
      // A system that does not tell: all time awake counts as work, and nobody is said to starve.
      return 0;
    }
  },
};

/**
 * The calling thread gives way to all others for good. Where the scheduler knows a class for that it is taken off the
 * processor the moment another wakes; with the lowest priority alone it is left running for a slice, and a broker's thread
 * that woke waits for 2.5 to 4 ms (measured; 0.1 ms with the class).
 */
export function yieldToOthers(native: Native | null): void {
  if (native !== null && native.yieldThread() === 0) return;
  try {
    // Linux takes a thread's id where others take a process's. Elsewhere nothing changes.
    const [, , thread] = readlinkSync('/proc/thread-self').split('/');
    const id = Number(thread);
    if (Number.isInteger(id) && id > 0) setPriority(id, constants.priority.PRIORITY_LOW);
  } catch {
    // Its rests are all it gives then.
  }
}
