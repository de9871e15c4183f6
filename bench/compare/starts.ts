/**
 * How soon each broker serves after exec: on an empty folder, on a full one after a clean stop, and after kill -9. One broker
 * is alive at a time, sides in turns; nothing else of the comparison runs meanwhile.
 */
import { execFileSync } from 'node:child_process';
import { statfsSync } from 'node:fs';
import type { KafkaLaunch } from '../../test/clients/kafka-process.ts';
import { type MeasureId, type MeasureResult, measureResult } from './measures.ts';
import { START_CORES_MAX, waitForQuiet } from './noise.ts';
import { fill, type Startable, served, startApacheKafka, startPerfbroker, timeToServe } from './startable.ts';

export interface StartSettings {
  readonly folder: string;
  readonly rounds: number;
  readonly filledBytes: number;
  readonly recoveryBytes: number;
  readonly recoveryRounds: number;
  readonly brokerArguments: readonly string[];
  readonly launch: KafkaLaunch;
  readonly keepsNoisy: boolean;
  readonly say: (line: string) => void;
}

/** Waits until the machine is at rest, then runs what is timed. */
type Quietly = (time: () => Promise<number>) => Promise<number>;
type Starter = () => Promise<Startable>;
type SideTimes = { readonly perfbroker: number[]; readonly kafka: number[] };

const PARTITIONS = 64;
const FREE_DISK_FACTOR = 1.5;

export async function timeStart(id: MeasureId, settings: StartSettings): Promise<MeasureResult> {
  const complaints: string[] = [];
  const quietly: Quietly = async (time) => {
    const others = await waitForQuiet([]);
    if (others > START_CORES_MAX) {
      settings.say(`  others held ${others.toFixed(2)} cores at its start`);
      if (!settings.keepsNoisy) complaints.push(`a start was timed while others held ${others.toFixed(2)} cores`);
    }
    return time();
  };
  if (id === 'start-empty') return measureResult(id, await emptyStarts(settings, quietly), complaints);
  if (id === 'start-filled')
    return measureResult(id, await filledStarts(settings, quietly), complaints, sizeText(settings.filledBytes));
  return measureResult(id, await recoveries(settings, quietly), complaints, sizeText(settings.recoveryBytes));
}

function sizeText(bytes: number): string {
  return `, ${(bytes / 1e9).toFixed(1)} GB`;
}

/** Formatting its folder is no part of Kafka's start, so it has been started and stopped once when the clock runs. */
async function emptyStarts(settings: StartSettings, quietly: Quietly): Promise<SideTimes> {
  return inTurns(settings, settings.rounds, async (side, start) => {
    if (side === 'perfbroker') return freshStart(settings, quietly);
    const server = await start();
    try {
      await server.stop();
      return await quietly(() => timeToServe(server, 'first', 1));
    } finally {
      await server.dispose();
    }
  });
}

async function freshStart(settings: StartSettings, quietly: Quietly): Promise<number> {
  return quietly(async () => {
    const beginMs = performance.now();
    const server = await startPerfbroker(settings.brokerArguments);
    try {
      await served(server, 'first', 1);
      return performance.now() - beginMs;
    } finally {
      await server.dispose();
    }
  });
}

async function filledStarts(settings: StartSettings, quietly: Quietly): Promise<SideTimes> {
  demandDisk(settings, settings.filledBytes);
  const values: SideTimes = { perfbroker: [], kafka: [] };
  for (const [side, start] of starters(settings)) {
    const server = await start();
    try {
      await served(server, 'filled', PARTITIONS);
      await fill(server, 'filled', PARTITIONS, settings.filledBytes, settings.folder);
      for (let round = 0; round < settings.rounds; round++) {
        await server.stop();
        execFileSync('sync');
        const tookMs = await quietly(() => timeToServe(server, 'filled', 1));
        settings.say(`  ${side.padEnd(11)} ${tookMs.toFixed(0)} ms`);
        values[side].push(tookMs);
      }
    } finally {
      await server.dispose();
    }
  }
  return values;
}

/** What was written is on disk and in memory when the broker is killed: what is timed is its own work, not the disk's. */
async function recoveries(settings: StartSettings, quietly: Quietly): Promise<SideTimes> {
  demandDisk(settings, settings.recoveryBytes);
  return inTurns(settings, settings.recoveryRounds, async (_, start) => {
    const server = await start();
    try {
      await served(server, 'filled', PARTITIONS);
      await fill(server, 'filled', PARTITIONS, settings.recoveryBytes, settings.folder);
      execFileSync('sync');
      await server.kill();
      return await quietly(() => timeToServe(server, 'filled', PARTITIONS));
    } finally {
      await server.dispose();
    }
  });
}

async function inTurns(
  settings: StartSettings,
  rounds: number,
  time: (side: keyof SideTimes, start: Starter) => Promise<number>,
): Promise<SideTimes> {
  const values: SideTimes = { perfbroker: [], kafka: [] };
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? starters(settings) : starters(settings).toReversed();
    for (const [side, start] of order) {
      const tookMs = await time(side, start);
      settings.say(`  ${side.padEnd(11)} ${tookMs.toFixed(0)} ms`);
      values[side].push(tookMs);
    }
  }
  return values;
}

function starters(settings: StartSettings): [keyof SideTimes, Starter][] {
  return [
    ['perfbroker', () => startPerfbroker(settings.brokerArguments)],
    ['kafka', () => startApacheKafka(settings.launch)],
  ];
}

function demandDisk(settings: StartSettings, bytes: number): void {
  const { bavail, bsize } = statfsSync(settings.folder);
  if (bavail * bsize < bytes * FREE_DISK_FACTOR)
    throw new Error(`${(bytes / 1e9).toFixed(0)} GB do not fit the disk of ${settings.folder} with room to spare`);
}
