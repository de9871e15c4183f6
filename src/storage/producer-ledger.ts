/**
 * The producers of one log: decides whether a batch with a producer id is next in line, sent again, or out of order, and
 * keeps the transactions that are open or decided but not yet visible. The log asks `check` before it queues a batch and
 * tells `record` of it right after, so that batches of one turn are seen in order; when the write then fails the log
 * is closed to appends, and the ledger is loaded anew before it opens again.
 *
 * Memory is bounded by `PRODUCERS_MAX`: beyond it the producers longest unseen are forgotten, which for a producer that
 * comes back is the same as having expired: any first sequence is taken from it.
 */
import { assert } from '../base/assert.ts';
import { APPEND_GUARD_MASK, APPEND_UNVERIFIED } from '../zerocopy/layout.ts';
import { MARKER_ABORT } from './control-marker.ts';
import { ProducerEntry, sequenceAfter } from './producer-entry.ts';
import { RefusedProducers } from './refused-producers.ts';
import { UnverifiedProducers } from './unverified-producers.ts';

const NONE = 0;
const OUT_OF_ORDER_SEQUENCE_NUMBER = 45;
const INVALID_PRODUCER_EPOCH = 47;
const INVALID_TXN_STATE = 48;
const TRANSACTION_COORDINATOR_FENCED = 52;
const NO_SEQUENCE = -1;
export const PRODUCERS_MAX = 100_000;

export interface OpenTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

export interface DecidedTransaction extends OpenTransaction {
  /** Offset of the marker that ended it. */
  readonly lastOffset: number;
  readonly isAborted: boolean;
  /** First offset still undecided once this one was; goes into the aborted index. */
  readonly stableOffset: number;
}

export class ProducerLedger {
  /** Set by a `check` that said APPEND_UNVERIFIED: whoever verifies the batch hands it back in. */
  guard = 0;
  /** Set by a `check` that found a duplicate. */
  isDuplicate = false;
  duplicateBaseOffset = -1;
  duplicateLastOffset = -1;
  duplicateTimestamp = -1;
  private readonly entries = new Map<number, ProducerEntry>();
  private readonly unverified = new UnverifiedProducers();
  private readonly refused = new RefusedProducers();
  /** By first offset, which is the order they begin in. */
  private readonly open: OpenTransaction[] = [];
  /** By marker offset. Holds the stable offset back until the high watermark has passed the marker. */
  private decided: DecidedTransaction[] = [];

  get count(): number {
    return this.entries.size;
  }

  values(): IterableIterator<ProducerEntry> {
    return this.entries.values();
  }

  find(producerId: number): ProducerEntry | null {
    return this.entries.get(producerId) ?? null;
  }

  /** The producer with an open transaction whose id that is, or becomes when one bit of it is turned back; null: none. */
  openLike(id: bigint): ProducerEntry | null {
    for (const { producerId } of this.open) {
      const differing = BigInt.asUintN(64, id ^ BigInt(producerId));
      if ((differing & (differing - 1n)) === 0n) return this.find(producerId);
    }
    return null;
  }

