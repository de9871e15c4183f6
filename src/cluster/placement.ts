/**
 * Where partitions run: a slot (the row of the board and of the worker's table) and a worker. Decided anew at every
 * start, never changed while the broker runs.
 *
 * Slots are the lowest free numbers. A freed slot rests before it is used again: a front may hold a job for its old
 * partition until it has read the route update, and that job must not meet another topic's log.
 */
import { assert, must } from '../base/assert.ts';
import { Fault } from '../base/fault.ts';
import { BOARD_SLOTS_MAX } from '../zerocopy/layout.ts';

export interface Place {
  readonly slot: number;
  readonly worker: number;
}

/** Fronts read their mail every turn; this is thousands of turns. */
export const SLOT_REST_MS = 10_000;

export class Placement {
  private readonly slotsMax: number;
  /** Partitions of each worker. */
  private readonly loads: number[];
  private nextFresh = 0;
  /** Rested slots, lowest last, so that taking one is a pop. */
  private readonly free: number[] = [];
  /** Oldest first. */
  private readonly resting: { readonly slot: number; readonly untilMs: number }[] = [];

  constructor(workers: number, slotsMax = BOARD_SLOTS_MAX) {
    assert(workers >= 1, 'there is a worker');
    this.loads = new Array<number>(workers).fill(0);
    this.slotsMax = slotsMax;
  }

  /** How many partitions could be placed now. */
  room(nowMs: number): number {
    this.endRests(nowMs);
    return this.free.length + this.slotsMax - this.nextFresh;
  }

  /** Places that many partitions, all or none. */
  take(count: number, nowMs: number): Place[] {
    const available = this.room(nowMs);
    if (count > available) {
      throw new Fault(
        'PB_LIMIT',
        `${count} more partitions do not fit: this broker has room for ${available} of ${this.slotsMax}; delete topics or ask for fewer`,
      );
    }
    return Array.from({ length: count }, () => this.takeOne());
  }

  give(places: readonly Place[], nowMs: number): void {
    for (const { slot, worker } of places) {
      const load = must(this.loads[worker], 'a place names a worker');
      assert(load > 0, 'a place is given back once');
      this.loads[worker] = load - 1;
      this.resting.push({ slot, untilMs: nowMs + SLOT_REST_MS });
    }
  }

  private takeOne(): Place {
    const slot = this.free.pop() ?? this.nextFresh++;
    const worker = this.leastLoaded();
    this.loads[worker] = (this.loads[worker] ?? 0) + 1;
    return { slot, worker };
  }

  /** The first of the least loaded, so that the same order of topics gives the same places. */
  private leastLoaded(): number {
    let best = 0;
    for (let worker = 1; worker < this.loads.length; worker++) {
      if ((this.loads[worker] ?? 0) < (this.loads[best] ?? 0)) best = worker;
    }
    return best;
  }

  private endRests(nowMs: number): void {
    let ended = 0;
    while (ended < this.resting.length && (this.resting[ended]?.untilMs ?? 0) <= nowMs) ended++;
    if (ended === 0) return;
    for (const { slot } of this.resting.splice(0, ended)) this.free.push(slot);
    this.free.sort((a, b) => b - a);
  }
}
