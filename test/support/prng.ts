/**
 * Random numbers that a seed reproduces: fakes, fuzzers and the simulator draw from here, and whatever in the broker
 * wants jitter. Not for secrets. The generator is xoshiro128** (Blackman and Vigna), seeded through a mixing step so
 * that neighbouring seeds give unrelated sequences.
 */
import { assert } from '../../src/base/assert.ts';

const WORD_RANGE = 2 ** 32;

export class Prng {
  readonly seed: number;
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  constructor(seed: number) {
    this.seed = seed >>> 0;
    this.a = mix(this.seed + 0x9e3779b9);
    this.b = mix(this.a + 0x9e3779b9);
    this.c = mix(this.b + 0x9e3779b9);
    this.d = mix(this.c + 0x9e3779b9);
    if ((this.a | this.b | this.c | this.d) === 0) this.d = 1;
  }

  /** 32 random bits as a number in [0, 2^32). */
  nextWord(): number {
    const scrambled = Math.imul(rotated(Math.imul(this.b, 5), 7), 9) >>> 0;
    const shifted = this.b << 9;
    this.c ^= this.a;
    this.d ^= this.b;
    this.b ^= this.c;
    this.a ^= this.d;
    this.c ^= shifted;
    this.d = rotated(this.d, 11);
    return scrambled;
  }

  /** An integer in [0, bound). */
  nextInt(bound: number): number {
    assert(bound >= 1 && bound <= WORD_RANGE, 'a random integer has a bound between 1 and 2^32');
    return Math.floor((this.nextWord() / WORD_RANGE) * bound);
  }

  /** A number in [0, 1). */
  nextFraction(): number {
    return this.nextWord() / WORD_RANGE;
  }

  /** True with the given probability. */
  nextBoolean(probability = 0.5): boolean {
    return this.nextFraction() < probability;
  }

  fill(bytes: Uint8Array): void {
    for (let index = 0; index < bytes.length; index++) bytes[index] = this.nextWord();
  }
}

function rotated(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

function mix(seed: number): number {
  let word = seed | 0;
  word = Math.imul(word ^ (word >>> 16), 0x21f0aaad);
  word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
  return word ^ (word >>> 15);
}
