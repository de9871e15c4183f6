/** Runs the built rally program over every way to sleep. `dist` is built before the tests (`npm test` does it). */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { probeKernelPaths } from '../../src/zerocopy/kernel.ts';
import { loadNative } from '../../src/zerocopy/native.ts';

const program = fileURLToPath(new URL('../../dist/test/threads/bell-rally.main.js', import.meta.url));
const run = promisify(execFile);

function sleepsHere(): string[] {
  const { native } = loadNative();
  if (native === null) return ['plain'];
  return probeKernelPaths(native).uring.isPossible ? ['plain', 'futex', 'epoll', 'uring'] : ['plain', 'futex', 'epoll'];
}

describe('a bell between two threads', () => {
  it.each(sleepsHere())('is never missed by a sleeper (%s), and its thread leaves nothing behind', async (sleep) => {
    const options = ['--sleep', sleep, '--rallies', '20000'];
    const { stdout } = await run(process.execPath, [program, ...options], { timeout: 50_000 });
    expect(JSON.parse(stdout)).toMatchObject({ sleep, rallies: 20_000, lost: 0 });
  });
});
