/**
 * `npm run bench:sustained`: produce for so long that the device sets the pace, and how even that is: throughput second by
 * second, its mean and standard deviation, and the latency of requests, of perfbroker and of Apache Kafka in one run. It
 * fails when a second differs too much from the mean, or when p99.9 is too near to Kafka's.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { writeProduceFrames } from './load/frames.ts';
import { type LoadProgress, type LoadResult, runLoad } from './load/generator.ts';
import { backMemory } from './load/memory-trap.ts';
import { parseArgs } from './load/options.ts';
import { type Peer, peerOptions, peerUsage, peerWishOf, startPeers } from './load/peers.ts';
import { checkoutFolder, compileProgram } from './load/programs.ts';
import { bytesOf, milliseconds } from './load/sizes.ts';
import { type SideName, sayNothing, sayProgress } from './report/bench-report.ts';
import { concludeFigures, type FigureRow } from './report/figure-report.ts';
import { parseTargets, type Targets } from './report/targets.ts';

const usage = `npm run bench:sustained -- [options]
  --bytes SIZE          20GB           produced by each side, in 64 KiB batches as fast as answers come
  --warm SIZE           2GB            produced and thrown away before
  --partitions N        64             --connections N      4
  --in-flight N         5
  --pairs N             1              turns of each side, in the order A B B A
  --targets LIST        deviation=0.15,p999=0.8    at most; p999 is perfbroker's ÷ Kafka's
  --out FOLDER          bench-results
${peerUsage}`;

const BATCH_BYTES = 65_536;
const RECORD_BYTES = 1024;
/** Bytes end a run; this is only so that a stuck one ends. */
const SECONDS_MAX = 600;
/** Between two turns: what one side left to be written back is not the other's. */
const REST_MS = 5000;

interface Settings {
  readonly folder: string;
  readonly bytes: number;
  readonly warmBytes: number;
  readonly partitions: number;
  readonly connections: number;
  readonly inFlight: number;
  readonly pairs: number;
}

interface Turn {
  readonly result: LoadResult;
  /** Bytes a second, one for each second of the run. */
  readonly rates: readonly number[];
}

async function produce({ server, name }: Peer, settings: Settings, bytesMax: number): Promise<Turn> {
  const { partitions, connections, inFlight } = settings;
  const topic = await server.makeTopic('sustained', partitions, { 'file.delete.delay.ms': '1000' });
  const samples: LoadProgress[] = [];
  const say = sayProgress(name);
  try {
    await server.touchTopic(topic, partitions);
    const shape = { topic, partitions, batchBytes: BATCH_BYTES, recordBytes: RECORD_BYTES, codec: 0, acks: -1 };
    const { file } = writeProduceFrames(join(settings.folder, 'frames'), shape);
    const result = await runLoad(
      {
        ...{ host: server.host, port: server.port, pid: server.pid, framesFile: file, mode: 'produce' },
        ...{ connections, inFlight, requestsPerSecond: 0, warmSeconds: 0, seconds: SECONDS_MAX, bytesMax },
      },
      (progress) => {
        samples.push(progress);
        say(progress);
      },
    );
    sayNothing();
    if (result.errors > 0) throw new Error(`${name} answered with error ${result.firstError}`);
    return { result, rates: ratesOf(samples) };
  } finally {
    await server.dropTopic(topic);
    await delay(REST_MS);
  }
}

