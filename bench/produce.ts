/**
 * `npm run bench:produce`: drives a broker with Produce requests at one throughput target after the other and shows what
 * latency each costs, counted from the moment a request was meant to leave (so that a stall of the broker is seen by every
 * request it held up). Writes HdrHistogram files, JSON and a page with the curves into bench-results/.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { codecByName } from '../src/protocol/compression.ts';
import { errorName } from '../src/protocol/errors.ts';
import { BenchServer } from './load/bench-server.ts';
import { type ProduceFrames, writeProduceFrames } from './load/frames.ts';
import { type LoadResult, runLoad } from './load/generator.ts';
import { checkoutFolder } from './load/programs.ts';
import { bytesOf, megabytes, milliseconds } from './load/sizes.ts';
import { curveOf, hgrmOf, type Percentiles, percentilesOf } from './report/percentiles.ts';
import { plotPage } from './report/plot.ts';

const usage = `npm run bench:produce -- [options]
  --broker host:port    a broker that runs already; without it one is started for the bench
  --pid N               that broker's process, for its CPU time and memory
  --targets LIST        bytes a second, open loop: 20MB,50MB,100MB; "max" is a closed loop
  --batch-bytes SIZE    64KiB          --record-bytes SIZE  1KiB
  --partitions N        64             --connections N      4
  --in-flight N         5 in a closed loop, 1000 in an open one
  --acks -1|0|1         -1             --codec NAME         none, gzip, snappy, lz4, zstd
  --seconds N           5              --warm-seconds N     2
  --fronts N            of the broker that is started; 1
  --broker-args TEXT    handed to the broker that is started
  --out FOLDER          bench-results
`;

interface Settings {
  readonly broker: string | null;
  readonly pid: number;
  readonly targets: readonly string[];
  readonly batchBytes: number;
  readonly recordBytes: number;
  readonly partitions: number;
  readonly connections: number;
  readonly inFlight: number | null;
  readonly acks: number;
  readonly codec: string;
  readonly seconds: number;
  readonly warmSeconds: number;
  readonly brokerArguments: readonly string[];
  readonly out: string;
}

interface TargetRow {
  readonly target: string;
  readonly bytesPerSecond: number;
  readonly requestsPerSecond: number;
  readonly recordsPerSecond: number;
  readonly percentiles: Percentiles;
  readonly cpuSecondsPerGb: number;
  readonly residentBytes: number;
  readonly errors: number;
  readonly unsent: number;
  readonly result: LoadResult;
}

const IN_FLIGHT_CLOSED = 5;
const IN_FLIGHT_OPEN = 1000;

function readSettings(): Settings | null {
  const text = (otherwise: string) => ({ type: 'string', default: otherwise }) as const;
  const { values } = parseArgs({
    options: {
      broker: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
      pid: text('0'),
      targets: text('20MB,50MB,100MB,200MB,max'),
      'batch-bytes': text('64KiB'),
      'record-bytes': text('1KiB'),
      partitions: text('64'),
      connections: text('4'),
      'in-flight': { type: 'string' },
      acks: text('-1'),
      codec: text('none'),
      seconds: text('5'),
      'warm-seconds': text('2'),
      fronts: text('1'),
      'broker-args': text(''),
      out: text(join(checkoutFolder, 'bench-results')),
    },
  });
  if (values.help === true) return null;
  if (codecByName(values.codec) < 0)
    throw new Error(`--codec ${values.codec} is not one of none, gzip, snappy, lz4, zstd`);
  return {
    broker: values.broker ?? null,
    pid: Number(values.pid),
    targets: values.targets.split(','),
    batchBytes: bytesOf(values['batch-bytes']),
    recordBytes: bytesOf(values['record-bytes']),
    partitions: Number(values.partitions),
    connections: Number(values.connections),
    inFlight: values['in-flight'] === undefined ? null : Number(values['in-flight']),
    acks: Number(values.acks),
    codec: values.codec,
    seconds: Number(values.seconds),
    warmSeconds: Number(values['warm-seconds']),
    brokerArguments: ['--fronts', values.fronts, ...values['broker-args'].split(' ').filter((word) => word !== '')],
    out: values.out,
  };
}

async function runTarget(settings: Settings, server: BenchServer, folder: string, target: string): Promise<TargetRow> {
  const topic = await server.makeTopic('bench', settings.partitions);
  await server.touchTopic(topic, settings.partitions);
  const frames = writeProduceFrames(join(folder, 'frames'), { ...settings, topic, codec: codecByName(settings.codec) });
  const isOpenLoop = target !== 'max';
  const requestsPerSecond = isOpenLoop ? bytesOf(target) / frames.batchBytes : 0;
  const result = await runLoad(
    {
      host: server.host,
      port: server.port,
      framesFile: frames.file,
      mode: 'produce',
      connections: settings.connections,
      inFlight: settings.inFlight ?? (isOpenLoop ? IN_FLIGHT_OPEN : IN_FLIGHT_CLOSED),
      requestsPerSecond,
      warmSeconds: settings.warmSeconds,
      seconds: settings.seconds,
      acks: settings.acks,
      pid: server.pid,
    },
    ({ phase, seconds, bytes, p50Us, p99Us }) => {
      const rate = megabytes(bytes / Math.max(seconds, 0.001));
      say(
        `  ${target} ${phase} ${seconds.toFixed(0)} s  ${rate}/s  p50 ${milliseconds(p50Us)}  p99 ${milliseconds(p99Us)}`,
      );
    },
  );
  const residentBytes = server.residentBytes();
  await server.dropTopic(topic);
  return rowOf(target, frames, result, residentBytes);
}

function rowOf(target: string, frames: ProduceFrames, result: LoadResult, residentBytes: number): TargetRow {
  const batchBytes = result.requests * frames.batchBytes;
  return {
    target,
    bytesPerSecond: batchBytes / result.seconds,
    requestsPerSecond: result.requests / result.seconds,
    recordsPerSecond: (result.requests * frames.recordsPerBatch) / result.seconds,
    percentiles: percentilesOf(result.histogram),
    cpuSecondsPerGb: result.cpuSeconds / (batchBytes / 1e9),
    residentBytes,
    errors: result.errors,
    unsent: result.unsent,
    result,
  };
}

const isTerminal = process.stdout.isTTY === true;

/** One line that replaces itself on a terminal; nothing where output goes to a file. */
function say(line: string): void {
  if (isTerminal) process.stdout.write(`\r\x1b[K${line}`);
}

