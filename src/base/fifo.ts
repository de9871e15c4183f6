/**
 * A queue with a stated maximum: an array used as a ring, which starts small and doubles until it is as large as it may
 * get. Values are dropped from the array when they leave, so that the queue keeps nothing alive.
 */
import { assert } from './assert.ts';

const PLACES_START = 16;

export class Fifo<T> {
  readonly countMax: number;
  private places: (T | undefined)[];
  private head = 0;
  private used = 0;

  constructor(countMax: number) {
    assert(countMax >= 1, 'a queue holds at least one value');
    this.countMax = countMax;
    this.places = new Array(Math.min(PLACES_START, countMax)).fill(undefined);
  }

  get count(): number {
    return this.used;
  }

  get isFull(): boolean {
    return this.used === this.countMax;
  }

  /** False when the queue is full; the value was not taken. */
  push(value: T): boolean {
    if (this.used === this.countMax) return false;
    if (this.used === this.places.length) this.grow();
    this.places[(this.head + this.used) % this.places.length] = value;
    this.used += 1;
    return true;
  }

  /** The oldest value, which stays. */
  peek(): T | undefined {
    return this.used === 0 ? undefined : this.places[this.head];
  }

  /** Takes the oldest value out. */
  shift(): T | undefined {
    if (this.used === 0) return undefined;
    const value = this.places[this.head];
    this.places[this.head] = undefined;
    this.head = (this.head + 1) % this.places.length;
    this.used -= 1;
    return value;
  }

  private grow(): void {
    const wider: (T | undefined)[] = new Array(Math.min(this.places.length * 2, this.countMax)).fill(undefined);
    for (let index = 0; index < this.used; index++) {
      wider[index] = this.places[(this.head + index) % this.places.length];
    }
    this.places = wider;
    this.head = 0;
  }
}
