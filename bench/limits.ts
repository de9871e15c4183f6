/**
 * `npm run bench:limits`: how far the broker is from what physics allows. The limit programs do the same work in C with one
 * thread and nothing else; broker and limit take turns under the same load generator in one run. Exits with 1 when a bar
 * is missed. `--quick` takes fewer and shorter turns and backs less memory: a first look, not a verdict.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ContestResult, type ContestSettings, runContest, type Work } from './limits/contest.ts';
import { measureStart } from './limits/start-and-rest.ts';
import { prepareFetch, produceWorks } from './limits/works.ts';
import { BenchServer } from './load/bench-server.ts';
import { parseArgs } from './load/options.ts';
import { checkoutFolder, compileProgram, runProgram } from './load/programs.ts';
import { megabytes } from './load/sizes.ts';

const usage = `npm run bench:limits -- [options]
  --quick             fewer and shorter turns, less memory backed: a first look, not a verdict
  --pairs N           5, or 2 with --quick
  --only TEXT         works whose name contains it: produce, record, fetch
  --broker-args TEXT  handed to the broker
`;
const PAIRS = 5;
const PAIRS_QUICK = 2;
const FETCH_PARTITION_BYTES = 64 * 1024 * 1024;
const IDLE_BYTES_MAX = 110e6;
const FIRST_ACK_MS_MAX = 500;

function resultLine(result: ContestResult): string {
  const { work, broker, limit, ratio, isMet } = result;
  const isCpu = work.bar.figure === 'cpu';
  const figure = (of: ContestResult['broker']) =>
    isCpu
      ? `${of.cpuSecondsPerGb.toFixed(2)} CPU-s/GB, ${(of.bytesPerSecond / 1e6).toFixed(0)} MB/s`
      : `${of.requestsPerSecond.toFixed(0)} req/s, ${of.cpuUsPerRequest.toFixed(1)} us each`;
  const bar = `${isCpu ? '≤' : '≥'} ${work.bar.limit}`;
  return `${work.name.padEnd(22)} broker ${figure(broker).padEnd(28)} limit ${figure(limit).padEnd(28)} ratio ${ratio.toFixed(2)} (bar ${bar}) ${isMet ? 'ok' : 'MISSED'}`;
}

async function smallPrograms(folder: string): Promise<void> {
  const print = (name: string) => (line: string) => process.stdout.write(`${name.padEnd(22)} ${line}\n`);
  await runProgram('ping', { rounds: 20_000 }, print('loopback round trip'));
  await runProgram('ring', { rounds: 50_000 }, print('thread hand-off'));
  await runProgram('sync', { file: join(folder, 'sync.dat'), seconds: 1 }, print('fdatasync'));
}

async function contests(
  settings: ContestSettings,
  brokerArguments: readonly string[],
  only: string,
): Promise<ContestResult[]> {
  const server = await BenchServer.start({ broker: null, pid: 0, brokerArguments });
  const results: ContestResult[] = [];
  try {
    const works: Work[] = produceWorks.filter((work) => work.name.includes(only));
    if ('fetch warm'.includes(only)) works.push(await prepareFetch(server, settings.folder, FETCH_PARTITION_BYTES));
    for (const work of works) {
      const result = await runContest(server, work, settings);
      process.stdout.write(`${resultLine(result)}\n`);
      results.push(result);
    }
    process.stdout.write(`${'memory after the load'.padEnd(22)} ${megabytes(server.residentBytes())}\n`);
  } finally {
    await server.stop();
  }
  return results;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h' },
      quick: { type: 'boolean', default: false },
      pairs: { type: 'string' },
      only: { type: 'string', default: '' },
      'broker-args': { type: 'string', default: '' },
    },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  const isQuick = values.quick;
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-limits-'));
  const brokerArguments = values['broker-args'].split(' ').filter((word) => word !== '');
  const onTurn = (line: string): void => void process.stderr.write(`  ${line}\n`);
  const length = isQuick ? ('quick' as const) : ('full' as const);
  const settings = { folder, length, pairs: Number(values.pairs ?? (isQuick ? PAIRS_QUICK : PAIRS)), onTurn };
  try {
    compileProgram('load');
    const start = await measureStart(brokerArguments);
    const isStartMet = start.firstAckMs <= FIRST_ACK_MS_MAX;
    const isIdleMet = start.idleResidentBytes <= IDLE_BYTES_MAX;
    process.stdout.write(
      `${'start to first ack'.padEnd(22)} ${start.firstAckMs.toFixed(0)} ms (bar ≤ ${FIRST_ACK_MS_MAX}) ${isStartMet ? 'ok' : 'MISSED'}\n`,
    );
    process.stdout.write(
      `${'idle, 64 partitions'.padEnd(22)} ${megabytes(start.idleResidentBytes)} (bar ≤ ${megabytes(IDLE_BYTES_MAX)}) ${isIdleMet ? 'ok' : 'MISSED'}\n`,
    );
    await smallPrograms(folder);
    const results = await contests(settings, brokerArguments, values.only);
    const out = join(checkoutFolder, 'bench-results');
    mkdirSync(out, { recursive: true });
    const file = join(out, `limits-${new Date().toISOString().replaceAll(/[:.]/g, '-').slice(0, 19)}.json`);
    writeFileSync(file, `${JSON.stringify({ isQuick, start, results }, null, 2)}\n`);
    process.stdout.write(
      `written: ${file}${isQuick ? ' (a quick look: repeat without --quick before believing it)' : ''}\n`,
    );
    return isStartMet && isIdleMet && results.every((result) => result.isMet) ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();
