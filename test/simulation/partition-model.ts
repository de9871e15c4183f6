/**
 * What the world outside knows of one partition: which record was promised or seen at which offset, which batches are under
 * way, and where power cuts made the log shorter. Everything that comes back from the broker is held against it.
 */
import type { History, Promised } from './history.ts';
import type { LogStart } from './log-start.ts';
import { type FoundBatch, MARKER } from './numbered-batches.ts';
import { demand } from './violation.ts';

/** Whose batches keep their order in a partition: a producer on one connection, or an idempotent one under one id. */
export interface ProducerTrack {
  readonly name: string;
  /** Its batches follow each other without a gap. */
  readonly isGapless: boolean;
  nextOrder: number;
}

export interface TopicName {
  readonly name: string;
  /** Of the topic that has the name now, and of none that had it before or will have it. */
  readonly id: string;
}

export interface SentBatch {
  readonly firstNumber: number;
  readonly count: number;
  readonly track: ProducerTrack;
  readonly order: number;
  /** Of its records, as the broker's clock had it then. */
  readonly stampMs: number;
  readonly transaction: TransactionFate | null;
  /** -1 while nobody knows whether it was stored. */
  baseOffset: number;
  /** Answered with an error that says that it was not taken. */
  isRefused: boolean;
}

/** How a transaction ended, as far as its producer was told. */
export interface TransactionFate {
  readonly name: string;
  outcome: 'open' | 'unknown' | 'committed' | 'aborted';
  readonly begunMs: number;
  readonly begunLife: number;
  /** When its producer knew of it, and in which life. */
  endedMs: number;
  life: number;
}

interface Entry {
  readonly number: number;
  /** When it became known, and in which life. */
  readonly knownMs: number;
  readonly life: number;
}

export interface Truncation {
  readonly life: number;
  readonly endOffset: number;
  /** Of the log, before and after. */
  readonly epochBefore: number;
}

/** Of records in a compacted log. */
export function keyOf(number: number): string {
  return `key ${number % 5}`;
}

export function keysOf({ isCompacted }: PartitionModel): { readonly keyOf?: (number: number) => string } {
  return isCompacted ? { keyOf } : {};
}

export class PartitionModel {
  readonly topic: TopicName;
  readonly partition: number;
  readonly folder: string;
  promised: Promised;
  /** Compaction takes records out. */
  readonly isCompacted: boolean;
  /** Records before an offset may be deleted. */
  readonly isDeletable: boolean;
  readonly truncations: Truncation[] = [];
  readonly start: LogStart;
  /** Of its leader, when it was verified last, or the largest that was seen since. */
  epoch = 0;
  /** No record before it needs to be there: where the log began when it was verified last. */
  startOffset = 0;
  /** Reads of the whole log that passed. */
  readonly verified = { count: 0, records: 0 };
  verifiedLife = -1;
  private readonly history: History;
  private readonly nowMs: () => number;
  private readonly entries = new Map<number, Entry>();
  private readonly placeOf = new Map<number, number>();
  private readonly batchOf = new Map<number, SentBatch>();
  private endKnown = 0;

  constructor(parts: {
    readonly topic: TopicName;
    readonly partition: number;
    readonly promised: Promised;
    readonly isCompacted: boolean;
    readonly isDeletable: boolean;
    readonly history: History;
    readonly start: LogStart;
    readonly nowMs: () => number;
  }) {
    this.topic = parts.topic;
    this.partition = parts.partition;
    this.folder = `${parts.topic.name}-${parts.partition}`;
    this.promised = parts.promised;
    this.isCompacted = parts.isCompacted;
    this.isDeletable = parts.isDeletable;
    this.history = parts.history;
    this.start = parts.start;
    this.nowMs = parts.nowMs;
  }

  get endOffset(): number {
    return this.endKnown;
  }

  /** `stampMs`: of its records. */
  sent(
    firstNumber: number,
    count: number,
    stampMs: number,
    track: ProducerTrack,
    transaction: TransactionFate | null,
  ): SentBatch {
    const order = track.nextOrder++;
    const batch = { firstNumber, count, track, order, stampMs, transaction, baseOffset: -1, isRefused: false };
    for (let number = firstNumber; number < firstNumber + count; number++) this.batchOf.set(number, batch);
    return batch;
  }

