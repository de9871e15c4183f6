/**
 * Packs one block of LZ4 from memory to memory: one call into the native part (about 0.4 ns a byte of JSON-like records, where
 * the package takes 1.3). Made once per thread. There is no twin in TypeScript: without it batches are encoded by the package.
 */
import { assert } from '../base/assert.ts';
import type { Memory } from './memory.ts';
import type { Native } from './native.ts';

/** How many bytes the block has. Input and output must have addresses, the output room for `lz4RoomFor` bytes. */
export type PackLz4 = (
  input: Memory,
  inputAt: number,
  length: number,
  output: Memory,
  outputAt: number,
  outputRoom: number,
) => number;

/** What the block of so many bytes takes at most while it is packed. */
export function lz4RoomFor(length: number): number {
  return length + Math.floor(length / 255) + 32;
}

export function createPackLz4(native: Native | null): PackLz4 | null {
  if (native === null) return null;
  const lz4Pack = native.lz4Pack;
  return (input, inputAt, length, output, outputAt, outputRoom) => {
    assert(input.address !== 0 && output.address !== 0, 'a block is packed from and to memory with an address');
    assert(inputAt >= 0 && inputAt + length <= input.bytes.length, 'the input stays within its memory');
    assert(outputAt >= 0 && outputAt + outputRoom <= output.bytes.length, 'the output stays within its memory');
    const bytes = lz4Pack(input.address + inputAt, length, output.address + outputAt, outputRoom);
    assert(bytes > 0, 'a block that fits its room is packed');
    return bytes;
  };
}
