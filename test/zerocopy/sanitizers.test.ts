/** The native part under the sanitizers, briefly (`npm run nightly:sanitizers` does it at length), and without a warning. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const bindings = fileURLToPath(new URL('../../native-bindings/', import.meta.url));
const compiler = ['gcc', 'cc', 'clang'].find((name) => spawnSync(name, ['--version']).status === 0) ?? null;
const library = spawnSync('gcc', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).stdout ?? '';
const hasSanitizers = process.platform === 'linux' && library.startsWith('/');
/** It runs itself for this: once is enough. */
const isInside = (process.env['LD_PRELOAD'] ?? '').includes('asan');

function sanitize(...options: string[]) {
  return spawnSync(process.execPath, [join(bindings, 'sanitize.mjs'), ...options], { encoding: 'utf8' });
}

describe.runIf(hasSanitizers && !isInside)('with the address and undefined-behaviour sanitizers', () => {
  it('unit tests, hostile frames and a real client find no fault', { timeout: 300_000 }, () => {
    const { status, stdout, stderr } = sanitize('--short');
    process.stdout.write(stdout);
    expect(status, `${stdout}\n${stderr}`).toBe(0);
  });

  it('a fault that is put in is found', { timeout: 120_000 }, () => {
    const { status, stdout } = sanitize('--canary');
    expect(stdout).toMatch(/AddressSanitizer: heap-buffer-overflow|runtime error: load of address/);
    expect(status).toBe(1);
  });
});

describe.runIf(compiler !== null && !isInside)('the C sources', () => {
  const headers = dirname(createRequire(import.meta.url).resolve('node-api-headers/include/node_api.h'));
  const sources = readdirSync(join(bindings, 'src')).filter((name) => name.endsWith('.c'));

  it('compile without a warning, conversions included', { timeout: 120_000 }, () => {
    const warnings = ['-Wall', '-Wextra', '-Wconversion', '-Werror'];
    const paths = sources.map((name) => join(bindings, 'src', name));
    const args = ['-std=gnu11', '-O1', '-fsyntax-only', '-pthread', ...warnings, `-I${headers}`, ...paths];
    const { status, stderr } = spawnSync(compiler ?? '', args, { encoding: 'utf8' });
    expect(status, stderr).toBe(0);
  });
});
