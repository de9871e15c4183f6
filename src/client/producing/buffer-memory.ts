/**
 * The bytes a producer may hold, given out first come, first served. Who finds no room waits in line with a deadline; while
 * somebody waits, nobody overtakes him. It counts, and owns no memory itself.
 */
import { Fault } from '../../base/fault.ts';

interface InLine {
  readonly bytes: number;
  readonly dueMs: number;
  readonly begin: () => void;
  readonly refuse: (error: Fault) => void;
}

export class BufferMemory {
  readonly bytesMax: number;
  #usedBytes = 0;
  readonly #line: InLine[] = [];
  readonly #roomWanted: (() => void)[] = [];

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get usedBytes(): number {
    return this.#usedBytes;
  }

  get isExhausted(): boolean {
    return this.#line.length > 0 || this.#roomWanted.length > 0;
  }

  /** False where there is no room, or where others wait for it. */
  take(bytes: number): boolean {
    if (this.#line.length > 0 || this.#usedBytes + bytes > this.bytesMax) return false;
    this.#usedBytes += bytes;
    return true;
  }

  /** `begin` runs when the bytes were taken for the caller; `refuse` when that did not happen until `dueMs`. */
  wait(bytes: number, dueMs: number, begin: () => void, refuse: (error: Fault) => void): void {
    this.#line.push({ bytes, dueMs, begin, refuse });
  }

  /** Resolves when there is room again for somebody who did not wait in line. */
  room(): Promise<void> {
    if (this.#line.length === 0 && this.#usedBytes < this.bytesMax / 2) return Promise.resolve();
    return new Promise((resolve) => this.#roomWanted.push(resolve));
  }

  give(bytes: number): void {
    this.#usedBytes -= bytes;
    for (let next = this.#line[0]; next !== undefined; next = this.#line[0]) {
      if (this.#usedBytes + next.bytes > this.bytesMax) break;
      this.#line.shift();
      this.#usedBytes += next.bytes;
      next.begin();
    }
    if (this.#line.length === 0 && this.#usedBytes < this.bytesMax / 2) {
      for (const resolve of this.#roomWanted.splice(0)) resolve();
    }
  }

  /** Refuses those whose time is over. Returns when the next one's is. */
  expire(nowMs: number): number {
    for (let next = this.#line[0]; next !== undefined && next.dueMs <= nowMs; next = this.#line[0]) {
      this.#line.shift();
      next.refuse(
        new Fault(
          'PB_TIMEOUT',
          `the producer's buffer of ${this.bytesMax} bytes stayed full; raise bufferBytes or send more slowly`,
        ),
      );
    }
    return this.#line[0]?.dueMs ?? Number.POSITIVE_INFINITY;
  }

  refuseAll(error: Fault): void {
    for (const one of this.#line.splice(0)) one.refuse(error);
    for (const resolve of this.#roomWanted.splice(0)) resolve();
  }
}
