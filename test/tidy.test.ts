/**
 * Runs the house rules of docs/style.md over the sources, and each rule over a small bad sample, so that a rule which can
 * no longer fail is noticed. The rules themselves are in tidy/rules.ts.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as rules from './tidy/rules.ts';
import { functionSpans, scanSource } from './tidy/source-text.ts';
import { readTree, type SourceFile, sourceFile } from './tidy/source-tree.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const files = readTree(root, ['src', 'bench', 'test', 'native-bindings'], ['.ts', '.mjs', '.c', '.cc']);
const scripts = files.filter((file) => /\.(?:ts|mjs)$/.test(file.path));

type Sample = Readonly<Record<string, string>>;

function sampleTree(sample: Sample): SourceFile[] {
  return Object.entries(sample).map(([path, text]) => sourceFile(path, text));
}

const many = (line: string, count: number): string => `${line}\n`.repeat(count);

/** Rule, what it says, a sample that it passes, and samples that each offend it once. */
const cases: [string, rules.Rule, Sample, Sample[]][] = [
  [
    'imports go down the floors',
    rules.importsGoDown,
    {
      'src/storage/a.ts': `import { b } from '../zerocopy/b.ts';\nimport type { C } from './c.ts';`,
      'src/storage/c.ts': '',
      'src/net/front.main.ts': `import { x } from '../apis/x.ts';`,
      'src/main.ts': `import { Broker } from './broker.ts';`,
      'src/http/a.ts': `import { x } from '../cluster/x.ts';`,
      'src/workers/pool.ts': `new Worker(new URL('../net/front.main.ts', import.meta.url));`,
    },
    [
      { 'src/base/a.ts': `import { b } from '../protocol/b.ts';` },
      { 'src/base/a.ts': `import type { B } from '../protocol/b.ts';` },
      { 'src/base/a.ts': `export type { B } from '../protocol/b.ts';` },
      { 'src/base/a.ts': `type B = import('../protocol/b.ts').B;` },
      { 'src/protocol/a.ts': `import { b } from '../config/b.ts';` },
      { 'src/groups/a.ts': `import {\n  one,\n  two,\n} from '../transactions/b.ts';` },
      { 'src/cli/a.ts': `import { b } from '../storage/b.ts';` },
      { 'src/apis/a.ts': `import { b } from '../broker.ts';` },
      { 'src/workers/a.ts': `import './partition.main.ts';` },
      { 'src/storage/a.ts': `import { b } from '../../test/support/b.ts';` },
      { 'src/attic/a.ts': '' },
    ],
  ],
  [
    'imports make no cycles',
    rules.noCycles,
    { 'src/net/a.ts': `import './b.ts';\nimport './c.ts';`, 'src/net/b.ts': `import './c.ts';`, 'src/net/c.ts': '' },
    [
      { 'src/net/a.ts': `import type { B } from './b.ts';`, 'src/net/b.ts': `import { a } from './a.ts';` },
      {
        'src/net/a.ts': `import './b.ts';`,
        'src/net/b.ts': `import './c.ts';`,
        'src/net/c.ts': `export { b } from './b.ts';`,
      },
    ],
  ],
  [
    'files have at most 600 lines',
    rules.filesAreShort,
    { 'src/net/a.ts': many('export const a = 1;', 600) },
    [{ 'src/net/a.ts': many('export const a = 1;', 601) }],
  ],
  [
    'functions have at most 60 lines',
    rules.functionsAreShort,
    {
      'src/net/a.ts': `export function a(): void {\n${many('  step();', 58)}}\nif (a) {\n${many('  step();', 70)}}`,
      'src/net/b.ts': `export const table = {\n${many('  row: 1,', 100)}};`,
      'src/protocol/schemas/a.ts': `define((x) => {\n${many('  step();', 80)}});`,
    },
    [
      { 'src/net/a.ts': `export function a(): void {\n${many('  step();', 59)}}` },
      {
        'src/net/a.ts': `class A {\n  async b(c = { d: '{' }): Promise<Map<string, { e: 1 }>> {\n${many('x();', 60)}}\n}`,
      },
      { 'src/net/a.ts': `const a = (b: number): b is 5 => {\n${many('  x(/[}]/);', 60)}};` },
      { 'src/net/a.ts': `const a = b => {\n${many('  x(`}`);', 60)}};` },
      { 'src/net/a.ts': `class A {\n  get b() {\n${many('  if (x) { y(); }', 60)}}\n}` },
    ],
  ],
  [
    'files are named for one thing',
    rules.namesAreNouns,
    { 'src/net/route-table.ts': '', 'src/net/front.main.ts': '', 'src/apis/00-produce.ts': '' },
    [
      { 'src/net/routeTable.ts': '' },
      { 'src/net/utils.ts': '' },
      { 'src/net/index.ts': '' },
      { 'src/net/pool-manager.ts': '' },
    ],
  ],
  [
    'files open with their story',
    rules.filesOpenWithTheirStory,
    { 'src/net/a.ts': '/** A story. */', 'src/main.ts': '#!/usr/bin/env node\n/** Another. */' },
    [{ 'src/net/a.ts': '// nothing\nexport const a = 1;' }],
  ],
  [
    'no file is a barrel',
    rules.noBarrels,
    { 'src/net/a.ts': `export { b } from './b.ts';\nexport const c = 1;` },
    [
      { 'src/net/a.ts': `/** Story. */\nexport * from './b.ts';\nexport { c } from './c.ts';` },
      { 'src/net/a.ts': `import { x } from './x.ts';\nexport type { B } from './b.ts';` },
    ],
  ],
  [
    'nothing is exported by default',
    rules.noDefaultExports,
    { 'src/net/a.ts': `export const a = 'export default';` },
    [{ 'src/net/a.ts': 'export default class {}' }, { 'src/net/a.ts': 'export { a as default };' }],
  ],
  [
    'nothing is left unfinished',
    rules.nothingUnfinished,
    { 'src/net/a.ts': 'export const todos = 1;' },
    [{ 'src/net/a.ts': `// ${'TO' + 'DO'}: later` }, { 'test/a.test.ts': `it('${'FIX' + 'ME'}')` }],
  ],
  [
    'no test runs alone',
    rules.noTestStandsAlone,
    { 'test/a.test.ts': `it('runs .only( when asked', () => {});` },
    [{ 'test/a.test.ts': `it${'.only'}('a', () => {});` }, { 'src/net/a.ts': `${'debug' + 'ger'};` }],
  ],
  [
    'no code hides in comments',
    rules.noCodeInComments,
    {
      'src/net/a.ts': '// For whoever returns here: the lock (see above) is taken; then it is given back.\n/* x(); */',
    },
    [
      { 'src/net/a.ts': '// const a = 1;' },
      { 'src/net/a.ts': '  // if (a > b) {' },
      { 'src/net/a.ts': '// this.close(fd);' },
      { 'src/net/a.ts': '// total += 4;' },
    ],
  ],
  [
    'threads start in workers/',
    rules.threadsStartInWorkers,
    { 'src/workers/a.ts': 'new Worker(url);', 'src/net/b.ts': '// new Worker' },
    [{ 'src/net/a.ts': 'new Worker(url);' }, { 'src/broker.ts': 'new Piscina({});' }],
  ],
  [
    'sockets are opened by the plain-Node transport and the client',
    rules.socketsStayInTheirPlace,
    { 'src/client/a.ts': `import net from 'node:net';`, 'src/net/node-socket.ts': `import net from 'node:net';` },
    [
      { 'src/net/front.ts': `import net from 'node:net';` },
      { 'src/cluster/a.ts': `import { connect } from 'net';` },
      { 'src/http/a.ts': `const tls = await import('node:tls');` },
    ],
  ],
  [
    'the native part is loaded by zerocopy/',
    rules.nativePartStaysBelow,
    { 'src/zerocopy/native.ts': `load('../../native-bindings/build/perfbroker.node');` },
    [
      { 'src/net/a.ts': `load('../../native-bindings/build/x');` },
      { 'src/net/a.ts': `load("addon.node");` },
      { 'src/net/a.ts': 'process.dlopen(module, path);' },
    ],
  ],
];

