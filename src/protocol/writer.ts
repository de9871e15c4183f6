/**
 * Writes the protocol's primitive types into memory of its own that grows up to a stated maximum. Used by the codecs of
 * the control plane and the client. A value that its field cannot hold is refused with the Fault PB_PROTOCOL, a message
 * beyond the maximum with PB_LIMIT; half-written bytes are then worthless and `reset` starts over.
 */
import { Fault } from '../base/fault.ts';
import { protocolFault } from './reader.ts';

const GROWTH_MIN_BYTES = 256;

export class Writer {
  #buffer: Buffer;
  #view: DataView;
  readonly #bytesMax: number;
  at = 0;

  constructor(bytesMax: number, initialBytes = 1024) {
    this.#bytesMax = bytesMax;
    this.#buffer = Buffer.allocUnsafeSlow(Math.min(bytesMax, Math.max(initialBytes, 0)));
    this.#view = viewOf(this.#buffer);
  }

  reset(): void {
    this.at = 0;
  }

  /** How much it holds without growing. */
  get capacity(): number {
    return this.#buffer.length;
  }

  /** What was written so far: a view that the next write may invalidate. */
  written(): Uint8Array {
    return this.#buffer.subarray(0, this.at);
  }

  int8(value: number): void {
    if ((value << 24) >> 24 !== value) throw outOfRange('int8', value);
    const at = this.#take(1);
    this.#view.setInt8(at, value);
  }

  int16(value: number): void {
    if ((value << 16) >> 16 !== value) throw outOfRange('int16', value);
    const at = this.#take(2);
    this.#view.setInt16(at, value);
  }

  int32(value: number): void {
    if ((value | 0) !== value) throw outOfRange('int32', value);
    const at = this.#take(4);
    this.#view.setInt32(at, value);
  }

  uint16(value: number): void {
    if ((value & 0xffff) !== value) throw outOfRange('uint16', value);
    const at = this.#take(2);
    this.#view.setUint16(at, value);
  }

  uint32(value: number): void {
    if (value >>> 0 !== value) throw outOfRange('uint32', value);
    const at = this.#take(4);
    this.#view.setUint32(at, value);
  }

  int64(value: number): void {
    if (!Number.isSafeInteger(value)) throw outOfRange('int64', value);
    const at = this.#take(8);
    const high = Math.floor(value / 0x1_0000_0000);
    this.#view.setInt32(at, high);
    this.#view.setUint32(at + 4, value - high * 0x1_0000_0000);
  }

  clampedInt64(value: number): void {
    this.int64(value);
  }

  wideInt64(value: bigint): void {
    const at = this.#take(8);
    this.#view.setBigInt64(at, value);
  }

  float64(value: number): void {
    const at = this.#take(8);
    this.#view.setFloat64(at, value);
  }

  boolean(value: boolean): void {
    const at = this.#take(1);
    this.#view.setInt8(at, value ? 1 : 0);
  }

  uuid(value: string): void {
    const at = this.#take(16);
    if (value.length !== 22 || this.#buffer.write(value, at, 16, 'base64url') !== 16) {
      throw protocolFault(`"${value}" is not a topic id: 22 characters of base64url are`);
    }
  }

  unsignedVarint(value: number): void {
    if (value >>> 0 !== value) throw outOfRange('unsigned varint', value);
    let rest = value;
    while (rest >= 0x80) {
      this.#byte((rest & 0x7f) | 0x80);
      rest = Math.floor(rest / 128);
    }
    this.#byte(rest);
  }

  varint(value: number): void {
    if ((value | 0) !== value) throw outOfRange('varint', value);
    this.unsignedVarint(((value << 1) ^ (value >> 31)) >>> 0);
  }

  varlong(value: number): void {
    if (!Number.isSafeInteger(value)) throw outOfRange('varlong', value);
    // The first seven bits hold the sign and the low six; doubling the whole number could leave the exact range.
    const magnitude = value < 0 ? -(value + 1) : value;
    let rest = Math.floor(magnitude / 64);
    let bits = (magnitude % 64) * 2 + (value < 0 ? 1 : 0);
    while (rest > 0) {
      this.#byte(bits | 0x80);
      bits = rest % 128;
      rest = Math.floor(rest / 128);
    }
    this.#byte(bits);
  }

  string(value: string | null, isFlexible: boolean): void {
    const length = value === null ? -1 : Buffer.byteLength(value, 'utf8');
    if (length > 32_767) throw protocolFault(`a string of ${length} bytes is too long: 32767 are allowed`);
    if (isFlexible) this.unsignedVarint(length + 1);
    else this.int16(length);
    if (value === null) return;
    const at = this.#take(length);
    this.#buffer.write(value, at, length, 'utf8');
  }

  bytes(value: Uint8Array | null, isFlexible: boolean): void {
    const length = value === null ? -1 : value.length;
    if (isFlexible) this.unsignedVarint(length + 1);
    else this.int32(length);
    if (value !== null) this.raw(value);
  }

  /** Bytes as they are, without a length. */
  raw(value: Uint8Array): void {
    const at = this.#take(value.length);
    this.#buffer.set(value, at);
  }

  /** -1 for a null array. */
  arrayCount(count: number, isFlexible: boolean): void {
    if (isFlexible) this.unsignedVarint(count + 1);
    else this.int32(count);
  }

  /** Writes the tag and leaves a byte for the size; give what comes back to `endTag` once the field is written. */
  beginTag(tag: number): number {
    this.unsignedVarint(tag);
    this.#take(1);
    return this.at;
  }

  /** Most tagged fields are shorter than 128 bytes; the others are moved to make room for a longer size. */
  endTag(start: number): void {
    const size = this.at - start;
    let rest = size;
    let sizeBytes = 1;
    while (rest >= 0x80) {
      rest >>>= 7;
      sizeBytes++;
    }
    if (sizeBytes > 1) {
      this.#take(sizeBytes - 1);
      this.#buffer.copyWithin(start + sizeBytes - 1, start, start + size);
    }
    const end = this.at;
    this.at = start - 1;
    this.unsignedVarint(size);
    this.at = end;
  }

  /** Leaves room for a 32-bit length and returns where it lies; `endLength` fills it in. */
  beginLength(): number {
    return this.#take(4);
  }

  endLength(lengthAt: number): void {
    this.#view.setInt32(lengthAt, this.at - lengthAt - 4);
  }

  #byte(value: number): void {
    const at = this.#take(1);
    this.#view.setUint8(at, value);
  }

  /** May replace buffer and view: look at those only afterwards. */
  #take(length: number): number {
    const at = this.at;
    if (length > this.#buffer.length - at) this.#grow(at + length);
    this.at = at + length;
    return at;
  }

  #grow(bytesNeeded: number): void {
    if (bytesNeeded > this.#bytesMax) {
      throw new Fault('PB_LIMIT', `a message needs more than the ${this.#bytesMax} bytes it may have; ask for less`);
    }
    const bytes = Math.min(this.#bytesMax, Math.max(bytesNeeded, this.#buffer.length * 2, GROWTH_MIN_BYTES));
    const grown = Buffer.allocUnsafeSlow(bytes);
    this.#buffer.copy(grown, 0, 0, this.at);
    this.#buffer = grown;
    this.#view = viewOf(grown);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function outOfRange(type: string, value: number): Fault {
  return protocolFault(`${value} does not fit into a field of type ${type}`);
}
