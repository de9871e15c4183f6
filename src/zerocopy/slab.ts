/**
 * A slab: the shared memory that requests are received into, and its allocator. One front owns it: only that front
 * allocates and frees; workers and the kernel read and stamp bytes of spans they were handed. Pages that were never
 * touched cost nothing, so the slab is as large as the bound on what clients may have under way.
 *
 * A buddy allocator over a complete binary tree. `best[node]` is one more than the order of the largest free block
 * below the node, 0 when there is none. Children of node n are 2n and 2n+1; a node of level L (root: `orderMax`, leaf:
 * 0) stands for 4 KiB << L bytes.
 *
 *            1 [17]                 allocation goes down, to the left wherever the left can serve: the lowest address
 *         ┌────┴────┐               first, so that the set of touched pages stays small. Giving back goes up and
 *       2 [16]    3 [17]            merges two free children as it passes. Both are one path of the tree.
 *
 * A block has a count of owners, because several frames may lie in one block; it is free when the last lets go.
 */
import { assert } from '../base/assert.ts';
import type { Memory } from './memory.ts';

export const BLOCK_BYTES_MIN = 4096;
const BLOCK_SHIFT = 12;
/** A position in the slab is an int32 in slots, with room to spare. */
export const SLAB_BYTES_MAX = 1 << 30;

export class Slab {
  readonly memory: Memory;
  readonly bytesTotal: number;
  usedBytes = 0;
  /** The most that was ever in use at once. */
  usedBytesMax = 0;
  /** One past the highest byte ever handed out: no page behind it was touched. */
  touchedBytes = 0;

  private readonly orderMax: number;
  private readonly leafCount: number;
  private readonly best: Uint8Array;
  /** By the leaf index of a block's start: its order, and how many own it (0: no block starts here). */
  private readonly orders: Uint8Array;
  private readonly owners: Int32Array;

  /** The size of a slab that offers at least so many bytes. */
  static bytesFor(bytesWanted: number): number {
    assert(bytesWanted > 0 && bytesWanted <= SLAB_BYTES_MAX, 'a slab has between 4 KiB and 1 GiB');
    return Math.max(BLOCK_BYTES_MIN, 2 ** Math.ceil(Math.log2(bytesWanted)));
  }

  constructor(memory: Memory) {
    const bytesTotal = memory.bytes.length;
    assert(bytesTotal >= BLOCK_BYTES_MIN && bytesTotal <= SLAB_BYTES_MAX, 'a slab has between 4 KiB and 1 GiB');
    assert((bytesTotal & (bytesTotal - 1)) === 0, 'a slab is a power of two of bytes');
    this.memory = memory;
    this.bytesTotal = bytesTotal;
    this.leafCount = bytesTotal >> BLOCK_SHIFT;
    this.orderMax = 31 - Math.clz32(this.leafCount);
    this.best = new Uint8Array(this.leafCount * 2);
    this.orders = new Uint8Array(this.leafCount);
    this.owners = new Int32Array(this.leafCount);
    for (let order = 0; order <= this.orderMax; order++) {
      const first = 1 << (this.orderMax - order);
      this.best.fill(order + 1, first, first * 2);
    }
  }

  get freeBytes(): number {
    return this.bytesTotal - this.usedBytes;
  }

  /** The largest block that can be had right now. */
  get largestFreeBytes(): number {
    const best = this.best[1]!;
    return best === 0 ? 0 : BLOCK_BYTES_MIN << (best - 1);
  }

  /** Where a block of at least so many bytes starts, with one owner; -1 when there is none. */
  allocate(bytes: number): number {
    assert(bytes > 0, 'a block has at least one byte');
    if (bytes > this.bytesTotal) return -1;
    const wantedOrder = bytes <= BLOCK_BYTES_MIN ? 0 : 32 - Math.clz32((bytes - 1) >> BLOCK_SHIFT);
    const best = this.best;
    if (best[1]! <= wantedOrder) return -1;
    let node = 1;
    for (let order = this.orderMax; order > wantedOrder; order--) {
      node <<= 1;
      if (best[node]! <= wantedOrder) node += 1;
    }
    assert(best[node] === wantedOrder + 1, 'the path leads to a block that is free as a whole');
    best[node] = 0;
    const leaf = (node << wantedOrder) - this.leafCount;
    this.refresh(node, wantedOrder);
    assert(this.owners[leaf] === 0, 'a free block has no owners');
    this.orders[leaf] = wantedOrder;
    this.owners[leaf] = 1;
    return this.account(leaf, wantedOrder);
  }

  /** One more owner of the block that starts at `at`. */
  retain(at: number): void {
    const leaf = this.leafOf(at);
    this.owners[leaf] = this.owners[leaf]! + 1;
  }

  /** One owner less. True when it was the last and the block is free. */
  release(at: number): boolean {
    const leaf = this.leafOf(at);
    const left = this.owners[leaf]! - 1;
    this.owners[leaf] = left;
    if (left > 0) return false;
    const order = this.orders[leaf]!;
    const node = (this.leafCount + leaf) >> order;
    assert(this.best[node] === 0, 'a block that is given back was taken');
    this.best[node] = order + 1;
    this.refresh(node, order);
    this.usedBytes -= BLOCK_BYTES_MIN << order;
    return true;
  }

  blockBytes(at: number): number {
    return BLOCK_BYTES_MIN << this.orders[this.leafOf(at)]!;
  }

  ownersOf(at: number): number {
    return this.owners[this.leafOf(at)]!;
  }

  private account(leaf: number, order: number): number {
    const blockBytes = BLOCK_BYTES_MIN << order;
    const at = leaf << BLOCK_SHIFT;
    this.usedBytes += blockBytes;
    if (this.usedBytes > this.usedBytesMax) this.usedBytesMax = this.usedBytes;
    if (at + blockBytes > this.touchedBytes) this.touchedBytes = at + blockBytes;
    return at;
  }

  /** Brings the ancestors of a changed node up to date, and stops where nothing changes any more. */
  private refresh(changed: number, order: number): void {
    const best = this.best;
    let node = changed;
    for (let above = order + 1; above <= this.orderMax; above++) {
      const left = best[node & ~1]!;
      const right = best[node | 1]!;
      node >>= 1;
      // Two children that are free as a whole make a parent that is (a child's order is one less than `above`).
      const merged = left === above && right === above ? above + 1 : Math.max(left, right);
      if (best[node] === merged) return;
      best[node] = merged;
    }
  }

  private leafOf(at: number): number {
    const leaf = at >> BLOCK_SHIFT;
    assert(at >= 0 && leaf < this.leafCount && leaf << BLOCK_SHIFT === at, 'a block starts on a block boundary');
    assert(this.owners[leaf]! > 0, 'the block is owned');
    return leaf;
  }
}
