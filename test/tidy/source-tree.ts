/**
 * The project's sources as the house rules see them: files with their code, comments and imports. Read from disk for the
 * real check, written down by hand for the checks of the rules themselves.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { type Comment, lineAt, scanSource } from './source-text.ts';

export interface Import {
  readonly line: number;
  readonly specifier: string;
  /** Path of the file within the project, or null for packages and built-in modules. */
  readonly target: string | null;
  /** `url`: named in `new URL(…, import.meta.url)`, as threads are. */
  readonly kind: 'static' | 'dynamic' | 'url';
}

export interface SourceFile {
  /** From the project's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly code: string;
  readonly comments: readonly Comment[];
  readonly imports: readonly Import[];
}

const FOLDERS_SKIPPED = new Set(['node_modules', 'dist', 'build', '.cache', 'data', 'bench-results']);

export function sourceFile(path: string, text: string): SourceFile {
  const { code, comments } = scanSource(text);
  return { path, text, code, comments, imports: importsOf(path, text, code) };
}

/** All files under the folders whose names end as asked. */
export function readTree(root: string, folders: readonly string[], endings: readonly string[]): SourceFile[] {
  const files: SourceFile[] = [];
  const visit = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory() && !FOLDERS_SKIPPED.has(entry.name)) visit(path);
      if (!entry.isFile() || !endings.some((ending) => entry.name.endsWith(ending))) continue;
      files.push(sourceFile(relative(root, path).split(sep).join('/'), readFileSync(path, 'utf8')));
    }
  };
  for (const folder of folders) visit(join(root, folder));
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

const IMPORT_FORMS: readonly [Import['kind'], RegExp][] = [
  ['static', /\b(?:import|export)\b(?:[^;'"`()]*?\bfrom\b)?\s*(['"])/g],
  ['dynamic', /\bimport\s*\(\s*(['"])/g],
  ['url', /\bnew\s+URL\s*\(\s*(['"])/g],
];

function importsOf(path: string, text: string, code: string): Import[] {
  const imports: Import[] = [];
  for (const [kind, form] of IMPORT_FORMS) {
    for (const match of code.matchAll(form)) {
      const from = match.index + match[0].length;
      const specifier = text.slice(from, code.indexOf(match[1] ?? '', from));
      if (kind === 'url' && !specifier.startsWith('.')) continue;
      imports.push({ line: lineAt(text, from), specifier, target: targetOf(path, specifier), kind });
    }
  }
  return imports;
}

/** What names a built file means its source. */
function targetOf(path: string, specifier: string): string | null {
  if (!specifier.startsWith('.')) return null;
  const target = resolve('/', dirname(path), specifier).slice(1);
  return target.replace(/^dist\//, '').replace(/\.js$/, '.ts');
}
