/**
 * How fast something goes, as Kafka measures it for quotas: sums over windows of a second, the last eleven of which count;
 * while there are fewer, the missing ones count as empty, so a client may begin with a burst of what ten windows allow.
 *
 *   │ old, forgotten │ 1 │ 2 │ … │ 10 │ now: not yet whole │        rate = sum / time since the oldest of them began
 */
import { assert } from '../base/assert.ts';

export class RateWindow {
  private readonly windowCount: number;
  private readonly windowMs: number;
  /** One more than count, as in Kafka: the one being filled does not push out one that still counts. */
  private readonly sums: Float64Array;
  private readonly startsMs: Float64Array;
  private readonly lastsMs: Float64Array;
  private used = 0;
  private current = 0;

  constructor(windowCount: number, windowMs: number) {
    assert(windowCount >= 1 && windowMs >= 1, 'a rate has a window');
    this.windowCount = windowCount;
    this.windowMs = windowMs;
    this.sums = new Float64Array(windowCount + 1);
    this.startsMs = new Float64Array(windowCount + 1);
    this.lastsMs = new Float64Array(windowCount + 1);
  }

  /** A negative value takes back what was recorded. */
  record(value: number, nowMs: number): void {
    if (this.used === 0) this.begin(0, nowMs);
    else if (nowMs - this.startsMs[this.current]! >= this.windowMs) {
      this.begin((this.current + 1) % this.sums.length, nowMs);
    }
    this.sums[this.current]! += value;
    this.lastsMs[this.current] = nowMs;
  }

  /** Nothing was recorded in the time that counts. */
  isIdle(nowMs: number): boolean {
    return this.used === 0 || nowMs - this.lastsMs[this.current]! >= this.windowCount * this.windowMs;
  }

  /** By how many milliseconds of silence the rate would come down to the bound; 0: it is not above it. */
  excessMs(bound: number, nowMs: number): number {
    this.forgetOld(nowMs);
    let total = 0;
    let oldestMs = nowMs;
    for (let index = 0; index < this.used; index++) {
      total += this.sums[index]!;
      if (this.startsMs[index]! < oldestMs) oldestMs = this.startsMs[index]!;
    }
    const elapsedMs = this.elapsedMs(nowMs - oldestMs);
    const rate = (total * 1000) / elapsedMs;
    return rate > bound ? Math.round(((rate - bound) / bound) * elapsedMs) : 0;
  }

  private elapsedMs(sinceOldestMs: number): number {
    const wholeMin = this.windowCount - 1;
    const whole = Math.floor(sinceOldestMs / this.windowMs);
    const missing = Math.max(0, wholeMin - whole);
    return Math.max(this.windowMs, sinceOldestMs + missing * this.windowMs);
  }

  private begin(index: number, nowMs: number): void {
    this.current = index;
    this.sums[index] = 0;
    this.startsMs[index] = nowMs;
    this.lastsMs[index] = nowMs;
    if (index === this.used) this.used += 1;
  }

  private forgetOld(nowMs: number): void {
    const oldMs = this.windowCount * this.windowMs;
    for (let index = 0; index < this.used; index++) {
      if (nowMs - this.lastsMs[index]! < oldMs) continue;
      this.sums[index] = 0;
      this.startsMs[index] = nowMs;
      this.lastsMs[index] = nowMs;
    }
  }
}
