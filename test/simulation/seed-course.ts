/**
 * A course of seeds, shared out over the files beside it that end in a number, so that they run side by side. With every
 * change there are 400 of them, without the kinds of faults that still find something now and then: every change of the broker
 * is another course of all seeds. PERFBROKER_SIMULATION_SEEDS says another count, with everything (`npm run nightly:simulation`:
 * 100,000), PERFBROKER_SIMULATION_FIRST where they begin; PERFBROKER_SIMULATION_SEED runs one and tells all it does.
 */
import { expect } from 'vitest';
import { simulate } from './simulation.ts';
import { Violation } from './violation.ts';

const SHARES = 4;
const SEEDS = 400;
const FAILURES_MAX = 10;
const WANTED = ['batches acknowledged', 'records verified', 'ends by kill', 'transactions verified'];
const ONE_SEED = process.env['PERFBROKER_SIMULATION_SEED'];
const FIRST = Number(process.env['PERFBROKER_SIMULATION_FIRST'] ?? 1);
const isSteady = ONE_SEED === undefined && process.env['PERFBROKER_SIMULATION_SEEDS'] === undefined;
const COUNT = Number(process.env['PERFBROKER_SIMULATION_SEEDS'] ?? SEEDS);

export const courseName =
  ONE_SEED === undefined ? `a share of ${COUNT} seeds keeps every promise` : `seed ${ONE_SEED} keeps every promise`;

/** Share 1 to 4 of the course; one seed is the first share's. */
export async function runShare(share: number): Promise<void> {
  const counts = new Map<string, number>();
  const failures: string[] = [];
  const seeds = seedsOf(share);
  for (const seed of seeds) {
    try {
      const outcome = await simulate(seed, ONE_SEED === undefined ? { isSteady } : { say });
      for (const [what, count] of outcome.counts) counts.set(what, (counts.get(what) ?? 0) + count);
    } catch (error) {
      failures.push(describe(seed, error));
      if (failures.length === FAILURES_MAX) break;
    }
    // Ports of the dead are closed where the event loop comes by.
    await new Promise((resolve) => setImmediate(resolve));
  }
  tell(seeds, counts, failures);
  expect(failures.join('\n')).toBe('');
  // Of a few seeds nothing says that they meet everything.
  for (const what of seeds.length < 100 ? [] : WANTED) expect(counts.get(what) ?? 0, what).toBeGreaterThan(0);
}

function seedsOf(share: number): number[] {
  if (ONE_SEED !== undefined) return share === 1 ? [Number(ONE_SEED)] : [];
  return Array.from({ length: COUNT }, (_, index) => FIRST + index).filter((seed) => seed % SHARES === share - 1);
}

function tell(seeds: readonly number[], counts: ReadonlyMap<string, number>, failures: readonly string[]): void {
  const lines = [...counts]
    .sort(([one], [other]) => one.localeCompare(other))
    .map(([what, count]) => `  ${what}: ${count}\n`);
  const head = `simulation: ${seeds.length} seeds from ${seeds[0] ?? '-'}, ${failures.length} failed\n`;
  process.stdout.write(head + lines.join(''));
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function describe(seed: number, error: unknown): string {
  const what = error instanceof Violation ? error.message : error instanceof Error ? error.stack : String(error);
  return `seed ${seed}: ${what}\n  PERFBROKER_SIMULATION_SEED=${seed} npx vitest run test/simulation/course-1.test.ts`;
}
