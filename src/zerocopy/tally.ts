/**
 * Tallies: how often something took how long, counted by buckets whose bounds double, as plain numbers in a table that the
 * caller owns (shared memory, mostly). One writer a tally, plain stores, any number of readers; a reader takes one number
 * at a time and gets the total by adding up, so that what he shows fits together.
 *
 *   at: [ ≤ 2^shift µs │ ≤ 2^(shift+1) µs │ … │ all longer ones │ sum in µs ]
 *
 * Numbers, not 32-bit words: a word would be full after an hour of a million a second, and whoever scrapes would see a
 * counter that began anew in the middle of a histogram.
 */
import { assert } from '../base/assert.ts';

const US_MAX = 0x7fffffff;

/** Numbers that a tally of so many buckets takes. */
export function tallyNumbers(buckets: number): number {
  return buckets + 1;
}

/** Whole microseconds, rounded up: what took longer than a bound is never counted below it. */
export function microsecondsOf(ms: number): number {
  if (ms <= 0) return 0;
  return ms >= US_MAX / 1000 ? US_MAX : Math.ceil(ms * 1000);
}

export function bucketOf(us: number, buckets: number, shift: number): number {
  assert(us >= 0 && us <= US_MAX, 'a bucket holds whole microseconds');
  if (us === 0) return 0;
  const bucket = 32 - Math.clz32((us - 1) >>> shift);
  return bucket < buckets ? bucket : buckets - 1;
}

/** Counts one event that took `ms`. */
export function tally(numbers: Float64Array, at: number, buckets: number, shift: number, ms: number): void {
  const us = microsecondsOf(ms);
  numbers[at + bucketOf(us, buckets, shift)]! += 1;
  numbers[at + buckets]! += us;
}

/** Upper bounds in seconds, but for the last bucket, which has none. */
export function tallyBounds(buckets: number, shift: number): number[] {
  return Array.from({ length: buckets - 1 }, (_, index) => 2 ** (shift + index) / 1e6);
}
