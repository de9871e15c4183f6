/**
 * The subject of a certificate as text, letter for letter as Java's `X500Principal.getName()` prints it (RFC 2253), because
 * rules and ACLs that were written for Kafka compare this text: the most special part first, attributes beyond the nine of
 * the RFC by their number, with their value in hexadecimal.
 */
import { DerReader } from './der-reader.ts';

/** Object identifiers by their encoding, in hexadecimal. */
const keywords: ReadonlyMap<string, string> = new Map([
  ['550403', 'CN'],
  ['550406', 'C'],
  ['550407', 'L'],
  ['550408', 'ST'],
  ['55040a', 'O'],
  ['55040b', 'OU'],
  ['550409', 'STREET'],
  ['0992268993f22c640119', 'DC'],
  ['0992268993f22c640101', 'UID'],
]);

const SEQUENCE = 0x30;
const SET = 0x31;
const OBJECT_IDENTIFIER = 0x06;
/** The version of a certificate, which old ones leave out. */
const CONTEXT_0 = 0xa0;
/** UTF8String, PrintableString, T61String, IA5String, GeneralString, UniversalString, BMPString. */
const textTags: ReadonlySet<number> = new Set([0x0c, 0x13, 0x14, 0x16, 0x1b, 0x1c, 0x1e]);
const ESCAPED = ',=+<>#;"\\';

/** Null: it is no certificate. */
export function subjectOf(certificate: Uint8Array): string | null {
  const signed = new DerReader(certificate).enter(SEQUENCE)?.enter(SEQUENCE) ?? null;
  if (signed === null) return null;
  signed.skipIf(CONTEXT_0);
  // Serial number, algorithm, issuer, validity.
  for (let skipped = 0; skipped < 4; skipped++) if (!signed.skip()) return null;
  const name = signed.enter(SEQUENCE);
  return name === null ? null : nameText(name);
}

function nameText(name: DerReader): string | null {
  const parts: string[] = [];
  while (!name.isAtEnd) {
    const set = name.enter(SET);
    if (set === null) return null;
    const attributes: string[] = [];
    while (!set.isAtEnd) {
      const text = attributeText(set.enter(SEQUENCE));
      if (text === null) return null;
      attributes.push(text);
    }
    parts.push(attributes.join('+'));
  }
  return parts.reverse().join(',');
}

function attributeText(attribute: DerReader | null): string | null {
  const type = attribute?.take() ?? null;
  const value = attribute?.take() ?? null;
  if (type === null || value === null || type.tag !== OBJECT_IDENTIFIER) return null;
  const keyword = keywords.get(Buffer.from(type.content).toString('hex'));
  if (keyword === undefined || !textTags.has(value.tag)) {
    return `${keyword ?? dotted(type.content)}=#${Buffer.from(value.whole).toString('hex')}`;
  }
  return `${keyword}=${escaped(Buffer.from(value.content).toString('utf8'))}`;
}

/** 2a 86 48 … → "1.2.840.…" */
function dotted(content: Uint8Array): string {
  const numbers: number[] = [];
  let number = 0;
  for (const byte of content) {
    number = number * 128 + (byte & 0x7f);
    if ((byte & 0x80) !== 0) continue;
    numbers.push(number);
    number = 0;
  }
  const [first = 0, ...rest] = numbers;
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - root * 40, ...rest].join('.');
}

function escaped(value: string): string {
  let text = '';
  for (const character of value) {
    if (character === '\0') text += '\\00';
    else text += ESCAPED.includes(character) ? `\\${character}` : character;
  }
  const isBlank = (character: string): boolean => character === ' ' || character === '\r';
  const characters = [...text];
  const lead = characters.findIndex((character) => !isBlank(character));
  const trail = characters.findLastIndex((character) => !isBlank(character));
  return characters
    .map((character, index) => (lead < 0 || index < lead || index > trail ? `\\${character}` : character))
    .join('');
}