const tableHead = [
  'target',
  'MB/s',
  'req/s',
  'records/s',
  'p50',
  'p90',
  'p99',
  'p99.9',
  'p99.99',
  'max',
  'CPU-s/GB',
  'RSS',
];

function tableRow(row: TargetRow): string[] {
  const { p50Us, p90Us, p99Us, p999Us, p9999Us, maxUs } = row.percentiles;
  return [
    row.target,
    (row.bytesPerSecond / 1e6).toFixed(1),
    row.requestsPerSecond.toFixed(0),
    row.recordsPerSecond.toFixed(0),
    ...[p50Us, p90Us, p99Us, p999Us, p9999Us, maxUs].map(milliseconds),
    row.cpuSecondsPerGb > 0 ? row.cpuSecondsPerGb.toFixed(2) : '–',
    row.residentBytes > 0 ? megabytes(row.residentBytes) : '–',
  ];
}

function printTable(rows: readonly (readonly string[])[]): void {
  const widths = tableHead.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  for (const row of rows) {
    process.stdout.write(`${row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  ')}\n`);
  }
}

function writeResults(settings: Settings, rows: readonly TargetRow[]): string {
  mkdirSync(settings.out, { recursive: true });
  const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-').slice(0, 19);
  const base = join(settings.out, `produce-${stamp}`);
  const plain = rows.map(({ result, ...row }) => ({
    ...row,
    loadCpuSeconds: result.loadCpuSeconds,
    seconds: result.seconds,
  }));
  writeFileSync(`${base}.json`, `${JSON.stringify({ settings, targets: plain }, null, 2)}\n`);
  for (const row of rows) writeFileSync(`${base}-${row.target}.hgrm`, hgrmOf(row.result.histogram));
  const subtitle = `${settings.batchBytes / 1024} KiB batches of ${settings.recordBytes} B records, ${settings.codec}, acks=${settings.acks}, ${settings.partitions} partitions, ${settings.connections} connections; latency from the intended send time`;
  const curves = rows.map((row) => ({
    name: `${row.target}${row.target === 'max' ? '' : '/s'}`,
    points: curveOf(row.result.histogram),
  }));
  const page = plotPage({
    title: 'perfbroker: produce latency',
    subtitle,
    curves,
    table: [tableHead, ...rows.map(tableRow)],
  });
  writeFileSync(`${base}.html`, page);
  return base;
}

async function main(): Promise<number> {
  const settings = readSettings();
  if (settings === null) {
    process.stdout.write(usage);
    return 0;
  }
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-frames-'));
  const server = await BenchServer.start(settings);
  try {
    const rows: TargetRow[] = [];
    for (const target of settings.targets) {
      rows.push(await runTarget(settings, server, folder, target));
      say('');
    }
    printTable([tableHead, ...rows.map(tableRow)]);
    process.stdout.write(`written: ${writeResults(settings, rows)}.{html,json}\n`);
    for (const row of rows.filter(({ unsent }) => unsent > 0)) {
      process.stdout.write(`${row.target}: ${row.unsent} requests never found a place; the target was not reached\n`);
    }
    const errors = rows.reduce((sum, row) => sum + row.errors, 0);
    const firstError = rows.find((row) => row.errors > 0)?.result.firstError ?? 0;
    if (errors > 0)
      process.stderr.write(`${errors} requests were answered with an error, first ${errorName(firstError)}\n`);
    return errors > 0 ? 1 : 0;
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();
