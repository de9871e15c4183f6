// Brings a checkout to a runnable state, doing only what is out of date: install packages, compile the native part,
// compile TypeScript. `--start` then runs the broker in this same process, so a second start costs two stat walks.
// Called by the scripts of package.json; plain JavaScript because nothing is compiled yet when it runs.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const shouldStart = process.argv[2] === '--start';
const mayInstall = process.argv[2] !== '--no-install';

function newestMtimeMs(folder, pattern) {
  let newest = 0;
  if (!existsSync(folder)) return newest;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) newest = Math.max(newest, newestMtimeMs(path, pattern));
    else if (pattern.test(entry.name)) newest = Math.max(newest, statSync(path).mtimeMs);
  }
  return newest;
}

function mtimeMs(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0;
}

function run(command, args, failure) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], env: process.env });
  if (result.status === 0) return;
  process.stderr.write(`perfbroker: ${failure}\n`);
  process.exit(1);
}

function installPackages() {
  const lock = join(root, 'package-lock.json');
  const installed = join(root, 'node_modules', '.package-lock.json');
  if (!mayInstall || mtimeMs(installed) >= mtimeMs(lock)) return;
  process.stderr.write('perfbroker: installing packages (first start only) …\n');
  run(
    'npm',
    ['ci', '--ignore-scripts', '--no-audit', '--no-fund'],
    'npm ci failed; its message is above. Is the npm registry reachable?',
  );
}

function compileTypeScript() {
  const stamp = join(root, 'dist', '.built');
  const newest = Math.max(
    ...['src', 'bench', 'test/threads', 'test/support'].map((folder) => newestMtimeMs(join(root, folder), /\.ts$/)),
    mtimeMs(join(root, 'tsconfig.build.json')),
  );
  if (newest === 0 || mtimeMs(stamp) >= newest) return;
  process.stderr.write('perfbroker: compiling TypeScript …\n');
  run(
    process.execPath,
    [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json'],
    'tsc found errors; they are above.',
  );
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, `${JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version}\n`);
}

installPackages();
const { compileNative } = await import('./compile.mjs');
compileNative();
compileTypeScript();
if (shouldStart) {
  const main = join(root, 'dist', 'src', 'main.js');
  process.argv.splice(1, 2, main);
  await import(pathToFileURL(main).href);
}
