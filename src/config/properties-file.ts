/**
 * Reads the `.properties` grammar of Java, which is what people's `server.properties` are written in: comments with # or
 * !, `key=value`, `key: value` or `key value`, a backslash at the end of a line to go on, and \t \n \r \f \uXXXX escapes.
 */
import { Fault } from '../base/fault.ts';

export interface Property {
  readonly key: string;
  readonly value: string;
  /** Line the entry begins on, counted from 1. */
  readonly line: number;
}

/**
 * UTF-8, as people write it, or else Latin-1, as Java reads it. Text with zero bytes is UTF-16: none of its settings would be
 * known, and all be left aside.
 */
export function textOfProperties(path: string, bytes: Uint8Array): string {
  if (bytes.includes(0)) throw new Fault('PB_BAD_SETTING', `${path} is not text in UTF-8; save it as such`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return Buffer.from(bytes).toString('latin1');
  }
}

/** Entries in file order; when a key comes twice, both are here and the last one counts. */
export function parseProperties(text: string): Property[] {
  const properties: Property[] = [];
  const lines = text.split(/\r\n|\n|\r/);
  let index = 0;
  while (index < lines.length) {
    const line = index + 1;
    let logical = (lines[index] ?? '').trimStart();
    index++;
    if (logical === '' || logical.startsWith('#') || logical.startsWith('!')) continue;
    while (endsOpen(logical)) {
      logical = logical.slice(0, -1) + (lines[index] ?? '').trimStart();
      index++;
    }
    properties.push(splitEntry(logical, line));
  }
  return properties;
}

/** An odd number of backslashes at the end: the entry goes on in the next line. */
function endsOpen(logical: string): boolean {
  let count = 0;
  while (count < logical.length && logical[logical.length - 1 - count] === '\\') count++;
  return count % 2 === 1;
}

function splitEntry(logical: string, line: number): Property {
  let at = 0;
  while (at < logical.length && !/[=:\s]/.test(logical[at] ?? '')) at += logical[at] === '\\' ? 2 : 1;
  const key = logical.slice(0, at);
  const rest = logical.slice(at).replace(/^\s*[=:]?\s*/, '');
  return { key: unescaped(key), value: unescaped(rest), line };
}

const shortEscapes: { readonly [letter: string]: string } = { t: '\t', n: '\n', r: '\r', f: '\f' };

function unescaped(text: string): string {
  return text.replace(
    /\\(?:u([0-9a-fA-F]{4})|([\s\S]))/g,
    (_whole, hex: string | undefined, letter: string | undefined) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      return letter === undefined ? '' : (shortEscapes[letter] ?? letter);
    },
  );
}
