/** Walks DER, the encoding of certificates: tag, length, content. Every length is checked; what is not well-formed is null. */

export interface DerValue {
  readonly tag: number;
  readonly content: Uint8Array;
  /** With tag and length. */
  readonly whole: Uint8Array;
}

const LONG_FORM = 0x80;
/** Of a length: four bytes are more than any certificate has. */
const LENGTH_BYTES_MAX = 4;

export class DerReader {
  private readonly bytes: Uint8Array;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  take(): DerValue | null {
    const { bytes, at } = this;
    const tag = bytes[at];
    const first = bytes[at + 1];
    if (tag === undefined || first === undefined) return null;
    let length = first;
    let from = at + 2;
    if (first >= LONG_FORM) {
      const count = first - LONG_FORM;
      if (count === 0 || count > LENGTH_BYTES_MAX) return null;
      length = 0;
      for (let index = 0; index < count; index++) length = length * 256 + (bytes[from + index] ?? 0);
      from += count;
    }
    const end = from + length;
    if (end > bytes.length) return null;
    this.at = end;
    return { tag, content: bytes.subarray(from, end), whole: bytes.subarray(at, end) };
  }

  /** The inside of the next value, which must have that tag. */
  enter(tag: number): DerReader | null {
    const value = this.take();
    return value !== null && value.tag === tag ? new DerReader(value.content) : null;
  }

  skip(): boolean {
    return this.take() !== null;
  }

  skipIf(tag: number): void {
    if (this.bytes[this.at] === tag) this.take();
  }
}
