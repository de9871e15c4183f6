/**
 * The last offset of every key in the part of a log that compaction looks at, in memory of a fixed size: an open hash table
 * of key digests. Filled once from the new part of the log, then asked for every record of the whole log. It lives in
 * shared memory with its secret, so that one task fills it and others ask it without a copy.
 *
 *     latest offset (f64) │ keys (f64) │ most keys (f64) │ slots (f64) │ secret (4 × i32) │ offsets + 1 (f64 each) │ digests (4 × i32 each)
 *
 * 24 bytes a slot, as in Kafka. A slot is free while its offset is 0. Slots are looked through one after the other from where
 * the digest points. The memory may be larger than its slots: that of a map that is done with can be used for the next. At the usual nine tenths full that is five for a key that is there.
 */
import { assert } from '../base/assert.ts';
import { KeyDigest } from './key-digest.ts';

const SLOT_BYTES = 24;
const HEADER_BYTES = 48;
const LATEST = 0;
const COUNT = 1;
const COUNT_MAX = 2;
const SLOTS = 3;
const SECRET_AT = 32;
const SECRET_BYTES = 16;
const NONE = -1;
/** Below this a map would not be worth its passes over the log. */
const SLOTS_MIN = 16;

export class OffsetMap {
  readonly memory: SharedArrayBuffer;
  private readonly header: Float64Array;
  private readonly offsets: Float64Array;
  private readonly digests: Int32Array;
  private readonly slots: number;
  private readonly key: KeyDigest;

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.header = new Float64Array(memory, 0, 4);
    const slots = this.header[SLOTS]!;
    const hasRoom = HEADER_BYTES + slots * SLOT_BYTES <= memory.byteLength;
    assert(Number.isInteger(slots) && slots >= 1 && hasRoom, 'the memory of a map has room for its slots');
    this.slots = slots;
    this.key = new KeyDigest(new Int32Array(memory, SECRET_AT, 4));
    this.offsets = new Float64Array(memory, HEADER_BYTES, slots);
    this.digests = new Int32Array(memory, HEADER_BYTES + slots * 8, slots * 4);
  }

  /**
   * As large as it has to be for so many records, and no larger than allowed. `secret`: 16 random bytes. `used`: the memory
   * of a map that nobody needs any more, taken where it is large enough.
   */
  static create(
    bytesMax: number,
    recordsMax: number,
    loadFactor: number,
    secret: Uint8Array,
    used: SharedArrayBuffer | null = null,
  ): OffsetMap {
    assert(loadFactor > 0 && loadFactor <= 1, 'a map is filled to a part');
    const allowed = Math.floor((bytesMax - HEADER_BYTES) / SLOT_BYTES);
    const wanted = Math.ceil(recordsMax / loadFactor) + 1;
    const slots = Math.max(SLOTS_MIN, Math.min(allowed, wanted));
    const memory = memoryFor(slots, allowed, used);
    new Float64Array(memory, 0, 4)[SLOTS] = slots;
    new Uint8Array(memory, SECRET_AT, SECRET_BYTES).set(secret.subarray(0, SECRET_BYTES));
    const map = new OffsetMap(memory);
    map.offsets.fill(0);
    map.header[LATEST] = NONE;
    map.header[COUNT] = 0;
    // One slot stays free, or a search for what is not there would not end.
    map.header[COUNT_MAX] = Math.max(1, Math.min(slots - 1, Math.floor(slots * loadFactor)));
    return map;
  }

  get count(): number {
    return this.header[COUNT]!;
  }

  get isFull(): boolean {
    return this.header[COUNT]! >= this.header[COUNT_MAX]!;
  }

  /** The last offset it knows of: later records are none of its business. */
  get latestOffset(): number {
    return this.header[LATEST]!;
  }

  reach(offset: number): void {
    if (offset > this.header[LATEST]!) this.header[LATEST] = offset;
  }

  /** Offsets are put in the order of the log. Ask `isFull` first. */
  put(bytes: Uint8Array, at: number, length: number, offset: number): void {
    assert(!this.isFull, 'a full map is not asked to take more');
    const slot = this.find(bytes, at, length);
    if (this.offsets[slot] === 0) {
      this.digests.set(this.key.words, slot * 4);
      this.header[COUNT] = this.header[COUNT]! + 1;
    }
    this.offsets[slot] = offset + 1;
    this.header[LATEST] = offset;
  }

  /** -1 for a key that is not there. */
  get(bytes: Uint8Array, at: number, length: number): number {
    return this.offsets[this.find(bytes, at, length)]! - 1;
  }

  /** The slot of the key, or the free one where it belongs. */
  private find(bytes: Uint8Array, at: number, length: number): number {
    this.key.digest(bytes, at, length);
    const { words } = this.key;
    const { digests, offsets, slots } = this;
    let slot = (words[0]! >>> 0) % slots;
    for (let looks = 0; looks < slots; looks++) {
      if (offsets[slot] === 0) return slot;
      const to = slot * 4;
      if (
        digests[to] === words[0] &&
        digests[to + 1] === words[1] &&
        digests[to + 2] === words[2] &&
        digests[to + 3] === words[3]
      )
        return slot;
      slot = slot + 1 === slots ? 0 : slot + 1;
    }
    assert(false, 'a map always has a free slot');
  }
}

/** Fresh memory is a power of two of slots where that is allowed: maps that grow little by little need few. */
function memoryFor(slots: number, allowed: number, used: SharedArrayBuffer | null): SharedArrayBuffer {
  if (used !== null && used.byteLength >= HEADER_BYTES + slots * SLOT_BYTES) return used;
  const rounded = Math.max(slots, Math.min(allowed, 2 ** Math.ceil(Math.log2(slots))));
  return new SharedArrayBuffer(HEADER_BYTES + rounded * SLOT_BYTES);
}
