/**
 * `npm run bench:produce`: drives a broker with Produce requests at one throughput target after the other and shows what
 * latency each costs, counted from the moment a request was meant to leave (so that a stall of the broker is seen by every
 * request it held up). Beside it the limit program and, where asked for, Apache Kafka get the same requests.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { codecByName } from '../src/protocol/compression.ts';
import { errorName } from '../src/protocol/errors.ts';
import { runSink } from './limits/sink-run.ts';
import { type ProduceFrames, writeProduceFrames } from './load/frames.ts';
import { type LoadProgress, type LoadResult, runLoad } from './load/generator.ts';
import { parseArgs } from './load/options.ts';
import { type Peer, type PeerWish, peerOptions, peerUsage, peerWishOf, startPeers } from './load/peers.ts';
import { checkoutFolder, compileProgram } from './load/programs.ts';
import { bytesOf, megabytes } from './load/sizes.ts';
import { type BenchRow, concludeBench, rowOf, type SideName, sayNothing, sayProgress } from './report/bench-report.ts';

const usage = `npm run bench:produce -- [options]
  --targets LIST        bytes a second, each to be kept: 20MB,50MB,100MB,200MB; "max" is a closed loop
  --batch-bytes SIZE    64KiB          --record-bytes SIZE  1KiB
  --partitions N        64             --connections N      4
  --in-flight N         5 in a closed loop, 1000 in an open one
  --acks -1|0|1         -1             --codec NAME         none, gzip, snappy, lz4, zstd
  --seconds N           5              --warm-seconds N     2
  --fronts N            of the broker that is started; 1
  --no-limit            without the limit program
  --out FOLDER          bench-results
${peerUsage}`;

interface Settings {
  readonly wish: PeerWish;
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
  readonly hasLimit: boolean;
  readonly out: string;
}

const IN_FLIGHT_CLOSED = 5;
const IN_FLIGHT_OPEN = 1000;

function readSettings(): Settings | null {
  const text = (otherwise: string) => ({ type: 'string', default: otherwise }) as const;
  const { values } = parseArgs({
    options: {
      ...peerOptions,
      help: { type: 'boolean', short: 'h' },
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
      'no-limit': { type: 'boolean', default: false },
      out: text(join(checkoutFolder, 'bench-results')),
    },
  });
  if (values.help === true) return null;
  if (codecByName(values.codec) < 0)
    throw new Error(`--codec ${values.codec} is not one of none, gzip, snappy, lz4, zstd`);
  const wish = peerWishOf(values);
  return {
    wish: { ...wish, brokerArguments: ['--fronts', values.fronts, ...wish.brokerArguments] },
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
    // The limit program answers every request, and acks=0 wants no answers.
    hasLimit: !values['no-limit'] && values.acks !== '0',
    out: values.out,
  };
}

function framesFor(settings: Settings, folder: string, topic: string): ProduceFrames {
  return writeProduceFrames(join(folder, 'frames'), { ...settings, topic, codec: codecByName(settings.codec) });
}

/** 0 for "max". */
function rateOf(target: string, frames: ProduceFrames): number {
  return target === 'max' ? 0 : bytesOf(target) / frames.batchBytes;
}

function loadOf(settings: Settings, requestsPerSecond: number) {
  const { connections, warmSeconds, seconds, acks } = settings;
  const inFlight = settings.inFlight ?? (requestsPerSecond > 0 ? IN_FLIGHT_OPEN : IN_FLIGHT_CLOSED);
  return { mode: 'produce', connections, inFlight, requestsPerSecond, warmSeconds, seconds, acks } as const;
}

type Say = (progress: LoadProgress) => void;
type Play = (target: string, say: Say) => Promise<{ rate: number; result: LoadResult }>;

function brokerPlayer({ server }: Peer, settings: Settings, folder: string): Play {
  return async (target, say) => {
    const topic = await server.makeTopic('bench', settings.partitions);
    try {
      await server.touchTopic(topic, settings.partitions);
      const frames = framesFor(settings, folder, topic);
      const rate = rateOf(target, frames);
      const where = { host: server.host, port: server.port, pid: server.pid, framesFile: frames.file };
      return { rate, result: await runLoad({ ...where, ...loadOf(settings, rate) }, say) };
    } finally {
      await server.dropTopic(topic);
    }
  };
}

function limitPlayer(settings: Settings, folder: string): Play {
  return async (target, say) => {
    const frames = framesFor(settings, folder, 'limits');
    const rate = rateOf(target, frames);
    return { rate, result: await runSink(folder, frames, loadOf(settings, rate), say) };
  };
}

async function playTargets(settings: Settings, peers: readonly Peer[], folder: string): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  const players: [SideName, Play][] = peers.map((peer) => [peer.name, brokerPlayer(peer, settings, folder)]);
  if (settings.hasLimit) players.push(['limit', limitPlayer(settings, folder)]);
  for (const target of settings.targets) {
    for (const [side, play] of players) {
      const { rate, result } = await play(target, sayProgress(`${target} ${side}`));
      sayNothing();
      const row = rowOf('produce', target === 'max' ? target : `${target}/s`, side, rate, result);
      rows.push(row);
      if (result.errors > 0) process.stderr.write(`${side}: first error ${errorName(result.firstError)}\n`);
    }
  }
  for (const { name, server } of peers)
    if (server.pid !== 0) process.stdout.write(`memory of ${name}: ${megabytes(server.residentBytes())}\n`);
  return rows;
}

async function main(): Promise<number> {
  const settings = readSettings();
  if (settings === null) {
    process.stdout.write(usage);
    return 0;
  }
  compileProgram('load');
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-frames-'));
  let peers: Peer[] = [];
  let rows: BenchRow[] = [];
  try {
    peers = await startPeers(settings.wish);
    rows = await playTargets(settings, peers, folder);
  } finally {
    for (const peer of peers) await peer.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  const { batchBytes, recordBytes, codec, acks, partitions, connections } = settings;
  const shape = `${batchBytes / 1024} KiB batches of ${recordBytes} B records, ${codec}, acks=${acks}`;
  const subtitle = `${shape}, ${partitions} partitions, ${connections} connections; latency from the intended send time`;
  return concludeBench(settings.out, {
    name: 'produce',
    title: 'perfbroker: produce latency',
    subtitle,
    settings,
    rows,
  });
}

process.exitCode = await main();
