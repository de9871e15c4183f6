/**
 * Reads the protocol's primitive types from a stretch of memory. Used by the codecs of the control plane and the client;
 * the hot cursors walk bytes by themselves. Every length and count is checked before anything is read or made, and the
 * only thing that reading can throw is the Fault PB_PROTOCOL.
 *
 * The memory may be shared between threads: strings are cut out through Buffer, because TextDecoder refuses such views.
 */
import { Fault } from '../base/fault.ts';

export function protocolFault(message: string): Fault {
  return new Fault('PB_PROTOCOL', message);
}

/**
 * Elements of all arrays of one request together. The most partitions a broker has, each with its topic, its replica and its
 * directory, are as many; 100 MiB of the smallest elements would be a hundred million objects.
 */
export const REQUEST_ELEMENTS_MAX = 524_288;

export class Reader {
  readonly #buffer: Buffer;
  readonly #view: DataView;
  #elementsLeft: number;
  at: number;
  readonly end: number;

  constructor(
    bytes: Uint8Array,
    view: DataView,
    start: number,
    end: number,
    elementsMax: number = Number.POSITIVE_INFINITY,
  ) {
    if (start < 0 || end < start || end > bytes.length || end > view.byteLength) {
      throw protocolFault('the stretch to read lies outside of its memory');
    }
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#view = view;
    this.#elementsLeft = elementsMax;
    this.at = start;
    this.end = end;
  }

  static over(bytes: Uint8Array, elementsMax: number = Number.POSITIVE_INFINITY): Reader {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return new Reader(bytes, view, 0, bytes.length, elementsMax);
  }

  get remaining(): number {
    return this.end - this.at;
  }

  int8(): number {
    return this.#view.getInt8(this.#take(1));
  }

  int16(): number {
    return this.#view.getInt16(this.#take(2));
  }

  int32(): number {
    return this.#view.getInt32(this.#take(4));
  }

  uint16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  float64(): number {
    return this.#view.getFloat64(this.#take(8));
  }

  int64(): number {
    const value = this.#wide();
    if (!Number.isSafeInteger(value)) throw protocolFault('a 64-bit number does not fit into 53 bits');
    return value;
  }

  clampedInt64(): number {
    return clampToSafe(this.#wide());
  }

  wideInt64(): bigint {
    return this.#view.getBigInt64(this.#take(8));
  }

  boolean(): boolean {
    return this.#view.getInt8(this.#take(1)) !== 0;
  }

  uuid(): string {
    const at = this.#take(16);
    return this.#buffer.toString('base64url', at, at + 16);
  }

  /** Up to 32 bits, seven per byte, low ones first. */
  unsignedVarint(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#view.getUint8(this.#take(1));
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (value > 0xffff_ffff) break;
        return value;
      }
    }
    throw protocolFault('a variable-length number has too many bits');
  }

  varint(): number {
    const zigzag = this.unsignedVarint();
    return (zigzag >>> 1) ^ -(zigzag & 1);
  }

  /** 64-bit zigzag; refused where the value does not fit into 53 bits. */
  varlong(): number {
    let low = 0;
    let high = 0;
    for (let index = 0; index < 10; index++) {
      const byte = this.#view.getUint8(this.#take(1));
      const bits = byte & 0x7f;
      if (index < 4) low += bits * 2 ** (index * 7);
      else high += bits * 2 ** ((index - 4) * 7);
      if (byte < 0x80) return unzigzag(high, low);
    }
    throw protocolFault('a variable-length number has too many bits');
  }

  /** Null strings come back as null: the caller knows whether that is allowed. */
  string(isFlexible: boolean): string | null {
    const length = isFlexible ? this.unsignedVarint() - 1 : this.int16();
    if (length === -1) return null;
    if (length > 32_767) throw protocolFault('a string is longer than 32767 bytes');
    const at = this.#take(length);
    return this.#buffer.toString('utf8', at, at + length);
  }

  /** A copy. */
  bytes(isFlexible: boolean): Uint8Array | null {
    const view = this.bytesView(isFlexible);
    return view === null ? null : new Uint8Array(view);
  }

  /** A view into the memory that is read. */
  bytesView(isFlexible: boolean): Uint8Array | null {
    const length = isFlexible ? this.unsignedVarint() - 1 : this.int32();
    if (length === -1) return null;
    const at = this.#take(length);
    return this.#buffer.subarray(at, at + length);
  }

  /** -1 for a null array. No count comes back that the rest of the memory cannot hold. */
  arrayCount(isFlexible: boolean, elementBytesMin: number): number {
    const count = isFlexible ? this.unsignedVarint() - 1 : this.int32();
    if (count < -1) throw protocolFault('an array has a negative count');
    if (count * elementBytesMin > this.remaining) throw protocolFault('an array counts more than its frame can hold');
    this.#elementsLeft -= Math.max(0, count);
    if (this.#elementsLeft < 0) throw protocolFault('its arrays have more elements than a request may have');
    return count;
  }

  /** How many tagged fields follow; each takes at least two bytes. */
  tagCount(): number {
    const count = this.unsignedVarint();
    if (count * 2 > this.remaining) throw protocolFault('more tagged fields than the frame can hold');
    return count;
  }

  /** Reads the size of a tagged field and returns where it ends. */
  tagEnd(): number {
    const size = this.unsignedVarint();
    if (size > this.remaining) throw protocolFault('a tagged field is longer than its frame');
    return this.at + size;
  }

  skipTags(): void {
    for (let count = this.tagCount(); count > 0; count--) {
      this.unsignedVarint();
      this.at = this.tagEnd();
    }
  }

  expectAt(at: number): void {
    if (this.at !== at) throw protocolFault('a tagged field does not have the size it states');
  }

  #wide(): number {
    const at = this.#take(8);
    return this.#view.getInt32(at) * 0x1_0000_0000 + this.#view.getUint32(at + 4);
  }

  #take(length: number): number {
    const at = this.at;
    if (length < 0 || length > this.end - at) throw protocolFault('the message ends before its fields do');
    this.at = at + length;
    return at;
  }
}

export function clampToSafe(value: number): number {
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(value, Number.MAX_SAFE_INTEGER));
}

/** `high` counts units of 2^28. Zigzag: even numbers are halves, odd ones negative. */
function unzigzag(high: number, low: number): number {
  const isNegative = (low & 1) === 1;
  const half = high * 2 ** 27 + Math.floor(low / 2);
  const value = isNegative ? -half - 1 : half;
  if (!Number.isSafeInteger(value)) throw protocolFault('a variable-length number does not fit into 53 bits');
  return value;
}
