/**
 * How fast something goes, as Kafka measures it for quotas: sums over windows of a second, the last eleven of which count;
 * while there are fewer, the missing ones count as empty, so a client may begin with a burst of what ten windows allow.
 *
 * The windows may be a column among those of other fronts, which measure the same clients: the rate is that of all, each
 * front records into its own.
 *
 *   │ old, forgotten │ 1 │ 2 │ … │ 10 │ now: not yet whole │        rate = sum / time since the oldest of them began
 */
import { assert } from '../base/assert.ts';

/** Numbers of a window: what was recorded, when it began (plus one: 0 means never), when it was last added to. */
const WINDOW_CELLS = 3;
const SUM = 0;
const BEGUN_MS = 1;
const LAST_MS = 2;
/** What the field of an answer holds. */
const WAIT_MS_MAX = 2_147_483_647;

/** Columns of `rateCells` numbers, one behind the other from `at` on. */
export interface RatePlace {
  readonly cells: Float64Array;
  readonly at: number;
  readonly columns: number;
  /** The column that is written here; the others belong to other threads. */
  readonly own: number;
}

/** One window more than count, as in Kafka: the one being filled does not push out one that still counts. */
export function rateCells(windowCount: number): number {
  return (windowCount + 1) * WINDOW_CELLS;
}

export class RateWindow {
  private readonly windowCount: number;
  private readonly windowMs: number;
  private place: RatePlace;
  private ownAt: number;
  private used = 0;
  private current = 0;

  constructor(windowCount: number, windowMs: number, place: RatePlace = ownPlace(windowCount)) {
    assert(windowCount >= 1 && windowMs >= 1, 'a rate has a window');
    this.windowCount = windowCount;
    this.windowMs = windowMs;
    this.place = place;
    this.ownAt = place.at + place.own * rateCells(windowCount);
  }

  /** A negative value takes back what was recorded. */
  record(value: number, nowMs: number): void {
    const { cells } = this.place;
    if (this.used === 0) this.begin(0, nowMs);
    else if (nowMs - (cells[this.atOf(this.current) + BEGUN_MS]! - 1) >= this.windowMs) {
      this.begin((this.current + 1) % (this.windowCount + 1), nowMs);
    }
    const at = this.atOf(this.current);
    cells[at + SUM]! += value;
    cells[at + LAST_MS] = nowMs;
  }

  /** Nothing was recorded here in the time that counts. */
  isIdle(nowMs: number): boolean {
    return this.used === 0 || this.isOld(this.atOf(this.current), nowMs);
  }

  /** By how many milliseconds of silence the rate would come down to the bound; 0: it is not above it. */
  excessMs(bound: number, nowMs: number): number {
    this.forgetOld(nowMs);
    const { cells, at: first, columns } = this.place;
    const end = first + columns * rateCells(this.windowCount);
    let total = 0;
    let oldestMs = nowMs;
    for (let at = first; at < end; at += WINDOW_CELLS) {
      const begunMs = cells[at + BEGUN_MS]!;
      // Another front may not have forgotten it yet.
      if (begunMs === 0 || this.isOld(at, nowMs)) continue;
      total += cells[at + SUM]!;
      if (begunMs - 1 < oldestMs) oldestMs = begunMs - 1;
    }
    const elapsedMs = this.elapsedMs(nowMs - oldestMs);
    const rate = (total * 1000) / elapsedMs;
    return rate > bound ? Math.min(WAIT_MS_MAX, Math.round(((rate - bound) / bound) * elapsedMs)) : 0;
  }

  /** Its place is given away: whoever still measures with it does so for nobody. */
  leavePlace(): void {
    this.place = ownPlace(this.windowCount);
    this.ownAt = 0;
    this.used = 0;
  }

  private elapsedMs(sinceOldestMs: number): number {
    const wholeMin = this.windowCount - 1;
    const whole = Math.floor(sinceOldestMs / this.windowMs);
    const missing = Math.max(0, wholeMin - whole);
    return Math.max(this.windowMs, sinceOldestMs + missing * this.windowMs);
  }

  private begin(index: number, nowMs: number): void {
    this.current = index;
    this.restart(this.atOf(index), nowMs);
    if (index === this.used) this.used += 1;
  }

  private forgetOld(nowMs: number): void {
    for (let index = 0; index < this.used; index++) {
      const at = this.atOf(index);
      if (this.isOld(at, nowMs)) this.restart(at, nowMs);
    }
  }

  private restart(at: number, nowMs: number): void {
    const { cells } = this.place;
    cells[at + SUM] = 0;
    cells[at + BEGUN_MS] = nowMs + 1;
    cells[at + LAST_MS] = nowMs;
  }

  private isOld(at: number, nowMs: number): boolean {
    return nowMs - this.place.cells[at + LAST_MS]! >= this.windowCount * this.windowMs;
  }

  private atOf(index: number): number {
    return this.ownAt + index * WINDOW_CELLS;
  }
}

function ownPlace(windowCount: number): RatePlace {
  return { cells: new Float64Array(rateCells(windowCount)), at: 0, columns: 1, own: 0 };
}
