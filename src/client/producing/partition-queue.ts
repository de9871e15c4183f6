/**
 * What waits for one partition and what is on its way to it, and the rules that keep its order:
 *
 *     waiting: retried ones (oldest first) │ full ones │ the open one, which takes records
 *     in flight: sent, unanswered; at most five with sequences, so that the broker can tell a repeat
 *
 * While a batch that failed waits to be sent again, nothing overtakes it: the rest of what is in flight comes back first.
 * A batch lost for good leaves a hole in the sequence; the partition then goes on in a new epoch, from sequence 0, as
 * soon as nothing of the old one is in flight. Time comes in as an argument; nothing here sends.
 */
import { assert } from '../../base/assert.ts';
import { NO_SEQUENCE } from '../../protocol/batch.ts';
import type { RecordInput } from '../../protocol/batch-builder.ts';
import { ProducerBatch, type ProducerIdentity, type SealOptions, type Waiter } from './producer-batch.ts';

export interface QueueSettings {
  readonly lingerMs: number;
  readonly batchBytes: number;
  readonly inFlightMax: number;
}

const SEQUENCE_COUNT = 2 ** 31;

export class PartitionQueue {
  readonly topic: string;
  readonly partition: number;
  readonly #settings: QueueSettings;
  readonly waiting: ProducerBatch[] = [];
  readonly inFlight: ProducerBatch[] = [];
  /** Set when a batch was lost: the sequence has a hole. */
  needsNewEpoch = false;
  retryAtMs = 0;
  /** Chosen anew for each leader change; kept here so that a request is built without looking twice. */
  identity: ProducerIdentity | null = null;
  #nextSequence = 0;
  #nextOrder = 0;

  constructor(topic: string, partition: number, settings: QueueSettings) {
    this.topic = topic;
    this.partition = partition;
    this.#settings = settings;
  }

  get isEmpty(): boolean {
    return this.waiting.length === 0 && this.inFlight.length === 0;
  }

  /** Adds a record to the open batch or begins one. True: a batch became ready by it. */
  add(record: RecordInput, recordBytes: number, waiter: Waiter | null, nowMs: number): boolean {
    let open = this.waiting.at(-1);
    let isReady = false;
    if (open !== undefined && !open.isSealed && open.count > 0 && !this.#fits(open, recordBytes)) isReady = true;
    if (open === undefined || open.isSealed || open.attempts > 0 || open.depth > 0 || isReady) {
      open = new ProducerBatch(this.topic, this.partition, nowMs, this.#nextOrder++);
      this.waiting.push(open);
    }
    open.add(record, recordBytes, waiter);
    return isReady || open.sizeBytes >= this.#settings.batchBytes;
  }

  #fits(batch: ProducerBatch, recordBytes: number): boolean {
    return batch.sizeBytes + recordBytes <= this.#settings.batchBytes;
  }

  /** When the first waiting batch may go: `nowMs` or before is now, Infinity is "when something comes back". */
  readyAtMs(nowMs: number, isHurried: boolean): number {
    const first = this.waiting[0];
    if (first === undefined || this.inFlight.length >= this.#settings.inFlightMax) return Number.POSITIVE_INFINITY;
    const isRepeat = first.attempts > 0 || this.needsNewEpoch;
    if (isRepeat && this.inFlight.length > 0) return Number.POSITIVE_INFINITY;
    if (this.retryAtMs > nowMs) return this.retryAtMs;
    const isFull = this.waiting.length > 1 || first.isSealed || first.sizeBytes >= this.#settings.batchBytes;
    if (isHurried || isFull || isRepeat || first.isUrgent) return nowMs;
    return first.createdMs + this.#settings.lingerMs;
  }

  /** Goes over to an identity: the next batch has sequence 0. Batches that wait with old numbers are numbered anew. */
  adopt(identity: ProducerIdentity): void {
    assert(this.inFlight.length === 0, 'an identity changes while nothing is in flight');
    this.identity = identity;
    this.needsNewEpoch = false;
    this.#nextSequence = 0;
    for (const batch of this.waiting) {
      if (batch.sequence !== NO_SEQUENCE) batch.renumber(identity, this.#takeSequence(batch.count));
    }
  }

  /** Whether batches with sequences of the present identity wait to be sent again. */
  get hasNumbered(): boolean {
    return this.waiting.some((batch) => batch.sequence !== NO_SEQUENCE);
  }

  /** Takes the first waiting batch, sealed, into flight. */
  take(options: Omit<SealOptions, 'identity' | 'sequence'>): ProducerBatch {
    const batch = this.waiting.shift();
    assert(batch !== undefined, 'a batch is taken where one waits');
    if (!batch.isSealed) {
      const sequence = batch.sequence !== NO_SEQUENCE ? batch.sequence : this.#sequenceFor(batch.count);
      batch.seal({ ...options, identity: this.identity, sequence });
    }
    this.inFlight.push(batch);
    return batch;
  }

  /** The batch came back, however it ended. */
  land(batch: ProducerBatch): void {
    const index = this.inFlight.indexOf(batch);
    assert(index >= 0, 'a batch lands once');
    this.inFlight.splice(index, 1);
  }

  /** Puts a batch back to its place in the order. */
  putBack(batch: ProducerBatch, retryAtMs: number): void {
    batch.attempts++;
    this.retryAtMs = Math.max(this.retryAtMs, retryAtMs);
    this.#insert(batch);
  }

  /** Puts the halves of a batch that was too large in its place; they share its numbers. */
  putParts(whole: ProducerBatch, parts: readonly ProducerBatch[]): void {
    let sequence = whole.sequence;
    for (const part of parts) {
      if (whole.sequence !== NO_SEQUENCE) {
        part.sequence = sequence;
        sequence = (sequence + part.count) % SEQUENCE_COUNT;
      }
      part.attempts++;
      this.#insert(part);
    }
  }

  /** Whether an older batch waits to be sent again, which explains why the broker refuses this one's sequence. */
  hasOlder(batch: ProducerBatch): boolean {
    return this.waiting.some((other) => other.order < batch.order);
  }

  /** Takes out what waited longer than until `createdBeforeMs`. */
  takeExpired(createdBeforeMs: number): ProducerBatch[] {
    const expired: ProducerBatch[] = [];
    while (this.waiting[0] !== undefined && this.waiting[0].createdMs <= createdBeforeMs) {
      const batch = this.waiting.shift();
      if (batch !== undefined) expired.push(batch);
    }
    if (expired.some((batch) => batch.sequence !== NO_SEQUENCE)) this.needsNewEpoch = true;
    return expired;
  }

  /** Takes out what must not be sent under other numbers, because it may be stored already. */
  takeUncertain(): ProducerBatch[] {
    const uncertain = this.waiting.filter((batch) => batch.isFateUnknown && batch.sequence !== NO_SEQUENCE);
    for (const batch of uncertain) this.waiting.splice(this.waiting.indexOf(batch), 1);
    return uncertain;
  }

  takeAllWaiting(): ProducerBatch[] {
    return this.waiting.splice(0);
  }

  #insert(batch: ProducerBatch): void {
    let index = 0;
    while (index < this.waiting.length && (this.waiting[index]?.order ?? 0) < batch.order) index++;
    this.waiting.splice(index, 0, batch);
  }

  #sequenceFor(count: number): number {
    return this.identity === null ? NO_SEQUENCE : this.#takeSequence(count);
  }

  #takeSequence(count: number): number {
    const sequence = this.#nextSequence;
    this.#nextSequence = (sequence + count) % SEQUENCE_COUNT;
    return sequence;
  }
}
