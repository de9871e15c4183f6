/**
 * The stage board: beside the board, a row a partition slot with tallies of how long the stages of a produce took. There
 * are several: one that the workers write (each the rows of its own slots), and one of each front, because every number has
 * one writer. Main reads them when somebody asks for metrics.
 *
 *   worker's:  queue │ append │ flush        front's:  respond         128 bytes a stage and partition that was ever used
 *
 * Memory is reserved for every slot; pages of slots that no partition ever had are never touched and cost nothing.
 */
import { assert } from '../base/assert.ts';
import { tally, tallyNumbers } from './tally.ts';

export const STAGE_BUCKETS = 15;
const STAGE_NUMBERS = tallyNumbers(STAGE_BUCKETS);
const STAGE_BYTES = STAGE_NUMBERS * 8;

/** From the front's read of the request to the worker's turn that takes the job. */
export const STAGE_QUEUE = 0;
/** From there to the end of the turn's writes. */
export const STAGE_APPEND = 1;
/** From the write to the flush that the answer waits for. */
export const STAGE_FLUSH = 2;
export const WORKER_STAGES = 3;
/** In the front's: from there to the turn in which the response leaves. */
export const STAGE_RESPOND = 0;
export const FRONT_STAGES = 1;

/** First bounds: 16 µs, up to 131 ms. Flushes wait for a device: 128 µs, up to a second. */
const SHIFT = 4;
const FLUSH_SHIFT = 7;

export function stageBoardBytes(slotCount: number, stages: number): number {
  return slotCount * stages * STAGE_BYTES;
}

export class StageBoard {
  private readonly numbers: Float64Array;
  private readonly stages: number;
  private readonly slotCount: number;

  constructor(memory: SharedArrayBuffer, stages: number) {
    this.stages = stages;
    this.numbers = new Float64Array(memory);
    this.slotCount = this.numbers.length / (stages * STAGE_NUMBERS);
    assert(Number.isInteger(this.slotCount), 'a stage board has whole rows');
  }

  shiftOf(stage: number): number {
    return this.stages === WORKER_STAGES && stage === STAGE_FLUSH ? FLUSH_SHIFT : SHIFT;
  }

  count(slot: number, stage: number, ms: number): void {
    tally(this.numbers, this.at(slot, stage), STAGE_BUCKETS, this.shiftOf(stage), ms);
  }

  /** For many of one turn that took the same. */
  countIn(slot: number, stage: number, bucket: number, us: number): void {
    const at = this.at(slot, stage);
    this.numbers[at + bucket]! += 1;
    this.numbers[at + STAGE_BUCKETS]! += us;
  }

  /** Adds the tally to `total` (as many numbers as a tally has). */
  addTo(total: Float64Array, slot: number, stage: number): void {
    const at = this.at(slot, stage);
    for (let index = 0; index < STAGE_NUMBERS; index++) total[index]! += this.numbers[at + index]!;
  }

  /** The slot gets another partition. Nobody counts in it until it is open. */
  clear(slot: number): void {
    const at = this.at(slot, 0);
    if (this.isUntouched(at)) return;
    this.numbers.fill(0, at, at + this.stages * STAGE_NUMBERS);
  }

  /** Storing zeros would make pages of it. */
  private isUntouched(at: number): boolean {
    for (let index = 0; index < this.stages * STAGE_NUMBERS; index++) if (this.numbers[at + index] !== 0) return false;
    return true;
  }

  private at(slot: number, stage: number): number {
    assert(slot >= 0 && slot < this.slotCount, 'a counted slot has a row');
    return (slot * this.stages + stage) * STAGE_NUMBERS;
  }
}