describe('a rule', () => {
  it.each(cases)('can fail: %s', (_name, rule, good, bad) => {
    expect(rule(sampleTree(good))).toEqual([]);
    for (const sample of bad)
      expect({ sample, findings: rule(sampleTree(sample)).length }).toEqual({ sample, findings: 1 });
  });

  it('can fail: every file is reached from an entry', () => {
    const sample: Sample = {
      'src/main.ts': `import './broker.ts';`,
      'src/broker.ts': `import './net/a.ts';`,
      'src/net/a.ts': `new URL('./b.ts', import.meta.url);`,
      'src/net/b.ts': '',
      'src/net/c.main.ts': `import './d.ts';`,
      'src/net/d.ts': '',
      'src/client/e.ts': '',
      'src/net/f.ts': '',
      'src/embed.ts': '',
      'src/zerocopy/g.ts': '',
      'native-bindings/layout.mjs': `await import('../dist/src/zerocopy/g.js');`,
      'test/net/f.test.ts': `import '../../src/net/f.ts';\nimport '../../src/client/e.ts';`,
    };
    expect(rules.noDeadFiles(sampleTree(sample), ['src/embed.ts'])).toEqual([
      'src/net/f.ts is reached from no entry of the program',
    ]);
  });
});

describe('the scanner', () => {
  it('tells code from strings, templates, regular expressions and comments', () => {
    const hole = '$' + '{';
    const text = [
      `const a = 'it\\'s {' + "}"; // {`,
      `const b = \`{ ${hole}call({ c: \`}\` })} }\`;`,
      'const d = /[/}]{2}/.test(e) ? f / 2 / g : h; /* } */',
    ];
    const code = [
      `const a = ' ' + " "; `,
      `const b = \` ${hole}call({ c: \` \` })} \`;`,
      'const d = / /.test(e) ? f / 2 / g : h; ',
    ];
    expect(scanSource(text.join('\n')).code.replaceAll(/ +/g, ' ')).toBe(code.join('\n'));
  });

  it('loses its way in no file of the project', () => {
    const isBalanced = (code: string, open: string, close: string) =>
      code.split(open).length === code.split(close).length;
    const lost = scripts.filter(
      ({ code }) => !(isBalanced(code, '{', '}') && isBalanced(code, '(', ')') && isBalanced(code, '[', ']')),
    );
    expect(lost.map((file) => file.path)).toEqual([]);
  });

  it('finds functions however they are written, and nothing else', () => {
    const text = [
      'if (a) { b(); }',
      'for (const c of d) { e(); }',
      'const f = g ? (h) : { i: 1 };',
      'function j({ k }: { k: number }): void { }',
      'const l = (m: number): { n: 1 } => { };',
      'class O { static #p<Q>(r: Q): Q | null { } constructor() { } get s(): number { } }',
      'call(t, (u) => { }, async () => { }, v => { });',
      'interface W { x(y: number): void; z: () => void }',
      'const object = { method(a) { }, other: 1 };',
    ].join('\n');
    expect(functionSpans(scanSource(text).code).map((span) => span.firstLine)).toEqual([4, 5, 6, 6, 6, 7, 7, 7, 9]);
  });
});

