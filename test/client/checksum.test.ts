import fc from 'fast-check';
import { expect, it } from 'vitest';
import { crc32c } from '../../src/client/checksum.ts';
import { memoryOver } from '../../src/protocol/records.ts';

function bitByBit(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0x82f63b78 : sum >>> 1;
  }
  return ~sum >>> 0;
}

it('gives the published check value', () => {
  expect(crc32c(memoryOver(Buffer.from('123456789')), 0, 9)).toBe(0xe3069283);
});

it('agrees with the sum taken bit by bit, at any place and length', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(20), (bytes, from) => {
      const at = Math.min(from, bytes.length);
      expect(crc32c(memoryOver(bytes), at, bytes.length - at)).toBe(bitByBit(bytes.subarray(at)));
    }),
  );
});
