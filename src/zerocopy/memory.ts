/**
 * Memory that a span may point into: a byte view together with its address, so that the same span can be read by
 * TypeScript and handed to the kernel. The address is 0 where there is no native part (plain Node, tests); whoever
 * needs an address then works on the view.
 *
 * A Memory keeps its view alive: an address handed to the kernel stays good as long as the Memory is reachable.
 */
export interface Memory {
  readonly bytes: Uint8Array;
  /** Same bytes, for big-endian access to fields. */
  readonly view: DataView;
  /** Virtual address of bytes[0]; exact as a number (user space has 47 bits). */
  readonly address: number;
}

/** Pieces of memory to be written one behind the other with one system call. Reused; `count` says how many are set. */
export interface WriteVector {
  count: number;
  bytesTotal: number;
  readonly memories: Memory[];
  readonly ats: Int32Array;
  readonly lengths: Int32Array;
}

export function createWriteVector(piecesMax: number): WriteVector {
  return {
    count: 0,
    bytesTotal: 0,
    memories: [],
    ats: new Int32Array(piecesMax),
    lengths: new Int32Array(piecesMax),
  };
}

export function clearVector(vector: WriteVector): void {
  vector.count = 0;
  vector.bytesTotal = 0;
}

/** Returns false when the vector is full; the caller writes it out and starts again. */
export function pushPiece(vector: WriteVector, memory: Memory, at: number, length: number): boolean {
  const index = vector.count;
  if (index === vector.ats.length) return false;
  vector.memories[index] = memory;
  vector.ats[index] = at;
  vector.lengths[index] = length;
  vector.count = index + 1;
  vector.bytesTotal += length;
  return true;
}
