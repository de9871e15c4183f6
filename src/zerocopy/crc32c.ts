/**
 * The checksum of record batches: one call into the native part (about 35 ns plus 10 to 40 ns a kilobyte), or the
 * tables of `fallback.ts` (about 700 ns a kilobyte). Made once per thread; called once per batch.
 */
import { assert } from '../base/assert.ts';
import { crc32cInTypeScript } from './fallback.ts';
import type { Memory } from './memory.ts';
import type { Native } from './native.ts';

export type Crc32c = (memory: Memory, at: number, length: number) => number;

/** Unsigned CRC-32C of `length` bytes of the memory from `at` on. Memory without an address works too, only slower. */
export function createCrc32c(native: Native | null): Crc32c {
  if (native === null) return crc32cInTypeScript;
  const crc32c = native.crc32c;
  return (memory, at, length) => {
    assert(at >= 0 && length >= 0 && at + length <= memory.bytes.length, 'a checksum stays within its memory');
    if (memory.address === 0) return crc32cInTypeScript(memory, at, length);
    return crc32c(memory.address + at, length);
  };
}
