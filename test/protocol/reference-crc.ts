/**
 * CRC-32C the slow, plain way, bit by bit from a table made at load: what the tests of this folder hand to the code that
 * wants a checksum passed in, and what faster ones can be compared with.
 */
import type { BatchMemory } from '../../src/protocol/batch.ts';

const POLYNOMIAL = 0x82f63b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value & 1) === 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1;
  return value;
});

export function referenceCrc32c(memory: BatchMemory, at: number, length: number): number {
  let crc = 0xffff_ffff;
  for (let index = at; index < at + length; index++) {
    crc = TABLE[(crc ^ memory.bytes[index]!) & 0xff]! ^ (crc >>> 8);
  }
  return (crc ^ 0xffff_ffff) >>> 0;
}
