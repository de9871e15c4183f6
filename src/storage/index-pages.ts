/**
 * The pages of index files that searches looked at last, shared by all logs of a thread: a search goes back and forth between
 * a few of them, and readers of several partitions take turns. Whoever changes a file forgets its pages.
 */
import type { Memory } from '../zerocopy/memory.ts';
import type { Disk } from './disk.ts';

export const PAGE_BYTES = 4096;
export const INDEX_PAGES = 16;

export class IndexPages {
  readonly memory: Memory;
  private readonly owners = new Array<object | null>(INDEX_PAGES).fill(null);
  private readonly numbers = new Int32Array(INDEX_PAGES);
  private lastFound = 0;
  private nextTaken = 0;

  constructor(disk: Disk) {
    this.memory = disk.allocate(INDEX_PAGES * PAGE_BYTES);
  }

  /** Where the page of a file lies in the memory, -1 when it does not. */
  find(owner: object, number: number): number {
    if (this.holds(this.lastFound, owner, number)) return this.lastFound * PAGE_BYTES;
    for (let index = 0; index < INDEX_PAGES; index++) {
      if (!this.holds(index, owner, number)) continue;
      this.lastFound = index;
      return index * PAGE_BYTES;
    }
    return -1;
  }

  /** Where the page is to be filled in; one that could not be is forgotten. */
  take(owner: object, number: number): number {
    const index = this.nextTaken;
    this.nextTaken = (index + 1) % INDEX_PAGES;
    this.owners[index] = owner;
    this.numbers[index] = number;
    return index * PAGE_BYTES;
  }

  forget(owner: object): void {
    for (let index = 0; index < INDEX_PAGES; index++) {
      if (this.owners[index] === owner) this.owners[index] = null;
    }
  }

  private holds(index: number, owner: object, number: number): boolean {
    return this.owners[index] === owner && this.numbers[index] === number;
  }
}
