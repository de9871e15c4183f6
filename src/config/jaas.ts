/**
 * Reads the JAAS texts in which Kafka's settings hold users and secrets, for the broker and for the client:
 *
 *   org.apache.kafka.common.security.plain.PlainLoginModule required username="me" password="secret" user_alice="hers";
 *
 * One login module, options as words or in quotes with Java's escapes, and a semicolon. What is wrong is said without
 * repeating anything of the text, since it is full of secrets.
 */
export interface JaasEntry {
  /** The last part of the module's class name: `PlainLoginModule`. */
  readonly module: string;
  readonly options: ReadonlyMap<string, string>;
}

export type ReadJaas =
  | { readonly isGood: true; readonly entry: JaasEntry }
  /** What is wrong, to follow the name of the setting. */
  | { readonly isGood: false; readonly problem: string };

const FLAGS = ['required', 'requisite', 'sufficient', 'optional'];
const USER_PREFIX = 'user_';

export function readJaas(text: string): ReadJaas {
  const tokens = tokensOf(text);
  if (tokens === null) return bad('has a quote that is not closed');
  const [name, flag, ...rest] = tokens;
  if (name === undefined || flag === undefined) return bad('names no login module and flag');
  if (!FLAGS.includes(flag.text.toLowerCase())) return bad(`has no flag (${FLAGS.join(', ')}) behind its login module`);
  const options = new Map<string, string>();
  let at = 0;
  while (at < rest.length && !isMark(rest[at], ';')) {
    const [key, equals, value] = rest.slice(at, at + 3);
    if (key === undefined || key.isMark || !isMark(equals, '=') || value === undefined || value.isMark)
      return bad('has an option that is not NAME="VALUE"');
    options.set(key.text, value.text);
    at += 3;
  }
  if (at >= rest.length) return bad('does not end with a semicolon');
  if (at !== rest.length - 1) return bad('has something behind its semicolon; one login module is possible');
  return { isGood: true, entry: { module: name.text.slice(name.text.lastIndexOf('.') + 1), options } };
}

/** Names and passwords of `user_NAME="PASSWORD"`. */
export function usersOf({ options }: JaasEntry): Map<string, string> {
  const users = new Map<string, string>();
  for (const [key, password] of options) {
    if (key.startsWith(USER_PREFIX) && key !== USER_PREFIX) users.set(key.slice(USER_PREFIX.length), password);
  }
  return users;
}

function bad(problem: string): ReadJaas {
  return { isGood: false, problem };
}

interface Token {
  readonly text: string;
  /** A bare "=" or ";". */
  readonly isMark: boolean;
}

function isMark(token: Token | undefined, mark: string): boolean {
  return token?.isMark === true && token.text === mark;
}

/** Null: a quote is not closed. */
function tokensOf(text: string): Token[] | null {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const char = text[at] ?? '';
    if (/\s/.test(char)) {
      at += 1;
    } else if (char === ';' || char === '=') {
      tokens.push({ text: char, isMark: true });
      at += 1;
    } else if (char === '"' || char === "'") {
      const quoted = readQuoted(text, at);
      if (quoted === null) return null;
      tokens.push({ text: quoted.text, isMark: false });
      at = quoted.end;
    } else {
      const [word = char] = /^[^\s;="']+/.exec(text.slice(at, at + WORD_CHARS_MAX)) ?? [];
      tokens.push({ text: word, isMark: false });
      at += word.length;
    }
  }
  return tokens;
}

const WORD_CHARS_MAX = 4096;
const escapes: { readonly [letter: string]: string } = {
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  a: '\x07',
  v: '\v',
};

function readQuoted(text: string, start: number): { readonly text: string; readonly end: number } | null {
  const quote = text[start];
  let read = '';
  for (let at = start + 1; at < text.length; at++) {
    const char = text[at] ?? '';
    if (char === quote) return { text: read, end: at + 1 };
    if (char !== '\\') {
      read += char;
      continue;
    }
    const octal = /^[0-3]?[0-7]{1,2}/.exec(text.slice(at + 1, at + 4))?.[0];
    if (octal !== undefined) {
      read += String.fromCharCode(Number.parseInt(octal, 8));
      at += octal.length;
    } else {
      const letter = text[at + 1] ?? '';
      read += escapes[letter] ?? letter;
      at += 1;
    }
  }
  return null;
}
