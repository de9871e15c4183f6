/**
 * The outside of an LZ4 frame, the form in which Kafka carries LZ4: what its header says, and how many bytes it
 * decompresses to, which is asked before memory is taken. `lz4-unpack` knows what lies within a block. Frames
 * of ours are put together here from single blocks: the package's own frames take it 1.7 times as long.
 *
 *     magic 04 22 4d 18 │ FLG │ BD │ [content size 8] │ [dictionary id 4] │ header checksum
 *     { block length 4, high bit: stored as is │ bytes │ [checksum 4] } … │ 0 0 0 0 │ [content checksum 4]
 *
 * Frames whose blocks depend on each other, or on a dictionary, are refused: Kafka's own consumers cannot read them.
 */
import { unpackLz4Block } from './lz4-unpack.ts';

const MAGIC = 0x184d2204;
const FLAGS_AT = 4;
const BLOCK_MAX_AT = 5;
const HEADER_BYTES_MIN = 7;

const VERSION_MASK = 0xc0;
const VERSION_1 = 0x40;
const FLAG_INDEPENDENT = 0x20;
const FLAG_BLOCK_CHECKSUM = 0x10;
const FLAG_CONTENT_SIZE = 0x08;
const FLAG_DICTIONARY = 0x01;
const STORED_BIT = 0x8000_0000;

const MATCH_BYTES_MIN = 4;

/** By the id of the largest block, from 64 KiB (4) to 4 MiB (7): the checksum of a header that states it and nothing else. */
const HEADER_CHECKSUMS: readonly number[] = [0, 0, 0, 0, 0x82, 0xfb, 0x51, 0x73];
const BLOCK_ID_MIN = 4;
const BLOCK_ID_MAX = 7;
const END_BYTES = 4;

function blockBytesOf(id: number): number {
  return 1 << (2 * id + 8);
}

/**
 * A frame of independent blocks without checksums, as Kafka's own producers write it; of one block wherever one is enough.
 * `packBlock` compresses one block, at most 4 MiB, and puts `prefixBytes` of its own before the result.
 */
export function writeLz4Frame(
  input: Uint8Array,
  packBlock: (input: Uint8Array) => Uint8Array,
  prefixBytes: number,
): Uint8Array<ArrayBuffer> {
  let id = BLOCK_ID_MIN;
  while (id < BLOCK_ID_MAX && blockBytesOf(id) < input.length) id += 1;
  const blockBytes = blockBytesOf(id);
  const blocks: Uint8Array[] = [];
  let bytes = HEADER_BYTES_MIN + END_BYTES;
  for (let at = 0; at < input.length; at += blockBytes) {
    const plain = input.subarray(at, Math.min(at + blockBytes, input.length));
    const packed = packBlock(plain).subarray(prefixBytes);
    const block = packed.length < plain.length ? packed : plain;
    blocks.push(block);
    bytes += END_BYTES + block.length;
  }
  const frame = new Uint8Array(bytes);
  const view = new DataView(frame.buffer);
  view.setUint32(0, MAGIC, true);
  frame[FLAGS_AT] = VERSION_1 | FLAG_INDEPENDENT;
  frame[BLOCK_MAX_AT] = id << 4;
  frame[HEADER_BYTES_MIN - 1] = HEADER_CHECKSUMS[id]!;
  let at = HEADER_BYTES_MIN;
  for (const [index, block] of blocks.entries()) {
    const isStored = block.length === Math.min(blockBytes, input.length - index * blockBytes);
    view.setUint32(at, isStored ? STORED_BIT + block.length : block.length, true);
    frame.set(block, at + END_BYTES);
    at += END_BYTES + block.length;
  }
  return frame;
}

/** Where the packed block of a frame begins that `closeLz4Frame` puts its outside around, and what is around it in all. */
export const LZ4_BLOCK_AT = HEADER_BYTES_MIN + END_BYTES;
export const LZ4_FRAME_BYTES = LZ4_BLOCK_AT + END_BYTES;
/** One block of a frame has at most so many bytes of plain input. */
export const LZ4_BLOCK_BYTES_MAX = 4_194_304;

/**
 * Makes a frame from `at` on around one block that was packed to `at + LZ4_BLOCK_AT`; returns its length. A block that did
 * not get smaller than the `plainBytes` it was made from is to be replaced by those first: both lengths are then the same.
 */
export function closeLz4Frame(view: DataView, at: number, plainBytes: number, blockBytes: number): number {
  let id = BLOCK_ID_MIN;
  while (id < BLOCK_ID_MAX && blockBytesOf(id) < plainBytes) id += 1;
  view.setUint32(at, MAGIC, true);
  view.setUint8(at + FLAGS_AT, VERSION_1 | FLAG_INDEPENDENT);
  view.setUint8(at + BLOCK_MAX_AT, id << 4);
  view.setUint8(at + HEADER_BYTES_MIN - 1, HEADER_CHECKSUMS[id]!);
  view.setUint32(at + HEADER_BYTES_MIN, blockBytes === plainBytes ? STORED_BIT + blockBytes : blockBytes, true);
  view.setUint32(at + LZ4_BLOCK_AT + blockBytes, 0, true);
  return LZ4_FRAME_BYTES + blockBytes;
}

