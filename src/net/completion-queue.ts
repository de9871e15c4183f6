/**
 * Completions on their way from event handlers to the next `poll` of the plain-Node transport: what happened first comes
 * out first. It grows to what its sockets can have under way (an accept, a receive, a send and a close each), which the
 * transport bounds by the number of sockets.
 */
import { assert } from '../base/assert.ts';
import type { Completions } from './transport.ts';

const PLACES_START = 256;
const FIELDS = 3;
const KIND = 0;
const SOCKET = 1;
const RESULT = 2;

export class CompletionQueue {
  private places = new Int32Array(PLACES_START * FIELDS);
  private mask = PLACES_START - 1;
  private head = 0;
  private used = 0;

  get count(): number {
    return this.used;
  }

  push(kind: number, socket: number, result: number): void {
    if (this.used > this.mask) this.grow();
    const at = ((this.head + this.used) & this.mask) * FIELDS;
    this.places[at + KIND] = kind;
    this.places[at + SOCKET] = socket;
    this.places[at + RESULT] = result;
    this.used += 1;
  }

  /** Moves as many as fit into the table, which held nothing that is still wanted. */
  drainInto(completions: Completions): void {
    const count = Math.min(this.used, completions.kinds.length);
    for (let index = 0; index < count; index++) {
      const at = ((this.head + index) & this.mask) * FIELDS;
      completions.kinds[index] = this.places[at + KIND]!;
      completions.sockets[index] = this.places[at + SOCKET]!;
      completions.results[index] = this.places[at + RESULT]!;
    }
    completions.count = count;
    this.head = (this.head + count) & this.mask;
    this.used -= count;
    assert(this.used >= 0, 'no more completions are drained than were pushed');
  }

  clear(): void {
    this.used = 0;
  }

  private grow(): void {
    const count = this.mask + 1;
    const wider = new Int32Array(count * 2 * FIELDS);
    const untilWrap = (count - this.head) * FIELDS;
    wider.set(this.places.subarray(this.head * FIELDS), 0);
    wider.set(this.places.subarray(0, this.head * FIELDS), untilWrap);
    this.places = wider;
    this.mask = count * 2 - 1;
    this.head = 0;
  }
}
