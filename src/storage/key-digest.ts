/**
 * A record key as 128 bits: SipHash-2-4 with 128 bits of output and a secret of its own for every run of compaction. Two
 * keys that fell together would cost one of them its last value, so whoever chooses keys must not be able to make them do
 * so; a keyed hash gives that, and costs a third of what an MD5 of Node's costs a call.
 *
 * 64-bit words are pairs of 32-bit halves, low half first: `v` holds v0 to v3 of the algorithm.
 */
const FINAL_ROUNDS = 4;
const BLOCK_ROUNDS = 2;

export class KeyDigest {
  /** The four words of the last digest. */
  readonly words = new Int32Array(4);
  private readonly secret: Int32Array;
  private readonly v = new Int32Array(8);

  /** `secret`: four words. */
  constructor(secret: Int32Array) {
    this.secret = secret;
  }

  digest(bytes: Uint8Array, at: number, length: number): void {
    this.begin();
    const v = this.v;
    const whole = at + (length & ~7);
    for (let from = at; from < whole; from += 8) {
      const low = wordAt(bytes, from);
      const high = wordAt(bytes, from + 4);
      this.absorb(low, high);
    }
    let low = 0;
    let high = 0;
    const left = length & 7;
    for (let index = 0; index < left; index++) {
      const byte = bytes[whole + index]!;
      if (index < 4) low |= byte << (8 * index);
      else high |= byte << (8 * (index - 4));
    }
    this.absorb(low, high | ((length & 0xff) << 24));
    v[4]! ^= 0xee;
    rounds(v, FINAL_ROUNDS);
    this.emit(0);
    v[2]! ^= 0xdd;
    rounds(v, FINAL_ROUNDS);
    this.emit(2);
  }

  private begin(): void {
    const { v, secret } = this;
    v[0] = secret[0]! ^ 0x70736575;
    v[1] = secret[1]! ^ 0x736f6d65;
    v[2] = secret[2]! ^ 0x6e646f6d ^ 0xee;
    v[3] = secret[3]! ^ 0x646f7261;
    v[4] = secret[0]! ^ 0x6e657261;
    v[5] = secret[1]! ^ 0x6c796765;
    v[6] = secret[2]! ^ 0x79746573;
    v[7] = secret[3]! ^ 0x74656462;
  }

  private absorb(low: number, high: number): void {
    const v = this.v;
    v[6]! ^= low;
    v[7]! ^= high;
    rounds(v, BLOCK_ROUNDS);
    v[0]! ^= low;
    v[1]! ^= high;
  }

  private emit(index: number): void {
    const v = this.v;
    this.words[index] = v[0]! ^ v[2]! ^ v[4]! ^ v[6]!;
    this.words[index + 1] = v[1]! ^ v[3]! ^ v[5]! ^ v[7]!;
  }
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

/** The carry of a sum of low halves shows in its being smaller than either. */
function rounds(v: Int32Array, count: number): void {
  let v0l = v[0]!;
  let v0h = v[1]!;
  let v1l = v[2]!;
  let v1h = v[3]!;
  let v2l = v[4]!;
  let v2h = v[5]!;
  let v3l = v[6]!;
  let v3h = v[7]!;
  for (let round = 0; round < count; round++) {
    let sum = (v0l + v1l) | 0;
    v0h = (v0h + v1h + (sum >>> 0 < v0l >>> 0 ? 1 : 0)) | 0;
    v0l = sum;
    let turned = ((v1l << 13) | (v1h >>> 19)) ^ v0l;
    v1h = ((v1h << 13) | (v1l >>> 19)) ^ v0h;
    v1l = turned;
    turned = v0l;
    v0l = v0h;
    v0h = turned;

    sum = (v2l + v3l) | 0;
    v2h = (v2h + v3h + (sum >>> 0 < v2l >>> 0 ? 1 : 0)) | 0;
    v2l = sum;
    turned = ((v3l << 16) | (v3h >>> 16)) ^ v2l;
    v3h = ((v3h << 16) | (v3l >>> 16)) ^ v2h;
    v3l = turned;

    sum = (v0l + v3l) | 0;
    v0h = (v0h + v3h + (sum >>> 0 < v0l >>> 0 ? 1 : 0)) | 0;
    v0l = sum;
    turned = ((v3l << 21) | (v3h >>> 11)) ^ v0l;
    v3h = ((v3h << 21) | (v3l >>> 11)) ^ v0h;
    v3l = turned;

    sum = (v2l + v1l) | 0;
    v2h = (v2h + v1h + (sum >>> 0 < v2l >>> 0 ? 1 : 0)) | 0;
    v2l = sum;
    turned = ((v1l << 17) | (v1h >>> 15)) ^ v2l;
    v1h = ((v1h << 17) | (v1l >>> 15)) ^ v2h;
    v1l = turned;
    turned = v2l;
    v2l = v2h;
    v2h = turned;
  }
  v[0] = v0l;
  v[1] = v0h;
  v[2] = v1l;
  v[3] = v1h;
  v[4] = v2l;
  v[5] = v2h;
  v[6] = v3l;
  v[7] = v3h;
}
