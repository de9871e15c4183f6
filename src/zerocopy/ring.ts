/**
 * A ring: fixed slots of 64 bytes in shared memory, one producer, one consumer. Both sides of a lane are rings; so are
 * the lanes of the disk aide and of the control plane. It knows nothing of what a slot says.
 *
 *        head (written by the consumer)          tail (written by the producer)
 *          │                                       │
 *   ┌──────▼───────┬───────────┬──────────────┬────▼─────────────┬───────────────┐
 *   │ given back … │ read, not │ visible, not │ claimed, not yet │ free …        │   slot = counter & (slotCount - 1)
 *   │              │ released  │ read         │ published        │               │
 *   └──────────────┴───────────┴──────────────┴──────────────────┴───────────────┘
 *                 head        read           tail               claimed
 *
 * The four counters run freely over all of int32 and are compared by wrap-around subtraction: head ≤ read ≤ tail ≤
 * claimed ≤ head + slotCount. Each side keeps a copy of the other's counter and looks at the shared one only when the
 * copy says full (or empty), so that most operations touch no cache line of the other side.
 *
 * Slots are filled with plain stores. `publish` and `release` are one Atomics.store each, which makes every plain
 * store before it visible to whoever sees the new counter.
 */
import { assert } from '../base/assert.ts';
import { RING_HEAD_WORD, RING_HEADER_BYTES, RING_TAIL_WORD, SLOT_BYTES, SLOT_WORDS } from './layout.ts';

/** Keeps the difference of two counters far from the sign, and the memory of one ring at 64 MiB. */
export const RING_SLOTS_MAX = 1 << 20;

export class Ring {
  readonly slotCount: number;
  /** Views over the slots: slot n starts at `words[n * 16]` and `numbers[n * 8]`. */
  readonly words: Int32Array;
  readonly numbers: Float64Array;

  private readonly counters: Int32Array;
  private readonly mask: number;

  // producer
  private claimed: number;
  private published: number;
  private headSeen: number;
  // consumer
  private read: number;
  private released: number;
  private tailSeen: number;

  static bytesFor(slotCount: number): number {
    assert(isSlotCount(slotCount), 'a ring has a power of two of slots');
    return RING_HEADER_BYTES + slotCount * SLOT_BYTES;
  }

  constructor(memory: SharedArrayBuffer) {
    const slotCount = (memory.byteLength - RING_HEADER_BYTES) / SLOT_BYTES;
    assert(isSlotCount(slotCount), 'the memory of a ring holds a power of two of slots');
    this.slotCount = slotCount;
    this.mask = slotCount - 1;
    this.counters = new Int32Array(memory, 0, RING_HEADER_BYTES >> 2);
    this.words = new Int32Array(memory, RING_HEADER_BYTES, slotCount * SLOT_WORDS);
    this.numbers = new Float64Array(memory, RING_HEADER_BYTES, (slotCount * SLOT_WORDS) >> 1);
    const head = Atomics.load(this.counters, RING_HEAD_WORD);
    const tail = Atomics.load(this.counters, RING_TAIL_WORD);
    assert(((tail - head) | 0) >= 0 && ((tail - head) | 0) <= slotCount, 'the counters of a ring agree');
    this.claimed = tail;
    this.published = tail;
    this.headSeen = head;
    this.read = head;
    this.released = head;
    this.tailSeen = tail;
  }

  // ── producer ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** A slot to fill, or -1 when the ring is full. What the slot held before is still in it. */
  claim(): number {
    const claimed = this.claimed;
    if (((claimed - this.headSeen) | 0) === this.slotCount) {
      this.headSeen = Atomics.load(this.counters, RING_HEAD_WORD);
      if (((claimed - this.headSeen) | 0) === this.slotCount) return -1;
    }
    this.claimed = (claimed + 1) | 0;
    return claimed & this.mask;
  }

  /** Shows all claimed slots to the consumer. True when there were any. */
  publish(): boolean {
    if (this.published === this.claimed) return false;
    this.published = this.claimed;
    Atomics.store(this.counters, RING_TAIL_WORD, this.published);
    return true;
  }

  /** How many slots can be claimed right now. */
  get freeCount(): number {
    this.headSeen = Atomics.load(this.counters, RING_HEAD_WORD);
    return this.slotCount - ((this.claimed - this.headSeen) | 0);
  }

  // ── consumer ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** The next slot to read, or -1. Stays the same until `advance`. */
  peek(): number {
    const read = this.read;
    if (read === this.tailSeen) {
      this.tailSeen = Atomics.load(this.counters, RING_TAIL_WORD);
      if (read === this.tailSeen) return -1;
    }
    return read & this.mask;
  }

  /** The slot that `peek` gave has been read; its memory stays as it is until `release`. */
  advance(): void {
    assert(this.read !== this.tailSeen, 'a ring advances over a slot that was peeked');
    this.read = (this.read + 1) | 0;
  }

  /** Gives all slots that were read back to the producer. */
  release(): void {
    if (this.released === this.read) return;
    this.released = this.read;
    Atomics.store(this.counters, RING_HEAD_WORD, this.released);
  }

  /** Nothing to read: a fresh look at the shared counter, for the moment before a role falls asleep. */
  get isEmpty(): boolean {
    return this.read === Atomics.load(this.counters, RING_TAIL_WORD);
  }
}

function isSlotCount(slotCount: number): boolean {
  return slotCount >= 1 && slotCount <= RING_SLOTS_MAX && (slotCount & (slotCount - 1)) === 0;
}
