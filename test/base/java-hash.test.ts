import { expect, it } from 'vitest';
import { javaHash, javaHashPartition } from '../../src/base/java-hash.ts';

// As Java printed them: String.hashCode(), and Kafka's partition among 50 (without the sign, and 0 for the smallest number).
it.each([
  ['payments', 1382682413, 13],
  ['order-processor', -1129616173, 23],
  ['transfer', 1280882667, 17],
  ['polygenelubricants', -2147483648, 0],
  ['Ω≈ç', 1172744, 44],
  ['', 0, 0],
  ['hello', 99162322, 22],
  ['connect-cluster', 1440343063, 13],
  ['😀', 1772899, 49],
])('gives %s the hash and the partition that Java and Kafka give it', (text, hash, partition) => {
  expect(javaHash(text)).toBe(hash);
  expect(javaHashPartition(text, 50)).toBe(partition);
});