  /** The broker said so. */
  acknowledged(batch: SentBatch, baseOffset: number): void {
    demand(baseOffset >= 0, () => `${this.folder}: ${batch.track.name} was acknowledged without an offset`);
    demand(
      batch.baseOffset < 0 || batch.baseOffset === baseOffset,
      () =>
        `${this.folder}: batch ${batch.firstNumber}, known at ${batch.baseOffset}, is acknowledged at ${baseOffset}`,
    );
    batch.baseOffset = baseOffset;
    for (let index = 0; index < batch.count; index++) this.know(baseOffset + index, batch.firstNumber + index);
  }

  /** A consumer was given it. */
  seen(batch: FoundBatch): void {
    this.epoch = Math.max(this.epoch, batch.leaderEpoch);
    for (const { offset, number } of batch.records) {
      this.know(offset, number);
      if (number === MARKER) continue;
      const sent = this.batchOf.get(number);
      demand(sent !== undefined, () => `${this.folder}: record ${number} at ${offset} was never sent here`);
      demand(!sent.isRefused, () => `${this.folder}: record ${number} at ${offset} was refused`);
    }
  }

  transactionOf(number: number): TransactionFate | null {
    return this.batchOf.get(number)?.transaction ?? null;
  }

  /** Of the record that is known to be there. */
  stampAt(offset: number): number | null {
    const entry = this.entries.get(offset);
    return entry === undefined ? null : (this.batchOf.get(entry.number)?.stampMs ?? null);
  }

  /** Numbers of records that are known to be here, and from an offset on. */
  *numbersFrom(startOffset: number): Iterable<number> {
    for (const [number, offset] of this.placeOf) if (offset >= startOffset) yield number;
  }

  /** Everything that the broker has, read to its end after a start: what is missing must be excused. */
  hold(batches: readonly FoundBatch[], startOffset: number, endOffset: number, epoch: number): void {
    demand(startOffset <= endOffset, () => `${this.folder}: the log starts at ${startOffset} and ends at ${endOffset}`);
    demand(
      startOffset >= this.startOffset || this.history.hasPowerCutSince(0),
      () => `${this.folder}: the start went back from ${this.startOffset} to ${startOffset}`,
    );
    this.startOffset = startOffset;
    const epochBefore = this.epoch;
    // What the broker itself has written since the start may stand where something else was lost.
    const own = epoch > epochBefore ? batches.find(({ leaderEpoch }) => leaderEpoch >= epoch) : undefined;
    const ownOffset = own?.baseOffset ?? endOffset;
    if (ownOffset < this.endKnown) {
      this.shorten(ownOffset, epochBefore);
      demand(
        epoch > epochBefore,
        () => `${this.folder}: the log was cut at ${ownOffset} under the same epoch ${epoch}`,
      );
    }
    this.checkContinuity(batches, startOffset, endOffset);
    for (const batch of batches) this.seen(batch);
    if (this.isCompacted) this.checkLatest(batches, startOffset, endOffset);
    else this.checkPresence(batches, startOffset, endOffset);
    this.checkOrder(batches);
    this.start.hold(
      startOffset,
      this.history.life,
      batches,
      this.recordsBefore(startOffset),
      this.truncations.length > 0,
    );
    this.epoch = Math.max(this.epoch, epoch);
    this.verified.count += 1;
    this.verified.records += batches.reduce((sum, { records }) => sum + records.length, 0);
  }

  /** Whoever had read up to `offset` in that life: where its log ends that took another way; null: it did not. */
  truncatedSince(life: number, offset: number): number | null {
    let lowest: number | null = null;
    for (const { life: since, endOffset } of this.truncations) {
      if (since > life && endOffset < offset && (lowest === null || endOffset < lowest)) lowest = endOffset;
    }
    return lowest;
  }

  /** Of a producer that is not in the log any more nothing is known, and any batch of it is taken. */
  private get mayBeginAnywhere(): boolean {
    return this.startOffset > 0 || this.truncations.length > 0;
  }

  private *recordsBefore(startOffset: number): Iterable<{ readonly offset: number; readonly stampMs: number }> {
    for (const [offset, { number }] of this.entries) {
      const batch = this.batchOf.get(number);
      if (offset < startOffset && batch !== undefined) yield { offset, stampMs: batch.stampMs };
    }
  }

