/**
 * One request and its response, holding their place in a connection's order. Exchanges are created once, pooled by
 * index, and found again by that index in every receipt. An exchange whose connection died lives on without it until the
 * last of its jobs came back: a span that a worker may still read is never given away.
 *
 *   free ─take→ begun by its API (pending jobs > 0) ─last receipt→ ready ─its turn in the connection's order→ settled, free
 */
import { assert, must } from '../base/assert.ts';
import type { ClientMeters } from './client-meters.ts';
import type { Connection } from './connection.ts';

/** Result words per partition entry: the meaning is the API's own. */
export const ENTRY_WORDS = 8;
export const ENTRY_NUMBERS = 6;
const ENTRIES_START = 4;
/** Arrays that grew beyond this are dropped when the exchange is given back. */
export const ENTRIES_KEPT = 256;
/** Of all exchanges together, in arrays beyond that: 80 bytes each. */
export const ENTRIES_LARGE_MAX = 2_097_152;

export type ExchangeState =
  | typeof EXCHANGE_FREE
  | typeof EXCHANGE_STARTING
  | typeof EXCHANGE_WORKING
  | typeof EXCHANGE_READY;
export const EXCHANGE_FREE = 0;
/** `begin` has not finished: it waits for room in a lane, and the connection's later frames wait behind it. */
export const EXCHANGE_STARTING = 1;
export const EXCHANGE_WORKING = 2;
/** Nothing is pending: the response is written when everything before it on the connection is. */
export const EXCHANGE_READY = 3;

/** What `begin` says. */
export const BEGUN = 0;
/** A lane is full: call again later, the exchange remembers how far it came. */
export const BEGIN_WAITS = 1;
/** The bytes are not a request: close the connection. */
export const BEGIN_BROKEN = 2;
/** Requests under way list too many partitions: close the connection. */
export const BEGIN_TOO_MANY = 3;

/** What `settle` says. */
export const SETTLED = 0;
/** No memory for the response now. */
export const SETTLE_WAITS = 1;
/** Close the connection instead of answering. */
export const SETTLE_CLOSES = 2;

export class Exchange {
  readonly index: number;
  state: ExchangeState = EXCHANGE_FREE;
  /** Null: the connection is gone; the exchange only waits for its receipts. */
  connection: Connection | null = null;
  /** The next younger exchange of the connection. */
  next: Exchange | null = null;
  /** A data API of the front answers it; else main does. */
  isData = false;
  /** Part of a login: main reads its bytes, whatever they are. */
  isLogin = false;
  apiKey = 0;
  version = 0;
  correlationId = 0;
  /** The request: a span in the slab, and the block that it holds a reference on (-1: given back). */
  frameBlock = -1;
  frameAt = 0;
  frameLength = 0;
  bodyAt = 0;
  bodyEnd = 0;
  startedMs = 0;
  /** When it was read, by the clock of the metrics; only where they are wanted. */
  readMs = 0;
  /** Its answer holds an error. */
  hasErrors = false;
  /** Jobs under way. */
  pending = 0;
  /** Entries whose jobs are sent; where `begin` goes on after a full lane. */
  entriesBegun = 0;
  entryCount = 0;
  isParked = false;
  /** A lane was full: the front tries again. */
  isRetried = false;
  /** What the API remembers between begin and settle in one number. */
  note = 0;
  words: Int32Array = new Int32Array(ENTRIES_START * ENTRY_WORDS);
  numbers: Float64Array = new Float64Array(ENTRIES_START * ENTRY_NUMBERS);
  /** A control reply collected so far: outbox parts, first and last (-1: none). */
  replyHead = -1;
  replyTail = -1;
  replyIsComplete = false;
  closesAfter = false;
  /** It is not a request that can be answered: its turn is the end of its connection. */
  isRefused = false;
  /** What limits the client; null: nothing does. */
  meters: ClientMeters | null = null;
  /** How long the client has to wait after the answer; -1: not decided yet. */
  throttleMs = -1;
  /** How long threads were busy with it, where that is limited. */
  busyMs = 0;

  private readonly large: { entries: number };

  constructor(index: number, large: { entries: number }) {
    this.index = index;
    this.large = large;
  }