  /**
   * A data batch that is about to be appended. `isInternal`: written by a coordinator, which keeps no sequences.
   * `verifiedGuard`: what the transaction coordinator was asked under, -1 when it was not. `bumpsEpoch`: the producer gets a
   * new epoch with every transaction.
   *
   * A transaction begins in a log with a batch that its coordinator knows of; else nobody would ever end it (KIP-890). That
   * comes before all else: of a batch that belongs to no transaction it is not even said that it was sent before.
   */
  check(
    id: number,
    epoch: number,
    baseSequence: number,
    count: number,
    isTransactional: boolean,
    isInternal: boolean,
    verifiedGuard: number,
    bumpsEpoch: boolean,
  ): number {
    this.isDuplicate = false;
    const entry = this.entries.get(id);
    const begins = isTransactional && !isInternal && !isOpenFor(entry, epoch);
    if (begins) {
      if (entry !== undefined && epoch < entry.epoch) return INVALID_PRODUCER_EPOCH;
      const guard = entry === undefined ? 0 : entry.markerCount & APPEND_GUARD_MASK;
      if (verifiedGuard !== guard) {
        this.guard = guard;
        this.unverified.note(id, epoch, baseSequence, bumpsEpoch);
        return APPEND_UNVERIFIED;
      }
    }
    // Nothing is known of an id that is new, expired, or whose records were all deleted: any sequence is a first one.
    if (entry === undefined || entry.epoch < 0) {
      if (!isInternal && !this.refused.mayBegin(id, epoch, baseSequence)) return OUT_OF_ORDER_SEQUENCE_NUMBER;
      return begins && !this.unverified.mayBegin(id, baseSequence, false) ? OUT_OF_ORDER_SEQUENCE_NUMBER : NONE;
    }
    if (!isInternal && epoch === entry.epoch && baseSequence !== NO_SEQUENCE) {
      const index = entry.find(baseSequence, sequenceAfter(baseSequence, count - 1));
      if (index >= 0) {
        this.isDuplicate = true;
        this.duplicateBaseOffset = entry.baseOffsetAt(index);
        this.duplicateLastOffset = this.duplicateBaseOffset + count - 1;
        this.duplicateTimestamp = entry.timestampAt(index);
        return NONE;
      }
    }
    if (epoch < entry.epoch) return INVALID_PRODUCER_EPOCH;
    if (begins && !this.unverified.mayBegin(id, baseSequence, entry.hasBatches)) return OUT_OF_ORDER_SEQUENCE_NUMBER;
    if (!isInternal) {
      const isInOrder = epoch !== entry.epoch ? baseSequence === 0 : entry.follows(baseSequence);
      if (!isInOrder) return OUT_OF_ORDER_SEQUENCE_NUMBER;
    }
    if (entry.openFirstOffset >= 0 && !isTransactional) return INVALID_TXN_STATE;
    return NONE;
  }

  /** A batch is refused, but not for good: it comes again, and what the producer sent behind it may come before. */
  noteRefused(id: number, epoch: number, baseSequence: number): void {
    if (baseSequence !== NO_SEQUENCE && !this.entries.has(id)) this.refused.note(id, epoch, baseSequence);
  }

  /** What was recorded from an offset on was not written. */
  noteUnwritten(offset: number): void {
    for (const entry of this.entries.values()) {
      const sequence = entry.lastOffset < offset ? NO_SEQUENCE : entry.sequenceFrom(offset);
      if (sequence !== NO_SEQUENCE) this.refused.note(entry.id, entry.epoch, sequence);
    }
  }

  /**
   * `bumpsEpoch`: the marker has an epoch above that of the records of its transaction, so that what is open under the same
   * one is a later transaction. Where nothing is open it is the marker that is there already.
   */
  checkMarker(id: number, epoch: number, coordinatorEpoch: number, bumpsEpoch: boolean): number {
    const entry = this.entries.get(id);
    if (entry === undefined) return NONE;
    if (epoch < entry.epoch) return INVALID_PRODUCER_EPOCH;
    if (bumpsEpoch && epoch === entry.epoch && entry.openFirstOffset >= 0) return INVALID_PRODUCER_EPOCH;
    return coordinatorEpoch < entry.coordinatorEpoch ? TRANSACTION_COORDINATOR_FENCED : NONE;
  }

  record(
    id: number,
    epoch: number,
    baseSequence: number,
    baseOffset: number,
    lastOffset: number,
    timestamp: number,
    isTransactional: boolean,
    nowMs: number,
  ): void {
    const entry = this.enter(id, nowMs);
    this.refused.begun(id);
    const delta = lastOffset - baseOffset;
    entry.setEpoch(epoch);
    entry.push(
      baseSequence === NO_SEQUENCE ? NO_SEQUENCE : sequenceAfter(baseSequence, delta),
      delta,
      lastOffset,
      timestamp,
    );
    if (!isTransactional) return;
    this.unverified.begun(id);
    if (entry.openFirstOffset >= 0) return;
    entry.openFirstOffset = baseOffset;
    this.open.push({ producerId: id, firstOffset: baseOffset });
  }

