/**
 * What has to be looked at all the time, and not only when somebody asks: once a second it notes how far logs have come,
 * and how late its own timer was, which is how long main kept others waiting.
 */

import type { LogsStanding } from '../workers/worker-host.ts';
import { tally, tallyNumbers } from '../zerocopy/tally.ts';
import type { BrokerView } from './broker-view.ts';
import { LagHistory } from './lag-history.ts';

const EVERY_MS = 1000;
export const LATE_BUCKETS = 15;
/** First bound 1 ms, last 8 s. */
export const LATE_SHIFT = 10;
/** The workers are asked at most this often. */
const LOGS_AGE_MS = 5000;
const NOTHING_KNOWN: LogsStanding = { sizes: new Map(), unflushedMs: 0 };

export class Pulse {
  readonly history = new LagHistory();
  readonly lateness = new Float64Array(tallyNumbers(LATE_BUCKETS));
  private readonly view: BrokerView;
  private timer: NodeJS.Timeout | null = null;
  private dueMs = 0;
  private logsAtMs = Number.NEGATIVE_INFINITY;
  private asked: Promise<LogsStanding> = Promise.resolve(NOTHING_KNOWN);

  constructor(view: BrokerView) {
    this.view = view;
  }

  start(): void {
    this.look(this.view.nowMs());
    this.dueMs = performance.now() + EVERY_MS;
    this.timer = setInterval(() => {
      const nowMs = performance.now();
      tally(this.lateness, 0, LATE_BUCKETS, LATE_SHIFT, nowMs - this.dueMs);
      this.dueMs = nowMs + EVERY_MS;
      this.look(this.view.nowMs());
    }, EVERY_MS);
    this.timer.unref();
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  look(nowMs: number): void {
    const { openSlots, board } = this.view;
    this.history.keep((slot) => openSlots.has(slot));
    for (const slot of openSlots.keys()) this.history.note(slot, board.high(slot), nowMs);
  }

  /** What the workers say of their logs, a few seconds old at most; nothing when they do not answer. */
  logs(): Promise<LogsStanding> {
    const nowMs = performance.now();
    if (nowMs - this.logsAtMs < LOGS_AGE_MS) return this.asked;
    this.logsAtMs = nowMs;
    this.asked = this.view.logs().catch(() => NOTHING_KNOWN);
    return this.asked;
  }
}
