/**
 * `npm run bench:small`: one-record requests over few and many connections, at rates to be kept and as fast as answers come.
 * The limit program takes the same requests in the same turns.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runSink } from './limits/sink-run.ts';
import { writeProduceFrames } from './load/frames.ts';
import { type LoadPlan, type LoadResult, runLoad } from './load/generator.ts';
import { parseArgs } from './load/options.ts';
import { type Peer, peerOptions, peerUsage, peerWishOf, startPeers } from './load/peers.ts';
import { checkoutFolder, compileProgram } from './load/programs.ts';
import { bytesOf } from './load/sizes.ts';
import { type BenchRow, concludeBench, rowOf, type SideName, sayNothing, sayProgress } from './report/bench-report.ts';

const usage = `npm run bench:small -- [options]
  --connections LIST    1,16,100,1000
  --targets LIST        requests a second over all of them, each to be kept; "max" is a closed loop: 10000,max
  --in-flight N         5 a connection in a closed loop; 1000 over all of them in an open one, at least 1 each
  --record-bytes SIZE   100            --partitions N       16
  --seconds N           5              --warm-seconds N     1
  --no-limit            without the limit program
  --out FOLDER          bench-results
${peerUsage}`;

const IN_FLIGHT_CLOSED = 5;
const IN_FLIGHT_OPEN_TOTAL = 1000;

interface Settings {
  readonly folder: string;
  readonly recordBytes: number;
  readonly partitions: number;
  readonly seconds: number;
  readonly warmSeconds: number;
  readonly inFlight: number | null;
}

type Shape = Pick<LoadPlan, 'mode' | 'connections' | 'inFlight' | 'requestsPerSecond' | 'seconds' | 'warmSeconds'>;

function shapeOf(settings: Settings, connections: number, target: string): Shape {
  const requestsPerSecond = target === 'max' ? 0 : Number(target);
  if (!(requestsPerSecond >= 0)) throw new Error(`--targets ${target}: requests a second, or max`);
  const open = Math.max(1, Math.ceil(IN_FLIGHT_OPEN_TOTAL / connections));
  const inFlight = settings.inFlight ?? (requestsPerSecond > 0 ? open : IN_FLIGHT_CLOSED);
  const { seconds, warmSeconds } = settings;
  return { mode: 'produce', connections, inFlight, requestsPerSecond, seconds, warmSeconds };
}

type Play = (shape: Shape, say: ReturnType<typeof sayProgress>) => Promise<LoadResult>;

function playerOf({ server }: Peer, settings: Settings): Play {
  const { recordBytes, partitions, folder } = settings;
  return async (shape, say) => {
    const topic = await server.makeTopic('small', partitions);
    try {
      await server.touchTopic(topic, partitions);
      const plan = { topic, partitions, batchBytes: recordBytes, recordBytes, codec: 0, acks: -1 };
      const frames = writeProduceFrames(join(folder, 'frames'), plan);
      const target = { host: server.host, port: server.port, pid: server.pid, framesFile: frames.file };
      return await runLoad({ ...target, ...shape }, say);
    } finally {
      await server.dropTopic(topic);
    }
  };
}

function limitPlayer(settings: Settings): Play {
  const { recordBytes, partitions, folder } = settings;
  const plan = { topic: 'limits', partitions, batchBytes: recordBytes, recordBytes, codec: 0, acks: -1 };
  return (shape, say) => runSink(folder, writeProduceFrames(join(folder, 'frames'), plan), shape, say);
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      ...peerOptions,
      help: { type: 'boolean', short: 'h' },
      connections: { type: 'string', default: '1,16,100,1000' },
      targets: { type: 'string', default: '10000,max' },
      'in-flight': { type: 'string' },
      'record-bytes': { type: 'string', default: '100' },
      partitions: { type: 'string', default: '16' },
      seconds: { type: 'string', default: '5' },
      'warm-seconds': { type: 'string', default: '1' },
      'no-limit': { type: 'boolean', default: false },
      out: { type: 'string', default: join(checkoutFolder, 'bench-results') },
    },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  compileProgram('load');
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-small-'));
  const settings: Settings = {
    folder,
    recordBytes: bytesOf(values['record-bytes']),
    partitions: Number(values.partitions),
    seconds: Number(values.seconds),
    warmSeconds: Number(values['warm-seconds']),
    inFlight: values['in-flight'] === undefined ? null : Number(values['in-flight']),
  };
  let peers: Peer[] = [];
  const rows: BenchRow[] = [];
  try {
    peers = await startPeers(peerWishOf(values));
    const players: [SideName, Play][] = peers.map((peer) => [peer.name, playerOf(peer, settings)]);
    if (!values['no-limit']) players.push(['limit', limitPlayer(settings)]);
    for (const connections of values.connections.split(',')) {
      for (const target of values.targets.split(',')) {
        for (const [side, play] of players) {
          const shape = shapeOf(settings, Number(connections), target);
          const result = await play(shape, sayProgress(`${connections} connections ${target} ${side}`));
          sayNothing();
          const rate = target === 'max' ? target : `${target}/s`;
          rows.push(rowOf(`${connections} connections`, rate, side, shape.requestsPerSecond, result));
        }
      }
    }
  } finally {
    for (const peer of peers) await peer.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return concludeBench(values.out, {
    name: 'small',
    title: 'perfbroker: one-record requests',
    subtitle: `one record of ${values['record-bytes']} bytes a request; latency from the intended send time`,
    settings: values,
    rows,
  });
}

process.exitCode = await main();
