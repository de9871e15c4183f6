/**
 * `npm run bench:memory`: what a broker holds while nobody asks for anything, how much each partition and each idle connection
 * adds, and whether connections that are silent slow down those that are not.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Crowd } from '../test/bounds/crowd.ts';
import { median } from './compare/statistics.ts';
import type { BenchServer } from './load/bench-server.ts';
import { writeProduceFrames } from './load/frames.ts';
import { runLoad } from './load/generator.ts';
import { launchOptions, launchUsage, type Peer, type PeerWish, peerWishOf, startPeers } from './load/peers.ts';
import { cpuSecondsOf, memoryOf } from './load/process-figures.ts';
import { checkoutFolder, compileProgram } from './load/programs.ts';
import { megabytes } from './load/sizes.ts';
import { concludeFigures, type FigureRow } from './report/figure-report.ts';
import { parseTargets, type Targets } from './report/targets.ts';

const usage = `npm run bench:memory -- [options]
  --partitions LIST     0,64,1000,10000
  --connections N       10000 idle ones; 0 for none. Both ends need as many descriptors
  --rounds N            3 of 100 active connections without and with the idle ones
  --seconds N           3 a round
  --targets LIST        resident-64=110MB,connection=12KB,rate=0.9
                        resident-N: at most, with N partitions; connection: bytes of each idle one, at most; rate: of the active
                        ones beside them, of what it is without, at least
  --out FOLDER          bench-results
${launchUsage}`;

const SETTLE_MS = 3000;
/** Fewer of them weigh less than what a heap grows and shrinks by at rest. */
const TELLING_PARTITIONS = 1000;
const TOPIC_PARTITIONS_MAX = 1000;
const ACTIVE = 100;
const RECORD_BYTES = 100;
const LOAD_PARTITIONS = 16;

interface Settings {
  readonly wish: PeerWish;
  readonly folder: string;
  readonly partitions: readonly number[];
  readonly connections: number;
  readonly rounds: number;
  readonly seconds: number;
  readonly targets: Targets;
}

interface Held {
  readonly residentBytes: number;
  readonly anonymousBytes: number;
  readonly idleCores: number;
}

async function heldBy(server: BenchServer): Promise<Held> {
  await sleep(SETTLE_MS);
  const before = cpuSecondsOf(server.pid);
  await sleep(SETTLE_MS);
  const idleCores = (cpuSecondsOf(server.pid) - before) / (SETTLE_MS / 1000);
  return { ...memoryOf(server.pid), idleCores };
}

async function makePartitions(server: BenchServer, count: number): Promise<void> {
  for (let left = count; left > 0; left -= TOPIC_PARTITIONS_MAX) {
    await server.makeTopic(`idle-${left}`, Math.min(left, TOPIC_PARTITIONS_MAX));
  }
}

/** A broker of its own for each number, so that nothing of the one before is left in it. */
async function holdPartitions(settings: Settings): Promise<FigureRow[]> {
  const rows: FigureRow[] = [];
  for (const count of settings.partitions) {
    const peers = await startPeers(settings.wish);
    try {
      for (const { name, server } of peers) {
        await sleep(SETTLE_MS);
        const empty = memoryOf(server.pid);
        await makePartitions(server, count);
        const held = await heldBy(server);
        const work = `${count} partitions`;
        const resident = held.residentBytes;
        const { targets } = settings;
        rows.push({
          work,
          side: name,
          figure: 'resident',
          text: megabytes(resident),
          value: resident,
          ...targets.atMost(`resident-${count}`, resident),
        });
        const each = count === 0 ? 0 : (held.anonymousBytes - empty.anonymousBytes) / count;
        if (count >= TELLING_PARTITIONS)
          rows.push({
            work,
            side: name,
            figure: 'own memory each',
            text: `${each.toFixed(0)} B`,
            value: each,
            ...targets.atMost('partition', each),
          });
        rows.push({
          work,
          side: name,
          figure: 'idle CPU',
          text: `${held.idleCores.toFixed(3)} cores`,
          value: held.idleCores,
          ...targets.atMost('idle-cores', held.idleCores),
        });
        process.stdout.write(`  ${work}: ${name} holds ${megabytes(resident)}, ${each.toFixed(0)} B each\n`);
      }
    } finally {
      for (const peer of peers) await peer.stop();
    }
  }
  return rows;
}

