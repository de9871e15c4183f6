/**
 * Timers of one role, keyed by small integers (the index of an exchange, of a connection), without a closure or an
 * object per timer. Arming and disarming cost the same however many there are; times enter as arguments.
 *
 * A hashed wheel: 512 buckets of one millisecond, a timer lies in the bucket of its due time modulo 512, in a list
 * linked through `next` and `previous`. One more list holds what a sweep found due and the caller has not taken yet.
 *
 *   soonest[bucket] ≤ every due time in the bucket: a sweep skips whole buckets by it, and `nextDueMs` is their least.
 *
 * Timers that are more than half a second away are passed over only when a nearer one shares their bucket.
 * Timers that expire in the same call come out in the order of their buckets, not strictly by time.
 */
import { assert } from './assert.ts';

const BUCKETS = 512;
const BUCKET_MASK = BUCKETS - 1;
/** The list of expired timers, behind the buckets. */
const EXPIRED = BUCKETS;
const NONE = -1;

export class TimerWheel {
  readonly idCount: number;
  private readonly dueMs: Float64Array;
  private readonly next: Int32Array;
  private readonly previous: Int32Array;
  private readonly bucketOf: Int16Array;
  private readonly heads: Int32Array;
  private readonly soonest: Float64Array;
  private armedCount = 0;
  /** Everything due at or before this moment lies in the expired list. */
  private sweptMs: number;
  /** No timer in a bucket is due before. */
  private nextMs = Number.POSITIVE_INFINITY;
  /** `nextMs` may be too early: look it up before sleeping on it. */
  private isNextStale = false;

  /** Ids are 0 … idCount - 1. `nowMs`: any time not later than the first `nextExpired`. */
  constructor(idCount: number, nowMs: number) {
    assert(idCount >= 1, 'a timer wheel has at least one timer');
    assert(Number.isFinite(nowMs), 'a timer wheel starts at a finite time');
    this.idCount = idCount;
    this.sweptMs = nowMs;
    this.dueMs = new Float64Array(idCount);
    this.next = new Int32Array(idCount);
    this.previous = new Int32Array(idCount);
    this.bucketOf = new Int16Array(idCount).fill(NONE);
    this.heads = new Int32Array(BUCKETS + 1).fill(NONE);
    this.soonest = new Float64Array(BUCKETS).fill(Number.POSITIVE_INFINITY);
  }

  get count(): number {
    return this.armedCount;
  }

  isArmed(id: number): boolean {
    return this.bucketOf[id]! !== NONE;
  }

  /** Sets the timer; one that is armed already gets the new time. */
  arm(id: number, dueMs: number): void {
    assert(id >= 0 && id < this.idCount, 'an armed timer has an id of the wheel');
    assert(Number.isFinite(dueMs), 'a timer is due at a finite time');
    if (this.bucketOf[id]! !== NONE) this.unlink(id);
    // What is due already goes where the next sweep begins.
    const bucket = bucketAt(Math.max(dueMs, this.sweptMs));
    this.dueMs[id] = dueMs;
    this.link(id, bucket);
    if (dueMs < this.soonest[bucket]!) this.soonest[bucket] = dueMs;
    if (dueMs < this.nextMs) this.nextMs = dueMs;
  }

  /** Does nothing when the timer is not armed, or expired and was taken. */
  disarm(id: number): void {
    assert(id >= 0 && id < this.idCount, 'a disarmed timer has an id of the wheel');
    if (this.bucketOf[id]! === NONE) return;
    this.unlink(id);
  }

  /** One timer that is due, no longer armed; -1 when there is none (left). Called until it says so. */
  nextExpired(nowMs: number): number {
    if (this.heads[EXPIRED] === NONE) {
      if (nowMs < this.nextMs) return NONE;
      this.sweep(nowMs);
    }
    const id = this.heads[EXPIRED]!;
    if (id !== NONE) this.unlink(id);
    return id;
  }

  /** When to look again: never later than the soonest timer; Infinity when none is armed. */
  nextDueMs(): number {
    if (this.armedCount === 0) return Number.POSITIVE_INFINITY;
    if (this.heads[EXPIRED] !== NONE) return this.sweptMs;
    if (this.isNextStale) {
      let least = Number.POSITIVE_INFINITY;
      for (let bucket = 0; bucket < BUCKETS; bucket++) {
        const dueMs = this.soonest[bucket]!;
        if (dueMs < least) least = dueMs;
      }
      this.nextMs = least;
      this.isNextStale = false;
    }
    return this.nextMs;
  }

  /** Moves all that is due into the expired list. Visits each bucket at most once, however far the clock jumped. */
  private sweep(nowMs: number): void {
    assert(Number.isFinite(nowMs), 'timers expire at a finite time');
    const first = Math.floor(this.sweptMs);
    const last = Math.max(first, Math.min(Math.floor(nowMs), first + BUCKETS - 1));
    for (let tick = first; tick <= last; tick++) {
      const bucket = bucketAt(tick);
      if (this.soonest[bucket]! <= nowMs) this.sweepBucket(bucket, nowMs);
    }
    if (nowMs > this.sweptMs) this.sweptMs = nowMs;
    // What is left is due later than now. How much later is looked up before a sleep, not in every turn.
    this.nextMs = nowMs;
    this.isNextStale = true;
  }

  private sweepBucket(bucket: number, nowMs: number): void {
    let soonest = Number.POSITIVE_INFINITY;
    let id = this.heads[bucket]!;
    while (id !== NONE) {
      const following = this.next[id]!;
      const dueMs = this.dueMs[id]!;
      if (dueMs <= nowMs) {
        this.unlink(id);
        this.link(id, EXPIRED);
      } else if (dueMs < soonest) {
        soonest = dueMs;
      }
      id = following;
    }
    this.soonest[bucket] = soonest;
  }

  private link(id: number, list: number): void {
    const head = this.heads[list]!;
    this.next[id] = head;
    this.previous[id] = NONE;
    if (head !== NONE) this.previous[head] = id;
    this.heads[list] = id;
    this.bucketOf[id] = list;
    this.armedCount += 1;
  }

  private unlink(id: number): void {
    const list = this.bucketOf[id]!;
    const previous = this.previous[id]!;
    const next = this.next[id]!;
    if (previous === NONE) this.heads[list] = next;
    else this.next[previous] = next;
    if (next !== NONE) this.previous[next] = previous;
    if (list !== EXPIRED && this.heads[list] === NONE) {
      this.soonest[list] = Number.POSITIVE_INFINITY;
      this.isNextStale = true;
    }
    this.bucketOf[id] = NONE;
    this.armedCount -= 1;
    assert(this.armedCount >= 0, 'no more timers are disarmed than were armed');
  }
}

function bucketAt(timeMs: number): number {
  // Times exceed int32, so the remainder is taken of the number; it is exact and cheap for whole milliseconds.
  return (Math.floor(timeMs) % BUCKETS) & BUCKET_MASK;
}
