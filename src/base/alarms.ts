/**
 * Timers of the control plane over a clock that is handed in: coordinators set alarms, and whoever owns the clock calls
 * `run` when the next one is due (the broker by one timer of Node's, a test after it moved its clock by hand).
 *
 * A binary heap by due time; an alarm that is cancelled leaves the heap when it comes to the top, and heaps of cancelled
 * ones are swept. For deadlines that move with every heartbeat set one alarm and look at the deadline when it rings.
 */
import { assert } from './assert.ts';

export interface Alarm {
  /** It will not ring; calling it late or twice does nothing. */
  cancel(): void;
}

interface Entry extends Alarm {
  readonly dueMs: number;
  /** Of two alarms due at once the one set first rings first. */
  readonly order: number;
  ring: (() => void) | null;
}

const SWEEP_MIN = 64;

export class Alarms {
  /** Called when the next due time has become earlier. */
  onSooner: ((dueMs: number) => void) | null = null;
  private readonly clock: () => number;
  private heap: Entry[] = [];
  private cancelled = 0;
  private nextOrder = 0;

  constructor(nowMs: () => number) {
    this.clock = nowMs;
  }

  nowMs(): number {
    return this.clock();
  }

  /** Alarms that will ring. */
  get count(): number {
    return this.heap.length - this.cancelled;
  }

  /** When `run` has something to do; Infinity when nothing is set. */
  get nextDueMs(): number {
    this.dropCancelled();
    return this.heap[0]?.dueMs ?? Number.POSITIVE_INFINITY;
  }

  set(dueMs: number, ring: () => void): Alarm {
    assert(!Number.isNaN(dueMs), 'an alarm has a time');
    const wasNext = this.nextDueMs;
    const entry: Entry = {
      dueMs,
      order: this.nextOrder++,
      ring,
      cancel: () => {
        if (entry.ring === null) return;
        entry.ring = null;
        this.cancelled += 1;
        if (this.cancelled > SWEEP_MIN && this.cancelled * 2 > this.heap.length) this.sweep();
      },
    };
    this.push(entry);
    if (dueMs < wasNext) this.onSooner?.(dueMs);
    return entry;
  }

  /** Rings everything that is due, also what is set meanwhile and due already. Returns when the next one is due. */
  run(): number {
    const nowMs = this.clock();
    while (this.nextDueMs <= nowMs) {
      const entry = this.pop();
      const ring = entry.ring;
      entry.ring = null;
      ring?.();
    }
    return this.nextDueMs;
  }

  private dropCancelled(): void {
    while (this.heap.length > 0 && this.heap[0]?.ring === null) {
      this.pop();
      this.cancelled -= 1;
    }
  }

  private sweep(): void {
    const kept = this.heap.filter((entry) => entry.ring !== null);
    this.heap = [];
    this.cancelled = 0;
    for (const entry of kept) this.push(entry);
  }

  private push(entry: Entry): void {
    const { heap } = this;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isSooner(entry, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = entry;
  }

  private pop(): Entry {
    const { heap } = this;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isSooner(heap[child + 1]!, heap[child]!)) child += 1;
      if (!isSooner(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
    return top;
  }
}

function isSooner(left: Entry, right: Entry): boolean {
  return left.dueMs < right.dueMs || (left.dueMs === right.dueMs && left.order < right.order);
}
