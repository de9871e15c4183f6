/**
 * Broker and limit program taking turns at one kind of work: A B B A …, each turn with backed memory and fresh files, and
 * the median of each. Only the ratio of two medians of one run means anything on a shared machine.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchServer } from '../load/bench-server.ts';
import { type FetchPlan, type ProduceFrames, writeFetchFrames, writeProduceFrames } from '../load/frames.ts';
import { type LoadPlan, type LoadResult, runLoad } from '../load/generator.ts';
import { backMemory } from '../load/memory-trap.ts';
import { ServingProgram } from '../load/programs.ts';

export interface Bar {
  readonly figure: 'cpu' | 'rate';
  /** For `cpu` the ratio must not be above this, for `rate` not below. */
  readonly limit: number;
}

export interface ProduceWork {
  readonly kind: 'produce';
  readonly name: string;
  readonly batchBytes: number;
  readonly recordBytes: number;
  readonly connections: number;
  readonly inFlight: number;
  readonly bar: Bar;
}

export interface FetchWork {
  readonly kind: 'fetch';
  readonly name: string;
  readonly connections: number;
  readonly inFlight: number;
  readonly plan: FetchPlan;
  /** A file with as much in it as the topic, and how many bytes of it one answer holds. */
  readonly sourceFile: string;
  readonly answerBytes: number;
  readonly bar: Bar;
}

export type Work = ProduceWork | FetchWork;