function uint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

/** Whether the bytes begin a frame that every Kafka client can read. */
export function isLz4Frame(bytes: Uint8Array, at: number, length: number): boolean {
  if (length < HEADER_BYTES_MIN || uint32(bytes, at) !== MAGIC) return false;
  const flags = bytes[at + FLAGS_AT]!;
  const blockMaxId = (bytes[at + BLOCK_MAX_AT]! >> 4) & 7;
  const isPlain = (flags & (FLAG_INDEPENDENT | FLAG_DICTIONARY)) === FLAG_INDEPENDENT;
  return (flags & VERSION_MASK) === VERSION_1 && isPlain && blockMaxId >= 4;
}

/**
 * How many bytes the frame decompresses to, or -1 when it is malformed or passes `outputBytesMax`. Sequences are added up
 * and nothing is copied.
 */
export function lz4FrameOutputBytes(frame: Uint8Array, outputBytesMax: number): number {
  const bytes = sumBlocks(frame, outputBytesMax);
  return bytes <= outputBytesMax ? bytes : -1;
}

/** The frame's bytes, or null when it is malformed or has more of them than `outputBytesMax`. */
export function unpackLz4Frame(frame: Uint8Array, outputBytesMax: number): Uint8Array | null {
  const bytes = lz4FrameOutputBytes(frame, outputBytesMax);
  if (bytes < 0) return null;
  const output = new Uint8Array(bytes);
  const flags = frame[FLAGS_AT]!;
  const blockBytesMax = blockBytesOf((frame[BLOCK_MAX_AT]! >> 4) & 7);
  const checksumBytes = (flags & FLAG_BLOCK_CHECKSUM) === 0 ? 0 : 4;
  let at = HEADER_BYTES_MIN + ((flags & FLAG_CONTENT_SIZE) === 0 ? 0 : 8);
  let to = 0;
  for (;;) {
    const word = uint32(frame, at);
    at += 4;
    if (word === 0) return to === bytes ? output : null;
    const isStored = word >= STORED_BIT;
    const length = isStored ? word - STORED_BIT : word;
    if (isStored) {
      output.set(frame.subarray(at, at + length), to);
      to += length;
    } else {
      to = unpackLz4Block(frame, at, at + length, output, to, Math.min(bytes, to + blockBytesMax));
      if (to < 0) return null;
    }
    at += length + checksumBytes;
  }
}

function sumBlocks(frame: Uint8Array, outputBytesMax: number): number {
  if (!isLz4Frame(frame, 0, frame.length)) return -1;
  const flags = frame[FLAGS_AT]!;
  const blockBytesMax = blockBytesOf((frame[BLOCK_MAX_AT]! >> 4) & 7);
  const checksumBytes = (flags & FLAG_BLOCK_CHECKSUM) === 0 ? 0 : 4;
  let at = HEADER_BYTES_MIN + ((flags & FLAG_CONTENT_SIZE) === 0 ? 0 : 8);
  let total = 0;
  while (at + 4 <= frame.length) {
    const word = uint32(frame, at);
    at += 4;
    if (word === 0) return total;
    const isStored = word >= STORED_BIT;
    const length = isStored ? word - STORED_BIT : word;
    if (length > blockBytesMax || length + checksumBytes > frame.length - at) return -1;
    total += isStored ? length : blockOutputBytes(frame, at, at + length);
    if (total > outputBytesMax) return total;
    at += length + checksumBytes;
  }
  return -1;
}

/** Adds up the sequences of one block without copying anything; infinite when it does not end where it should. */
function blockOutputBytes(frame: Uint8Array, from: number, end: number): number {
  let at = from;
  let total = 0;
  while (at < end) {
    const token = frame[at++]!;
    let literalBytes = token >> 4;
    if (literalBytes === 15) {
      let byte = 255;
      while (byte === 255 && at < end) {
        byte = frame[at++]!;
        literalBytes += byte;
      }
    }
    at += literalBytes;
    total += literalBytes;
    if (at === end) return total;
    at += 2;
    let matchBytes = (token & 15) + MATCH_BYTES_MIN;
    if (matchBytes === 15 + MATCH_BYTES_MIN) {
      let byte = 255;
      while (byte === 255 && at < end) {
        byte = frame[at++]!;
        matchBytes += byte;
      }
    }
    total += matchBytes;
  }
  return Number.POSITIVE_INFINITY;
}
