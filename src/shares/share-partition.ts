/**
 * One partition as a share group sees it (KIP-932): which records are free, which member holds which, which are done
 * with. A state machine without clock, disk or network: `live-partition.ts` reads the log for it, keeps its timer and
 * stores what `takeChanges` gives.
 *
 *                    acquire, count + 1                    accept
 *     available ──────────────────────────▶ acquired ──────────────▶ acknowledged ─┐
 *         ▲                                    │ │                                 ├─▶ forgotten when nothing before
 *         └────── release, lock ran out ───────┘ └── reject, gap, no deliveries ──▶ archived ─┘    it is undone
 *                                                    left, fell off the log
 *
 * The start offset is the first record that is not done with; the end offset is the last that was ever handed out
 * (start - 1 when there is none). A batch is handed out whole unless the member asked for an exact count, because its
 * bytes travel whole anyway: that may exceed what was asked for, and the number of locks.
 */
import { assert } from '../base/assert.ts';
import {
  ACKNOWLEDGED,
  ACQUIRED,
  ARCHIVED,
  AVAILABLE,
  type DeliveryState,
  InFlight,
  isTerminal,
  type Run,
} from './in-flight.ts';

export interface StateBatch {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly deliveryState: number;
  readonly deliveryCount: number;
}

/** What changed since it was stored last. */
export interface StateChange {
  readonly startOffset: number;
  /** Records between start and end that are done with. */
  readonly deliveryCompleteCount: number;
  readonly stateBatches: readonly StateBatch[];
}

/** A batch of the log as it was read; `isHidden`: nobody is to see it (a marker, or aborted records). */
export interface LogBatch {
  readonly first: number;
  readonly last: number;
  readonly isHidden: boolean;
}

export interface AcquireWish {
  readonly memberId: string;
  /** In the order of the log. */
  readonly batches: readonly LogBatch[];
  /** Where reading began: what lies between it and the batches is no longer in the log. */
  readonly fromOffset: number;
  readonly recordsMax: number;
  /** How many records the member likes in one range; ranges end where batches end. */
  readonly rangeRecords: number;
  /** Not more records than `recordsMax`, even if that cuts a batch. */
  readonly isExact: boolean;
}

export interface ShareLimits {
  readonly deliveryCountMax: number;
  readonly lockMs: number;
  readonly locksMax: number;
}

export interface AcquiredRange {
  firstOffset: number;
  lastOffset: number;
  readonly deliveryCount: number;
}

export const ACKNOWLEDGE_GAP = 0;
export const ACKNOWLEDGE_ACCEPT = 1;
export const ACKNOWLEDGE_RELEASE = 2;
export const ACKNOWLEDGE_REJECT = 3;
export const ACKNOWLEDGE_RENEW = 4;

export interface Acknowledgement {
  readonly firstOffset: number;
  readonly lastOffset: number;
  /** One for all offsets, or one for each. */
  readonly types: readonly number[];
}

export type AcknowledgeProblem = 'not-found' | 'before-acquired' | 'beyond-acquired' | 'not-acquired' | 'not-owner';

export class SharePartition {
  private readonly inFlight = new InFlight();
  private start: number;
  private end: number;
  private storedStart: number;

  /** `stored` is what the last life of the partition left, in the order of the log. */
  constructor(startOffset: number, stored: readonly StateBatch[] = []) {
    assert(startOffset >= 0, 'a share partition starts at an offset of the log');
    this.start = startOffset;
    this.storedStart = startOffset;
    this.end = startOffset - 1;
    for (const batch of stored) {
      if (batch.lastOffset < startOffset) continue;
      const first = Math.max(batch.firstOffset, startOffset);
      const state = storedState(batch.deliveryState);
      this.inFlight.insert(newRun(first, batch.lastOffset, state, batch.deliveryCount));
      this.end = batch.lastOffset;
    }
    this.tidy();
  }

  get startOffset(): number {
    return this.start;
  }

  get endOffset(): number {
    return this.end;
  }

  get runs(): readonly Readonly<Run>[] {
    return this.inFlight.runs;
  }

  /** The first offset that may be handed out. */
  get nextOffset(): number {
    let offset = this.start;
    for (const run of this.inFlight.runs) {
      if (run.first > offset || run.state === AVAILABLE) return offset;
      offset = run.last + 1;
    }
    return offset;
  }

  /** When the first lock ends; Infinity while there is none. */
  get nextDueMs(): number {
    let dueMs = Number.POSITIVE_INFINITY;
    for (const run of this.inFlight.runs) if (run.dueMs < dueMs) dueMs = run.dueMs;
    return dueMs;
  }

  /** Whether a fetch may be given anything: there is room, or something lies free between what is handed out. */
  canAcquire(locksMax: number): boolean {
    return this.end - this.start + 1 < locksMax || this.nextOffset <= this.end;
  }