  /** Makes room for results; what is there already stays. False: all exchanges together hold too many. */
  holdEntries(count: number): boolean {
    assert(count >= 0, 'a request has no negative number of partitions');
    const held = this.words.length / ENTRY_WORDS;
    if (count <= held) return true;
    let wanted = held * 2;
    while (wanted < count) wanted *= 2;
    if (wanted > ENTRIES_KEPT) {
      const entries = this.large.entries + wanted - (held > ENTRIES_KEPT ? held : 0);
      if (entries > ENTRIES_LARGE_MAX) return false;
      this.large.entries = entries;
    }
    const words = new Int32Array(wanted * ENTRY_WORDS);
    words.set(this.words);
    const numbers = new Float64Array(wanted * ENTRY_NUMBERS);
    numbers.set(this.numbers);
    this.words = words;
    this.numbers = numbers;
    return true;
  }

  reset(): void {
    this.state = EXCHANGE_FREE;
    this.connection = null;
    this.next = null;
    this.isData = false;
    this.isLogin = false;
    this.hasErrors = false;
    this.frameBlock = -1;
    this.pending = 0;
    this.entriesBegun = 0;
    this.entryCount = 0;
    this.isParked = false;
    this.isRetried = false;
    this.note = 0;
    this.replyHead = -1;
    this.replyTail = -1;
    this.replyIsComplete = false;
    this.closesAfter = false;
    this.isRefused = false;
    this.meters = null;
    this.throttleMs = -1;
    this.busyMs = 0;
    if (this.words.length > ENTRIES_KEPT * ENTRY_WORDS) {
      this.large.entries -= this.words.length / ENTRY_WORDS;
      this.words = new Int32Array(ENTRIES_START * ENTRY_WORDS);
      this.numbers = new Float64Array(ENTRIES_START * ENTRY_NUMBERS);
    }
  }
}

/** Created as needed up to a maximum, then reused, the one used last first: its arrays are warm in the cache. */
export class ExchangePool {
  private readonly exchanges: Exchange[] = [];
  private readonly free: number[] = [];
  private readonly large = { entries: 0 };
  private readonly exchangesMax: number;

  constructor(exchangesMax: number) {
    assert(exchangesMax > 0, 'a front can hold at least one exchange');
    this.exchangesMax = exchangesMax;
  }

  get usedCount(): number {
    return this.exchanges.length - this.free.length;
  }

  take(): Exchange | null {
    const index = this.free.pop();
    if (index !== undefined) return must(this.exchanges[index], 'a free exchange exists');
    if (this.exchanges.length === this.exchangesMax) return null;
    const exchange = new Exchange(this.exchanges.length, this.large);
    this.exchanges.push(exchange);
    return exchange;
  }

  at(index: number): Exchange {
    const exchange = must(this.exchanges[index], 'a receipt names an exchange of this front');
    assert(exchange.state !== EXCHANGE_FREE, 'a receipt names an exchange that is under way');
    return exchange;
  }

  /** The exchange takes its place behind the connection's others. */
  append(connection: Connection, exchange: Exchange): void {
    assert(exchange.next === null, 'an exchange joins one connection');
    if (connection.orderTail < 0) connection.orderHead = exchange.index;
    else this.at(connection.orderTail).next = exchange;
    connection.orderTail = exchange.index;
    connection.orderCount += 1;
  }

  oldestOf(connection: Connection): Exchange | null {
    return connection.orderHead < 0 ? null : this.at(connection.orderHead);
  }

  latestOf(connection: Connection): Exchange | null {
    return connection.orderTail < 0 ? null : this.at(connection.orderTail);
  }

  /** Takes the oldest exchange of the connection out. */
  shift(connection: Connection): Exchange | null {
    const exchange = this.oldestOf(connection);
    if (exchange === null) return null;
    connection.orderHead = exchange.next === null ? -1 : exchange.next.index;
    if (connection.orderHead < 0) connection.orderTail = -1;
    exchange.next = null;
    connection.orderCount -= 1;
    assert(connection.orderCount >= 0, 'the order counts its exchanges');
    return exchange;
  }

  give(exchange: Exchange): void {
    assert(exchange.state !== EXCHANGE_FREE, 'an exchange is given back once');
    assert(exchange.pending === 0, 'an exchange waits for all of its jobs');
    exchange.reset();
    this.free.push(exchange.index);
  }
}
