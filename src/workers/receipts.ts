/**
 * The receipts of one lane, on their way from a worker to a front. A receipt must never be lost, and a worker must never
 * wait for a front; so when the ring is full, receipts go to an overflow that keeps their order. While anything lies
 * there, the worker takes no further jobs from that lane: the overflow is bounded by what the lane had under way.
 *
 * Use: `begin` picks the slot, the caller fills `words[wordAt + field]` and `numbers[numberAt + n]`; nothing to close.
 */
import { assert } from '../base/assert.ts';
import { RECEIPT_ERROR, SLOT_ENTRY, SLOT_EXCHANGE, SLOT_KIND, SLOT_PARTITION, SLOT_WORDS } from '../zerocopy/layout.ts';
import type { Ring } from '../zerocopy/ring.ts';

const OVERFLOW_SLOTS_START = 64;
const SLOT_NUMBERS = SLOT_WORDS / 2;

export class Receipts {
  /** Where the receipt begun last is to be filled: the ring's own memory, or the overflow's. */
  words: Int32Array;
  numbers: Float64Array;
  wordAt = 0;
  numberAt = 0;

  private readonly ring: Ring;
  private overflowWords: Int32Array;
  private overflowNumbers: Float64Array;
  private overflowHead = 0;
  private overflowCount = 0;

  constructor(ring: Ring) {
    this.ring = ring;
    this.overflowWords = new Int32Array(OVERFLOW_SLOTS_START * SLOT_WORDS);
    this.overflowNumbers = new Float64Array(this.overflowWords.buffer);
    this.words = ring.words;
    this.numbers = ring.numbers;
  }

  get hasOverflow(): boolean {
    return this.overflowCount > 0;
  }

  begin(kind: number, exchange: number, entry: number, partition: number, error: number): void {
    const slot = this.overflowCount === 0 ? this.ring.claim() : -1;
    if (slot >= 0) {
      this.words = this.ring.words;
      this.numbers = this.ring.numbers;
      this.wordAt = slot * SLOT_WORDS;
      this.numberAt = slot * SLOT_NUMBERS;
    } else {
      this.beginOverflow();
    }
    const words = this.words;
    const at = this.wordAt;
    words[at + SLOT_KIND] = kind;
    words[at + SLOT_EXCHANGE] = exchange;
    words[at + SLOT_ENTRY] = entry;
    words[at + SLOT_PARTITION] = partition;
    words[at + RECEIPT_ERROR] = error;
  }

  /** Moves what waits into the ring, oldest first. Returns true when something moved. */
  drainOverflow(): boolean {
    let moved = 0;
    const capacity = this.overflowWords.length / SLOT_WORDS;
    while (this.overflowCount > 0) {
      const slot = this.ring.claim();
      if (slot < 0) break;
      const from = this.overflowHead * SLOT_WORDS;
      const to = slot * SLOT_WORDS;
      for (let word = 0; word < SLOT_WORDS; word++) {
        this.ring.words[to + word] = this.overflowWords[from + word]!;
      }
      this.overflowHead = (this.overflowHead + 1) % capacity;
      this.overflowCount -= 1;
      moved += 1;
    }
    return moved > 0;
  }

  private beginOverflow(): void {
    const capacity = this.overflowWords.length / SLOT_WORDS;
    if (this.overflowCount === capacity) this.growOverflow(capacity);
    const slots = this.overflowWords.length / SLOT_WORDS;
    const slot = (this.overflowHead + this.overflowCount) % slots;
    this.overflowCount += 1;
    this.words = this.overflowWords;
    this.numbers = this.overflowNumbers;
    this.wordAt = slot * SLOT_WORDS;
    this.numberAt = slot * SLOT_NUMBERS;
  }

  private growOverflow(capacity: number): void {
    assert(this.overflowCount === capacity, 'the receipt overflow grows only when it is full');
    const words = new Int32Array(capacity * 2 * SLOT_WORDS);
    for (let index = 0; index < capacity; index++) {
      const from = ((this.overflowHead + index) % capacity) * SLOT_WORDS;
      for (let word = 0; word < SLOT_WORDS; word++) words[index * SLOT_WORDS + word] = this.overflowWords[from + word]!;
    }
    this.overflowWords = words;
    this.overflowNumbers = new Float64Array(words.buffer);
    this.overflowHead = 0;
  }
}
