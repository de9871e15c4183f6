/**
 * Seeds of the simulation, one after the other. PERFBROKER_SIMULATION_SEEDS says how many (`npm run nightly:simulation` runs
 * 100,000), PERFBROKER_SIMULATION_FIRST where they begin; PERFBROKER_SIMULATION_SEED runs one and tells everything it does.
 */
import { expect, test } from 'vitest';
import { simulate } from './simulation.ts';
import { Violation } from './violation.ts';

const ONE_SEED = process.env['PERFBROKER_SIMULATION_SEED'];
const FIRST = Number(process.env['PERFBROKER_SIMULATION_FIRST'] ?? 1);
const COUNT = Number(process.env['PERFBROKER_SIMULATION_SEEDS'] ?? 40);
const FAILURES_MAX = 10;
const DAY_MS = 86_400_000;

const seeds = ONE_SEED === undefined ? Array.from({ length: COUNT }, (_, index) => FIRST + index) : [Number(ONE_SEED)];
/** Every change of the broker is another course of all seeds, so few run with each, without the kinds that still find something. */
const isShort = ONE_SEED === undefined && process.env['PERFBROKER_SIMULATION_SEEDS'] === undefined;
const say = ONE_SEED === undefined ? {} : { say: (line: string) => void process.stdout.write(`${line}\n`) };

test('the same seed gives the same run', async () => {
  for (const seed of [7, 8, 9]) {
    const first = await simulate(seed);
    const second = await simulate(seed);
    expect(second.hash, `seed ${seed}`).toBe(first.hash);
    expect([...second.counts]).toEqual([...first.counts]);
  }
});

test(`${seeds.length} seeds keep every promise`, { timeout: DAY_MS }, async () => {
  const counts = new Map<string, number>();
  const failures: string[] = [];
  for (const seed of seeds) {
    try {
      const outcome = await simulate(seed, { ...say, isSteady: isShort });
      for (const [what, count] of outcome.counts) counts.set(what, (counts.get(what) ?? 0) + count);
    } catch (error) {
      failures.push(describe(seed, error));
      if (failures.length === FAILURES_MAX) break;
    }
    // Ports of the dead are closed where the event loop comes by.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const lines = [...counts]
    .sort(([one], [other]) => one.localeCompare(other))
    .map(([what, count]) => `  ${what}: ${count}`);
  process.stdout.write(
    `simulation: ${seeds.length} seeds from ${seeds[0]}, ${failures.length} failed\n${lines.join('\n')}\n`,
  );
  expect(failures.join('\n')).toBe('');
  const wanted = ['batches acknowledged', 'records verified', 'ends by kill', 'transactions verified'];
  for (const what of ONE_SEED === undefined ? wanted : []) expect(counts.get(what) ?? 0, what).toBeGreaterThan(0);
});

function describe(seed: number, error: unknown): string {
  const what = error instanceof Violation ? error.message : error instanceof Error ? error.stack : String(error);
  return `seed ${seed}: ${what}\n  PERFBROKER_SIMULATION_SEED=${seed} npx vitest run test/simulation/simulation.test.ts`;
}
