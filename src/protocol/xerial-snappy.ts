/**
 * Snappy as Kafka carries it. Java clients wrap it in the framing of the xerial library; others send the bare block.
 * Both are read, the framing is written. `compression` passes in the package that does the work; this file knows only
 * what lies around the blocks, and checks every stated size before memory is taken for it.
 *
 *     82 'S' 'N' 'A' 'P' 'P' 'Y' 00 │ version 4 │ lowest compatible version 4 │ { length 4, snappy block } …
 */
export interface SnappyBlocks {
  compressSync(input: Uint8Array, options: CopyOptions): Uint8Array;
  uncompressSync(input: Uint8Array, options: CopyOptions): string | Uint8Array;
}

interface CopyOptions {
  readonly copyOutputData: boolean;
}

/**
 * Otherwise the output is memory of the package, freed from Node's event loop: a partition worker never returns there, and
 * would keep all of it.
 */
const IN_OWN_MEMORY: CopyOptions = { copyOutputData: true };

const MAGIC = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00] as const;
const HEADER_BYTES = 16;
const FORMAT_VERSION = 1;
/** What the Java library writes. A reader keeps one block at a time in memory. */
const BLOCK_BYTES = 32_768;
/** Three bytes copy at most 64: a block that states more than this many bytes for each of its own lies. */
const EXPANSION_MAX = 24;
const PREAMBLE_BYTES_MAX = 5;

export function hasXerialFraming(bytes: Uint8Array, at: number, length: number): boolean {
  if (length < HEADER_BYTES) return false;
  for (let index = 0; index < MAGIC.length; index++) {
    if (bytes[at + index] !== MAGIC[index]) return false;
  }
  return true;
}

/** The size a bare block states for its output, or -1 when no block of this length can have it. */
export function snappyBlockOutputBytes(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  let scale = 1;
  const limit = Math.min(length, PREAMBLE_BYTES_MAX);
  for (let index = 0; index < limit; index++) {
    const byte = bytes[at + index]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value <= length * EXPANSION_MAX ? value : -1;
    scale *= 128;
  }
  return -1;
}

export function compressXerial(snappy: SnappyBlocks, input: Uint8Array): Uint8Array {
  const blocks: Uint8Array[] = [];
  let totalBytes = HEADER_BYTES;
  for (let from = 0; from < input.length; from += BLOCK_BYTES) {
    const block = snappy.compressSync(input.subarray(from, from + BLOCK_BYTES), IN_OWN_MEMORY);
    blocks.push(block);
    totalBytes += 4 + block.length;
  }
  const output = new Uint8Array(totalBytes);
  const view = new DataView(output.buffer);
  output.set(MAGIC);
  view.setInt32(8, FORMAT_VERSION);
  view.setInt32(12, FORMAT_VERSION);
  let at = HEADER_BYTES;
  for (const block of blocks) {
    view.setInt32(at, block.length);
    output.set(block, at + 4);
    at += 4 + block.length;
  }
  return output;
}

/** Null when malformed or when the output would pass `outputBytesMax`. */
export function uncompressSnappy(snappy: SnappyBlocks, input: Uint8Array, outputBytesMax: number): Uint8Array | null {
  if (hasXerialFraming(input, 0, input.length)) return uncompressXerial(snappy, input, outputBytesMax);
  const bytes = snappyBlockOutputBytes(input, 0, input.length);
  if (bytes < 0 || bytes > outputBytesMax) return null;
  return uncompressBlock(snappy, input, bytes);
}

function uncompressXerial(snappy: SnappyBlocks, input: Uint8Array, outputBytesMax: number): Uint8Array | null {
  const totalBytes = xerialOutputBytes(input);
  if (totalBytes < 0 || totalBytes > outputBytesMax) return null;
  const output = new Uint8Array(totalBytes);
  const view = new DataView(input.buffer, input.byteOffset, input.length);
  let outputAt = 0;
  for (let at = HEADER_BYTES; at < input.length; ) {
    const length = view.getInt32(at);
    at += 4;
    const bytes = snappyBlockOutputBytes(input, at, length);
    const block = uncompressBlock(snappy, input.subarray(at, at + length), bytes);
    if (block === null) return null;
    output.set(block, outputAt);
    outputAt += bytes;
    at += length;
  }
  return output;
}

function xerialOutputBytes(input: Uint8Array): number {
  const view = new DataView(input.buffer, input.byteOffset, input.length);
  let total = 0;
  let at = HEADER_BYTES;
  while (at < input.length) {
    if (input.length - at < 4) return -1;
    const length = view.getInt32(at);
    at += 4;
    if (length <= 0 || length > input.length - at) return -1;
    const bytes = snappyBlockOutputBytes(input, at, length);
    if (bytes < 0) return -1;
    total += bytes;
    at += length;
  }
  return total;
}

function uncompressBlock(snappy: SnappyBlocks, block: Uint8Array, bytes: number): Uint8Array | null {
  try {
    const output = snappy.uncompressSync(block, IN_OWN_MEMORY);
    return typeof output !== 'string' && output.length === bytes ? output : null;
  } catch {
    return null;
  }
}