  /** Returns the transaction that the marker ended, null when the producer had none open here. */
  recordMarker(
    id: number,
    epoch: number,
    kind: number,
    coordinatorEpoch: number,
    offset: number,
    timestamp: number,
    nowMs: number,
  ): DecidedTransaction | null {
    const entry = this.enter(id, nowMs);
    const firstOffset = entry.openFirstOffset;
    this.unverified.ended(id, epoch);
    entry.setEpoch(epoch);
    entry.coordinatorEpoch = coordinatorEpoch;
    entry.markerCount += 1;
    entry.lastTimestamp = timestamp;
    entry.openFirstOffset = -1;
    if (firstOffset < 0) return null;
    const index = this.open.findIndex((transaction) => transaction.producerId === id);
    assert(index >= 0, 'an open transaction is in the list of open ones');
    this.open.splice(index, 1);
    const stableOffset = this.open[0]?.firstOffset ?? offset + 1;
    const isAborted = kind === MARKER_ABORT;
    const ended = { producerId: id, firstOffset, lastOffset: offset, isAborted, stableOffset };
    this.decided.push(ended);
    return ended;
  }

  /** First offset that may not be shown as stable yet, -1 when there is none. */
  unstableOffset(high: number): number {
    if (this.open.length === 0 && this.decided.length === 0) return -1;
    while (this.decided.length > 0 && this.decided[0]!.lastOffset < high) this.decided.shift();
    let first = this.open[0]?.firstOffset ?? -1;
    for (const transaction of this.decided) {
      if (first < 0 || transaction.firstOffset < first) first = transaction.firstOffset;
    }
    return first;
  }

  /** Puts an entry in place that a snapshot holds. */
  load(entry: ProducerEntry): void {
    this.entries.set(entry.id, entry);
    if (entry.openFirstOffset < 0) return;
    this.open.push({ producerId: entry.id, firstOffset: entry.openFirstOffset });
    this.open.sort((left, right) => left.firstOffset - right.firstOffset);
  }

  clear(): void {
    this.entries.clear();
    this.unverified.clear();
    this.open.length = 0;
    this.decided = [];
  }

  /** Forgets producers unseen for long; those with a transaction open stay. Returns how many went. */
  expire(nowMs: number, expiryMs: number): number {
    let count = 0;
    for (const entry of this.entries.values()) {
      if (entry.openFirstOffset >= 0 || nowMs - entry.lastSeenMs < expiryMs) continue;
      this.entries.delete(entry.id);
      count += 1;
    }
    return count;
  }

  private enter(id: number, nowMs: number): ProducerEntry {
    let entry = this.entries.get(id);
    if (entry === undefined) {
      if (this.entries.size >= PRODUCERS_MAX) this.evict();
      entry = new ProducerEntry(id);
      this.entries.set(id, entry);
    }
    entry.lastSeenMs = nowMs;
    return entry;
  }

  /** Rare and slow on purpose: an eighth at once, so that the next thousands of producers pay nothing. */
  private evict(): void {
    const idle = [...this.entries.values()].filter((entry) => entry.openFirstOffset < 0);
    idle.sort((left, right) => left.lastSeenMs - right.lastSeenMs);
    const count = Math.max(1, Math.floor(idle.length / 8));
    for (const entry of idle.slice(0, count)) this.entries.delete(entry.id);
  }
}

function isOpenFor(entry: ProducerEntry | undefined, epoch: number): boolean {
  return entry !== undefined && entry.openFirstOffset >= 0 && entry.epoch === epoch;
}