  private know(offset: number, number: number): void {
    const entry = this.entries.get(offset);
    if (entry !== undefined) {
      demand(
        entry.number === number,
        () => `${this.folder}: offset ${offset} had record ${entry.number} and now has ${number}`,
      );
      return;
    }
    if (number !== MARKER) {
      const place = this.placeOf.get(number);
      demand(place === undefined, () => `${this.folder}: record ${number} is at ${place} and again at ${offset}`);
      this.placeOf.set(number, offset);
    }
    this.entries.set(offset, { number, knownMs: this.nowMs(), life: this.history.life });
    this.endKnown = Math.max(this.endKnown, offset + 1);
  }

  /** The log ends earlier than it did. */
  private shorten(endOffset: number, epochBefore: number): void {
    for (const [offset, { number, knownMs, life }] of this.entries) {
      if (offset < endOffset) continue;
      const isExcused = this.history.mayBeLost(this.folder, knownMs, life, this.promised);
      const age = Math.round(this.nowMs() - knownMs);
      demand(
        isExcused,
        () =>
          `${this.folder}: record ${number} at ${offset}, known for ${age} ms since life ${life} (${this.promised}), is gone; the log ends at ${endOffset}`,
      );
      this.entries.delete(offset);
      this.placeOf.delete(number);
      const batch = this.batchOf.get(number);
      if (batch !== undefined) batch.baseOffset = -1;
    }
    this.endKnown = endOffset;
    this.truncations.push({ life: this.history.life, endOffset, epochBefore });
  }

  private checkContinuity(batches: readonly FoundBatch[], startOffset: number, endOffset: number): void {
    let next = -1;
    for (const { baseOffset, lastOffset, leaderEpoch } of batches) {
      if (next < 0) {
        const isAtStart = this.isCompacted || baseOffset <= startOffset;
        demand(isAtStart, () => `${this.folder}: the log starts at ${startOffset}, its first batch at ${baseOffset}`);
      } else {
        const follows = this.isCompacted ? baseOffset >= next : baseOffset === next;
        demand(follows, () => `${this.folder}: the batch at ${baseOffset} comes where ${next} is due`);
      }
      demand(leaderEpoch >= 0, () => `${this.folder}: the batch at ${baseOffset} has no epoch`);
      next = lastOffset + 1;
    }
    const isWhole = this.isCompacted || endOffset === startOffset || next === endOffset;
    demand(isWhole, () => `${this.folder}: the log was read up to ${next} and ends at ${endOffset}`);
  }

  private checkPresence(batches: readonly FoundBatch[], startOffset: number, endOffset: number): void {
    const found = new Set<number>();
    for (const { records } of batches) for (const { offset } of records) found.add(offset);
    for (const [offset, { number }] of this.entries) {
      if (offset < startOffset || offset >= endOffset) continue;
      demand(found.has(offset), () => `${this.folder}: record ${number}, known at ${offset}, is not read there`);
    }
  }

  /** Of every key the newest record that is known must be there, unless a newer one is found. */
  private checkLatest(batches: readonly FoundBatch[], startOffset: number, endOffset: number): void {
    const found = new Map<string, number>();
    for (const { records } of batches) {
      for (const { offset, number } of records) if (number !== MARKER) found.set(keyOf(number), offset);
    }
    for (const [offset, { number }] of this.entries) {
      if (number === MARKER || offset < startOffset || offset >= endOffset) continue;
      const latest = found.get(keyOf(number)) ?? -1;
      demand(
        latest >= offset,
        () => `${this.folder}: ${keyOf(number)} was set at ${offset}, what is left is of ${latest}`,
      );
    }
  }

  /** Of each producer in the order in which it sent, a batch whole or not at all, and where it promises so without gaps. */
  private checkOrder(batches: readonly FoundBatch[]): void {
    const orders = new Map<ProducerTrack, number>();
    for (const { records } of batches) {
      const first = this.batchOf.get(records[0]?.number ?? MARKER);
      if (first === undefined) continue;
      const { track, order, count, firstNumber } = first;
      const isWhole = records.length === count && records[0]?.number === firstNumber;
      demand(isWhole || this.isCompacted, () => `${this.folder}: batch ${firstNumber} of ${track.name} is not whole`);
      const before = orders.get(track);
      demand(
        before === undefined || order > before,
        () => `${this.folder}: batch ${order} of ${track.name} lies behind its batch ${before}`,
      );
      const isNext = before === undefined ? order === 0 || this.mayBeginAnywhere : order === before + 1;
      const mayHaveGap = !track.isGapless || this.isCompacted;
      demand(
        mayHaveGap || isNext,
        () => `${this.folder}: batch ${order} of ${track.name} follows ${before ?? 'nothing'}`,
      );
      orders.set(track, order);
    }
  }
}
