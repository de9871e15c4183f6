/** Blocks of PEM in a text, whatever stands between them; line ends may be real ones or, from a settings file, `\n`. */

export interface PemBlock {
  readonly label: string;
  /** With its first and its last line. */
  readonly text: string;
}

export const CERTIFICATE = 'CERTIFICATE';
const BEGIN = /-----BEGIN ([A-Z0-9 ]+)-----/g;
const CONTENT = /^[A-Za-z0-9+/=\s:,-]*$/;
const DASHES = '-----';

/** Takes no longer than the text is long, whatever stands in it: clients may set it while the broker runs. */
export function blocksOf(given: string): readonly PemBlock[] {
  const text = given.replaceAll('\\n', '\n');
  const blocks: PemBlock[] = [];
  for (const { 0: line, 1: label = '', index } of text.matchAll(BEGIN)) {
    const from = index + line.length;
    const to = text.indexOf(DASHES, from);
    if (to < 0 || !text.startsWith(`-----END ${label}-----`, to)) continue;
    const content = text.slice(from, to);
    if (!CONTENT.test(content)) continue;
    blocks.push({ label, text: `-----BEGIN ${label}-----\n${bodyOf(content)}\n-----END ${label}-----\n` });
  }
  return blocks;
}

export function isPrivateKey(label: string): boolean {
  return label.endsWith('PRIVATE KEY');
}

/** A text of one line (a setting cannot have more in some files) is what its words were before. */
function bodyOf(content: string): string {
  const trimmed = content.trim();
  return trimmed.includes('\n') ? trimmed : trimmed.replaceAll(/\s+/g, '\n');
}
