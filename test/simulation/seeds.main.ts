/**
 * Runs seeds of the simulation one after the other, and tells what they met and which of them found something. Compiled, since
 * a test runner's view of modules makes a seed take three times as long.
 *
 *   node dist/test/simulation/seeds.main.js [--first 1] [--count 2000]       --seed N: one, and all it does
 */
import { parseArgs } from 'node:util';
import { simulate } from './simulation.ts';
import { Violation } from './violation.ts';

const FAILURES_MAX = 10;
/** Of a few seeds nothing says that they meet everything. */
const ALL_MET_FROM = 300;
const WANTED = [
  'batches acknowledged',
  'records verified',
  'ends by kill',
  'ends by power',
  'transactions verified',
  'records deleted',
  'places deleted',
  'logs with expired records',
  'parts given to members',
  'assignments of consumers',
  'late commits refused',
  'members put out',
  'deaths while starting',
  'refused starts',
  'partitions not served',
  'logs compacted',
  'batches of a caretaker',
  'topics made anew',
  'batches acknowledged by id of a passing topic',
  'records read by id of a passing topic',
  'answers to ids of deleted topics',
  'offsets in transactions',
  'times looked up',
  'acknowledgements of share groups',
];

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function describe(seed: number, error: unknown): string {
  const what = error instanceof Violation ? error.message : error instanceof Error ? error.stack : String(error);
  return `seed ${seed}: ${what}\n  PERFBROKER_SIMULATION_SEED=${seed} npx vitest run test/simulation/course-1.test.ts`;
}

/** Whether every one kept its promises, and all together met what they are meant to meet. */
async function runSeeds(seeds: readonly number[], isTold: boolean): Promise<boolean> {
  const counts = new Map<string, number>();
  const failures: string[] = [];
  for (const seed of seeds) {
    try {
      const outcome = await simulate(seed, isTold ? { say } : {});
      for (const [what, count] of outcome.counts) counts.set(what, (counts.get(what) ?? 0) + count);
    } catch (error) {
      failures.push(describe(seed, error));
      if (failures.length === FAILURES_MAX) break;
    }
    // Ports of the dead are closed where the event loop comes by.
    await new Promise((resolve) => setImmediate(resolve));
  }
  say(`simulation: ${seeds.length} seeds from ${seeds[0] ?? '-'}, ${failures.length} failed`);
  for (const [what, count] of [...counts].sort(([one], [other]) => one.localeCompare(other)))
    say(`  ${what}: ${count}`);
  for (const failure of failures) say(failure);
  const missing = seeds.length < ALL_MET_FROM ? [] : WANTED.filter((what) => (counts.get(what) ?? 0) === 0);
  for (const what of missing) say(`none of them met: ${what}`);
  return failures.length === 0 && missing.length === 0;
}

const { values } = parseArgs({
  options: {
    first: { type: 'string', default: '1' },
    count: { type: 'string', default: '2000' },
    seed: { type: 'string' },
  },
});
const { seed } = values;
const first = Number(seed ?? values.first);
const seeds = Array.from({ length: seed === undefined ? Number(values.count) : 1 }, (_, index) => first + index);
const isKept = await runSeeds(seeds, seed !== undefined);
// Brokers that were killed leave ports behind, which would keep the process.
process.exit(isKept ? 0 : 1);
