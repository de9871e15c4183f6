/**
 * How many connections are open: of the whole broker, by each listener, of each front, and from each address. In memory that
 * all fronts share, because clients know one broker and its limits, not the thread that happens to serve them.
 *
 * A connection is counted by whoever lets it in (`enter`), for its front by whoever decides on that (`arrive`), so that one on
 * its way between two fronts counts; the front that serves it enters its address, and takes it off all counts again.
 */
import { assert } from '../base/assert.ts';
import { LISTENERS_MAX } from '../config/listeners.ts';
import { NO_ROW, type SharedRows } from './shared-rows.ts';

/** What came of `enter`. */
export const ENTERED = 0;
export const LISTENER_IS_FULL = 1;
export const BROKER_IS_FULL = 2;

const TOTAL_WORD = 0;
/** A count has a cache line of its own. */
const COUNT_WORDS = 16;

export class ConnectionLedger {
  readonly fronts: number;
  readonly index: number;
  private readonly counts: Int32Array;
  private readonly addresses: SharedRows;
  /** Of fronts with equally few connections, the next one has its turn. */
  private nextFront = 0;

  static bytesFor(fronts: number): number {
    return (1 + fronts + LISTENERS_MAX) * COUNT_WORDS * 4;
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
    return Atomics.load(this.counts, wordOfFront(front));
  }

  countOfListener(listener: number): number {
    return Atomics.load(this.counts, this.wordOfListener(listener));
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

  /** One more connection by the listener, unless there are as many as there may be; fronts that ask at one time get no more than that. */
  enter(listener: number, listenerMax: number, totalMax: number): number {
    const word = this.wordOfListener(listener);
    if (!this.addBelow(word, listenerMax)) return LISTENER_IS_FULL;
    if (this.addBelow(TOTAL_WORD, totalMax)) return ENTERED;
    Atomics.sub(this.counts, word, 1);
    return BROKER_IS_FULL;
  }

  /** Who has entered is of that front. */
  arrive(front: number): void {
    Atomics.add(this.counts, wordOfFront(front), 1);
  }

  /** A connection of this front ended, or never began. */
  leave(listener: number): void {
    const before = Atomics.sub(this.counts, wordOfFront(this.index), 1);
    const beforeByListener = Atomics.sub(this.counts, this.wordOfListener(listener), 1);
    Atomics.sub(this.counts, TOTAL_WORD, 1);
    assert(before > 0 && beforeByListener > 0, 'a connection that leaves was counted');
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

  /** Goes round again only where another front has counted in between. */
  private addBelow(word: number, max: number): boolean {
    for (;;) {
      const count = Atomics.load(this.counts, word);
      if (count >= max) return false;
      if (Atomics.compareExchange(this.counts, word, count, count + 1) === count) return true;
    }
  }

  private wordOfListener(listener: number): number {
    assert(listener >= 0 && listener < LISTENERS_MAX, 'a listener has a number');
    return (1 + this.fronts + listener) * COUNT_WORDS;
  }
}

function wordOfFront(front: number): number {
  return (1 + front) * COUNT_WORDS;
}
