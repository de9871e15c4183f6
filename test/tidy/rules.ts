/**
 * The house rules that no linter knows, each a function from the sources to what offends it: one sentence a finding, with
 * file and line. Style and why are on docs/style.md; `tidy.test.ts` runs every rule on the project and on a bad sample.
 */
import { functionSpans, lineAt } from './source-text.ts';
import type { SourceFile } from './source-tree.ts';

export type Rule = (files: readonly SourceFile[]) => string[];

export const FILE_LINES_MAX = 600;
export const FUNCTION_LINES_MAX = 60;

const inSrc = (file: SourceFile): boolean => file.path.startsWith('src/');

// ── floors ──────────────────────────────────────────────────────────────────────────────────────────────────────────

const FLOORS: Readonly<Record<string, number>> = {
  base: 0,
  protocol: 1,
  config: 1,
  zerocopy: 2,
  storage: 3,
  client: 3,
  workers: 4,
  net: 5,
  cluster: 6,
  security: 6,
  groups: 7,
  shares: 7,
  transactions: 7,
  admin: 7,
  apis: 8,
  http: 9,
  cli: 9,
  streams: 9,
  connect: 9,
  mirror: 9,
};
const ROOF = 10;
/** Guests live on the wire like any client; only the HTTP side looks into the house. */
const GUESTS = new Set(['cli', 'streams', 'connect', 'mirror']);
const GUESTS_SEE = new Set(['client', 'protocol', 'config', 'base']);

function folderOf(path: string): string {
  const parts = path.split('/');
  return parts.length > 2 ? (parts[1] ?? '') : '';
}

function isThreadMain(path: string): boolean {
  return path.endsWith('.main.ts');
}

function isRoof(path: string): boolean {
  return isThreadMain(path) || folderOf(path) === '';
}

function floorOf(path: string): number {
  return isRoof(path) ? ROOF : (FLOORS[folderOf(path)] ?? -1);
}

export const importsGoDown: Rule = (files) => {
  const found: string[] = [];
  for (const file of files.filter(inSrc)) {
    if (floorOf(file.path) < 0) found.push(`${file.path} lies in a folder that is on no floor`);
    for (const one of file.imports) {
      if (one.target === null || one.kind === 'url') continue;
      const problem = importProblem(file.path, one.target);
      if (problem !== '') found.push(`${file.path}:${one.line} imports ${one.target}: ${problem}`);
    }
  }
  return found;
};

function importProblem(from: string, to: string): string {
  if (!to.startsWith('src/')) return 'src imports nothing from outside of src';
  if (isThreadMain(to)) return 'a thread is started by its URL and imported by nobody';
  const [fromFolder, toFolder] = [folderOf(from), folderOf(to)];
  if (isRoof(to)) return from === 'src/main.ts' ? '' : 'nobody imports the roof';
  if (isRoof(from) || fromFolder === toFolder) return '';
  if (GUESTS.has(fromFolder) && !GUESTS_SEE.has(toFolder)) return 'a guest sees only client, protocol, config and base';
  const [fromFloor, toFloor] = [floorOf(from), floorOf(to)];
  if (fromFloor === toFloor) return 'folders on one floor do not import each other';
  return fromFloor > toFloor ? '' : `imports go down, this one goes from floor ${fromFloor} up to ${toFloor}`;
}

export const noCycles: Rule = (files) => {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const states = new Map<string, 'open' | 'done'>();
  const trail: string[] = [];
  const found: string[] = [];
  const visit = (path: string): void => {
    const state = states.get(path);
    if (state === 'open') found.push(`a cycle of imports: ${[...trail.slice(trail.indexOf(path)), path].join(' → ')}`);
    if (state !== undefined) return;
    states.set(path, 'open');
    trail.push(path);
    for (const one of byPath.get(path)?.imports ?? []) {
      if (one.kind !== 'url' && one.target !== null && byPath.has(one.target)) visit(one.target);
    }
    trail.pop();
    states.set(path, 'done');
  };
  for (const file of files.filter(inSrc)) visit(file.path);
  return found;
};

// ── shape of files ──────────────────────────────────────────────────────────────────────────────────────────────────

