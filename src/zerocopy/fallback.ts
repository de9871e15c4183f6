/**
 * What runs where there is no native part: the CRC-32C in TypeScript (also the oracle of the tests), and the sentence
 * that tells a person what its absence costs. It knows nothing of the native part.
 */
import type { Memory } from './memory.ts';

/** Castagnoli, reflected. */
const POLYNOMIAL = 0x82f63b78;

/** Slicing by 8: table n holds what a byte contributes when n more bytes follow it. */
function createTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ ((value & 1) === 1 ? POLYNOMIAL : 0);
    tables[byte] = value;
  }
  for (let index = 256; index < tables.length; index++) {
    const shorter = tables[index - 256]!;
    tables[index] = (shorter >>> 8) ^ tables[shorter & 255]!;
  }
  return tables;
}

const TABLES = createTables();

export function crc32cInTypeScript(memory: Memory, at: number, length: number): number {
  const { bytes, view } = memory;
  const end = at + length;
  const wideEnd = end - 7;
  let state = -1;
  let index = at;
  for (; index < wideEnd; index += 8) {
    const low = view.getInt32(index, true) ^ state;
    const high = view.getInt32(index + 4, true);
    state =
      TABLES[0x700 | (low & 255)]! ^
      TABLES[0x600 | ((low >>> 8) & 255)]! ^
      TABLES[0x500 | ((low >>> 16) & 255)]! ^
      TABLES[0x400 | (low >>> 24)]! ^
      TABLES[0x300 | (high & 255)]! ^
      TABLES[0x200 | ((high >>> 8) & 255)]! ^
      TABLES[0x100 | ((high >>> 16) & 255)]! ^
      TABLES[high >>> 24]!;
  }
  for (; index < end; index++) state = (state >>> 8) ^ TABLES[(state ^ bytes[index]!) & 255]!;
  return ~state >>> 0;
}

/** One sentence for the log at start. */
export function costOfMissingNative(problem: string): string {
  return (
    `running without the native part (${problem}): sockets and files go through plain Node and checksums through ` +
    'TypeScript, which costs most of the throughput; install a C compiler and start again'
  );
}
