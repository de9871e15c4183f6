/**
 * `npm run bench:http`: the HTTP side under load, and what producers feel of it. Two parts: pages asked for as fast as they
 * come (and /metrics once a second, as Prometheus does) beside a steady load of Produce; and what counting costs a broker
 * under full load, by turns with and without an HTTP side that nobody asks.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../test/clients/broker-process.ts';
import { BenchServer } from './load/bench-server.ts';
import { type ProduceFrames, writeProduceFrames } from './load/frames.ts';
import { type LoadPlan, type LoadResult, runLoad } from './load/generator.ts';
import { parseArgs } from './load/options.ts';
import { type PageResult, runPageLoad } from './load/page-load.ts';
import { bytesOf, megabytes, milliseconds } from './load/sizes.ts';
import { percentilesOf } from './report/percentiles.ts';

const usage = `npm run bench:http -- [options]
  --only NAME           pages or cost; left out: both
  --partitions LIST     64,1000        of the topic that is written, one broker for each
  --produce SIZE        20MB a second beside the pages, in batches of 64 KiB
  --connections N       4              that ask for pages
  --seconds N           5 a row        --warm-seconds N     2
  --rounds N            5 pairs of the cost of counting (one-record requests, closed loop, 4 partitions)
`;

interface Settings {
  readonly only: string | null;
  readonly partitions: readonly number[];
  readonly produceBytes: number;
  readonly connections: number;
  readonly seconds: number;
  readonly warmSeconds: number;
  readonly rounds: number;
}

interface PageWish {
  readonly label: string;
  /** Null: nobody asks, for comparison. */
  readonly path: string | null;
  readonly requestsPerSecond: number;
}

interface Written {
  readonly server: BenchServer;
  readonly topic: string;
  readonly frames: ProduceFrames;
}

const BATCH_BYTES = 65_536;
const RECORD_BYTES = 1024;
/** One record, as `bench:produce` has it. */
const SMALL_BATCH_BYTES = 1100;
const COST_PARTITIONS = 4;
const WISHES: readonly PageWish[] = [
  { label: 'nobody asks', path: null, requestsPerSecond: 0 },
  { label: '/metrics once a second', path: '/metrics', requestsPerSecond: 1 },
  { label: '/metrics', path: '/metrics', requestsPerSecond: 0 },
  { label: '/status', path: '/status', requestsPerSecond: 0 },
];

