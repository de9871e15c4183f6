/**
 * The strokes that hand-written response writers are made of: fixed numbers, lengths and counts, straight into memory
 * whose size was computed before. Nothing is made; running past the end is a bug of whoever computed the size.
 */
import { assert } from '../base/assert.ts';

const NO_BYTES = new Uint8Array(0);
const NO_VIEW = new DataView(NO_BYTES.buffer);

export class WirePen {
  bytes: Uint8Array = NO_BYTES;
  view: DataView = NO_VIEW;
  at = 0;
  end = 0;
  isFlexible = false;

  begin(bytes: Uint8Array, view: DataView, at: number, end: number, isFlexible: boolean): void {
    assert(at >= 0 && at <= end, 'a pen begins before it ends');
    assert(end <= bytes.length, 'a pen stays within its memory');
    this.bytes = bytes;
    this.view = view;
    this.at = at;
    this.end = end;
    this.isFlexible = isFlexible;
  }

  /** Returns where the passed bytes start. */
  pass(length: number): number {
    const at = this.at;
    assert(length >= 0 && length <= this.end - at, 'a response fits into the room computed for it');
    this.at = at + length;
    return at;
  }

  int16(value: number): void {
    this.view.setInt16(this.pass(2), value);
  }

  int32(value: number): void {
    this.view.setInt32(this.pass(4), value);
  }

  int64(value: number): void {
    const at = this.pass(8);
    const high = Math.floor(value / 0x1_0000_0000);
    this.view.setInt32(at, high);
    this.view.setUint32(at + 4, value - high * 0x1_0000_0000);
  }

  unsignedVarint(value: number): void {
    assert(value >= 0 && value <= 0x7fff_ffff, 'a length is not negative');
    let rest = value;
    while (rest >= 0x80) {
      this.bytes[this.pass(1)] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.bytes[this.pass(1)] = rest;
  }

  /** -1 for a null array. */
  arrayCount(count: number): void {
    if (this.isFlexible) this.unsignedVarint(count + 1);
    else this.int32(count);
  }

  bytesLength(length: number): void {
    if (this.isFlexible) this.unsignedVarint(length + 1);
    else this.int32(length);
  }

  /** Text whose UTF-8 bytes lie ready; a loop, because a view for `set` would have to be made. */
  string(source: Uint8Array, sourceAt: number, length: number): void {
    if (this.isFlexible) this.unsignedVarint(length + 1);
    else this.int16(length);
    this.copy(source, sourceAt, length);
  }

  nullableText(text: Uint8Array | null): void {
    if (text !== null) this.string(text, 0, text.length);
    else if (this.isFlexible) this.unsignedVarint(0);
    else this.int16(-1);
  }

  copy(source: Uint8Array, sourceAt: number, length: number): void {
    const { bytes } = this;
    const at = this.pass(length);
    for (let index = 0; index < length; index++) bytes[at + index] = source[sourceAt + index] ?? 0;
  }

  /** No tagged fields, where the version has them. */
  noTags(): void {
    if (this.isFlexible) this.bytes[this.pass(1)] = 0;
  }
}
