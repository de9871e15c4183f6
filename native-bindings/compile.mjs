// Builds native-bindings/build/perfbroker.node with the C compiler of the machine: no build tool, no download. Called by
// setup.mjs and by `npm run build`; when nothing changed it costs a few stat calls. A machine without a compiler is
// fine: the reason is left in build/missing.txt, and the broker says once what running without the native part costs.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = dirname(fileURLToPath(import.meta.url));
const sourceFolder = join(folder, 'src');
const buildFolder = join(folder, 'build');
const output = join(buildFolder, 'perfbroker.node');
const marker = join(buildFolder, 'missing.txt');
const stamp = join(buildFolder, 'machine.txt');
const MACHINE = `${process.platform}-${process.arch}`;

export function compileNative() {
  if (isCurrent()) return;
  mkdirSync(buildFolder, { recursive: true });
  const compiler = findCompiler();
  const problem =
    process.platform === 'linux' ? build(compiler) : `it is made for Linux, and this is ${process.platform}`;
  writeFileSync(stamp, stampOf(compiler));
  if (problem === null) {
    rmSync(marker, { force: true });
    return;
  }
  rmSync(output, { force: true });
  writeFileSync(marker, `${problem}\n`);
  process.stderr.write(`perfbroker: continuing without the native part: ${problem}\n`);
}

/** A build, or a reason why there is none, that is newer than every source and was made on such a machine. */
function isCurrent() {
  const isBuilt = existsSync(output);
  const sinceMs = mtimeMs(isBuilt ? output : marker);
  if (sinceMs === 0 || !existsSync(stamp)) return false;
  const [machine, compiler] = readFileSync(stamp, 'utf8').trim().split(' ');
  if (machine !== MACHINE) return false;
  // What failed is tried again when there is another compiler than then, and when headers were what was missing.
  if (!isBuilt && ((compiler ?? '') !== (findCompiler() ?? '') || findHeaders() === null)) return false;
  if (mtimeMs(fileURLToPath(import.meta.url)) > sinceMs) return false;
  for (const name of readdirSync(sourceFolder)) if (mtimeMs(join(sourceFolder, name)) > sinceMs) return false;
  return true;
}

function stampOf(compiler) {
  return `${MACHINE} ${findHeaders() === null ? '' : (compiler ?? '')}\n`;
}

function mtimeMs(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

/** Returns null when it worked, else a reason for people. */
function build(compiler) {
  if (compiler === null) return 'there is no C compiler; install gcc or clang, or name one in CC';
  const headers = findHeaders();
  if (headers === null) return 'the package node-api-headers is not installed; run npm install';
  const sources = readdirSync(sourceFolder).filter((name) => name.endsWith('.c'));
  const fresh = `${output}.${process.pid}`;
  process.stderr.write('perfbroker: compiling the native part …\n');
  const flags = ['-std=gnu11', '-O3', '-g1', '-fPIC', '-shared', '-fvisibility=hidden', '-pthread', '-Wall', '-Wextra'];
  const args = [...flags, `-I${headers}`, '-o', fresh, ...sources.map((name) => join(sourceFolder, name))];
  const result = spawnSync(compiler, args, { stdio: ['ignore', 2, 2] });
  if (result.status !== 0) {
    rmSync(fresh, { force: true });
    return `${compiler} could not compile it; its messages are above`;
  }
  // Renamed whole, so that two starts at the same moment do not load half a file.
  renameSync(fresh, output);
  return null;
}

function findCompiler() {
  const wanted = process.env.CC;
  const folders = (process.env.PATH ?? '').split(':').filter((part) => part !== '');
  for (const name of wanted ? [wanted] : ['cc', 'gcc', 'clang']) {
    if (name.includes('/')) {
      if (existsSync(name)) return name;
      continue;
    }
    if (folders.some((part) => existsSync(join(part, name)))) return name;
  }
  return null;
}

function findHeaders() {
  try {
    return dirname(createRequire(import.meta.url).resolve('node-api-headers/include/node_api.h'));
  } catch {
    return null;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) compileNative();
