/**
 * A course of seeds, shared out over the files beside it that end in a number, so that they run side by side: 2,000 with
 * every change. PERFBROKER_SIMULATION_SEEDS says another count (`npm run nightly:simulation`: 100,000),
 * PERFBROKER_SIMULATION_FIRST where they begin; PERFBROKER_SIMULATION_SEED runs one and tells all it does.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

const SHARES = 4;
const TAIL_CHARACTERS_MAX = 16_384;
const ONE_SEED = process.env['PERFBROKER_SIMULATION_SEED'];
const FIRST = process.env['PERFBROKER_SIMULATION_FIRST'] ?? '1';
const COUNT = process.env['PERFBROKER_SIMULATION_SEEDS'] ?? '2000';
const program = fileURLToPath(new URL('../../dist/test/simulation/seeds.main.js', import.meta.url));

export const courseName =
  ONE_SEED === undefined ? `a share of ${COUNT} seeds keeps every promise` : `seed ${ONE_SEED} keeps every promise`;

/** Share 1 to 4 of the course; one seed is the first share's. */
export async function runShare(share: number): Promise<void> {
  if (ONE_SEED !== undefined && share > 1) return;
  const which =
    ONE_SEED === undefined
      ? ['--first', FIRST, '--count', COUNT, '--share', `${share}/${SHARES}`]
      : ['--seed', ONE_SEED];
  const child = spawn(process.execPath, [program, ...which], { stdio: ['ignore', 'pipe', 'inherit'] });
  let tail = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    process.stdout.write(text);
    tail = (tail + text).slice(-TAIL_CHARACTERS_MAX);
  });
  await once(child, 'close');
  expect(child.exitCode, tail).toBe(0);
}
