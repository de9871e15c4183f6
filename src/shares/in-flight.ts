/**
 * The records of one share partition that were handed out at least once, as runs: neighbours in the same condition are
 * one object. `share-partition.ts` decides what happens to them; here is only where they lie and how they are cut.
 *
 *     start offset                                                     end offset
 *          │  run 100–149   │ run 150–150 │  (no run)  │ run 160–199      │
 *          │  acquired by a │ available   │  nobody    │ acknowledged     │
 *
 * Runs are sorted, do not overlap, and are never empty. An offset without a run was not handed out since the partition
 * was loaded, or was handed out and forgotten: whoever fetches may have it.
 */
import { assert } from '../base/assert.ts';

export const AVAILABLE = 0;
export const ACQUIRED = 1;
export const ACKNOWLEDGED = 2;
export const ARCHIVED = 4;

export type DeliveryState = typeof AVAILABLE | typeof ACQUIRED | typeof ACKNOWLEDGED | typeof ARCHIVED;

export interface Run {
  first: number;
  last: number;
  state: DeliveryState;
  deliveryCount: number;
  /** Who holds an acquired run; empty for all others. */
  memberId: string;
  /** When the lock of an acquired run ends; Infinity for all others. */
  dueMs: number;
  /** Differs from what is stored. */
  isChanged: boolean;
}

export function isTerminal(run: Run): boolean {
  return run.state === ACKNOWLEDGED || run.state === ARCHIVED;
}

export class InFlight {
  readonly runs: Run[] = [];

  /** Index of the first run that ends at or behind `offset`; the count of runs when there is none. */
  indexFrom(offset: number): number {
    const { runs } = this;
    let low = 0;
    let high = runs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (runs[middle]!.last < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The runs of `first` to `last`, cut so that none of them reaches beyond. */
  cut(first: number, last: number): Run[] {
    this.cutAt(first);
    this.cutAt(last + 1);
    return this.runs.slice(this.indexFrom(first), this.indexFrom(last + 1));
  }

  /** Puts a run where none is. */
  insert(run: Run): void {
    assert(run.first <= run.last, 'a run has at least one offset');
    const index = this.indexFrom(run.first);
    const next = this.runs[index];
    assert(next === undefined || next.first > run.last, 'runs do not overlap');
    this.runs.splice(index, 0, run);
  }

  /** Puts a run in the place of whatever lay there. */
  replace(run: Run): void {
    assert(run.first <= run.last, 'a run has at least one offset');
    this.cutAt(run.first);
    this.cutAt(run.last + 1);
    const index = this.indexFrom(run.first);
    this.runs.splice(index, this.indexFrom(run.last + 1) - index, run);
    this.join(run.first, run.last);
  }

  /** Everything before `offset` is forgotten. */
  dropBefore(offset: number): void {
    this.cutAt(offset);
    this.runs.splice(0, this.indexFrom(offset));
  }

  /** Everything from `offset` on is forgotten. */
  dropFrom(offset: number): void {
    this.cutAt(offset);
    this.runs.splice(this.indexFrom(offset));
  }

  /** Joins neighbours that are alike, between the runs that touch `first` and `last`. */
  join(first: number, last: number): void {
    const { runs } = this;
    let kept = Math.max(0, this.indexFrom(first) - 1);
    const end = Math.min(runs.length, this.indexFrom(last) + 2);
    const from = kept + 1;
    for (let index = from; index < end; index++) {
      const run = runs[index]!;
      const before = runs[kept]!;
      if (before.last + 1 === run.first && areAlike(before, run)) before.last = run.last;
      else runs[++kept] = run;
    }
    if (end > from) runs.splice(kept + 1, end - kept - 1);
  }

  private cutAt(offset: number): void {
    const index = this.indexFrom(offset);
    const run = this.runs[index];
    if (run === undefined || run.first >= offset) return;
    this.runs.splice(index + 1, 0, { ...run, first: offset });
    run.last = offset - 1;
  }
}

function areAlike(a: Run, b: Run): boolean {
  return (
    a.state === b.state &&
    a.deliveryCount === b.deliveryCount &&
    a.memberId === b.memberId &&
    a.dueMs === b.dueMs &&
    a.isChanged === b.isChanged
  );
}
