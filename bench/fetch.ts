/**
 * `npm run bench:fetch`: reading what is in memory, reading what is on the device alone, and consumers that wait at the end of
 * a log, one, eight or 64 of them at one producer. The limit program (sendfile of a plain file) reads beside the warm one.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FetchShape, fetchShape, fillFile, fillTopic } from './compare/fetch-data.ts';
import { chillTopic } from './load/cold-files.ts';
import { type LoadPlan, type LoadResult, runLoad } from './load/generator.ts';
import { parseArgs } from './load/options.ts';
import { type Peer, peerOptions, peerUsage, peerWishOf, startPeers } from './load/peers.ts';
import { checkoutFolder, compileProgram, ServingProgram } from './load/programs.ts';
import { bytesOf } from './load/sizes.ts';
import { tail } from './load/tailing.ts';
import { type BenchRow, concludeBench, rowOf, type SideName, sayNothing, sayProgress } from './report/bench-report.ts';

const usage = `npm run bench:fetch -- [options]
  --only LIST           warm,cold,tail: left out, all of them
  --targets LIST        bytes a second of warm reads, each to be kept; "max" is a closed loop: 500MB,max
  --fan-out LIST        consumers at one producer: 1,8,64
  --rate N              records a second of that producer, all to be delivered: 200
  --connections N       4              --in-flight N       2 a connection
  --seconds N           5              --warm-seconds N    1
  --no-limit            without the limit program
  --out FOLDER          bench-results
${peerUsage}`;

const RECORD_BYTES = 100;
/** In an open loop a stall must not keep requests from leaving. */
const IN_FLIGHT_OPEN_FACTOR = 50;
/** A cold scan runs until its bytes are read; this is only so that a stuck one ends. */
const SCAN_SECONDS_MAX = 300;
const SCANNED_SHARE = 0.98;

interface Settings {
  readonly folder: string;
  readonly only: ReadonlySet<string>;
  readonly targets: readonly string[];
  readonly fanOut: readonly number[];
  readonly recordsPerSecond: number;
  readonly connections: number;
  readonly inFlight: number;
  readonly seconds: number;
  readonly warmSeconds: number;
  readonly hasLimit: boolean;
}

/** A topic with frames that walk over all of it. */
interface Filled {
  readonly peer: Peer;
  readonly topic: string;
  readonly framesFile: string;
}

async function fill(peer: Peer, settings: Settings, shape: FetchShape): Promise<Filled> {
  const framesFile = join(settings.folder, `frames-${peer.name.replaceAll(' ', '-')}`);
  return { peer, topic: await fillTopic(peer.server, shape, framesFile), framesFile };
}

function targetOf({
  peer,
  topic,
  framesFile,
}: Filled): Pick<LoadPlan, 'host' | 'port' | 'pid' | 'framesFile' | 'mode' | 'topicBytes'> {
  const { host, port, pid } = peer.server;
  return { host, port, pid, framesFile, mode: 'fetch', topicBytes: Buffer.byteLength(topic) };
}

async function readWarm(settings: Settings, filled: readonly Filled[], shape: FetchShape): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  const { connections, seconds, warmSeconds } = settings;
  for (const target of settings.targets) {
    const requestsPerSecond = target === 'max' ? 0 : bytesOf(target) / shape.answerBytes;
    const inFlight = requestsPerSecond > 0 ? settings.inFlight * IN_FLIGHT_OPEN_FACTOR : settings.inFlight;
    const load = { connections, inFlight, requestsPerSecond, seconds, warmSeconds };
    const play = async (side: SideName, run: (say: ReturnType<typeof sayProgress>) => Promise<LoadResult>) => {
      const result = await run(sayProgress(`warm ${target} ${side}`));
      sayNothing();
      rows.push(rowOf('warm', target === 'max' ? target : `${target}/s`, side, requestsPerSecond, result));
    };
    for (const one of filled) await play(one.peer.name, (say) => runLoad({ ...targetOf(one), ...load }, say));
    const framesFile = filled[0]?.framesFile ?? '';
    if (settings.hasLimit)
      await play('limit', (say) => readLimit(settings.folder, shape, { ...load, framesFile }, say));
  }
  return rows;
}

