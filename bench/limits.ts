/**
 * `npm run bench:limits`: how far the broker is from what physics allows. The limit programs do the same work in C with one
 * thread and nothing else; broker and limit take turns under the same load generator in one run. Exits with 1 when a bar
 * is missed. `--quick` takes fewer and shorter turns and backs less memory: a first look, not a verdict.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Producer } from '../src/client/producer.ts';
import {
  type ContestResult,
  type ContestSettings,
  type FetchWork,
  type ProduceWork,
  runContest,
  type Work,
} from './limits/contest.ts';
import { measureStart } from './limits/start-and-rest.ts';
import { BenchServer } from './load/bench-server.ts';
import { type ProduceFrames, readBatchOf, writeProduceFrames } from './load/frames.ts';
import { checkoutFolder, compileProgram, runProgram } from './load/programs.ts';
import { megabytes } from './load/sizes.ts';

const KIB = 1024;
const PAIRS = 5;
const PAIRS_QUICK = 2;
const FETCH_PARTITIONS = 4;
const FETCH_PARTITION_BYTES = 64 * KIB * KIB;
const IDLE_BYTES_MAX = 110e6;
const FIRST_ACK_MS_MAX = 500;

const produceWorks: readonly ProduceWork[] = [
  {
    kind: 'produce',
    name: 'produce 64 KiB',
    batchBytes: 64 * KIB,
    recordBytes: KIB,
    connections: 4,
    inFlight: 5,
    bar: { figure: 'cpu', limit: 1.8 },
  },
  {
    kind: 'produce',
    name: 'produce 1 MiB',
    batchBytes: KIB * KIB - 4 * KIB,
    recordBytes: KIB,
    connections: 4,
    inFlight: 5,
    bar: { figure: 'cpu', limit: 2.0 },
  },
  {
    kind: 'produce',
    name: 'one record a request',
    batchBytes: KIB,
    recordBytes: KIB,
    connections: 16,
    inFlight: 5,
    bar: { figure: 'rate', limit: 0.55 },
  },
];

/** Fills a topic with 64 KiB batches and a plain file with the same bytes, and plans requests that walk over both. */
async function prepareFetch(server: BenchServer, folder: string): Promise<FetchWork> {
  const topic = await server.makeTopic('limits-fetch', FETCH_PARTITIONS);
  const plan = { topic, partitions: 1, batchBytes: 64 * KIB, recordBytes: KIB, codec: 0, acks: -1 };
  const frames: ProduceFrames = writeProduceFrames(join(folder, 'fill-frames'), plan);
  const bytes = readBatchOf(frames);
  const batchesPerAnswer = Math.floor((KIB * KIB) / bytes.length);
  const answers = Math.floor(FETCH_PARTITION_BYTES / (batchesPerAnswer * bytes.length));
  const producer = new Producer(server.cluster);
  for (let batch = 0; batch < answers * batchesPerAnswer; batch++) {
    const sending = Array.from({ length: FETCH_PARTITIONS }, (_, partition) =>
      producer.sendBatch({ topic, partition, bytes, count: frames.recordsPerBatch }),
    );
    await Promise.all(sending);
  }
  const sourceFile = join(folder, 'source.log');
  const answerBytes = FETCH_PARTITIONS * batchesPerAnswer * bytes.length;
  writeFileSync(sourceFile, Buffer.alloc(answers * answerBytes, bytes));
  const offsets = Array.from({ length: answers }, (_, index) => index * batchesPerAnswer * frames.recordsPerBatch);
  return {
    kind: 'fetch',
    name: 'fetch warm',
    connections: 4,
    inFlight: 2,
    plan: { topic, partitions: FETCH_PARTITIONS, partitionBytesMax: KIB * KIB, offsets },
    sourceFile,
    answerBytes,
    bar: { figure: 'cpu', limit: 1.7 },
  };
}

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
    if ('fetch warm'.includes(only)) works.push(await prepareFetch(server, settings.folder));
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
      quick: { type: 'boolean', default: false },
      pairs: { type: 'string' },
      only: { type: 'string', default: '' },
      'broker-args': { type: 'string', default: '' },
    },
  });
  const isQuick = values.quick;
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-limits-'));
  const brokerArguments = values['broker-args'].split(' ').filter((word) => word !== '');
  const onTurn = (line: string): void => void process.stderr.write(`  ${line}\n`);
  const settings = { folder, isQuick, pairs: Number(values.pairs ?? (isQuick ? PAIRS_QUICK : PAIRS)), onTurn };
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
