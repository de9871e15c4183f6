/**
 * Cuts frames out of received bytes: a 4-byte big-endian length, then that many bytes. Knows nothing of requests; says
 * what it sees as a number, so that a bad length costs a person one clear log line and nobody anything else.
 */
import type { Connection } from './connection.ts';

export const PREFIX_BYTES = 4;
/** api key, version, correlation id, and the shortest client id (null). */
export const FRAME_BYTES_MIN = 10;

/** A token of a login may come without a header. */
export const LOGIN_FRAME_BYTES_MIN = 1;

export const FRAME_COMPLETE = 0;
export const FRAME_PARTIAL = 1;
export const FRAME_NEGATIVE = 2;
export const FRAME_TOO_LARGE = 3;
export const FRAME_TOO_SHORT = 4;

/** Looks at the bytes between readAt and fillAt; sets `frameBytes` as soon as the prefix is complete. */
export function nextFrame(connection: Connection, view: DataView, bytesMin: number, bytesMax: number): number {
  const available = connection.fillAt - connection.readAt;
  if (available < PREFIX_BYTES) {
    connection.frameBytes = 0;
    return FRAME_PARTIAL;
  }
  const length = view.getInt32(connection.readAt);
  if (length < 0) return FRAME_NEGATIVE;
  if (length > bytesMax) return FRAME_TOO_LARGE;
  if (length < bytesMin) return FRAME_TOO_SHORT;
  connection.frameBytes = length + PREFIX_BYTES;
  return available >= connection.frameBytes ? FRAME_COMPLETE : FRAME_PARTIAL;
}

/** What the first four bytes look like when they are no length: the second half of the sentence in the log. */
export function guessOfPrefix(view: DataView, at: number): string {
  const first = view.getUint8(at);
  if (first >= 0x14 && first <= 0x17 && view.getUint8(at + 1) === 3) {
    return ': this looks like TLS on a plaintext port';
  }
  let text = '';
  for (let index = 0; index < PREFIX_BYTES; index++) text += String.fromCharCode(view.getUint8(at + index));
  return HTTP_STARTS.includes(text) ? ': this looks like HTTP on a Kafka port' : '';
}

const HTTP_STARTS = ['GET ', 'POST', 'HEAD', 'PUT ', 'DELE', 'OPTI', 'PATC', 'CONN', 'PRI '];
