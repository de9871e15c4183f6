/**
 * The rows under load: starts both brokers, plays one row after the other, and takes the memory of both before the first and
 * after the last. In a self-check a second Apache Kafka stands where perfbroker stands otherwise.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KafkaLaunch } from '../../test/clients/kafka-process.ts';
import { BenchServer } from '../load/bench-server.ts';
import { BrokerSide } from './broker-side.ts';
import { type ContestSettings, type PlayedPair, runContest, type Sides } from './contest.ts';
import { startKafka } from './kafka-peer.ts';
import { LimitSide } from './limit-side.ts';
import { realMachine } from './machine.ts';
import { IDLE_PARTITIONS, type MeasureResult, measureResult } from './measures.ts';
import { type RowResult, rowResult, selfCheckComplaints } from './row-result.ts';
import { type Row, sideWords } from './rows.ts';
import type { Settings } from './settings.ts';

export interface PlayedRow {
  readonly result: RowResult;
  readonly played: readonly PlayedPair[];
}

export interface PlayedLoads {
  readonly rows: readonly PlayedRow[];
  readonly memory: readonly MeasureResult[];
}

const SELF_CHECK_TOLERANCE = 0.15;
const SETTLE_MS = 3000;

export async function playLoads(
  settings: Settings,
  launch: KafkaLaunch,
  folder: string,
  say: ContestSettings['say'],
): Promise<PlayedLoads> {
  const { brokerArguments, isSelfCheck } = settings;
  const kafka = await startKafka(launch);
  const other = isSelfCheck ? await startKafka(launch) : null;
  const serverOf = ({ address, pid }: { address: string; pid: number }) =>
    BenchServer.start({ broker: address, pid, brokerArguments: [] });
  const ours = await (other === null ? BenchServer.start({ broker: null, pid: 0, brokerArguments }) : serverOf(other));
  const theirs = await serverOf(kafka);
  say(`Apache Kafka and ${isSelfCheck ? 'another one' : 'perfbroker'} run side by side; one at a time is loaded`);
  try {
    const memory: MeasureResult[] = [];
    if (settings.measures.has('memory-idle')) memory.push(await idleMemory(ours, theirs));
    const rows = await playRows(settings, sidesOf(ours, theirs, folder), {
      ...settings,
      machine: realMachine(folder, settings.isQuick),
      words: sideWords(isSelfCheck),
      say,
    });
    if (settings.measures.has('memory-loaded')) memory.push(measureResult('memory-loaded', residents(ours, theirs)));
    return { rows, memory };
  } finally {
    await ours.stop();
    await theirs.stop();
    await Promise.all([kafka.dispose(), other?.dispose()]);
  }
}

function sidesOf(ours: BenchServer, theirs: BenchServer, folder: string): Sides {
  const folderOf = (name: string): string => {
    const path = join(folder, name);
    mkdirSync(path);
    return path;
  };
  const perfbroker = new BrokerSide(ours, folderOf('ours'));
  const kafka = new BrokerSide(theirs, folderOf('kafka'));
  return { perfbroker, kafka, limit: new LimitSide(folderOf('limit'), perfbroker.framesFile) };
}

async function playRows(settings: Settings, sides: Sides, contest: ContestSettings): Promise<PlayedRow[]> {
  const done: PlayedRow[] = [];
  for (const row of settings.rows) {
    contest.say(row.title);
    const alike: Row = settings.isSelfCheck ? { ...row, sides: ['perfbroker', 'kafka'], bars: [] } : row;
    const { played, failure } = await runContest(alike, sides, contest);
    const result = rowResult(alike, played, settings.pairs, settings.keepsNoisy);
    const complaints = settings.isSelfCheck ? selfCheckComplaints(result, SELF_CHECK_TOLERANCE) : [];
    if (failure !== null) complaints.push(failure);
    for (const complaint of complaints) contest.say(`  ${complaint}`);
    const isMet = result.isMet && complaints.length === 0;
    done.push({ result: { ...result, complaints: [...result.complaints, ...complaints], isMet }, played });
  }
  return done;
}

async function idleMemory(ours: BenchServer, theirs: BenchServer): Promise<MeasureResult> {
  for (const server of [ours, theirs]) await server.makeTopic('compare-idle', IDLE_PARTITIONS);
  await sleep(SETTLE_MS);
  return measureResult('memory-idle', residents(ours, theirs));
}

function residents(ours: BenchServer, theirs: BenchServer): { perfbroker: number[]; kafka: number[] } {
  return { perfbroker: [ours.residentBytes()], kafka: [theirs.residentBytes()] };
}
