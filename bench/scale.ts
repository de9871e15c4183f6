/**
 * `npm run bench:scale`: the cost model. What a gigabyte and a request cost the broker when they go to 1, 16, … 10,000 partitions
 * and come over 1 to 10,000 connections, and what partitions and connections cost that nobody uses. One broker lives through
 * all of it; the numbers of partitions take turns, forwards and then backwards, so that an hour's drift meets all of them.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { median } from './compare/statistics.ts';
import { BenchServer } from './load/bench-server.ts';
import { writeSpreadFrame } from './load/frames.ts';
import { type LoadPlan, type LoadResult, runLoad } from './load/generator.ts';
import { weighIdle } from './load/idle-connections.ts';
import { parseArgs } from './load/options.ts';
import { launchOptions, launchUsage, peerWishOf } from './load/peers.ts';
import { cpuSecondsOf } from './load/process-figures.ts';
import { checkoutFolder, compileProgram } from './load/programs.ts';
import { concludeFigures, type FigureRow } from './report/figure-report.ts';
import { type Judged, parseTargets, type Targets } from './report/targets.ts';

const usage = `npm run bench:scale -- [options]
  --partitions LIST     1,16,64,1000,10000
  --connections LIST    1,16,100,1000,10000 which all ask
  --idle N              10000 connections which never ask; 0 for none. Both ends need as many descriptors
  --rounds N            3 turns of each
  --seconds N           2 a turn
  --targets LIST        growth=1.3,idle-cores=0.005,connection=12KB,rate=0.9
                        growth: CPU per GB with up to 1,000 partitions, of what it is with the fewest, at most; idle-cores: with
                        all partitions made and nobody asking, at most; connection: bytes of each idle one, at most; rate: of
                        100 active ones beside them, of what it is without, at least
  --out FOLDER          bench-results
${launchUsage}`;

const BATCH_BYTES = 64 * 1024;
const BATCH_RECORD_BYTES = 1024;
const RECORD_BYTES = 100;
/** Before write-back begins by itself, which would take processor time from whoever happens to be measured. */
const WRITTEN_BYTES_MAX = 1_200_000_000;
const GROWTH_PARTITIONS_MAX = 1000;
const CONNECTION_PARTITIONS = 16;
const IDLE_SECONDS = 10;
/** What was just written is flushed, written into checkpoints and told by then; idle is what comes after. */
const SETTLE_MS = 15_000;

interface Settings {
  readonly folder: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly targets: Targets;
}

interface Costs {
  readonly secondsPerGb: number[];
  readonly usPerRequest: number[];
  idleCores: number;
}

type Shape = Pick<LoadPlan, 'connections' | 'inFlight' | 'warmSeconds' | 'seconds' | 'bytesMax'>;

const say = (line: string): unknown => process.stdout.write(`  ${line}\n`);

/** Produce over all partitions of a topic in turn. */
async function load(
  server: BenchServer,
  settings: Settings,
  topic: string,
  partitions: number,
  batchBytes: number,
  shape: Shape,
): Promise<LoadResult> {
  const framesFile = join(settings.folder, 'frames');
  const recordBytes = batchBytes === BATCH_BYTES ? BATCH_RECORD_BYTES : batchBytes;
  const indexAt = writeSpreadFrame(framesFile, { topic, batchBytes, recordBytes, codec: 0, acks: -1 });
  const { host, port, pid } = server;
  const place = { host, port, pid, framesFile, spread: { partitions, indexAt } };
  const result = await runLoad({ ...place, mode: 'produce', requestsPerSecond: 0, ...shape });
  if (result.errors > 0) throw new Error(`${result.errors} answers carried error ${result.firstError}`);
  if (result.unanswered > 0) throw new Error(`${result.unanswered} requests were never answered`);
  return result;
}

async function idleCoresOf(server: BenchServer): Promise<number> {
  await sleep(SETTLE_MS);
  const before = cpuSecondsOf(server.pid);
  await sleep(IDLE_SECONDS * 1000);
  return (cpuSecondsOf(server.pid) - before) / IDLE_SECONDS;
}

async function partitionTurn(server: BenchServer, settings: Settings, partitions: number, costs: Costs): Promise<void> {
  const beganMs = performance.now();
  const topic = await server.makeTopic('scale', partitions);
  const madeMs = performance.now() - beganMs;
  try {
    await server.touchTopic(topic, partitions);
    if (costs.secondsPerGb.length === 0) costs.idleCores = await idleCoresOf(server);
    execFileSync('sync');
    const { seconds } = settings;
    const large = { connections: 4, inFlight: 5, warmSeconds: 0.2, seconds, bytesMax: WRITTEN_BYTES_MAX };
    const bulk = await load(server, settings, topic, partitions, BATCH_BYTES, large);
    const small = { connections: 16, inFlight: 5, warmSeconds: 0.5, seconds };
    const single = await load(server, settings, topic, partitions, RECORD_BYTES, small);
    costs.secondsPerGb.push(bulk.cpuSeconds / (bulk.bytes / 1e9));
    costs.usPerRequest.push((single.cpuSeconds * 1e6) / single.requests);
    const rates = `${(bulk.bytes / bulk.seconds / 1e6).toFixed(0)} MB/s, ${(single.requests / single.seconds).toFixed(0)} requests/s`;
    const cost = `${costs.secondsPerGb.at(-1)?.toFixed(3)} CPU-s/GB, ${costs.usPerRequest.at(-1)?.toFixed(1)} µs a request`;
    say(`${partitions} partitions: made in ${madeMs.toFixed(0)} ms; ${rates}; ${cost}`);
  } finally {
    await server.dropTopic(topic);
  }
}