async function activeRate(server: BenchServer, settings: Settings, framesFile: string): Promise<number> {
  const { seconds } = settings;
  const { host, port, pid } = server;
  const load = { mode: 'produce', connections: ACTIVE, inFlight: 1, requestsPerSecond: 0, warmSeconds: 1 } as const;
  const result = await runLoad({ host, port, pid, framesFile, seconds, ...load });
  if (result.errors > 0) throw new Error(`${result.errors} answers carried error ${result.firstError}`);
  return result.requests / result.seconds;
}

async function holdConnections(settings: Settings): Promise<FigureRow[]> {
  if (settings.connections === 0) return [];
  const rows: FigureRow[] = [];
  const peers = await startPeers(settings.wish);
  try {
    for (const peer of peers) rows.push(...(await crowdOn(peer, settings)));
  } finally {
    for (const peer of peers) await peer.stop();
  }
  return rows;
}

/** Before any load: what a heap gives back after one would hide what connections take. */
async function bytesOfEach(server: BenchServer, count: number): Promise<number> {
  await sleep(SETTLE_MS);
  const before = memoryOf(server.pid).residentBytes;
  const crowd = await Crowd.connect(server.port, count);
  await sleep(SETTLE_MS);
  const bytes = memoryOf(server.pid).residentBytes - before;
  crowd.destroy();
  return bytes / count;
}

async function crowdOn({ name, server }: Peer, settings: Settings): Promise<FigureRow[]> {
  const bytes = await bytesOfEach(server, settings.connections);
  const topic = await server.makeTopic('active', LOAD_PARTITIONS);
  await server.touchTopic(topic, LOAD_PARTITIONS);
  const shape = { topic, partitions: LOAD_PARTITIONS, batchBytes: RECORD_BYTES, recordBytes: RECORD_BYTES };
  const { file } = writeProduceFrames(join(settings.folder, 'frames'), { ...shape, codec: 0, acks: -1 });
  await activeRate(server, settings, file);
  const alone: number[] = [];
  const beside: number[] = [];
  for (let round = 0; round < settings.rounds; round++) {
    alone.push(await activeRate(server, settings, file));
    const crowd = await Crowd.connect(server.port, settings.connections);
    beside.push(await activeRate(server, settings, file));
    if (crowd.closedCount > 0) process.stdout.write(`  ${name} closed ${crowd.closedCount} idle connections\n`);
    crowd.destroy();
    await sleep(SETTLE_MS / 3);
    const rates = `${alone.at(-1)?.toFixed(0)} req/s alone, ${beside.at(-1)?.toFixed(0)} beside`;
    process.stdout.write(`  round ${round + 1}: ${name} ${rates}\n`);
  }
  const share = median(beside) / median(alone);
  const work = `${settings.connections} idle connections`;
  const { targets } = settings;
  return [
    {
      work,
      side: name,
      figure: 'each',
      text: `${bytes.toFixed(0)} B`,
      value: bytes,
      ...targets.atMost('connection', bytes),
    },
    {
      work,
      side: name,
      figure: `rate of ${ACTIVE} others`,
      text: `${(share * 100).toFixed(0)} %`,
      value: share,
      ...targets.atLeast('rate', share),
    },
  ];
}

async function main(): Promise<number> {
  const text = (otherwise: string) => ({ type: 'string', default: otherwise }) as const;
  const { values } = parseArgs({
    options: {
      ...launchOptions,
      help: { type: 'boolean', short: 'h' },
      partitions: text('0,64,1000,10000'),
      connections: text('10000'),
      rounds: text('3'),
      seconds: text('3'),
      targets: text('resident-64=110MB,connection=12KB,rate=0.9'),
      out: text(join(checkoutFolder, 'bench-results')),
    },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  compileProgram('load');
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-memory-'));
  const settings: Settings = {
    wish: peerWishOf(values),
    folder,
    partitions: values.partitions
      .split(',')
      .filter((word) => word !== '')
      .map(Number),
    connections: Number(values.connections),
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
    targets: parseTargets(values.targets),
  };
  try {
    const rows = [...(await holdPartitions(settings)), ...(await holdConnections(settings))];
    return concludeFigures(values.out, { name: 'memory', title: 'perfbroker: memory', settings: values, rows });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();
