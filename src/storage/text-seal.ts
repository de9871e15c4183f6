/**
 * A checksum for Kafka's small text files, which have none: a rotten bit in one of their numbers would otherwise be believed,
 * and one that says where a log starts could cost the log. It stands in white space at the end of the last row, 32 blanks
 * (0) and tabs (1), highest bit first, which Kafka's readers pass over when they split a row into words. A file without it was written by
 * Kafka and is taken as it is; one with a part of it, or another sum, is damaged, and so is one whose last line has no end.
 *
 *     orders 1 1720␠␉␠␠␉ … ␉⏎
 */
import { crc32cInTypeScript } from '../zerocopy/fallback.ts';

const BITS = 32;
const encoder = new TextEncoder();

/** The text with its checksum; a text without rows has no room for one, and nothing that it could protect. */
export function sealed(text: string, rowCount: number): string {
  if (rowCount === 0) return text;
  const body = text.slice(0, -1);
  return `${body}${sealOf(body)}\n`;
}

/** The text without its checksum; null when that does not fit. */
export function openSeal(text: string): string | null {
  if (!text.endsWith('\n')) return null;
  const end = text.length - 1;
  let from = end;
  while (from > 0 && (text[from - 1] === ' ' || text[from - 1] === '\t')) from -= 1;
  if (from === end) return text;
  const body = text.slice(0, from);
  return text.slice(from, end) === sealOf(body) ? `${body}\n` : null;
}

function sealOf(body: string): string {
  const bytes = encoder.encode(body);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sum = crc32cInTypeScript({ bytes, view, address: 0 }, 0, bytes.length) >>> 0;
  let seal = '';
  for (let bit = BITS - 1; bit >= 0; bit--) seal += (sum >>> bit) & 1 ? '\t' : ' ';
  return seal;
}
