/**
 * Exchanges that wait for partitions to move, or for their time to be up. They cost no worker anything: the front marks
 * the board while at least one exchange waits for a slot, and a RECEIPT_WAKE names the slot.
 *
 * A watch is a row of numbers in two lists at once: all watches of a slot, and all watches of an exchange.
 *
 *   slotHead[slot] ─→ watch ⇄ watch          watchHead[exchange] ─→ watch → watch
 *
 * Woken exchanges go through a queue, each at most once, so that a wake of a thousand fetches is one pass and whoever
 * parks again during it waits for the next wake. Looking at the board after `watch` is the caller's business.
 */
import { assert } from '../base/assert.ts';
import { TimerWheel } from '../base/timer-wheel.ts';
import type { Board } from '../zerocopy/board.ts';

const NONE = -1;
const WATCHES_START = 64;

export class ParkedFetches {
  private readonly board: Board;
  private readonly front: number;
  private readonly watchesMax: number;
  private readonly wheel: TimerWheel;
  /** By slot, watch + 1, so that untouched pages mean "nobody". */
  private readonly slotHeads: Int32Array;
  /** By exchange, likewise. */
  private readonly watchHeads: Int32Array;
  private readonly isQueued: Uint8Array;
  private readonly woken: number[] = [];
  private wokenRead = 0;

  private exchanges = new Int32Array(WATCHES_START);
  private slots = new Int32Array(WATCHES_START);
  private nextOfSlot = new Int32Array(WATCHES_START);
  private previousOfSlot = new Int32Array(WATCHES_START);
  private nextOfExchange = new Int32Array(WATCHES_START);
  private freeHead = NONE;
  private madeCount = 0;
  private usedCount = 0;

  constructor(board: Board, front: number, exchangesMax: number, watchesMax: number, nowMs: number) {
    assert(watchesMax >= 1, 'something can be watched');
    this.board = board;
    this.front = front;
    this.watchesMax = watchesMax;
    this.wheel = new TimerWheel(exchangesMax, nowMs);
    this.slotHeads = new Int32Array(board.slotCount);
    this.watchHeads = new Int32Array(exchangesMax);
    this.isQueued = new Uint8Array(exchangesMax);
  }

  get watchCount(): number {
    return this.usedCount;
  }

  get timerCount(): number {
    return this.wheel.count;
  }

  hasRoom(watches: number): boolean {
    return this.usedCount + watches <= this.watchesMax;
  }

  nextDueMs(): number {
    return this.wokenRead < this.woken.length ? 0 : this.wheel.nextDueMs();
  }

  arm(exchange: number, deadlineMs: number): void {
    this.wheel.arm(exchange, deadlineMs);
  }

  watch(exchange: number, slot: number): void {
    assert(this.usedCount < this.watchesMax, 'whoever watches asked for room before');
    const row = this.take();
    const head = this.slotHeads[slot]! - 1;
    this.exchanges[row] = exchange;
    this.slots[row] = slot;
    this.previousOfSlot[row] = NONE;
    this.nextOfSlot[row] = head;
    if (head === NONE) this.board.watch(slot, this.front);
    else this.previousOfSlot[head] = row;
    this.slotHeads[slot] = row + 1;
    this.nextOfExchange[row] = this.watchHeads[exchange]! - 1;
    this.watchHeads[exchange] = row + 1;
  }

  /** Forgets the exchange: its watches, its timer, its place in the queue of woken ones. */
  unpark(exchange: number): void {
    let row = this.watchHeads[exchange]! - 1;
    while (row !== NONE) {
      const next = this.nextOfExchange[row]!;
      this.unlink(row);
      row = next;
    }
    this.watchHeads[exchange] = 0;
    this.isQueued[exchange] = 0;
    this.wheel.disarm(exchange);
  }

  /** The slot moved: everyone who waits for it should look again. */
  wake(slot: number): void {
    assert(slot >= 0 && slot < this.slotHeads.length, 'a wake names a slot of the board');
    for (let row = this.slotHeads[slot]! - 1; row !== NONE; row = this.nextOfSlot[row]!)
      this.wakeOne(this.exchanges[row]!);
  }

  wakeOne(exchange: number): void {
    if (this.isQueued[exchange] === 1) return;
    this.isQueued[exchange] = 1;
    this.woken.push(exchange);
  }

  /** How many are woken now: a pass over so many `nextWoken` ends although some park again. */
  get wokenCount(): number {
    return this.woken.length - this.wokenRead;
  }

  /** An exchange that was woken, or -1 for one that ended meanwhile. */
  nextWoken(): number {
    assert(this.wokenRead < this.woken.length, 'somebody was woken');
    const exchange = this.woken[this.wokenRead]!;
    this.wokenRead += 1;
    if (this.wokenRead === this.woken.length) {
      this.woken.length = 0;
      this.wokenRead = 0;
    }
    if (this.isQueued[exchange] === 0) return NONE;
    this.isQueued[exchange] = 0;
    return exchange;
  }

  /** An exchange whose time is up, or -1. */
  nextExpired(nowMs: number): number {
    return this.wheel.nextExpired(nowMs);
  }

  private unlink(row: number): void {
    const slot = this.slots[row]!;
    const previous = this.previousOfSlot[row]!;
    const next = this.nextOfSlot[row]!;
    if (next !== NONE) this.previousOfSlot[next] = previous;
    if (previous !== NONE) {
      this.nextOfSlot[previous] = next;
    } else {
      this.slotHeads[slot] = next + 1;
      if (next === NONE) this.board.unwatch(slot, this.front);
    }
    this.nextOfSlot[row] = this.freeHead;
    this.freeHead = row;
    this.usedCount -= 1;
  }

  private take(): number {
    this.usedCount += 1;
    const row = this.freeHead;
    if (row !== NONE) {
      this.freeHead = this.nextOfSlot[row]!;
      return row;
    }
    if (this.madeCount === this.exchanges.length) this.grow();
    this.madeCount += 1;
    return this.madeCount - 1;
  }

  private grow(): void {
    const count = Math.min(this.exchanges.length * 2, this.watchesMax);
    this.exchanges = grown(this.exchanges, count);
    this.slots = grown(this.slots, count);
    this.nextOfSlot = grown(this.nextOfSlot, count);
    this.previousOfSlot = grown(this.previousOfSlot, count);
    this.nextOfExchange = grown(this.nextOfExchange, count);
  }
}

function grown(rows: Int32Array<ArrayBuffer>, count: number): Int32Array<ArrayBuffer> {
  const copy = new Int32Array(count);
  copy.set(rows);
  return copy;
}
