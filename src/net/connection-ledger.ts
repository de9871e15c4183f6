/**
 * How many connections are open: of the whole broker, of each front, and from each address. In memory that all fronts
 * share, because clients know one broker and its limits, not the thread that happens to serve them.
 *
 * A connection is counted by whoever decides on its front (`arrive`), so that one on its way between two fronts counts;
 * the front that serves it enters its address, and takes it off again.
 */
import { assert } from '../base/assert.ts';
import { NO_ROW, type SharedRows } from './shared-rows.ts';

const TOTAL_WORD = 0;
/** A front's count has a cache line of its own. */
const FRONT_WORDS = 16;

export class ConnectionLedger {
  readonly fronts: number;
  readonly index: number;
  private readonly counts: Int32Array;
  private readonly addresses: SharedRows;
  /** Of fronts with equally few connections, the next one has its turn. */
  private nextFront = 0;

  static bytesFor(fronts: number): number {
    return (1 + fronts) * FRONT_WORDS * 4;
  }

  constructor(fronts: number, index: number, counts: SharedArrayBuffer, addresses: SharedRows) {
    assert(index >= 0 && index < fronts, 'a ledger is kept by one of the fronts');
    assert(counts.byteLength >= ConnectionLedger.bytesFor(fronts), 'every front has a count');
    this.fronts = fronts;
    this.index = index;
    this.counts = new Int32Array(counts);
    this.addresses = addresses;
  }

  get total(): number {
    return Atomics.load(this.counts, TOTAL_WORD);
  }

  countOf(front: number): number {
    return Atomics.load(this.counts, (1 + front) * FRONT_WORDS);
  }

  /** Of the first so many fronts the one with the fewest connections. */
  leastLoaded(fronts: number): number {
    assert(fronts > 0 && fronts <= this.fronts, 'one of the fronts that there are is chosen');
    let best = this.nextFront;
    let bestCount = this.countOf(best);
    for (let step = 1; step < fronts && bestCount > 0; step++) {
      const front = (this.nextFront + step) % fronts;
      const count = this.countOf(front);
      if (count >= bestCount) continue;
      best = front;
      bestCount = count;
    }
    this.nextFront = (best + 1) % fronts;
    return best;
  }

  /** One more connection, of that front. */
  arrive(front: number): void {
    Atomics.add(this.counts, (1 + front) * FRONT_WORDS, 1);
    Atomics.add(this.counts, TOTAL_WORD, 1);
  }

  /** A connection of this front ended, or never began. */
  leave(): void {
    const before = Atomics.sub(this.counts, (1 + this.index) * FRONT_WORDS, 1);
    Atomics.sub(this.counts, TOTAL_WORD, 1);
    assert(before > 0, 'a connection that leaves was counted');
  }

  /** The row of the address, with this connection in it; NO_ROW when there are too many addresses to count them. */
  enterAddress(address: string): number {
    return this.addresses.hold(address);
  }

  leaveAddress(row: number): void {
    if (row !== NO_ROW) this.addresses.letGo(row);
  }

  countOfAddress(row: number): number {
    return row === NO_ROW ? 0 : this.addresses.holdersOf(row);
  }
}
