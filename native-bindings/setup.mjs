// Brings a checkout to a runnable state, doing only what is out of date: install packages, compile the native part,
// compile TypeScript. `--start` then runs the broker in this same process, so a second start costs two stat walks (14 ms).
// In an installed package there is nothing but the native part to make, and that happens once, at the first start: npm
// holds install scripts back, and a package that was built elsewhere would not fit every machine.
// Called by the scripts of package.json and by command.mjs; plain JavaScript because nothing is compiled when it runs.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const here = fileURLToPath(import.meta.url);
const root = dirname(dirname(here));
const compiledFolders = ['src', 'bench', 'test/threads', 'test/support'];

export async function setUp({ mayInstall }) {
  const isCheckout = existsSync(join(root, 'tsconfig.build.json'));
  if (isCheckout && mayInstall) installPackages();
  await compileNativePart();
  if (isCheckout) compileTypeScript();
}

/** `args` as they stand on the command line of the broker. */
export async function startBroker(args) {
  const main = join(root, 'dist', 'src', 'main.js');
  process.argv.splice(1, process.argv.length, main, ...args);
  // The start screen tells how long the broker took, not how long npm did.
  performance.mark('perfbroker: set up');
  await import(pathToFileURL(main).href);
}

function installPackages() {
  const lock = join(root, 'package-lock.json');
  const installed = join(root, 'node_modules', '.package-lock.json');
  if (mtimeMs(installed) >= mtimeMs(lock)) return;
  process.stderr.write('perfbroker: installing packages …\n');
  run(
    'npm',
    ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    'npm ci failed; its message is above. Is the npm registry reachable?',
  );
}

/** Where the folder cannot be written (installed by another user), the broker runs as if there were no compiler. */
async function compileNativePart() {
  const { compileNative } = await import('./compile.mjs');
  try {
    compileNative();
  } catch (error) {
    const remedy = `start perfbroker once as a user who may write to ${dirname(here)}`;
    process.stderr.write(
      `perfbroker: continuing without the native part (${error.code ?? error.message}); ${remedy}\n`,
    );
  }
}

function compileTypeScript() {
  const stamp = join(root, 'dist', '.built');
  const newest = Math.max(
    ...compiledFolders.map((folder) => newestMtimeMs(join(root, folder), /\.ts$/)),
    mtimeMs(join(root, 'tsconfig.build.json')),
    mtimeMs(join(root, 'tsconfig.json')),
  );
  if (mtimeMs(stamp) >= newest) return;
  process.stderr.write('perfbroker: compiling TypeScript …\n');
  run(
    process.execPath,
    [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json'],
    'tsc found errors; they are above.',
  );
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, `${JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version}\n`);
}

function newestMtimeMs(folder, pattern) {
  let newest = 0;
  if (!existsSync(folder)) return newest;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) newest = Math.max(newest, newestMtimeMs(path, pattern));
    else if (pattern.test(entry.name)) newest = Math.max(newest, mtimeMs(path));
  }
  return newest;
}

/** 0 for what is not there, or went away while we looked. */
function mtimeMs(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function run(command, args, failure) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], env: process.env });
  if (result.status === 0) return;
  process.stderr.write(`perfbroker: ${failure}\n`);
  process.exit(1);
}

if (process.argv[1] === here) {
  const [mode, ...args] = process.argv.slice(2);
  await setUp({ mayInstall: mode !== '--no-install' });
  if (mode === '--start') await startBroker(args);
}
