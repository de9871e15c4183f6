// The native part built with the address and undefined-behaviour sanitizers, and the broker's own tests on it:
// `npm run nightly:sanitizers`, with --short what fits a CI. Nothing of the product knows of it: a copy of the checkout is laid
// out in a folder of its own, with that build in the place of the ordinary one, and Node runs with the sanitizer's library
// preloaded. Ends with 1 when a sanitizer or a test complains, with 0 and a line that begins with "skipped:" where the
// compiler has no sanitizers.
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const isShort = process.argv.includes('--short');
/** The test of this program: a fault is put into the copy, and the sanitizer must see it. */
const isCanary = process.argv.includes('--canary');
const STEP_MS_MAX = isShort ? 120_000 : 3_600_000;
const COMPLAINT = /AddressSanitizer|runtime error:|UndefinedBehaviorSanitizer/;

const compiler = process.env.CC ?? 'gcc';
const FLAGS = [
  '-std=gnu11',
  '-O1',
  '-g',
  '-fPIC',
  '-shared',
  '-fvisibility=hidden',
  '-pthread',
  '-fno-omit-frame-pointer',
];
const SANITIZERS = ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'];

function skip(reason) {
  process.stdout.write(`skipped: ${reason}\n`);
  process.exit(0);
}

/** The library that must be there before all others. */
function preloaded() {
  if (process.platform !== 'linux') skip('the native part is made for Linux');
  const found = spawnSync(compiler, ['-print-file-name=libasan.so'], { encoding: 'utf8' });
  if (found.status !== 0) skip(`there is no ${compiler}`);
  const library = found.stdout.trim();
  if (!library.startsWith('/') || !existsSync(library)) skip(`${compiler} has no address sanitizer (libasan.so)`);
  return realpathSync(library);
}

function compile(folder) {
  const headers = dirname(createRequire(import.meta.url).resolve('node-api-headers/include/node_api.h'));
  const sources = readdirSync(join(folder, 'src')).filter((name) => name.endsWith('.c'));
  const output = join(folder, 'build', 'perfbroker.node');
  const paths = sources.map((name) => join(folder, 'src', name));
  if (isCanary) paths.push(canarySource(folder));
  const args = [...FLAGS, ...SANITIZERS, `-I${headers}`, '-o', output, ...paths];
  const { status } = spawnSync(compiler, args, { stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new Error('the native part does not compile with sanitizers; the messages are above');
}

/** Reads the byte behind a piece of memory, as the build is loaded. */
function canarySource(folder) {
  const file = join(folder, 'canary.c');
  writeFileSync(
    file,
    [
      '#include <stdlib.h>',
      'static __attribute__((constructor)) void pb_canary(void) {',
      '  volatile unsigned char *bytes = malloc(16);',
      '  volatile int at = 16;',
      '  if (bytes[at] == 1) abort();',
      '  free((void *)bytes);',
      '}',
      '',
    ].join('\n'),
  );
  return file;
}

/** A checkout as the broker and its tests look for it: what is compiled is copied, what is large is linked. */
function layOut(folder) {
  for (const name of ['src', 'test', 'bench', 'dist'])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  for (const name of ['package.json', 'tsconfig.json', 'vitest.config.ts'])
    cpSync(join(root, name), join(folder, name));
  const bindings = join(folder, 'native-bindings');
  mkdirSync(join(bindings, 'build'), { recursive: true });
  for (const name of readdirSync(here)) {
    if (name !== 'build') cpSync(join(here, name), join(bindings, name), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  compile(bindings);
  writeFileSync(join(bindings, 'build', 'machine.txt'), `${process.platform}-${process.arch} ${compiler}\n`);
}

const library = preloaded();
const folder = mkdtempSync(join(tmpdir(), 'perfbroker-sanitized-'));

function step(name, args, environment = {}) {
  const beginMs = performance.now();
  const result = spawnSync(process.execPath, args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: STEP_MS_MAX,
    maxBuffer: 1 << 28,
    env: {
      ...process.env,
      LD_PRELOAD: library,
      // Node leaves much behind when it ends; and a second report helps nobody.
      ASAN_OPTIONS: 'detect_leaks=0:halt_on_error=1:abort_on_error=1:disable_coredump=1',
      UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
      ...environment,
    },
  });
  const output = `${result.stdout}${result.stderr}`;
  const seconds = Math.round((performance.now() - beginMs) / 1000);
  if (result.status === 0 && !COMPLAINT.test(output)) {
    const counts = [...output.matchAll(/^(fuzz .*|smoke .*|.*Tests .*passed.*)$/gm)].map(([line]) => line.trim());
    process.stdout.write(`${name}: no complaint, ${seconds} s; ${counts.join('; ')}\n`);
    return true;
  }
  process.stdout.write(
    `${output.slice(-12_000)}\n${name}: failed (${result.status ?? result.signal}) after ${seconds} s\n`,
  );
  return false;
}

const vitest = [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', '--testTimeout=300000'];
const UNITS = ['test/zerocopy', 'test/net/kernel-transport.test.ts', 'test/storage/native-disk.test.ts'];
const seed = Number(process.env.FUZZ_SEED ?? (isShort ? 20_261_127 : Date.now() % 1_000_000_000));

let isGood = true;
try {
  layOut(folder);
  if (isCanary) {
    isGood = step('canary', ['-e', "require('./native-bindings/build/perfbroker.node')"]);
  } else {
    isGood = step('unit tests of the native part', [...vitest, ...UNITS]) && isGood;
    if (!isShort)
      isGood = step('more of the kernel', [...vitest, 'test/net', 'test/storage', 'test/threads']) && isGood;
    for (const io of ['uring', 'epoll']) {
      const frames = isShort ? '2000' : '100000';
      const environment = { FUZZ_IO: io, FUZZ_PROCESS_FRAMES: frames, FUZZ_SEED: String(seed) };
      const args = [...vitest, 'test/fuzz/process-frames.test.ts', '-t', 'frames'];
      isGood = step(`hostile frames over ${io}, seed ${seed}`, args, environment) && isGood;
    }
    isGood = step('a real client', ['test/clients/smoke.mjs']) && isGood;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(isGood ? 0 : 1);
