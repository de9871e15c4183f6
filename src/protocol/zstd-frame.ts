/**
 * The outside of zstd frames: how many bytes they can decompress to at most, found from frame and block headers without
 * decompressing. `zstd` sizes its output with it, so that a few hostile bytes cannot claim gigabytes.
 *
 *     magic 28 b5 2f fd │ descriptor │ [window 1] │ [dictionary id 0-4] │ [content size 0-8]
 *     { block header 3: last 1 bit, kind 2 bits, size 21 bits │ bytes } … │ [checksum 4]
 */
const MAGIC = 0xfd2fb528;
const SKIPPABLE_MAGIC = 0x184d2a50;
const BLOCK_BYTES_MAX = 131_072;
const BLOCK_RAW = 0;
const BLOCK_REPEATED = 1;
const BLOCK_COMPRESSED = 2;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;

export const ZSTD_BAD = -1;

function littleEndian(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let index = length - 1; index >= 0; index--) value = value * 256 + bytes[at + index]!;
  return value;
}

export function isZstdFrame(bytes: Uint8Array, at: number, length: number): boolean {
  return length >= 6 && littleEndian(bytes, at, 4) === MAGIC;
}

/** An upper bound of the output of all frames, exact where a frame states its size; ZSTD_BAD when malformed. */
export function zstdOutputBytesMax(bytes: Uint8Array): number {
  let at = 0;
  let total = 0;
  while (at < bytes.length) {
    if (bytes.length - at < 8) return ZSTD_BAD;
    const magic = littleEndian(bytes, at, 4);
    if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
      at += 8 + littleEndian(bytes, at + 4, 4);
      if (at > bytes.length) return ZSTD_BAD;
      continue;
    }
    if (magic !== MAGIC) return ZSTD_BAD;
    walker.walk(bytes, at);
    if (walker.end < 0) return ZSTD_BAD;
    total += walker.outputBytesMax;
    at = walker.end;
  }
  return total;
}

class FrameWalker {
  end = ZSTD_BAD;
  outputBytesMax = 0;

  walk(bytes: Uint8Array, from: number): void {
    this.end = ZSTD_BAD;
    const descriptor = bytes[from + 4]!;
    const isSingleSegment = (descriptor & 0x20) !== 0;
    const hasChecksum = (descriptor & 0x04) !== 0;
    let at = from + 5 + (isSingleSegment ? 0 : 1) + DICTIONARY_ID_BYTES[descriptor & 3]!;
    const sizeCode = descriptor >> 6;
    const sizeBytes = sizeCode === 0 && isSingleSegment ? 1 : CONTENT_SIZE_BYTES[sizeCode]!;
    if (at + sizeBytes > bytes.length) return;
    const contentBytes = littleEndian(bytes, at, sizeBytes) + (sizeBytes === 2 ? 256 : 0);
    at += sizeBytes;
    const blocksBytes = this.walkBlocks(bytes, at);
    if (this.end < 0) return;
    if (sizeBytes > 0 && contentBytes > blocksBytes) this.end = ZSTD_BAD;
    else this.end += hasChecksum ? 4 : 0;
    if (this.end > bytes.length) this.end = ZSTD_BAD;
    this.outputBytesMax = sizeBytes > 0 ? contentBytes : blocksBytes;
  }

  private walkBlocks(bytes: Uint8Array, from: number): number {
    let at = from;
    let total = 0;
    while (at + 3 <= bytes.length) {
      const header = littleEndian(bytes, at, 3);
      const size = header >> 3;
      const kind = (header >> 1) & 3;
      if (size > BLOCK_BYTES_MAX) return 0;
      at += 3 + (kind === BLOCK_REPEATED ? 1 : size);
      if (kind === BLOCK_RAW || kind === BLOCK_REPEATED) total += size;
      else if (kind === BLOCK_COMPRESSED) total += BLOCK_BYTES_MAX;
      else return 0;
      if ((header & 1) === 1) {
        this.end = at;
        return total;
      }
    }
    return 0;
  }
}

const walker = new FrameWalker();
