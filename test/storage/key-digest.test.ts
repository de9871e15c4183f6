import { describe, expect, it } from 'vitest';
import { KeyDigest } from '../../src/storage/key-digest.ts';

/** The first vectors that the authors of SipHash published for 128 bits: key 00…0f, input 00, 01, … of growing length. */
const VECTORS = [
  'a3817f04ba25a8e66df67214c7550293',
  'da87c1d86b99af44347659119b22fc45',
  '8177228da4a45dc7fca38bdef60affe4',
];

function secret(): Int32Array {
  return new Int32Array(Uint8Array.from({ length: 16 }, (_, index) => index).buffer);
}

function hex(words: Int32Array): string {
  return Buffer.from(words.buffer, words.byteOffset, 16).toString('hex');
}

describe('the digest of a key', () => {
  it('is SipHash-2-4 with 128 bits', () => {
    const digest = new KeyDigest(secret());
    const input = Uint8Array.from({ length: 64 }, (_, index) => index);
    const found = VECTORS.map((_, length) => {
      digest.digest(input, 0, length);
      return hex(digest.words);
    });
    expect(found).toEqual(VECTORS);
  });

  it('is the same wherever the key lies, and another for every other key or secret', () => {
    const digest = new KeyDigest(secret());
    const seen = new Set<string>();
    for (let length = 0; length < 40; length++) {
      const key = new Uint8Array(length).fill(7);
      digest.digest(key, 0, length);
      const plain = hex(digest.words);
      const moved = new Uint8Array(length + 9).fill(1);
      moved.set(key, 5);
      digest.digest(moved, 5, length);
      expect(hex(digest.words)).toBe(plain);
      seen.add(plain);
      const other = new KeyDigest(new Int32Array([1, 2, 3, 4]));
      other.digest(key, 0, length);
      seen.add(hex(other.words));
    }
    expect(seen.size).toBe(80);
  });
});
