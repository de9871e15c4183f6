/**
 * Promises of one log that a segment's file stays open: a lease id for each region handed to a front, given back when the
 * bytes were sent or the connection died. Ids are small numbers, used again; the table grows on demand to a stated
 * maximum, and a log that never was read has none.
 */
import { assert } from '../base/assert.ts';
import type { Segment } from './segment.ts';

export const LEASES_MAX = 65_536;
const LEASES_START = 8;
const NONE = -1;

export class LeaseTable {
  private holders: (Segment | null)[] = [];
  private nextFree = new Int32Array(0);
  private free = NONE;
  private countNow = 0;

  get count(): number {
    return this.countNow;
  }

  get isFull(): boolean {
    return this.free === NONE && this.holders.length === LEASES_MAX;
  }

  take(segment: Segment): number {
    assert(!this.isFull, 'a full lease table refuses before it is asked');
    if (this.free === NONE) this.grow();
    const lease = this.free;
    this.free = this.nextFree[lease]!;
    this.holders[lease] = segment;
    this.countNow += 1;
    return lease;
  }

  give(lease: number): Segment {
    const segment = this.holders[lease];
    assert(segment !== null && segment !== undefined, 'a lease is given back once');
    this.holders[lease] = null;
    this.nextFree[lease] = this.free;
    this.free = lease;
    this.countNow -= 1;
    return segment;
  }

  holderOf(lease: number): Segment {
    const segment = this.holders[lease];
    assert(segment !== null && segment !== undefined, 'a lease is asked about while it is out');
    return segment;
  }

  private grow(): void {
    const old = this.holders.length;
    const size = Math.min(LEASES_MAX, old === 0 ? LEASES_START : old * 2);
    const wide = new Int32Array(size);
    wide.set(this.nextFree);
    this.nextFree = wide;
    for (let lease = size - 1; lease >= old; lease--) {
      wide[lease] = this.free;
      this.free = lease;
    }
    while (this.holders.length < size) this.holders.push(null);
  }
}