function readSettings(): Settings | null {
  const text = (otherwise: string) => ({ type: 'string', default: otherwise }) as const;
  const { values } = parseArgs({
    options: {
      help: { type: 'boolean', short: 'h' },
      only: { type: 'string' },
      partitions: text('64,1000'),
      produce: text('20MB'),
      connections: text('4'),
      seconds: text('5'),
      'warm-seconds': text('2'),
      rounds: text('5'),
    },
  });
  if (values.help === true) return null;
  return {
    only: values.only ?? null,
    partitions: values.partitions.split(',').map(Number),
    produceBytes: bytesOf(values.produce),
    connections: Number(values.connections),
    seconds: Number(values.seconds),
    warmSeconds: Number(values['warm-seconds']),
    rounds: Number(values.rounds),
  };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function startWritten(
  folder: string,
  flags: readonly string[],
  partitions: number,
  batchBytes: number,
): Promise<Written> {
  const server = await BenchServer.start({ broker: null, pid: 0, brokerArguments: flags });
  const topic = await server.makeTopic('bench', partitions);
  await server.touchTopic(topic, partitions);
  const plan = { topic, partitions, batchBytes, recordBytes: RECORD_BYTES, acks: -1, codec: 0 };
  const frames = writeProduceFrames(join(folder, `frames-${topic}`), plan);
  return { server, topic, frames };
}

function planOf(
  { server, frames }: Written,
  settings: Settings,
): Omit<LoadPlan, 'connections' | 'inFlight' | 'requestsPerSecond'> {
  return {
    host: server.host,
    port: server.port,
    framesFile: frames.file,
    mode: 'produce',
    warmSeconds: settings.warmSeconds,
    seconds: settings.seconds,
    acks: -1,
    pid: server.pid,
  };
}

// ── pages ───────────────────────────────────────────────────────────────────────────────────────────────────────────────

async function runPages(settings: Settings, folder: string, partitions: number): Promise<void> {
  const http = await freePort();
  const written = await startWritten(folder, ['--http-port', String(http)], partitions, BATCH_BYTES);
  say(`\n${partitions} partitions, ${megabytes(settings.produceBytes)}/s of produce beside the pages`);
  say(row(['', 'pages/s', 'page p50', 'page p99', 'a page', 'produce p50', 'produce p99', 'CPU', 'memory']));
  for (const wish of WISHES) {
    const load = runLoad({
      ...planOf(written, settings),
      connections: 4,
      inFlight: 1000,
      requestsPerSecond: settings.produceBytes / written.frames.batchBytes,
    });
    const page =
      wish.path === null
        ? null
        : runPageLoad({
            url: `http://127.0.0.1:${http}${wish.path}`,
            connections: wish.requestsPerSecond > 0 ? 1 : settings.connections,
            requestsPerSecond: wish.requestsPerSecond,
            seconds: settings.warmSeconds + settings.seconds,
          });
    const [loaded, asked] = await Promise.all([load, page]);
    printPage(wish, loaded, asked, written.server.residentBytes());
  }
  await written.server.stop();
}

function printPage(wish: PageWish, loaded: LoadResult, asked: PageResult | null, residentBytes: number): void {
  const { p50Us, p99Us } = percentilesOf(loaded.histogram);
  const cores = loaded.cpuSeconds / loaded.seconds;
  const page =
    asked === null
      ? ['–', '–', '–', '–']
      : [
          asked.requestsPerSecond.toFixed(1),
          `${asked.p50Ms} ms`,
          `${asked.p99Ms} ms`,
          `${(asked.bytesPerPage / 1000).toFixed(1)} kB`,
        ];
  const figures = [
    ...page,
    milliseconds(p50Us),
    milliseconds(p99Us),
    `${cores.toFixed(2)} cores`,
    megabytes(residentBytes),
  ];
  say(row([wish.label, ...figures]));
  const failed = loaded.errors + (asked?.failures ?? 0);
  if (failed > 0) say(`  ${failed} requests failed: the row does not count`);
  if (loaded.unsent > 0)
    say(`  ${loaded.unsent} produce requests found no place in time; their wait is in the percentiles`);
}

function row(cells: readonly string[]): string {
  return cells.map((cell, index) => (index === 0 ? cell.padEnd(24) : cell.padStart(12))).join('');
}

// ── the cost of counting ────────────────────────────────────────────────────────────────────────────────────────────────

async function runCost(settings: Settings, folder: string): Promise<void> {
  const http = await freePort();
  const plain = await startWritten(folder, [], COST_PARTITIONS, SMALL_BATCH_BYTES);
  const counting = await startWritten(folder, ['--http-port', String(http)], COST_PARTITIONS, SMALL_BATCH_BYTES);
  say('\nwhat counting costs: one 1 KiB record a request, 16 connections, 5 in flight, as fast as answers come');
  const cpuOf = async (written: Written): Promise<number> => {
    const plan = { ...planOf(written, settings), connections: 16, inFlight: 5, requestsPerSecond: 0 };
    const { cpuSeconds, requests } = await runLoad(plan);
    return (cpuSeconds / requests) * 1e6;
  };
  const ratios: number[] = [];
  for (let round = 0; round < settings.rounds; round++) {
    // A B B A, so that a machine that gets slower harms both alike.
    const isPlainFirst = round % 2 === 0;
    const first = await cpuOf(isPlainFirst ? plain : counting);
    const second = await cpuOf(isPlainFirst ? counting : plain);
    const [without, withCounts] = isPlainFirst ? [first, second] : [second, first];
    ratios.push(withCounts / without);
    say(`  ${without.toFixed(2)} µs without, ${withCounts.toFixed(2)} µs with: ${(withCounts / without).toFixed(3)}`);
  }
  const sorted = ratios.toSorted((one, other) => one - other);
  say(`  median ${(sorted[Math.floor(sorted.length / 2)] ?? 0).toFixed(3)} of the processor time of a request`);
  await plain.server.stop();
  await counting.server.stop();
}

async function main(): Promise<void> {
  const settings = readSettings();
  if (settings === null) {
    process.stdout.write(usage);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-http-'));
  try {
    if (settings.only !== 'cost') {
      for (const partitions of settings.partitions) await runPages(settings, folder, partitions);
    }
    if (settings.only !== 'pages') await runCost(settings, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
