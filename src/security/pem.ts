/** Blocks of PEM in a text, whatever stands between them; line ends may be real ones or, from a settings file, `\n`. */

export interface PemBlock {
  readonly label: string;
  /** With its first and its last line. */
  readonly text: string;
}

export const CERTIFICATE = 'CERTIFICATE';
const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s:,-]*?)-----END \1-----/g;

export function blocksOf(text: string): readonly PemBlock[] {
  const blocks: PemBlock[] = [];
  for (const [, label = '', content = ''] of text.replaceAll('\\n', '\n').matchAll(BLOCK)) {
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
