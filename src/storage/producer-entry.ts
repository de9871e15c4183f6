/**
 * What a log remembers of one producer id: its epoch, its last five batches (so that a batch sent again after a lost
 * answer is recognised), the transaction it has open here, and the epoch of the coordinator that ended the last one.
 */
export const BATCHES_REMEMBERED = 5;
/** Of one remembered batch, side by side in the ring. */
const LAST_SEQUENCE = 0;
const DELTA = 1;
const LAST_OFFSET = 2;
const TIMESTAMP = 3;
const NUMBERS = 4;
/**
 * A ring of one batch and one of all. Most producers of a broker with many are programs that ran once and are remembered for a day:
 * four typed arrays took 1,060 bytes for each of them, a plain array of doubles takes 80 until a second batch comes. What stands in
 * here is no small integer, so that V8 keeps doubles from the start.
 */
const RING_OF_ONE: readonly number[] = [-0.5, -0.5, -0.5, -0.5];
const RING: readonly number[] = Array.from({ length: BATCHES_REMEMBERED * NUMBERS }, () => -0.5);
const NONE = -1;
const SEQUENCE_MAX = 2_147_483_647;

export class ProducerEntry {
  readonly id: number;
  epoch = NONE;
  coordinatorEpoch = NONE;
  /** Markers seen since the log was opened. What was verified before a marker is not verified after it. */
  markerCount = 0;
  /** First offset of the open transaction, -1 without one. */
  openFirstOffset = NONE;
  /** As the batches state it; what the snapshot keeps. */
  lastTimestamp = NONE;
  /** By the broker's clock; what expiry goes by. */
  lastSeenMs = 0;
  /** `newest` is the index in the ring of the batch appended last. */
  private batchCount = 0;
  private newest = 0;
  private ring = RING_OF_ONE.slice();

  constructor(id: number) {
    this.id = id;
  }

  get hasBatches(): boolean {
    return this.batchCount > 0;
  }

  get lastSequence(): number {
    return this.batchCount === 0 ? NONE : this.at(this.newest, LAST_SEQUENCE);
  }

  get lastOffset(): number {
    return this.batchCount === 0 ? NONE : this.at(this.newest, LAST_OFFSET);
  }

  get lastDelta(): number {
    return this.batchCount === 0 ? 0 : this.at(this.newest, DELTA);
  }

  get facts(): ProducerFacts {
    return {
      producerId: this.id,
      producerEpoch: this.epoch,
      lastSequence: this.lastSequence,
      lastTimestamp: this.lastTimestamp,
      coordinatorEpoch: this.coordinatorEpoch,
      openFirstOffset: this.openFirstOffset,
    };
  }

  /** A new epoch starts its sequences anew: what was before it is forgotten. */
  setEpoch(epoch: number): void {
    if (epoch === this.epoch) return;
    this.epoch = epoch;
    this.batchCount = 0;
  }

  push(lastSequence: number, delta: number, lastOffset: number, timestamp: number): void {
    if (this.batchCount === 1 && this.ring.length === NUMBERS) this.widen();
    this.newest = (this.newest + 1) % (this.ring.length / NUMBERS);
    const from = this.newest * NUMBERS;
    this.ring[from + LAST_SEQUENCE] = lastSequence;
    this.ring[from + DELTA] = delta;
    this.ring[from + LAST_OFFSET] = lastOffset;
    this.ring[from + TIMESTAMP] = timestamp;
    if (this.batchCount < BATCHES_REMEMBERED) this.batchCount += 1;
    this.lastTimestamp = timestamp;
  }

  /** How many batches are remembered; `remembered` gives them, 0 being the oldest. */
  get rememberedCount(): number {
    return this.batchCount;
  }

  remembered(index: number): RememberedBatch {
    const place = this.before(this.batchCount - 1 - index);
    return {
      lastSequence: this.at(place, LAST_SEQUENCE),
      delta: this.at(place, DELTA),
      lastOffset: this.at(place, LAST_OFFSET),
      timestamp: this.at(place, TIMESTAMP),
    };
  }

  /** The sequence with which the first of the remembered batches at an offset or behind it begins; -1 for none. */
  sequenceFrom(offset: number): number {
    for (let index = 0; index < this.batchCount; index++) {
      const { lastSequence, delta, lastOffset } = this.remembered(index);
      if (lastOffset >= offset && lastSequence !== NONE) return sequenceBefore(lastSequence, delta);
    }
    return NONE;
  }

  /** Index of the remembered batch with exactly these sequences, -1 when there is none. */
  find(baseSequence: number, lastSequence: number): number {
    for (let back = 0; back < this.batchCount; back++) {
      const index = this.before(back);
      if (this.at(index, LAST_SEQUENCE) !== lastSequence) continue;
      if (sequenceBefore(lastSequence, this.at(index, DELTA)) === baseSequence) return index;
    }
    return -1;
  }

  baseOffsetAt(index: number): number {
    return this.at(index, LAST_OFFSET) - this.at(index, DELTA);
  }

  timestampAt(index: number): number {
    return this.at(index, TIMESTAMP);
  }

  follows(baseSequence: number): boolean {
    return baseSequence === sequenceAfter(this.lastSequence, 1);
  }

  private at(index: number, what: number): number {
    return this.ring[index * NUMBERS + what]!;
  }

  /** Index of the batch that came so many before the newest. */
  private before(count: number): number {
    const size = this.ring.length / NUMBERS;
    return (this.newest - count + size) % size;
  }

  /** The one batch there is stays in its place. */
  private widen(): void {
    const wide = RING.slice();
    for (let what = 0; what < NUMBERS; what++) wide[what] = this.ring[what]!;
    this.ring = wide;
  }
}

export interface RememberedBatch {
  readonly lastSequence: number;
  readonly delta: number;
  readonly lastOffset: number;
  readonly timestamp: number;
}

/** What people are told of a producer in one log. */
export interface ProducerFacts {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** -1: none under this epoch. */
  readonly lastSequence: number;
  readonly lastTimestamp: number;
  readonly coordinatorEpoch: number;
  /** First offset of its open transaction, -1 without one. */
  readonly openFirstOffset: number;
}

/** Sequences count from 0 to 2^31 - 1 and start over. */
export function sequenceAfter(sequence: number, count: number): number {
  const after = sequence + count;
  return after > SEQUENCE_MAX ? after - SEQUENCE_MAX - 1 : after;
}

function sequenceBefore(sequence: number, count: number): number {
  const before = sequence - count;
  return before < 0 ? before + SEQUENCE_MAX + 1 : before;
}
