/** The nursery of a heap under an eager program, in a process of its own: V8's flags are the process's. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NURSERY_BYTES_MAX } from '../../src/base/nursery.ts';
import { root, Spawned } from './spawned.ts';

const entry = join(root, 'dist', 'src', 'base', 'nursery.js');
const ROUNDS = 400;
const thread = `import(${JSON.stringify(entry)}).then(({ nurseryWasMade }) => nurseryWasMade())`;

/** Keeps what it makes for a while, so that it survives; now and then another thread comes and goes. Prints the most it saw. */
const program = (isBounded: boolean) => `
  import { Worker } from 'node:worker_threads';
  import { boundNursery, nurseryBytes } from ${JSON.stringify(entry)};
  if (${isBounded}) boundNursery();
  let kept = [];
  let most = 0;
  for (let round = 0; round < ${ROUNDS}; round++) {
    for (let index = 0; index < 5000; index++) kept.push({ index, beside: [index] });
    if (kept.length > 20_000) kept = kept.slice(10_000);
    await new Promise((resolve) => setImmediate(resolve));
    if (round % ${ROUNDS / 4} === 99) {
      // With an empty nursery nothing is collected until the thread has said that it is there.
      kept = [];
      gc();
      const worker = new Worker(${JSON.stringify(thread)}, { eval: true });
      await new Promise((resolve) => worker.once('exit', resolve));
    }
    most = Math.max(most, nurseryBytes());
  }
  console.log(most);`;

async function mostOf(isBounded: boolean): Promise<number> {
  const text = program(isBounded);
  const run = new Spawned(['--expose-gc', '--input-type=module', '--eval', text], { program: [process.execPath] });
  const { stdout, stderr } = await run.ended;
  expect(stderr).toBe('');
  return Number(stdout);
}

describe('a nursery', () => {
  it('stays below its bound, also when threads come and go', async () => {
    const most = await mostOf(true);
    expect(most).toBeGreaterThan(NURSERY_BYTES_MAX / 8);
    expect(most).toBeLessThanOrEqual(NURSERY_BYTES_MAX);
  });

  it('grows as V8 likes in a program that does not bound it, whatever threads of a broker within it do', async () => {
    expect(await mostOf(false)).toBeGreaterThan(NURSERY_BYTES_MAX);
  });
});
