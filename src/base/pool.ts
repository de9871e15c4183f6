/**
 * A pool of indices: which rows of somebody's tables are free. Hands out the one that came back last, whose row is
 * still in the cache. It owns no rows.
 */
import { assert } from './assert.ts';

const NONE = -1;
const TAKEN = -2;

export class IndexPool {
  readonly indexCount: number;
  private readonly next: Int32Array;
  private head: number;
  private used = 0;
  /** Rows from here on were never handed out: a large pool costs nothing before it is used. */
  private fresh = 0;

  constructor(indexCount: number) {
    assert(indexCount >= 1, 'a pool has at least one index');
    this.indexCount = indexCount;
    this.next = new Int32Array(indexCount);
    this.head = NONE;
  }

  get usedCount(): number {
    return this.used;
  }

  /** A free index, or -1. */
  take(): number {
    let index = this.head;
    if (index !== NONE) {
      this.head = this.next[index]!;
    } else {
      if (this.fresh === this.indexCount) return NONE;
      index = this.fresh;
      this.fresh += 1;
    }
    this.next[index] = TAKEN;
    this.used += 1;
    return index;
  }

  give(index: number): void {
    assert(this.isTaken(index), 'only an index that was taken is given back');
    this.next[index] = this.head;
    this.head = index;
    this.used -= 1;
  }

  isTaken(index: number): boolean {
    return index >= 0 && index < this.fresh && this.next[index] === TAKEN;
  }
}
