/**
 * Unpacks LZ4 into memory of JavaScript's own. The package that packs gives its output as memory of its own, which is freed
 * from Node's event loop: a partition worker never returns there, so that every batch it opened stayed in memory for good.
 * Called by `compression`, which has measured the frame (`lz4-frame`); nothing here reads or writes past what it was given,
 * whatever the bytes say.
 *
 *     sequence:  token │ more literal length 255… │ literals │ offset 2 │ more match length 255…
 *
 * Checksums of frames and blocks are passed over: a batch has one of its own over all of them.
 */
const MATCH_BYTES_MIN = 4;
const LENGTH_MORE = 15;
/** From here on a call that copies is cheaper than a loop. */
const LONG_BYTES = 32;
const BAD = -1;

/** Returns where the output of the block ends, or -1 when it is malformed or would pass `outputEnd`. */
export function unpackLz4Block(
  input: Uint8Array,
  from: number,
  end: number,
  output: Uint8Array,
  outputAt: number,
  outputEnd: number,
): number {
  let at = from;
  let to = outputAt;
  while (at < end) {
    const token = input[at++]!;
    let literalBytes = token >> 4;
    if (literalBytes === LENGTH_MORE) {
      let more = 255;
      while (more === 255 && at < end) {
        more = input[at++]!;
        literalBytes += more;
      }
    }
    if (literalBytes > end - at || literalBytes > outputEnd - to) return BAD;
    if (literalBytes > LONG_BYTES) output.set(input.subarray(at, at + literalBytes), to);
    else for (let index = 0; index < literalBytes; index++) output[to + index] = input[at + index]!;
    at += literalBytes;
    to += literalBytes;
    // The last sequence has literals only.
    if (at === end) return to;
    if (end - at < 2) return BAD;
    const offset = input[at]! | (input[at + 1]! << 8);
    at += 2;
    let matchBytes = (token & LENGTH_MORE) + MATCH_BYTES_MIN;
    if (matchBytes === LENGTH_MORE + MATCH_BYTES_MIN) {
      let more = 255;
      while (more === 255 && at < end) {
        more = input[at++]!;
        matchBytes += more;
      }
    }
    if (offset === 0 || offset > to - outputAt || matchBytes > outputEnd - to) return BAD;
    copyMatch(output, to - offset, to, matchBytes);
    to += matchBytes;
  }
  // A block ends behind literals, be they none.
  return BAD;
}

/** What is copied may be longer than the way between the two places: then it repeats. */
function copyMatch(output: Uint8Array, from: number, to: number, length: number): void {
  if (length <= LONG_BYTES) {
    for (let index = 0; index < length; index++) output[to + index] = output[from + index]!;
    return;
  }
  let done = 0;
  while (done < length) {
    const count = Math.min(to - from + done, length - done);
    output.copyWithin(to + done, from, from + count);
    done += count;
  }
}