async function readLimit(
  folder: string,
  shape: FetchShape,
  load: Omit<LoadPlan, 'host' | 'port' | 'mode'>,
  say: ReturnType<typeof sayProgress>,
): Promise<LoadResult> {
  const file = join(folder, 'limit.log');
  fillFile(file, shape);
  const source = await ServingProgram.start('source', { file, 'answer-bytes': shape.answerBytes });
  try {
    return await runLoad({ ...load, mode: 'fetch', host: '127.0.0.1', port: source.port, pid: source.pid }, say);
  } finally {
    await source.stop();
    rmSync(file, { force: true });
  }
}

/** One connection, one request after the other, over everything once. */
async function readCold(filled: readonly Filled[], shape: FetchShape): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  for (const one of filled) {
    const { dataFolder, name } = one.peer;
    if (dataFolder === null || !chillTopic(dataFolder, one.topic)) {
      process.stdout.write(`cold: left out, the files of ${name} cannot be dropped from memory\n`);
      continue;
    }
    const bytesMax = Math.floor(shape.answers * shape.answerBytes * SCANNED_SHARE);
    const load = { connections: 1, inFlight: 1, requestsPerSecond: 0, seconds: SCAN_SECONDS_MAX, warmSeconds: 0 };
    const result = await runLoad({ ...targetOf(one), ...load, bytesMax }, sayProgress(`cold ${name}`));
    sayNothing();
    rows.push(rowOf('cold', 'max', name, 0, result));
  }
  return rows;
}

async function followTails(settings: Settings, peers: readonly Peer[]): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  const { folder, recordsPerSecond, seconds, warmSeconds } = settings;
  for (const consumers of settings.fanOut) {
    for (const { name, server } of peers) {
      const plan = { folder, consumers, recordsPerSecond, recordBytes: RECORD_BYTES, seconds, warmSeconds };
      const result = await tail(server, plan, sayProgress(`1 → ${consumers} ${name}`));
      sayNothing();
      rows.push(rowOf(`tail 1 → ${consumers}`, `${recordsPerSecond}/s`, name, recordsPerSecond * consumers, result));
    }
  }
  return rows;
}

async function play(settings: Settings, peers: readonly Peer[]): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  const isWanted = (name: string): boolean => settings.only.size === 0 || settings.only.has(name);
  if (isWanted('warm') || isWanted('cold')) {
    const shape = fetchShape(settings.folder, 4);
    const filled: Filled[] = [];
    for (const peer of peers) filled.push(await fill(peer, settings, shape));
    if (isWanted('warm')) rows.push(...(await readWarm(settings, filled, shape)));
    if (isWanted('cold')) rows.push(...(await readCold(filled, shape)));
    for (const { peer, topic } of filled) await peer.server.dropTopic(topic);
  }
  if (isWanted('tail')) rows.push(...(await followTails(settings, peers)));
  return rows;
}

async function main(): Promise<number> {
  const text = (otherwise: string) => ({ type: 'string', default: otherwise }) as const;
  const { values } = parseArgs({
    options: {
      ...peerOptions,
      help: { type: 'boolean', short: 'h' },
      only: text(''),
      targets: text('500MB,max'),
      'fan-out': text('1,8,64'),
      rate: text('200'),
      connections: text('4'),
      'in-flight': text('2'),
      seconds: text('5'),
      'warm-seconds': text('1'),
      'no-limit': { type: 'boolean', default: false },
      out: text(join(checkoutFolder, 'bench-results')),
    },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  for (const name of ['load', 'relay'] as const) compileProgram(name);
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-fetch-'));
  const settings: Settings = {
    folder,
    only: new Set(values.only.split(',').filter((word) => word !== '')),
    targets: values.targets.split(','),
    fanOut: values['fan-out'].split(',').map(Number),
    recordsPerSecond: Number(values.rate),
    connections: Number(values.connections),
    inFlight: Number(values['in-flight']),
    seconds: Number(values.seconds),
    warmSeconds: Number(values['warm-seconds']),
    hasLimit: !values['no-limit'],
  };
  let peers: Peer[] = [];
  let rows: BenchRow[] = [];
  try {
    peers = await startPeers(peerWishOf(values));
    rows = await play(settings, peers);
  } finally {
    for (const peer of peers) await peer.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return concludeBench(values.out, {
    name: 'fetch',
    title: 'perfbroker: fetch',
    subtitle:
      'warm and cold: 1 MiB of each of four partitions a request; tails: records of 100 bytes, from the intended send time to each consumer',
    settings: values,
    rows,
  });
}

process.exitCode = await main();
