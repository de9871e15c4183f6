/**
 * CRC-32C in plain JavaScript, four bytes a step, for batches this client builds: the client must run where no native part
 * was compiled. The broker's data path has its own, in `zerocopy/`.
 */
import type { BatchMemory } from '../protocol/batch.ts';

const POLYNOMIAL = 0x82f63b78;
const tables = makeTables();

function makeTables(): readonly [Int32Array, Int32Array, Int32Array, Int32Array] {
  const first = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let sum = byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ POLYNOMIAL : sum >>> 1;
    first[byte] = sum;
  }
  const next = (table: Int32Array) => table.map((sum) => (sum >>> 8) ^ first[sum & 255]!);
  const second = next(first);
  const third = next(second);
  return [first, second, third, next(third)];
}

export function crc32c(memory: BatchMemory, at: number, length: number): number {
  const { bytes } = memory;
  const [one, two, three, four] = tables;
  const end = at + length;
  let sum = -1;
  let here = at;
  for (; here + 4 <= end; here += 4) {
    const word = sum ^ (bytes[here]! | (bytes[here + 1]! << 8) | (bytes[here + 2]! << 16) | (bytes[here + 3]! << 24));
    sum = four[word & 255]! ^ three[(word >>> 8) & 255]! ^ two[(word >>> 16) & 255]! ^ one[word >>> 24]!;
  }
  for (; here < end; here++) sum = (sum >>> 8) ^ one[(sum ^ bytes[here]!) & 255]!;
  return (sum ^ -1) >>> 0;
}
