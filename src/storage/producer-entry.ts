/**
 * What a log remembers of one producer id: its epoch, its last five batches (so that a batch sent again after a lost
 * answer is recognised), the transaction it has open here, and the epoch of the coordinator that ended the last one.
 */
export const BATCHES_REMEMBERED = 5;
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
  /** Ring, `newest` is the index of the batch appended last. */
  private batchCount = 0;
  private newest = BATCHES_REMEMBERED - 1;
  private readonly lastSequences = new Int32Array(BATCHES_REMEMBERED);
  private readonly deltas = new Int32Array(BATCHES_REMEMBERED);
  private readonly lastOffsets = new Float64Array(BATCHES_REMEMBERED);
  private readonly timestamps = new Float64Array(BATCHES_REMEMBERED);

  constructor(id: number) {
    this.id = id;
  }

  get hasBatches(): boolean {
    return this.batchCount > 0;
  }

  get lastSequence(): number {
    return this.batchCount === 0 ? NONE : this.lastSequences[this.newest]!;
  }

  get lastOffset(): number {
    return this.batchCount === 0 ? NONE : this.lastOffsets[this.newest]!;
  }

  get lastDelta(): number {
    return this.batchCount === 0 ? 0 : this.deltas[this.newest]!;
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
    this.newest = (this.newest + 1) % BATCHES_REMEMBERED;
    this.lastSequences[this.newest] = lastSequence;
    this.deltas[this.newest] = delta;
    this.lastOffsets[this.newest] = lastOffset;
    this.timestamps[this.newest] = timestamp;
    if (this.batchCount < BATCHES_REMEMBERED) this.batchCount += 1;
    this.lastTimestamp = timestamp;
  }

  /** How many batches are remembered; `remembered` gives them, 0 being the oldest. */
  get rememberedCount(): number {
    return this.batchCount;
  }

  remembered(index: number): RememberedBatch {
    const at = (this.newest - this.batchCount + 1 + index + BATCHES_REMEMBERED) % BATCHES_REMEMBERED;
    return {
      lastSequence: this.lastSequences[at]!,
      delta: this.deltas[at]!,
      lastOffset: this.lastOffsets[at]!,
      timestamp: this.timestamps[at]!,
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
      const index = (this.newest - back + BATCHES_REMEMBERED) % BATCHES_REMEMBERED;
      if (this.lastSequences[index] !== lastSequence) continue;
      if (sequenceBefore(lastSequence, this.deltas[index]!) === baseSequence) return index;
    }
    return -1;
  }

  baseOffsetAt(index: number): number {
    return this.lastOffsets[index]! - this.deltas[index]!;
  }

  timestampAt(index: number): number {
    return this.timestamps[index]!;
  }

  follows(baseSequence: number): boolean {
    return baseSequence === sequenceAfter(this.lastSequence, 1);
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