  acquire(wish: AcquireWish, limits: ShareLimits, nowMs: number): AcquiredRange[] {
    const ranges: AcquiredRange[] = [];
    const room = limits.locksMax - (this.end - this.start + 1);
    const isFull = room <= 0;
    /** Without room only what lies between the records handed out before may be had. */
    const lastOffset = isFull ? this.end : Number.POSITIVE_INFINITY;
    let left = isFull ? wish.recordsMax : Math.min(wish.recordsMax, room);
    let cursor = Math.max(wish.fromOffset, this.start);
    for (const batch of wish.batches) {
      if (batch.last < cursor) continue;
      if (left <= 0) break;
      const first = Math.max(batch.first, cursor);
      if (first > cursor) this.hide(cursor, first - 1);
      if (first > lastOffset) break;
      const last = Math.min(batch.last, lastOffset);
      if (batch.isHidden) this.hide(first, batch.last);
      else left -= this.acquireBatch(ranges, first, last, left, wish, limits, nowMs);
      cursor = batch.last + 1;
    }
    this.advance();
    return ranges;
  }

  /** All or nothing. What lies before the start offset is taken for done: it fell off the log, or was done before. */
  acknowledge(
    memberId: string,
    batches: readonly Acknowledgement[],
    limits: ShareLimits,
    nowMs: number,
  ): AcknowledgeProblem | null {
    for (const batch of batches) {
      const problem = this.problemOf(memberId, batch);
      if (problem !== null) return problem;
    }
    for (const batch of batches) {
      const { firstOffset, lastOffset, types } = batch;
      if (types.length === 1) {
        this.settle(firstOffset, lastOffset, types[0]!, limits, nowMs);
        continue;
      }
      for (let from = 0; from < types.length; ) {
        let to = from + 1;
        while (to < types.length && types[to] === types[from]) to++;
        this.settle(firstOffset + from, firstOffset + to - 1, types[from]!, limits, nowMs);
        from = to;
      }
    }
    this.advance();
    return null;
  }

  /** The member is gone: what it holds is free again. */
  release(memberId: string, limits: ShareLimits): void {
    for (const run of this.inFlight.runs) {
      if (run.state === ACQUIRED && run.memberId === memberId) giveBack(run, limits);
    }
    this.tidy();
  }

  /** Locks that ran out are taken away. */
  expire(limits: ShareLimits, nowMs: number): void {
    for (const run of this.inFlight.runs) {
      if (run.state === ACQUIRED && run.dueMs <= nowMs) giveBack(run, limits);
    }
    this.tidy();
  }

  /** The log begins later now: nobody can have what lay before. */
  moveStart(logStart: number): void {
    if (logStart <= this.start) return;
    this.inFlight.dropBefore(logStart);
    this.start = logStart;
    if (this.end < logStart - 1) this.end = logStart - 1;
    this.advance();
  }

  /** What is to be stored, and is taken for stored from now on; null when nothing changed. */
  takeChanges(): StateChange | null {
    const stateBatches: StateBatch[] = [];
    let deliveryCompleteCount = 0;
    for (const run of this.inFlight.runs) {
      if (isTerminal(run)) deliveryCompleteCount += run.last - run.first + 1;
      if (!run.isChanged || run.state === ACQUIRED) continue;
      run.isChanged = false;
      stateBatches.push(stateBatchOf(run));
    }
    if (stateBatches.length === 0 && this.start === this.storedStart) return null;
    this.storedStart = this.start;
    this.inFlight.join(this.start, this.end);
    return { startOffset: this.start, deliveryCompleteCount, stateBatches };
  }

  // ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Acquires what is free between `first` and `last`; returns how many records that were. */
  private acquireBatch(
    ranges: AcquiredRange[],
    first: number,
    last: number,
    recordsMax: number,
    wish: AcquireWish,
    limits: ShareLimits,
    nowMs: number,
  ): number {
    let acquired = 0;
    for (let offset = first; offset <= last; ) {
      const index = this.inFlight.indexFrom(offset);
      const run = this.inFlight.runs[index];
      const isFree = run === undefined || run.first > offset;
      let pieceLast = Math.min(last, run === undefined ? last : isFree ? run.first - 1 : run.last);
      if (!isFree && run.state !== AVAILABLE) {
        offset = pieceLast + 1;
        continue;
      }
      const count = isFree ? 1 : run.deliveryCount + 1;
      const togetherMax = recordsTogether(count, pieceLast - offset + 1, limits);
      const isApart = togetherMax > 0;
      if (isApart) {
        if (ranges.length > 0) return recordsMax;
        pieceLast = offset + togetherMax - 1;
      }
      if (wish.isExact) pieceLast = Math.min(pieceLast, offset + recordsMax - acquired - 1);
      this.hold(offset, pieceLast, count, wish.memberId, nowMs + limits.lockMs);
      addRange(ranges, { firstOffset: offset, lastOffset: pieceLast, deliveryCount: count }, wish.rangeRecords);
      acquired += pieceLast - offset + 1;
      if (isApart || (wish.isExact && acquired >= recordsMax)) return recordsMax;
      offset = pieceLast + 1;
    }
    return acquired;
  }