export const filesAreShort: Rule = (files) =>
  files
    .map((file) => ({ path: file.path, lines: file.text.trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > FILE_LINES_MAX)
    .map(({ path, lines }) => `${path} has ${lines} lines, more than ${FILE_LINES_MAX}: it lacks a noun`);

export const functionsAreShort: Rule = (files) => {
  const found: string[] = [];
  for (const file of files) {
    if (file.path.startsWith('test/') || file.path.startsWith('src/protocol/schemas/')) continue;
    for (const span of functionSpans(file.code)) {
      if (span.lines <= FUNCTION_LINES_MAX) continue;
      found.push(
        `${file.path}:${span.firstLine} is a function of ${span.lines} lines, more than ${FUNCTION_LINES_MAX}`,
      );
    }
  }
  return found;
};

export const namesAreNouns: Rule = (files) => {
  const found: string[] = [];
  for (const file of files.filter(inSrc)) {
    const name = file.path.split('/').at(-1) ?? '';
    if (!/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.main)?\.ts$/.test(name)) found.push(`${file.path} is not named in kebab-case`);
    if (/^(?:index|utils?|helpers?|common|misc|.*-?manager)\.ts$/.test(name)) {
      found.push(`${file.path} has a name that says nothing; name it for the one thing in it`);
    }
  }
  return found;
};

export const filesOpenWithTheirStory: Rule = (files) =>
  files
    .filter((file) => inSrc(file) && !/^(?:#!.*\n)?\/\*\*/.test(file.text))
    .map((file) => `${file.path} does not open with a comment that says what it is and who calls it`);

export const noBarrels: Rule = (files) => {
  const found: string[] = [];
  for (const file of files.filter(inSrc)) {
    const withoutReExports = file.code.replace(/\bexport\b[^;'"]*\bfrom\b\s*(['"])[^'"]*\1\s*;?/g, '');
    if (withoutReExports === file.code) continue;
    const rest = withoutReExports.replace(/\bimport\b[^;]*;/g, '').trim();
    if (rest === '') found.push(`${file.path} only passes on what other files export`);
  }
  return found;
};

export const noDefaultExports: Rule = (files) =>
  matches(files, /\bexport\s+default\b|\bas\s+default\b/g, 'is a default export; give it its name');

// ── left-overs ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** In two pieces, so that this file does not offend its own rule. */
const UNFINISHED = new RegExp(`\\b(?:${['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK'].join('|')})\\b`, 'g');

export const nothingUnfinished: Rule = (files) => {
  const found: string[] = [];
  for (const file of files) {
    for (const match of file.text.matchAll(UNFINISHED)) {
      found.push(`${file.path}:${lineAt(file.text, match.index)} says ${match[0]}; do it or file it`);
    }
  }
  return found;
};

export const noTestStandsAlone: Rule = (files) =>
  matches(files, /\b(?:it|test|describe)(?:\.\w+)*\.only\b|\bdebugger\b/g, 'was left from trying something out');

const CODE_STARTS =
  /^(?:const|let|var|import|export|return|if|else|for|while|await|throw|this\.|[\w$]+(?:\.[\w$]+)*\()/;

export const noCodeInComments: Rule = (files) => {
  const found: string[] = [];
  for (const file of files) {
    for (const comment of file.comments) {
      if (comment.isBlock) continue;
      const line = comment.text.replace(/^\/\/+\s*/, '').trim();
      const isStatement = /[;{}]$/.test(line) && CODE_STARTS.test(line);
      const isAssignment = /^[\w$.[\]]+\s*[+\-*]?=\s*\S.*;$/.test(line);
      if (isStatement || isAssignment) found.push(`${file.path}:${comment.line} is code in a comment: ${line}`);
    }
  }
  return found;
};

// ── who may touch what ──────────────────────────────────────────────────────────────────────────────────────────────

export const threadsStartInWorkers: Rule = (files) =>
  matches(
    files.filter((file) => inSrc(file) && folderOf(file.path) !== 'workers'),
    /\bnew\s+(?:Worker|Piscina)\b/g,
    'starts a thread; only workers/ does',
  );

export const socketsStayInTheirPlace: Rule = (files) => {
  const mayUse = (path: string) => /^src\/(?:client\/|net\/node-)/.test(path);
  return importsOfModule(
    files.filter((file) => inSrc(file) && !mayUse(file.path)),
    /^(?:node:)?(?:net|tls)$/,
    'only the plain-Node transport and the client open sockets',
  );
};

export const nativePartStaysBelow: Rule = (files) => {
  const found: string[] = [];
  for (const file of files.filter((one) => inSrc(one) && folderOf(one.path) !== 'zerocopy')) {
    for (const literal of stringsOf(file)) {
      if (!/native-bindings|\.node$/.test(literal.text)) continue;
      found.push(`${file.path}:${literal.line} names the native part; only zerocopy/ loads it`);
    }
    if (/\bdlopen\b/.test(file.code)) found.push(`${file.path} opens a shared library; only zerocopy/ does`);
  }
  return found;
};

function matches(files: readonly SourceFile[], pattern: RegExp, what: string): string[] {
  const found: string[] = [];
  for (const file of files) {
    for (const match of file.code.matchAll(pattern)) {
      found.push(`${file.path}:${lineAt(file.code, match.index)} ${match[0]} ${what}`);
    }
  }
  return found;
}

function importsOfModule(files: readonly SourceFile[], module: RegExp, what: string): string[] {
  const found: string[] = [];
  for (const file of files) {
    for (const one of file.imports) {
      if (module.test(one.specifier)) found.push(`${file.path}:${one.line} imports ${one.specifier}: ${what}`);
    }
  }
  return found;
}

function stringsOf(file: SourceFile): { line: number; text: string }[] {
  const strings: { line: number; text: string }[] = [];
  for (const match of file.code.matchAll(/(['"])\s*\1/g)) {
    strings.push({
      line: lineAt(file.code, match.index),
      text: file.text.slice(match.index + 1, match.index + match[0].length - 1),
    });
  }
  return strings;
}

// ── dead files ──────────────────────────────────────────────────────────────────────────────────────────────────────

/**
 * A file of src lives when the process, a thread or somebody who installs the package can reach it. What only a test or
 * a bench reaches is dead, but for the client, which exists for them too. The scripts that build the native part are
 * entries like those of package.json, which come as `entries`.
 */
export function noDeadFiles(files: readonly SourceFile[], entries: readonly string[]): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const alive = new Set<string>();
  const visit = (path: string): void => {
    const file = byPath.get(path);
    if (file === undefined || alive.has(path)) return;
    alive.add(path);
    for (const one of file.imports) if (one.target !== null) visit(one.target);
  };
  for (const path of ['src/main.ts', 'src/broker.ts', ...entries]) visit(path);
  for (const file of files) {
    const isEntry = inSrc(file) ? isThreadMain(file.path) : file.path.startsWith('native-bindings/');
    if (isEntry) visit(file.path);
    if (inSrc(file)) continue;
    for (const one of file.imports) if (one.target?.startsWith('src/client/') === true) visit(one.target);
  }
  return files
    .filter((file) => inSrc(file) && !alive.has(file.path))
    .map((file) => `${file.path} is reached from no entry of the program`);
}
