/**
 * Members, by their indexes, in the order of their loads; of two with the same load the one that comes first in the group
 * is first. A binary heap of numbers that hold both. A member whose load changes is added once more: whoever takes the
 * first one sees by its load whether the place is still true.
 */
import { assert, must } from '../../base/assert.ts';

export class MemberQueue {
  private readonly memberCount: number;
  private readonly sign: 1 | -1;
  private readonly heap: number[] = [];

  constructor(memberCount: number, first: 'least-loaded' | 'most-loaded') {
    this.memberCount = memberCount;
    this.sign = first === 'least-loaded' ? 1 : -1;
  }

  get isEmpty(): boolean {
    return this.heap.length === 0;
  }

  get firstMember(): number {
    const key = must(this.heap[0], 'a queue with a first member is not empty');
    return key - Math.floor(key / this.memberCount) * this.memberCount;
  }

  get firstLoad(): number {
    return this.sign * Math.floor(must(this.heap[0], 'a queue with a first member is not empty') / this.memberCount);
  }

  add(member: number, load: number): void {
    assert(member >= 0 && member < this.memberCount, 'a member has an index in the group');
    const { heap } = this;
    const key = this.sign * load * this.memberCount + member;
    let index = heap.length;
    heap.push(key);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = keyAt(heap, parent);
      if (above <= key) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = key;
  }

  dropFirst(): void {
    const { heap } = this;
    const last = must(heap.pop(), 'a queue with a first member is not empty');
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && keyAt(heap, child + 1) < keyAt(heap, child)) child += 1;
      if (keyAt(heap, child) >= last) break;
      heap[index] = keyAt(heap, child);
      index = child;
    }
    heap[index] = last;
  }
}

function keyAt(heap: readonly number[], index: number): number {
  return must(heap[index], 'a heap has no holes');
}