  private hold(first: number, last: number, deliveryCount: number, memberId: string, dueMs: number): void {
    const runs = this.inFlight.cut(first, last);
    if (runs.length === 0) {
      this.inFlight.insert({ ...newRun(first, last, ACQUIRED, deliveryCount), memberId, dueMs });
    }
    for (const run of runs) {
      assert(run.state === AVAILABLE, 'only what is free can be acquired');
      Object.assign(run, { state: ACQUIRED, deliveryCount, memberId, dueMs, isChanged: false });
    }
    if (last > this.end) this.end = last;
    this.inFlight.join(first, last);
  }

  /** Free offsets that no member is to see are done with. */
  private hide(first: number, last: number): void {
    for (const run of this.inFlight.cut(first, last)) {
      if (run.state === AVAILABLE) change(run, ARCHIVED);
    }
    let offset = first;
    for (const run of this.inFlight.cut(first, last)) {
      if (run.first > offset) this.inFlight.insert(newRun(offset, run.first - 1, ARCHIVED, 0));
      offset = run.last + 1;
    }
    if (offset <= last) this.inFlight.insert(newRun(offset, last, ARCHIVED, 0));
    if (last > this.end) this.end = last;
    this.inFlight.join(first, last);
  }

  private problemOf(memberId: string, { firstOffset, lastOffset }: Acknowledgement): AcknowledgeProblem | null {
    if (lastOffset < this.start) return null;
    const runs = this.inFlight.runs;
    const first = Math.max(firstOffset, this.start);
    const index = this.inFlight.indexFrom(first);
    if (firstOffset > this.end) return runs.length === 0 ? 'not-found' : 'before-acquired';
    if (lastOffset > this.end) return 'beyond-acquired';
    let offset = first;
    for (let at = index; offset <= lastOffset; at++) {
      const run = runs[at];
      if (run === undefined || run.first > offset) return 'not-found';
      if (run.state !== ACQUIRED) return 'not-acquired';
      if (run.memberId !== memberId) return 'not-owner';
      offset = run.last + 1;
    }
    return null;
  }

  private settle(first: number, last: number, type: number, limits: ShareLimits, nowMs: number): void {
    if (last < this.start) return;
    for (const run of this.inFlight.cut(Math.max(first, this.start), last)) {
      assert(run.state === ACQUIRED, 'only what is held can be acknowledged');
      if (type === ACKNOWLEDGE_RENEW) run.dueMs = nowMs + limits.lockMs;
      else if (type === ACKNOWLEDGE_RELEASE) giveBack(run, limits);
      else change(run, type === ACKNOWLEDGE_ACCEPT ? ACKNOWLEDGED : ARCHIVED);
    }
    this.inFlight.join(first, last);
  }

  private tidy(): void {
    this.inFlight.join(this.start, this.end);
    this.advance();
  }

  /** The start offset moves over everything that is done with. */
  private advance(): void {
    let offset = this.start;
    let count = 0;
    for (const run of this.inFlight.runs) {
      if (run.first !== offset || !isTerminal(run)) break;
      offset = run.last + 1;
      count++;
    }
    if (count === 0) return;
    this.inFlight.runs.splice(0, count);
    this.start = offset;
    if (this.end < offset - 1) this.end = offset - 1;
  }
}

function newRun(first: number, last: number, state: DeliveryState, deliveryCount: number): Run {
  return { first, last, state, deliveryCount, memberId: '', dueMs: Number.POSITIVE_INFINITY, isChanged: false };
}

function change(run: Run, state: DeliveryState): void {
  run.state = state;
  run.memberId = '';
  run.dueMs = Number.POSITIVE_INFINITY;
  run.isChanged = true;
}

function giveBack(run: Run, limits: ShareLimits): void {
  change(run, run.deliveryCount >= limits.deliveryCountMax ? ARCHIVED : AVAILABLE);
}

/**
 * Whatever makes every member fail with a record must not take its neighbours with it. Once half of its deliveries are
 * used up, a record comes with fewer and fewer neighbours, and the last time alone. 0: with as many as there are.
 */
function recordsTogether(deliveryCount: number, records: number, { deliveryCountMax }: ShareLimits): number {
  const before = deliveryCount - 1;
  const freely = Math.max(2, Math.ceil(deliveryCountMax / 2));
  if (before < freely || deliveryCount < 2) return 0;
  if (deliveryCount >= deliveryCountMax) return 1;
  return Math.max(1, records >> (before - freely + 1));
}

/** Ranges that follow each other become one until it has as many records as the member likes. */
function addRange(ranges: AcquiredRange[], range: AcquiredRange, rangeRecords: number): void {
  const before = ranges.at(-1);
  if (
    before !== undefined &&
    before.lastOffset + 1 === range.firstOffset &&
    before.deliveryCount === range.deliveryCount &&
    before.lastOffset - before.firstOffset + 1 < rangeRecords
  ) {
    before.lastOffset = range.lastOffset;
    return;
  }
  ranges.push(range);
}

function stateBatchOf(run: Run): StateBatch {
  return {
    firstOffset: run.first,
    lastOffset: run.last,
    deliveryState: run.state,
    deliveryCount: run.deliveryCount,
  };
}

/** What was held when the last life ended is free in this one. */
function storedState(state: number): DeliveryState {
  if (state === ACKNOWLEDGED || state === ARCHIVED) return state;
  return AVAILABLE;
}
