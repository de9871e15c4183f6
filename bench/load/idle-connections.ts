/**
 * What connections that are silent cost: bytes of each in the server, and the rate of connections that are not, with and without
 * them, A B B A within one run. Called by the benches of memory and of scale.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Crowd } from '../../test/bounds/crowd.ts';
import { median } from '../compare/statistics.ts';
import type { BenchServer } from './bench-server.ts';
import { writeProduceFrames } from './frames.ts';
import { runLoad } from './generator.ts';
import { memoryOf } from './process-figures.ts';

export const ACTIVE_CONNECTIONS = 100;
const RECORD_BYTES = 100;
const LOAD_PARTITIONS = 16;
const SETTLE_MS = 3000;
const REST_MS = 1000;

export interface IdleSettings {
  readonly connections: number;
  readonly rounds: number;
  /** A turn. */
  readonly seconds: number;
  readonly folder: string;
  readonly say: (line: string) => unknown;
}

export interface IdleWeight {
  /** Of the server, each. */
  readonly bytes: number;
  /** The rate of the active ones beside them, of what it is without. */
  readonly share: number;
}

export async function weighIdle(server: BenchServer, settings: IdleSettings): Promise<IdleWeight> {
  const bytes = await bytesOfEach(server, settings.connections);
  const topic = await server.makeTopic('active', LOAD_PARTITIONS);
  await server.touchTopic(topic, LOAD_PARTITIONS);
  const shape = { topic, partitions: LOAD_PARTITIONS, batchBytes: RECORD_BYTES, recordBytes: RECORD_BYTES };
  const { file } = writeProduceFrames(join(settings.folder, 'active-frames'), { ...shape, codec: 0, acks: -1 });
  await activeRate(server, settings, file);
  const alone: number[] = [];
  const beside: number[] = [];
  const turnBeside = async (): Promise<void> => {
    const crowd = await Crowd.connect(server.port, settings.connections);
    beside.push(await activeRate(server, settings, file));
    if (crowd.closedCount > 0) settings.say(`${crowd.closedCount} idle connections were closed`);
    crowd.destroy();
    await sleep(REST_MS);
  };
  for (let round = 0; round < settings.rounds; round++) {
    if (round % 2 === 1) await turnBeside();
    alone.push(await activeRate(server, settings, file));
    if (round % 2 === 0) await turnBeside();
    const rates = `${alone.at(-1)?.toFixed(0)} requests/s alone, ${beside.at(-1)?.toFixed(0)} beside`;
    settings.say(`round ${round + 1}: ${rates} ${settings.connections} idle connections`);
  }
  return { bytes, share: median(beside) / median(alone) };
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

async function activeRate(server: BenchServer, { seconds }: IdleSettings, framesFile: string): Promise<number> {
  const { host, port, pid } = server;
  const shape = { connections: ACTIVE_CONNECTIONS, inFlight: 1, requestsPerSecond: 0, warmSeconds: 1 };
  const result = await runLoad({ host, port, pid, framesFile, mode: 'produce', seconds, ...shape });
  if (result.errors > 0) throw new Error(`${result.errors} answers carried error ${result.firstError}`);
  return result.requests / result.seconds;
}
