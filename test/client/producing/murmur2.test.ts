/** The numbers are those of `Utils.murmur2` of the Java client 4.3.1, and of `Utils.toPositive` of them, modulo 7. */
import { expect, it } from 'vitest';
import { murmur2, partitionOfKey } from '../../../src/client/producing/murmur2.ts';

const VECTORS: readonly (readonly [string, number, number])[] = [
  ['', 275646681, 2],
  ['a', -1563381124, 5],
  ['ab', 316155434, 0],
  ['abc', 479470107, 4],
  ['abcd', -1323649548, 5],
  ['abcde', 461995741, 4],
  ['key-1', 193331640, 5],
  ['a-little-bit-long-string', -985981536, 1],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971, 3],
  ['äöü', -2070914556, 5],
  ['😀', 131881617, 0],
];

it.each(VECTORS)('hashes %j like Java and finds its partition of seven', (key, hash, partition) => {
  expect(murmur2(Buffer.from(key))).toBe(hash);
  expect(partitionOfKey(Buffer.from(key), 7)).toBe(partition);
});

it('takes bytes for what they are, with and without the highest bit', () => {
  expect(murmur2(Uint8Array.from({ length: 256 }, (_, byte) => byte))).toBe(-1948347274);
});