/** Turns of all numbers, forwards, then backwards, and so on. */
async function byPartitions(server: BenchServer, settings: Settings, counts: readonly number[]): Promise<FigureRow[]> {
  const costs = new Map(
    counts.map((count): [number, Costs] => [count, { secondsPerGb: [], usPerRequest: [], idleCores: 0 }]),
  );
  for (let round = 0; round < settings.rounds; round++)
    for (const [count, its] of round % 2 === 0 ? [...costs] : [...costs].toReversed())
      await partitionTurn(server, settings, count, its);
  const first = median(costs.get(counts[0] ?? 0)?.secondsPerGb ?? []);
  const { targets } = settings;
  return [...costs].flatMap(([count, { secondsPerGb, usPerRequest, idleCores }]) => {
    const work = `${count} partitions`;
    const perGb = median(secondsPerGb);
    const growth = perGb / first;
    const isJudged = count <= GROWTH_PARTITIONS_MAX;
    return [
      figure(work, 'CPU per GB', perGb, `${perGb.toFixed(3)} s`),
      figure(work, 'of the fewest', growth, growth.toFixed(2), isJudged ? targets.atMost('growth', growth) : undefined),
      figure(work, 'CPU a request', median(usPerRequest), `${median(usPerRequest).toFixed(1)} µs`),
      figure(work, 'idle CPU', idleCores, `${idleCores.toFixed(4)} cores`, targets.atMost('idle-cores', idleCores)),
    ];
  });
}

/** One request in flight on each, so that what is compared is the number of sockets and not what lies in one. */
async function byConnections(server: BenchServer, settings: Settings, counts: readonly number[]): Promise<FigureRow[]> {
  const topic = await server.makeTopic('connections', CONNECTION_PARTITIONS);
  await server.touchTopic(topic, CONNECTION_PARTITIONS);
  const costs = new Map(counts.map((count): [number, number[]] => [count, []]));
  for (let round = 0; round < settings.rounds; round++)
    for (const [connections, its] of round % 2 === 0 ? [...costs] : [...costs].toReversed()) {
      const shape = { connections, inFlight: 1, warmSeconds: 0.5, seconds: settings.seconds };
      const result = await load(server, settings, topic, CONNECTION_PARTITIONS, RECORD_BYTES, shape);
      its.push((result.cpuSeconds * 1e6) / result.requests);
      const rate = `${(result.requests / result.seconds).toFixed(0)} requests/s`;
      say(`${connections} connections: ${rate}, ${its.at(-1)?.toFixed(1)} µs a request`);
    }
  await server.dropTopic(topic);
  return [...costs].map(([count, each]) =>
    figure(`${count} connections`, 'CPU a request', median(each), `${median(each).toFixed(1)} µs`),
  );
}

async function byIdle(server: BenchServer, settings: Settings, connections: number): Promise<FigureRow[]> {
  if (connections === 0) return [];
  const { bytes, share } = await weighIdle(server, { ...settings, connections, say });
  const work = `${connections} idle connections`;
  const { targets } = settings;
  return [
    figure(work, 'each', bytes, `${bytes.toFixed(0)} B`, targets.atMost('connection', bytes)),
    figure(work, 'rate of 100 others', share, `${(share * 100).toFixed(0)} %`, targets.atLeast('rate', share)),
  ];
}

function figure(work: string, name: string, value: number, text: string, judged?: Judged): FigureRow {
  return { work, side: 'perfbroker', figure: name, text, value, ...(judged ?? { verdict: '–', bar: '' }) };
}

const numbersOf = (list: string): number[] =>
  list
    .split(',')
    .filter((word) => word !== '')
    .map(Number);

async function main(): Promise<number> {
  const text = (otherwise: string) => ({ type: 'string', default: otherwise }) as const;
  const { values } = parseArgs({
    options: {
      ...launchOptions,
      help: { type: 'boolean', short: 'h' },
      partitions: text('1,16,64,1000,10000'),
      connections: text('1,16,100,1000,10000'),
      idle: text('10000'),
      rounds: text('3'),
      seconds: text('2'),
      targets: text('growth=1.3,idle-cores=0.005,connection=12KB,rate=0.9'),
      out: text(join(checkoutFolder, 'bench-results')),
    },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  compileProgram('load');
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-scale-'));
  const targets = parseTargets(values.targets);
  const settings: Settings = { folder, rounds: Number(values.rounds), seconds: Number(values.seconds), targets };
  let server: BenchServer | null = null;
  try {
    server = await BenchServer.start(peerWishOf(values));
    // Idle ones first: what a heap gives back after a load would hide what they take.
    const idle = await byIdle(server, settings, Number(values.idle));
    const connections = await byConnections(server, settings, numbersOf(values.connections));
    const partitions = await byPartitions(server, settings, numbersOf(values.partitions));
    const rows = [...partitions, ...connections, ...idle];
    return concludeFigures(values.out, { name: 'scale', title: 'perfbroker: costs by scale', settings: values, rows });
  } finally {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();
