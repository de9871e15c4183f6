/**
 * A course of seeds, shared out over the files beside it that end in a number, so that they run side by side: 2,000 with
 * every change. PERFBROKER_SIMULATION_SEEDS says another count (`npm run nightly:simulation`: 100,000),
 * PERFBROKER_SIMULATION_FIRST where they begin; PERFBROKER_SIMULATION_SEED runs one and tells all it does.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { projectRoot } from '../clients/broker-process.ts';

const SHARES = 4;
const SEEDS_PER_PROCESS = 500;
const TAIL_CHARACTERS_MAX = 16_384;
const ONE_SEED = process.env['PERFBROKER_SIMULATION_SEED'];
const FIRST = Number(process.env['PERFBROKER_SIMULATION_FIRST'] ?? 1);
const COUNT = Number(process.env['PERFBROKER_SIMULATION_SEEDS'] ?? 2000);
/** Where it is installed: a seed does the same on every Node, and the newest one takes a seventh less of the processor. */
const newestNode = join(projectRoot, '.cache', 'clients', 'newest-node', 'node_modules', 'node', 'bin', 'node');
const node = existsSync(newestNode) ? newestNode : process.execPath;
const program = fileURLToPath(new URL('../../dist/test/simulation/seeds.main.js', import.meta.url));

export const courseName =
  ONE_SEED === undefined ? `a share of ${COUNT} seeds keeps every promise` : `seed ${ONE_SEED} keeps every promise`;

/** Share 1 to 4 of the course; one seed is the first share's. A process of its own for every so many, for the memory's sake. */
export async function runShare(share: number): Promise<void> {
  if (ONE_SEED !== undefined) {
    if (share === 1) await run(['--seed', ONE_SEED]);
    return;
  }
  const size = Math.ceil(COUNT / SHARES);
  const first = FIRST + size * (share - 1);
  const end = Math.min(FIRST + COUNT, first + size);
  for (let from = first; from < end; from += SEEDS_PER_PROCESS)
    await run(['--first', String(from), '--count', String(Math.min(SEEDS_PER_PROCESS, end - from))]);
}

async function run(which: readonly string[]): Promise<void> {
  const child = spawn(node, ['--single-threaded-gc', '--max-semi-space-size=32', program, ...which], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let tail = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    process.stdout.write(text);
    tail = (tail + text).slice(-TAIL_CHARACTERS_MAX);
  });
  await once(child, 'close');
  expect(child.exitCode, tail).toBe(0);
}
