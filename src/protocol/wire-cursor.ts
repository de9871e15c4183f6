/**
 * The steps that hand-written cursors take through a request: fixed numbers, lengths, counts and tagged fields, straight
 * from memory. Nothing is made and nothing is thrown: a cursor that would leave its frame marks itself broken, stands
 * still at the end and gives zeros, so that its caller may look once after a whole walk.
 */
import { assert } from '../base/assert.ts';

const NO_BYTES = new Uint8Array(0);
const NO_VIEW = new DataView(NO_BYTES.buffer);
const STRING_BYTES_MAX = 32_767;

export class WireCursor {
  bytes: Uint8Array = NO_BYTES;
  view: DataView = NO_VIEW;
  at = 0;
  end = 0;
  isFlexible = false;
  isBroken = false;

  begin(bytes: Uint8Array, view: DataView, at: number, end: number, isFlexible: boolean): void {
    assert(at >= 0 && at <= end, 'a cursor begins before it ends');
    assert(end <= bytes.length, 'a cursor stays within its memory');
    this.bytes = bytes;
    this.view = view;
    this.at = at;
    this.end = end;
    this.isFlexible = isFlexible;
    this.isBroken = false;
  }

  /** Returns where the skipped bytes start. */
  skip(length: number): number {
    const at = this.at;
    if (length < 0 || length > this.end - at) {
      this.isBroken = true;
      this.at = this.end;
      return this.end;
    }
    this.at = at + length;
    return at;
  }

  int8(): number {
    const at = this.skip(1);
    return this.isBroken ? 0 : this.view.getInt8(at);
  }

  int16(): number {
    const at = this.skip(2);
    return this.isBroken ? 0 : this.view.getInt16(at);
  }

  int32(): number {
    const at = this.skip(4);
    return this.isBroken ? 0 : this.view.getInt32(at);
  }

  /** What lies outside of the exact numbers becomes the nearest of them: an offset nobody has. */
  clampedInt64(): number {
    const at = this.skip(8);
    if (this.isBroken) return 0;
    const value = this.view.getInt32(at) * 0x1_0000_0000 + this.view.getUint32(at + 4);
    return Math.max(Number.MIN_SAFE_INTEGER, Math.min(value, Number.MAX_SAFE_INTEGER));
  }

  unsignedVarint(): number {
    const { bytes, end } = this;
    let value = 0;
    for (let shift = 0; shift < 35 && this.at < end; shift += 7) {
      const byte = bytes[this.at++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) {
        if (value > 0xffff_ffff) break;
        return value;
      }
    }
    this.isBroken = true;
    this.at = end;
    return 0;
  }

  /** -1 for null. */
  stringLength(): number {
    const length = this.isFlexible ? this.unsignedVarint() - 1 : this.int16();
    if (length > STRING_BYTES_MAX) this.isBroken = true;
    return this.#nullableLength(length);
  }

  /** -1 for null. */
  bytesLength(): number {
    return this.#nullableLength(this.isFlexible ? this.unsignedVarint() - 1 : this.int32());
  }

  /** For what must not be null. */
  requiredLength(length: number): number {
    if (length >= 0) return length;
    this.isBroken = true;
    return 0;
  }

  /** Null is refused, and so is a count that could not fit: an element has at least one byte. */
  arrayCount(): number {
    const count = this.isFlexible ? this.unsignedVarint() - 1 : this.int32();
    if (count >= 0 && count <= this.end - this.at) return count;
    this.isBroken = true;
    return 0;
  }

  /** Steps over the tagged fields that flexible versions have. */
  skipTags(): void {
    if (!this.isFlexible) return;
    // Hardly anybody sends any: one look at one byte.
    if (this.at < this.end && this.bytes[this.at] === 0) this.at++;
    else this.#skipTagsSlow();
  }

  #skipTagsSlow(): void {
    for (let count = this.unsignedVarint(); count > 0 && !this.isBroken; count--) {
      this.unsignedVarint();
      this.skip(this.unsignedVarint());
    }
  }

  #nullableLength(length: number): number {
    if (length >= -1) return length;
    this.isBroken = true;
    return -1;
  }
}
