/**
 * A ring of bytes in shared memory, one producer, one consumer: how the responses of the control plane travel from main
 * to a front. The bytes lie here; that they are there is told by a RECEIPT_CONTROL slot of the lane beside it, with
 * `at` and `length` of a piece. It knows nothing of replies.
 *
 * Main, for a reply of any size:
 *
 *   for (let from = 0; from < reply.length; ) {
 *     const at = ring.tryWrite(reply, from, reply.length - from);
 *     if (at < 0) { wait until the bell rings; continue; }      // the front will ring: `free` tells it to
 *     from += ring.lastWritten;
 *     …claim a slot: at, ring.lastWritten, MORE unless from === reply.length; publish; ring the front's bell
 *   }
 *
 * The front, for each piece in the order of its slots (it may leave a slot unread while it has no room for it):
 *
 *   ring.copyTo(at, length, outbox.bytes, outboxAt);
 *   if (ring.free(length)) mainBell.ring();
 *
 * A piece never runs over the end of the ring: `tryWrite` stops there and the next piece starts at 0, so nothing is
 * padded and `free` needs no more than a length. The bytes become visible with the publication of the lane's slot; the
 * counters here only carry how much room there is.
 */
import { assert } from '../base/assert.ts';

const HEAD_WORD = 0;
const WAITING_WORD = 16;
const TAIL_WORD = 32;
const HEADER_BYTES = 256;
const CAPACITY_MIN = 4096;
const CAPACITY_MAX = 1 << 30;

export class ByteRing {
  readonly capacityBytes: number;
  /** The bytes that `at` counts in. */
  readonly bytes: Uint8Array;
  /** How many bytes the last successful `tryWrite` placed. */
  lastWritten = 0;

  private readonly counters: Int32Array;
  private readonly mask: number;
  private tail: number;
  private head: number;

  static bytesFor(capacityBytes: number): number {
    assert(isCapacity(capacityBytes), 'a byte ring holds a power of two of bytes');
    return HEADER_BYTES + capacityBytes;
  }

  constructor(memory: SharedArrayBuffer) {
    const capacityBytes = memory.byteLength - HEADER_BYTES;
    assert(isCapacity(capacityBytes), 'the memory of a byte ring holds a power of two of bytes');
    this.capacityBytes = capacityBytes;
    this.mask = capacityBytes - 1;
    this.counters = new Int32Array(memory, 0, HEADER_BYTES >> 2);
    this.bytes = new Uint8Array(memory, HEADER_BYTES, capacityBytes);
    this.tail = Atomics.load(this.counters, TAIL_WORD);
    this.head = Atomics.load(this.counters, HEAD_WORD);
  }

  // ── producer ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Copies as much of `bytes[from, from + length)` as fits in one run and returns where it lies; `lastWritten` says how
   * much it was. Returns -1 when the ring is full: the next `free` will then return true.
   */
  tryWrite(bytes: Uint8Array, from: number, length: number): number {
    assert(from >= 0 && length > 0 && from + length <= bytes.length, 'a piece lies within its bytes');
    let free = this.freeBytes;
    if (free === 0) {
      // Announce first, look once more: a consumer that freed in between has either been seen or sees the mark.
      Atomics.store(this.counters, WAITING_WORD, 1);
      free = this.freeBytes;
      if (free === 0) return -1;
      Atomics.store(this.counters, WAITING_WORD, 0);
    }
    const at = this.tail & this.mask;
    const count = Math.min(length, free, this.capacityBytes - at);
    this.bytes.set(bytes.subarray(from, from + count), at);
    this.tail = (this.tail + count) | 0;
    Atomics.store(this.counters, TAIL_WORD, this.tail);
    this.lastWritten = count;
    return at;
  }

  /** Room in the whole ring (the next run may be shorter). */
  get freeBytes(): number {
    return this.capacityBytes - ((this.tail - Atomics.load(this.counters, HEAD_WORD)) | 0);
  }

  // ── consumer ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Copies a piece, or a part of one, out. */
  copyTo(at: number, length: number, target: Uint8Array, targetAt: number): void {
    assert(at >= 0 && length >= 0 && at + length <= this.capacityBytes, 'a piece lies within the ring');
    assert(targetAt >= 0 && targetAt + length <= target.length, 'a piece fits where it is copied to');
    // Two views a piece. A loop over the bytes was no faster down to 40 bytes (bench/micro/memory-structures).
    target.set(this.bytes.subarray(at, at + length), targetAt);
  }

  /** Gives the oldest `length` bytes back. True when the producer waits for room: ring its bell. */
  free(length: number): boolean {
    const used = (Atomics.load(this.counters, TAIL_WORD) - this.head) | 0;
    assert(length >= 0 && length <= used, 'no more bytes are freed than were written');
    this.head = (this.head + length) | 0;
    Atomics.store(this.counters, HEAD_WORD, this.head);
    return length > 0 && Atomics.exchange(this.counters, WAITING_WORD, 0) === 1;
  }
}

function isCapacity(capacityBytes: number): boolean {
  return capacityBytes >= CAPACITY_MIN && capacityBytes <= CAPACITY_MAX && (capacityBytes & (capacityBytes - 1)) === 0;
}
