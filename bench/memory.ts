/**
 * `npm run bench:memory`: what a broker holds while nobody asks for anything, how much each partition and each idle connection
 * adds, and whether connections that are silent slow down those that are not.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchServer } from './load/bench-server.ts';
import { ACTIVE_CONNECTIONS, weighIdle } from './load/idle-connections.ts';
import { parseArgs } from './load/options.ts';
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

async function crowdOn({ name, server }: Peer, settings: Settings): Promise<FigureRow[]> {
  const { connections, rounds, seconds } = settings;
  const say = (line: string): unknown => process.stdout.write(`  ${name}: ${line}\n`);
  const { bytes, share } = await weighIdle(server, { connections, rounds, seconds, folder: settings.folder, say });
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
      figure: `rate of ${ACTIVE_CONNECTIONS} others`,
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