/** The samples count from the beginning of the run. */
function ratesOf(samples: readonly LoadProgress[]): number[] {
  const rates: number[] = [];
  let before = { seconds: 0, bytes: 0 };
  for (const { phase, seconds, bytes } of samples) {
    if (phase !== 'measure' || seconds <= before.seconds) continue;
    rates.push((bytes - before.bytes) / (seconds - before.seconds));
    before = { seconds, bytes };
  }
  return rates;
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/** Of the seconds, as a share of their mean. */
function deviationOf(values: readonly number[]): number {
  const mean = meanOf(values);
  return Math.sqrt(meanOf(values.map((value) => (value - mean) ** 2))) / mean;
}

function p999Of(turns: readonly Turn[]): number {
  const [first, ...others] = turns;
  if (first === undefined) return 0;
  for (const { result } of others) first.result.histogram.add(result.histogram);
  return first.result.histogram.getValueAtPercentile(99.9);
}

function rowsOf(side: SideName, turns: readonly Turn[], p999Us: number, kafkaP999Us: number, targets: Targets) {
  const rows: FigureRow[] = [];
  const add = (figure: string, text: string, value: number, judged = { verdict: '–', bar: '' } as const): void => {
    rows.push({ work: 'sustained', side, figure, text, value, ...judged });
  };
  const rates = turns.flatMap((turn) => turn.rates);
  const bytes = turns.reduce((sum, { result }) => sum + result.bytes, 0);
  const seconds = turns.reduce((sum, { result }) => sum + result.seconds, 0);
  const cpu = turns.reduce((sum, { result }) => sum + result.cpuSeconds, 0);
  add('mean', `${(bytes / seconds / 1e6).toFixed(0)} MB/s`, bytes / seconds);
  add('slowest second', `${(Math.min(...rates) / 1e6).toFixed(0)} MB/s`, Math.min(...rates));
  add('fastest second', `${(Math.max(...rates) / 1e6).toFixed(0)} MB/s`, Math.max(...rates));
  const deviation = Math.max(...turns.map((turn) => deviationOf(turn.rates)));
  const text = `${(deviation * 100).toFixed(1)} %`;
  const isOurs = side === 'perfbroker';
  const judged = isOurs ? targets.atMost('deviation', deviation) : ({ verdict: '–', bar: '' } as const);
  rows.push({ work: 'sustained', side, figure: 'standard deviation', text, value: deviation, ...judged });
  add('CPU', `${(cpu / (bytes / 1e9)).toFixed(2)} CPU-s/GB`, cpu / (bytes / 1e9));
  add('p99.9', milliseconds(p999Us), p999Us);
  if (isOurs && kafkaP999Us > 0) {
    const ratio = p999Us / kafkaP999Us;
    const p999 = targets.atMost('p999', ratio);
    rows.push({ work: 'sustained', side, figure: "p99.9 ÷ Kafka's", text: ratio.toFixed(2), value: ratio, ...p999 });
  }
  return rows;
}

async function play(settings: Settings, peers: readonly Peer[]): Promise<Map<SideName, Turn[]>> {
  const turns = new Map<SideName, Turn[]>(peers.map(({ name }) => [name, []]));
  for (const peer of peers) await produce(peer, settings, settings.warmBytes);
  for (let pair = 0; pair < settings.pairs; pair++) {
    for (const peer of pair % 2 === 0 ? peers : [...peers].reverse()) {
      // Memory that is touched for the first time would cost more than everything else, and only the first side.
      execFileSync('sync');
      backMemory(settings.folder, false);
      const turn = await produce(peer, settings, settings.bytes);
      turns.get(peer.name)?.push(turn);
      const rates = turn.rates.map((rate) => (rate / 1e6).toFixed(0)).join(' ');
      process.stdout.write(`${peer.name}, MB/s second by second: ${rates}\n`);
    }
  }
  return turns;
}

async function main(): Promise<number> {
  const text = (otherwise: string) => ({ type: 'string', default: otherwise }) as const;
  const { values } = parseArgs({
    options: {
      ...peerOptions,
      help: { type: 'boolean', short: 'h' },
      bytes: text('20GB'),
      warm: text('2GB'),
      partitions: text('64'),
      connections: text('4'),
      'in-flight': text('5'),
      pairs: text('1'),
      targets: text('deviation=0.15,p999=0.8'),
      out: text(join(checkoutFolder, 'bench-results')),
    },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  compileProgram('load');
  const settings: Settings = {
    folder: mkdtempSync(join(tmpdir(), 'perfbroker-sustained-')),
    bytes: bytesOf(values.bytes),
    warmBytes: bytesOf(values.warm),
    partitions: Number(values.partitions),
    connections: Number(values.connections),
    inFlight: Number(values['in-flight']),
    pairs: Number(values.pairs),
  };
  const targets = parseTargets(values.targets);
  let peers: Peer[] = [];
  let turns = new Map<SideName, Turn[]>();
  try {
    peers = await startPeers(peerWishOf(values));
    turns = await play(settings, peers);
  } finally {
    for (const peer of peers) await peer.stop();
    rmSync(settings.folder, { recursive: true, force: true });
  }
  const tails = new Map([...turns].map(([side, ofSide]) => [side, p999Of(ofSide)]));
  const kafkaP999Us = tails.get('Apache Kafka') ?? 0;
  const rows = [...turns].flatMap(([side, ofSide]) => rowsOf(side, ofSide, tails.get(side) ?? 0, kafkaP999Us, targets));
  const rates = Object.fromEntries([...turns].map(([side, ofSide]) => [side, ofSide.map((turn) => turn.rates)]));
  const title = 'perfbroker: sustained produce';
  return concludeFigures(values.out, { name: 'sustained', title, settings: { ...settings, rates }, rows });
}

process.exitCode = await main();
