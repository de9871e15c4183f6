/**
 * `npm run bench:all`: every bench after the other with short settings, and one line for each at the end. A look at whether all
 * of them run and at the order of magnitude; figures that count come from each bench by itself.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from './load/options.ts';
import { alignedTable } from './report/bench-report.ts';

interface ShortBench {
  readonly name: string;
  readonly nodeOptions?: readonly string[];
  readonly options: readonly string[];
  /** It can have Apache Kafka beside it. */
  readonly takesKafka?: boolean;
}

const seconds = ['--seconds', '2', '--warm-seconds', '1'];
const benches: readonly ShortBench[] = [
  { name: 'micro', options: ['--rounds', '3', '--round-ms', '8', '--factor', '3'] },
  {
    name: 'alloc',
    nodeOptions: ['--expose-gc', '--max-semi-space-size=64'],
    options: ['--hot', '--warm-ms', '120'],
  },
  { name: 'produce', options: [...seconds, '--targets', '20MB,max'], takesKafka: true },
  { name: 'fetch', options: [...seconds, '--fan-out', '1,8'], takesKafka: true },
  { name: 'end-to-end', options: [...seconds, '--targets', '1000'], takesKafka: true },
  { name: 'small', options: [...seconds, '--connections', '1,100', '--targets', '5000,max'], takesKafka: true },
  { name: 'groups', options: ['--groups', '50', '--rate', '500', '--produce', '5MB', '--offsets', '5000', ...seconds] },
  {
    name: 'memory',
    options: ['--partitions', '0,64', '--connections', '1000', '--rounds', '1', '--seconds', '2'],
    takesKafka: true,
  },
  {
    name: 'scale',
    options: ['--partitions', '1,64', '--connections', '1,100', '--idle', '1000', '--rounds', '1', '--seconds', '1'],
  },
  { name: 'recovery', options: ['--sizes', '200MB'], takesKafka: true },
  { name: 'cold-read', options: ['--scan', '256MiB', '--rounds', '1'] },
  { name: 'cold-tail', options: ['--scan', '256MiB', '--rounds', '1', '--seconds', '2'], takesKafka: true },
  { name: 'sustained', options: ['--bytes', '2GB', '--warm', '500MB', '--targets', ''], takesKafka: true },
  { name: 'compaction', options: ['--rounds', '1', '--dirty', '256MiB'] },
  { name: 'http', options: ['--partitions', '64', '--rounds', '1', ...seconds] },
  { name: 'limits', options: ['--quick', '--pairs', '1'] },
];

const usage = `npm run bench:all -- [options]
  --only LIST           ${benches.map((bench) => bench.name).join(',')}
  --kafka DIR|maven     Apache Kafka beside those that can have it
`;

interface Outcome {
  readonly name: string;
  readonly code: number | null;
  readonly tookSeconds: number;
}

async function runBench(bench: ShortBench, program: string, kafka: string | undefined): Promise<Outcome> {
  const beginMs = performance.now();
  process.stdout.write(`\n== bench:${bench.name} ${bench.options.join(' ')}\n`);
  const beside = bench.takesKafka === true && kafka !== undefined ? ['--kafka', kafka] : [];
  const given = [...(bench.nodeOptions ?? []), program, ...bench.options, ...beside];
  const child = spawn(process.execPath, given, { stdio: 'inherit' });
  const [code] = await once(child, 'close');
  const tookSeconds = (performance.now() - beginMs) / 1000;
  return { name: bench.name, code: typeof code === 'number' ? code : null, tookSeconds };
}

/** Misses of a short run are no verdicts, but a bench that could not run is a failure. */
function summaryOf(outcomes: readonly Outcome[]): string {
  const words = (code: number | null): string =>
    code === 0 ? 'all targets met' : code === 1 ? 'some target missed, or it failed: see above' : `ended with ${code}`;
  const rows = outcomes.map(({ name, code, tookSeconds }) => [
    `bench:${name}`,
    `${tookSeconds.toFixed(0)} s`,
    words(code),
  ]);
  return alignedTable([['bench', 'took', 'outcome'], ...rows]);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { help: { type: 'boolean', short: 'h' }, only: { type: 'string' }, kafka: { type: 'string' } },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  const only = values.only?.split(',') ?? benches.map((bench) => bench.name);
  for (const name of only)
    if (!benches.some((bench) => bench.name === name)) throw new Error(`--only ${name}: there is no such bench`);
  const folder = dirname(fileURLToPath(import.meta.url));
  const outcomes: Outcome[] = [];
  for (const bench of benches.filter(({ name }) => only.includes(name))) {
    const program = join(folder, `${bench.name}.js`);
    if (existsSync(program)) outcomes.push(await runBench(bench, program, values.kafka));
  }
  process.stdout.write(`\n${summaryOf(outcomes)}`);
  return outcomes.every(({ code }) => code === 0) ? 0 : 1;
}

process.exitCode = await main();