describe('the house', () => {
  it.each(cases)('keeps the rule: %s', (_name, rule) => {
    expect(rule(rule === rules.filesAreShort ? files : scripts)).toEqual([]);
  });

  it('keeps the rule: every file is reached from an entry', () => {
    const manifest = readFileSync(join(root, 'package.json'), 'utf8');
    const exported = [...manifest.matchAll(/"(?:\.\/)?dist\/(src\/[\w./-]+)\.js"/g)].map((match) => `${match[1]}.ts`);
    expect(exported).toContain('src/broker.ts');
    // The command goes through native-bindings/setup.mjs, which starts it.
    const entries = ['src/main.ts', ...exported];
    expect(rules.noDeadFiles(scripts, entries)).toEqual([]);
  });

  it('keeps the rule: the C header says what layout.ts says', async () => {
    const generator = join(root, 'src/zerocopy/layout-header.ts');
    const header = join(root, 'native-bindings/src/layout.h');
    expect(existsSync(generator), 'src/zerocopy/layout-header.ts writes the C header').toBe(true);
    expect(existsSync(header), 'native-bindings/src/layout.h is generated and committed').toBe(true);
    const loaded: { layoutHeader?: unknown } = await import(/* @vite-ignore */ generator);
    const layoutHeader = loaded.layoutHeader;
    if (typeof layoutHeader !== 'function') throw new Error('layout-header.ts exports the function layoutHeader');
    expect(readFileSync(header, 'utf8'), 'the header is stale: generate it again from layout.ts').toBe(layoutHeader());
  });
});
