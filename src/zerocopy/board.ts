/**
 * The board: one row per partition slot in shared memory, in which the owning worker publishes its log's watermarks and
 * anyone may look. Fronts use it to park fetches without asking a worker; main uses it for metrics and admin answers.
 *
 * Numbers are plain Float64 stores of 8-byte-aligned memory. The language allows such a store to tear; every engine on
 * a 64-bit machine makes it one move, and the tests would show it if that changed. A reader takes one number at a time
 * and must not expect two numbers of a row to be of the same moment. The writer stores in the order bytes, end, log
 * start, high, stable, so that on machines that keep the order of stores (x86-64) a reader who reads in the opposite
 * order never sees high beyond end; elsewhere he may for an instant, and clamps.
 *
 * Watching is where order matters, because a wake-up must not be lost:
 *
 *   front:   watch(slot)  then look at high/stable      worker:   set high/stable  then watchers(slot)
 *
 * Both `watch` and `watchers` read and write the one word in one atomic step, so one of them comes first: either the
 * worker sees the mark, or the front, coming later, sees everything that the worker stored before.
 *
 * The epoch is stored plus one, so that a fresh board (all zeros, no page touched) says "closed" in every row.
 */
import { assert } from '../base/assert.ts';
import {
  BOARD_BYTES,
  BOARD_END,
  BOARD_EPOCH_WORD,
  BOARD_HIGH,
  BOARD_LOG_START,
  BOARD_ROW_BYTES,
  BOARD_ROW_NUMBERS,
  BOARD_SLOTS_MAX,
  BOARD_STABLE,
  BOARD_WATCHERS_WORD,
  BOARD_WATCHERS_WORDS,
} from './layout.ts';

const ROW_WORDS = BOARD_ROW_BYTES >> 2;
const WORD_BITS = 32;
/** One bit each in the words of watchers: for every front, and for main. */
export const WATCHERS_MAX = BOARD_WATCHERS_WORDS * WORD_BITS;

export class Board {
  readonly memory: SharedArrayBuffer;
  readonly slotCount: number;
  private readonly numbers: Float64Array;
  private readonly words: Int32Array;

  static create(slotCount: number = BOARD_SLOTS_MAX): Board {
    return new Board(new SharedArrayBuffer(slotCount * BOARD_ROW_BYTES));
  }

  constructor(memory: SharedArrayBuffer) {
    const slotCount = memory.byteLength / BOARD_ROW_BYTES;
    assert(Number.isInteger(slotCount), 'a board has whole rows');
    assert(slotCount >= 1 && slotCount <= BOARD_SLOTS_MAX, 'a board has no more rows than there may be slots');
    this.memory = memory;
    this.slotCount = slotCount;
    this.numbers = new Float64Array(memory);
    this.words = new Int32Array(memory);
  }

  // ── anyone ────────────────────────────────────────────────────────────────────────────────────────────────────────

  logStart(slot: number): number {
    return this.numbers[slot * BOARD_ROW_NUMBERS + BOARD_LOG_START]!;
  }

  stable(slot: number): number {
    return this.numbers[slot * BOARD_ROW_NUMBERS + BOARD_STABLE]!;
  }

  high(slot: number): number {
    return this.numbers[slot * BOARD_ROW_NUMBERS + BOARD_HIGH]!;
  }

  end(slot: number): number {
    return this.numbers[slot * BOARD_ROW_NUMBERS + BOARD_END]!;
  }

  /** Bytes ever appended since the log was opened: differences tell how many arrived. */
  bytes(slot: number): number {
    return this.numbers[slot * BOARD_ROW_NUMBERS + BOARD_BYTES]!;
  }

  /** The leader epoch the owner works under; -1 while the slot is closed. */
  epoch(slot: number): number {
    return Atomics.load(this.words, slot * ROW_WORDS + BOARD_EPOCH_WORD) - 1;
  }

  // ── fronts ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** This front wants a RECEIPT_WAKE when the partition moves. Look at the watermarks again after this call. */
  watch(slot: number, front: number): void {
    assert(slot >= 0 && slot < this.slotCount, 'a watched slot has a row');
    assert(front >= 0 && front < WATCHERS_MAX, 'a front has a bit of its own');
    Atomics.or(this.words, slot * ROW_WORDS + BOARD_WATCHERS_WORD + (front >> 5), 1 << (front & 31));
  }

  unwatch(slot: number, front: number): void {
    assert(slot >= 0 && slot < this.slotCount, 'an unwatched slot has a row');
    assert(front >= 0 && front < WATCHERS_MAX, 'a front has a bit of its own');
    Atomics.and(this.words, slot * ROW_WORDS + BOARD_WATCHERS_WORD + (front >> 5), ~(1 << (front & 31)));
  }

  // ── the owner of the slot ─────────────────────────────────────────────────────────────────────────────────────────

  /** Bit n is set while front 32 × group + n watches. Asked after the watermarks of the turn were set, never before. */
  watchers(slot: number, group: number): number {
    return Atomics.or(this.words, slot * ROW_WORDS + BOARD_WATCHERS_WORD + group, 0);
  }

  /** All numbers of a row at once, in the order that readers may rely on. */
  set(slot: number, logStart: number, stable: number, high: number, end: number, bytes: number): void {
    assert(slot >= 0 && slot < this.slotCount, 'a written slot has a row');
    assert(logStart <= stable && stable <= high && high <= end, 'watermarks are start ≤ stable ≤ high ≤ end');
    const row = slot * BOARD_ROW_NUMBERS;
    const numbers = this.numbers;
    numbers[row + BOARD_BYTES] = bytes;
    numbers[row + BOARD_END] = end;
    numbers[row + BOARD_LOG_START] = logStart;
    numbers[row + BOARD_HIGH] = high;
    numbers[row + BOARD_STABLE] = stable;
  }

  setLogStart(slot: number, offset: number): void {
    this.numbers[slot * BOARD_ROW_NUMBERS + BOARD_LOG_START] = offset;
  }

  setStable(slot: number, offset: number): void {
    this.numbers[slot * BOARD_ROW_NUMBERS + BOARD_STABLE] = offset;
  }

  setHigh(slot: number, offset: number): void {
    this.numbers[slot * BOARD_ROW_NUMBERS + BOARD_HIGH] = offset;
  }

  setEnd(slot: number, offset: number): void {
    this.numbers[slot * BOARD_ROW_NUMBERS + BOARD_END] = offset;
  }

  setBytes(slot: number, bytes: number): void {
    this.numbers[slot * BOARD_ROW_NUMBERS + BOARD_BYTES] = bytes;
  }

  /** Opens the slot (after its watermarks were set), moves it to a new epoch, or with -1 closes it. */
  setEpoch(slot: number, epoch: number): void {
    assert(slot >= 0 && slot < this.slotCount, 'a slot with an epoch has a row');
    assert(epoch >= -1, 'an epoch is at least -1');
    Atomics.store(this.words, slot * ROW_WORDS + BOARD_EPOCH_WORD, epoch + 1);
  }

  /** Closes the slot and clears its row for the next partition that gets it. Watchers keep their marks. */
  clear(slot: number): void {
    this.setEpoch(slot, -1);
    this.set(slot, 0, 0, 0, 0, 0);
  }
}
