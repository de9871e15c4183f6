/**
 * How much memory a connection receives into, as pure arithmetic: block sizes, how long a receive may be, when a partial
 * frame must move. `receiver` does what comes out of here.
 *
 * What it balances: a block should hold many frames (few blocks, few moves) and yet be small while little comes; a
 * client that only announces much must not get memory for it; and a receive should end where a frame is expected to
 * end, because what was received of the next frame has to be moved when the block is full.
 */
import type { Connection } from './connection.ts';
import type { FrontLimits } from './limits.ts';

/** Frames that one block should hold, while the block stays below its soft maximum. */
const FRAMES_PER_BLOCK = 16;
const LARGE_FRAMES_PER_BLOCK = 4;
const SOFT_BLOCK_BYTES_MAX = 1_048_576;
const SMALL_FRAMES_BLOCK_BYTES = 65_536;
/** Below this size of frames a moved rest costs less than a shorter receive. */
const ALIGNED_FRAME_BYTES_MIN = 4096;
/** Blocks of connections that have sent nothing of size: there may be thousands of them, and most may stall. */
const FIRST_BLOCK_BYTES = 4096;
/** A client that completed a frame is believed for one up to so many times as large. */
const TRUST_FACTOR = 2;

export function powerOfTwoAbove(bytes: number): number {
  return bytes <= 1 ? 1 : 2 ** (32 - Math.clz32(bytes - 1));
}

/** The announced frame may get all of its memory at once. */
export function isTrusted(connection: Connection, limits: FrontLimits): boolean {
  return (
    connection.frameBytes <=
    Math.max(connection.frameBytesSeenMax * TRUST_FACTOR, smallestBlockBytes(connection, limits))
  );
}

/**
 * The block that the bytes not yet cut, and what follows them, should lie in. While others wait for memory (`isShort`) nobody
 * gets more than a frame's worth: how wide a connection has become depends on its socket's buffer, which the kernel gives
 * most to whom we read most, and turns in the queue are fair only where all get the same in them.
 */
export function nextBlockBytes(connection: Connection, limits: FrontLimits, isShort: boolean): number {
  const latest = connection.frameBytesLatest <= limits.receiveBytesMax ? connection.frameBytesLatest : 0;
  const wide = isShort ? 0 : connection.blockBytesWanted;
  const wanted = Math.max(wide, smallestBlockBytes(connection, limits), powerOfTwoAbove(latest));
  const least = leastBlockBytes(connection, limits);
  return connection.frameBytes > 0 && !isTrusted(connection, limits) ? least : Math.max(wanted, least);
}

function smallestBlockBytes(connection: Connection, limits: FrontLimits): number {
  const seen = powerOfTwoAbove(connection.frameBytesSeenMax * TRUST_FACTOR);
  return Math.min(Math.max(seen, FIRST_BLOCK_BYTES), limits.receiveBytesMin);
}

/** The least that lets the connection go on. */
export function leastBlockBytes(connection: Connection, limits: FrontLimits): number {
  const partial = connection.partialBytes;
  if (connection.frameBytes === 0) {
    return powerOfTwoAbove(Math.max(smallestBlockBytes(connection, limits), partial + 1));
  }
  const whole = powerOfTwoAbove(connection.frameBytes);
  if (isTrusted(connection, limits)) return whole;
  const grown = Math.max(limits.receiveBytesMin, powerOfTwoAbove(partial * 2));
  // Half of a large block and then the whole would be three quarters of what there is for both, and anybody's block in the last
  // quarter would keep the frame waiting.
  return grown * 2 >= whole && whole > limits.receiveBytesMax ? whole : Math.min(whole, grown);
}

/** After a receive that was filled to its end: more at a time, up to what the frames of this connection deserve. */
export function widen(connection: Connection, limits: FrontLimits): void {
  const typical = connection.frameBytesLatest;
  let most = Math.max(
    SMALL_FRAMES_BLOCK_BYTES,
    Math.min(powerOfTwoAbove(typical * FRAMES_PER_BLOCK), SOFT_BLOCK_BYTES_MAX),
  );
  most = Math.max(most, powerOfTwoAbove(typical * LARGE_FRAMES_PER_BLOCK));
  most = Math.min(most, limits.receiveBytesMax);
  const wanted = Math.max(connection.blockBytesWanted, limits.receiveBytesMin) * 2;
  connection.blockBytesWanted = Math.min(wanted, most);
}

/**
 * Up to where (a byte of the block) the next receive should go; `fillAt` or less says: not into this block.
 */
export function receiveEnd(connection: Connection, limits: FrontLimits): number {
  const blockEnd = connection.blockEnd;
  if (connection.fillAt >= blockEnd) return connection.fillAt;
  const typical = connection.frameBytesLatest;
  let frameEnd = connection.readAt;
  if (connection.frameBytes > 0) {
    frameEnd += connection.frameBytes;
    // A frame that does not fit here: a trusted one moves now, another uses up the block first.
    if (frameEnd > blockEnd) return isTrusted(connection, limits) ? connection.fillAt : blockEnd;
  } else if (connection.partialBytes > 0) {
    return blockEnd;
  }
  if (typical < ALIGNED_FRAME_BYTES_MIN) {
    const isWorthIt = frameEnd > connection.fillAt || blockEnd - connection.fillAt >= typical;
    return isWorthIt ? blockEnd : connection.fillAt;
  }
  const end = frameEnd + Math.floor((blockEnd - frameEnd) / typical) * typical;
  // A fresh block that is smaller than the latest frame: memory is short, or the frames grow.
  return end > connection.fillAt || connection.fillAt > connection.block ? end : blockEnd;
}