export interface Figures {
  readonly requestsPerSecond: number;
  readonly bytesPerSecond: number;
  readonly cpuSecondsPerGb: number;
  readonly cpuUsPerRequest: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

export interface ContestResult {
  readonly work: Work;
  readonly broker: Figures;
  readonly limit: Figures;
  readonly ratio: number;
  readonly isMet: boolean;
}

export interface ContestSettings {
  readonly folder: string;
  readonly pairs: number;
  readonly length: TurnLength;
  readonly onTurn: (line: string) => void;
}

/** `full` gives a verdict, `quick` a first look; `glance` sees only gross regressions, and backs no memory. */
export type TurnLength = 'full' | 'quick' | 'glance';

interface Lengths {
  readonly produceBytesMax: number;
  readonly turnSeconds: number;
  readonly warmUpSeconds: number;
}

const lengths: Readonly<Record<TurnLength, Lengths>> = {
  full: { produceBytesMax: 1_200_000_000, turnSeconds: 6, warmUpSeconds: 8 },
  quick: { produceBytesMax: 400_000_000, turnSeconds: 2, warmUpSeconds: 3 },
  glance: { produceBytesMax: 200_000_000, turnSeconds: 1, warmUpSeconds: 1.5 },
};
const PARTITIONS = 4;
const WARM_SECONDS = 0.3;
const WARM_SECONDS_FETCH = 1.5;

export async function runContest(server: BenchServer, work: Work, settings: ContestSettings): Promise<ContestResult> {
  const broker: Figures[] = [];
  const limit: Figures[] = [];
  await brokerTurn(server, work, settings, lengths[settings.length].warmUpSeconds);
  for (let pair = 0; pair < settings.pairs; pair++) {
    const order = pair % 2 === 0 ? (['broker', 'limit'] as const) : (['limit', 'broker'] as const);
    for (const side of order) {
      if (settings.length !== 'glance') backMemory(settings.folder, settings.length === 'quick');
      const figures = await (side === 'broker' ? brokerTurn(server, work, settings) : limitTurn(work, settings));
      (side === 'broker' ? broker : limit).push(figures);
      settings.onTurn(`${work.name}  turn ${pair + 1}/${settings.pairs}  ${side}  ${describe(figures)}`);
    }
  }
  return judge(work, medians(broker), medians(limit));
}

function describe(figures: Figures): string {
  const rate = `${(figures.bytesPerSecond / 1e6).toFixed(0)} MB/s  ${figures.requestsPerSecond.toFixed(0)} req/s`;
  return `${rate}  ${figures.cpuSecondsPerGb.toFixed(2)} CPU-s/GB  ${figures.cpuUsPerRequest.toFixed(1)} us each  p50 ${figures.p50Us} us`;
}

export function judge(work: Work, broker: Figures, limit: Figures): ContestResult {
  const isCpu = work.bar.figure === 'cpu';
  const ratio = isCpu
    ? broker.cpuSecondsPerGb / limit.cpuSecondsPerGb
    : broker.requestsPerSecond / limit.requestsPerSecond;
  const isMet = isCpu ? ratio <= work.bar.limit : ratio >= work.bar.limit;
  return { work, broker, limit, ratio, isMet };
}

export function medians(turns: readonly Figures[]): Figures {
  const of = (figure: keyof Figures): number => {
    const values = turns.map((turn) => turn[figure]).sort((one, other) => one - other);
    const middle = Math.floor(values.length / 2);
    const upper = values[middle] ?? 0;
    return values.length % 2 === 1 ? upper : (upper + (values[middle - 1] ?? 0)) / 2;
  };
  return {
    requestsPerSecond: of('requestsPerSecond'),
    bytesPerSecond: of('bytesPerSecond'),
    cpuSecondsPerGb: of('cpuSecondsPerGb'),
    cpuUsPerRequest: of('cpuUsPerRequest'),
    p50Us: of('p50Us'),
    p99Us: of('p99Us'),
  };
}

async function brokerTurn(
  server: BenchServer,
  work: Work,
  settings: ContestSettings,
  seconds?: number,
): Promise<Figures> {
  const target = { host: server.host, port: server.port, pid: server.pid };
  if (work.kind === 'fetch') {
    const framesFile = join(settings.folder, 'fetch-frames');
    writeFetchFrames(framesFile, work.plan);
    return measure(work, settings, { ...target, framesFile, topicBytes: Buffer.byteLength(work.plan.topic) }, seconds);
  }
  const topic = await server.makeTopic('limits', PARTITIONS);
  try {
    await server.touchTopic(topic, PARTITIONS);
    const frames = produceFrames(work, settings, topic);
    return await measure(work, settings, { ...target, framesFile: frames.file }, seconds);
  } finally {
    await server.dropTopic(topic);
  }
}

async function limitTurn(work: Work, settings: ContestSettings): Promise<Figures> {
  if (work.kind === 'fetch') {
    const framesFile = join(settings.folder, 'fetch-frames');
    writeFetchFrames(framesFile, work.plan);
    const source = await ServingProgram.start('source', { file: work.sourceFile, 'answer-bytes': work.answerBytes });
    const target = { host: '127.0.0.1', port: source.port, pid: source.pid, framesFile };
    return measure(work, settings, target).finally(() => source.stop());
  }
  const frames = produceFrames(work, settings, 'limits');
  const file = join(settings.folder, 'sink.log');
  const sink = await ServingProgram.start('sink', {
    file,
    'head-bytes': frames.headBytes,
    'tail-bytes': frames.tailBytes,
    'frame-bytes-max': Math.max(1 << 18, 2 * frames.frameBytes),
  });
  const target = { host: '127.0.0.1', port: sink.port, pid: sink.pid, framesFile: frames.file };
  return measure(work, settings, target).finally(async () => {
    await sink.stop();
    rmSync(file, { force: true });
  });
}

function produceFrames(work: ProduceWork, settings: ContestSettings, topic: string): ProduceFrames {
  const file = join(settings.folder, 'produce-frames');
  return writeProduceFrames(file, { ...work, topic, partitions: PARTITIONS, codec: 0, acks: -1 });
}

type Target = Pick<LoadPlan, 'host' | 'port' | 'pid' | 'framesFile' | 'topicBytes'>;

async function measure(work: Work, settings: ContestSettings, target: Target, seconds?: number): Promise<Figures> {
  const isFetch = work.kind === 'fetch';
  const { produceBytesMax, turnSeconds } = lengths[settings.length];
  const result = await runLoad({
    ...target,
    mode: work.kind,
    connections: work.connections,
    inFlight: work.inFlight,
    requestsPerSecond: 0,
    warmSeconds: isFetch && settings.length !== 'glance' ? WARM_SECONDS_FETCH : WARM_SECONDS,
    seconds: seconds ?? turnSeconds,
    bytesMax: isFetch ? 0 : produceBytesMax,
  });
  if (result.errors > 0) throw new Error(`${work.name}: ${result.errors} answers carried error ${result.firstError}`);
  return figuresOf(result);
}

function figuresOf(result: LoadResult): Figures {
  return {
    requestsPerSecond: result.requests / result.seconds,
    bytesPerSecond: result.bytes / result.seconds,
    cpuSecondsPerGb: result.cpuSeconds / (result.bytes / 1e9),
    cpuUsPerRequest: (result.cpuSeconds * 1e6) / result.requests,
    p50Us: result.histogram.getValueAtPercentile(50),
    p99Us: result.histogram.getValueAtPercentile(99),
  };
}
