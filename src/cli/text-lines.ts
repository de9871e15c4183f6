/**
 * Cuts a stream of bytes into lines as they come, without holding more than one line and one chunk. A line that grows
 * beyond what a record may have is refused, since nobody would take it.
 */
import { Fault } from '../base/fault.ts';

const LINE_BYTES_MAX = 64 << 20;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** Without their endings, `\n` or `\r\n`; the last one may have none. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    let from = 0;
    for (let end = bytes.indexOf(LINE_FEED); end >= 0; end = bytes.indexOf(LINE_FEED, from)) {
      yield lineAt(bytes, from, end);
      from = end + 1;
    }
    rest = bytes.subarray(from);
    if (rest.length > LINE_BYTES_MAX)
      throw new Fault('PB_LIMIT', `a line of the input is longer than ${LINE_BYTES_MAX} bytes`);
  }
  if (rest.length > 0) yield lineAt(rest, 0, rest.length);
}

function lineAt(bytes: Buffer, from: number, end: number): Buffer {
  return bytes.subarray(from, end > from && bytes[end - 1] === CARRIAGE_RETURN ? end - 1 : end);
}
