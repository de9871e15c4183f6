/**
 * What one Fetch request is to bring: its partitions (of the request itself, or of its session), its limits, and how far
 * it came. One plan per exchange index, reused. `01-fetch` moves it through its states, `fetch-request` fills it,
 * `fetch-answer` writes the response from it. The results of reads lie in the exchange, one entry per partition.
 */

import { ENTRIES_KEPT } from '../net/exchange.ts';
import type { Topic } from '../net/route-table.ts';
import { FetchEntry, type FetchSession } from './fetch-sessions.ts';

// Entry words of the exchange.
export const ENTRY_ERROR = 0;
export const ENTRY_FD = 1;
export const ENTRY_LENGTH = 2;
/** -1: none held. */
export const ENTRY_LEASE = 3;
export const ENTRY_STATE = 4;
export const ENTRY_SLOT = 5;
export const ENTRY_WORKER = 6;
export const ENTRY_ABORTED = 7;
// Entry numbers.
export const ENTRY_POSITION = 0;
export const ENTRY_HIGH = 1;
export const ENTRY_STABLE = 2;
export const ENTRY_LOG_START = 3;
/** What the board said when the partition was last looked at: bytes ever appended, and how far the client may read. */
export const ENTRY_SEEN_BYTES = 4;
export const ENTRY_SEEN_LIMIT = 5;

/** Nothing to ask of a worker: an error known here, or nothing past the offset. */
export const STATE_DONE = 0;
/** There are bytes past the offset. */
export const STATE_WANTED = 1;
/** Something is wrong (offset, epoch): the worker says what, and its watermarks. */
export const STATE_DOUBTFUL = 2;
export const STATE_ASKED = 3;
/** Asked with too few bytes for its first batch. */
export const STATE_STARVED = 4;

const ABORTED_START = 8;

export class FetchPlan {
  session: FetchSession | null = null;
  /** Top-level error; then nothing else is answered. */
  error = 0;
  sessionId = 0;
  usesIds = false;
  isCommitted = false;
  /** A broker fetches, to follow. */
  isFromBroker = false;
  /** Only what changed is answered. */
  isIncremental = false;
  bytesMax = 0;
  bytesMin = 0;
  deadlineMs = 0;
  count = 0;
  /** The first to look at; the others follow, wrapping around. */
  first = 0;
  takenBytes = 0;
  hasErrors = false;
  firstWholeGiven = false;
  /** Who was asked for it last. */
  wholeEntry = -1;
  /** Its time is up: what is there now is the answer. */
  isLast = false;
  /** Aborted transactions: entry, producer id, first offset. */
  abortedCount = 0;
  aborted = new Float64Array(ABORTED_START * 3);
  private entries: FetchEntry[] = [];
  private own: FetchEntry[] = [];

  reset(): void {
    this.session = null;
    this.error = 0;
    this.sessionId = 0;
    this.isIncremental = false;
    this.count = 0;
    this.first = 0;
    this.takenBytes = 0;
    this.hasErrors = false;
    this.firstWholeGiven = false;
    this.wholeEntry = -1;
    this.isLast = false;
    this.abortedCount = 0;
    // Of a large request nothing is kept, as its exchange keeps nothing.
    if (this.own.length > ENTRIES_KEPT) this.own = [];
    if (this.aborted.length > ENTRIES_KEPT * 3) this.aborted = new Float64Array(ABORTED_START * 3);
    this.entries = this.own;
  }

  /** All of the session's partitions, from where its last fetch left off. */
  useSession(session: FetchSession): void {
    this.session = session;
    this.sessionId = session.id;
    this.entries = session.entries;
    this.count = session.entries.length;
    this.first = session.first < this.count ? session.first : 0;
  }

  /** One more partition of a request without a session. */
  addOwn(topic: Topic, partition: number): FetchEntry {
    let entry = this.own[this.count];
    if (entry === undefined) {
      entry = new FetchEntry(topic, partition);
      this.own.push(entry);
    }
    entry.topic = topic;
    entry.partition = partition;
    this.count += 1;
    return entry;
  }

  /** The `order`-th to be looked at: its index among the entries. */
  indexAt(order: number): number {
    const index = this.first + order;
    return index < this.count ? index : index - this.count;
  }

  entryAt(index: number): FetchEntry {
    return this.entries[index]!;
  }

  pushAborted(entry: number, producerId: number, firstOffset: number): void {
    const at = this.abortedCount * 3;
    if (at === this.aborted.length) {
      const wider = new Float64Array(this.aborted.length * 2);
      wider.set(this.aborted);
      this.aborted = wider;
    }
    this.aborted[at] = entry;
    this.aborted[at + 1] = producerId;
    this.aborted[at + 2] = firstOffset;
    this.abortedCount += 1;
  }
}
