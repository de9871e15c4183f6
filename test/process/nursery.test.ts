/** The nursery of a heap under an eager program, in a process of its own: V8's flags are the process's. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NURSERY_BYTES_MAX } from '../../src/base/nursery.ts';
import { root, Spawned } from './spawned.ts';

const entry = join(root, 'dist', 'src', 'base', 'nursery.js');
const saysItIsThere = `import(${JSON.stringify(entry)}).then(({ nurseryWasMade }) => nurseryWasMade())`;
const saysNothing = '0';

const beginning = (isBounded: boolean) => `
  import { setImmediate as turn } from 'node:timers/promises';
  import { getHeapSpaceStatistics } from 'node:v8';
  import { Worker } from 'node:worker_threads';
  import { boundNursery, nurseryBytes } from ${JSON.stringify(entry)};
  if (${isBounded}) boundNursery();
  let kept = [];
  let most = 0;
  const make = (count) => {
    for (let index = 0; index < count; index++) kept.push({ index, beside: [index] });
    if (kept.length > 20_000) kept = kept.slice(-10_000);
  };`;

/** Keeps what it makes for a while, so that it survives. Prints the most that the nursery took. */
const eager = (isBounded: boolean) => `${beginning(isBounded)}
  for (let round = 0; round < 400; round++) {
    make(5000);
    await turn();
    most = Math.max(most, nurseryBytes());
  }
  console.log(most);`;

/** A thread comes and goes while nothing is collected here. What follows is collected often before the observer is called. */
const besideThread = (thread: string) => `${beginning(true)}
  const used = () => getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_used_size;
  while (nurseryBytes() < ${NURSERY_BYTES_MAX}) {
    make(5000);
    await turn();
  }
  kept = [];
  for (let before = 0; used() >= before; kept = []) {
    before = used();
    make(100);
  }
  for (let count = 0; count < 10; count++) await turn();
  const worker = new Worker(${JSON.stringify(thread)}, { eval: true });
  await new Promise((resolve) => worker.once('exit', resolve));
  for (let count = 0; count < 200; count++) make(5000);
  console.log(nurseryBytes());`;

async function printed(program: string): Promise<number> {
  const run = new Spawned(['--input-type=module', '--eval', program], { program: [process.execPath] });
  const { stdout, stderr } = await run.ended;
  expect(stderr).toBe('');
  return Number(stdout);
}

describe('a nursery', () => {
  it('stays below its bound', async () => {
    const most = await printed(eager(true));
    expect(most).toBeGreaterThan(NURSERY_BYTES_MAX / 8);
    expect(most).toBeLessThanOrEqual(NURSERY_BYTES_MAX);
  });

  it('grows as V8 likes in a program that does not bound it', async () => {
    expect(await printed(eager(false))).toBeGreaterThan(NURSERY_BYTES_MAX);
  });

  it('stays below its bound when a thread came that said so, and only then', async () => {
    expect(await printed(besideThread(saysItIsThere))).toBeLessThanOrEqual(NURSERY_BYTES_MAX);
    expect(await printed(besideThread(saysNothing))).toBeGreaterThan(NURSERY_BYTES_MAX);
  });
});
