/**
 * One run of the load generator and what came of it. The generator is a C program because a generator in the same language
 * as the broker would take the cores that are to be measured; this file starts it and reads its histogram.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, type Histogram } from 'hdr-histogram-js';
import { type ProgramOptions, runProgram } from './programs.ts';

export interface LoadPlan {
  readonly host: string;
  readonly port: number;
  readonly framesFile: string;
  readonly mode: 'produce' | 'fetch';
  readonly connections: number;
  readonly inFlight: number;
  /** Requests a second over all connections, each meant for its moment; 0 sends as fast as answers come. */
  readonly requestsPerSecond: number;
  readonly warmSeconds: number;
  readonly seconds: number;
  readonly bytesMax?: number;
  readonly acks?: number;
  /** Whose CPU time is taken at both ends of the measured phase. */
  readonly pid?: number;
  /** Bytes of the topic's name, which the reader of Fetch answers steps over; 0 for the limit programs. */
  readonly topicBytes?: number;
  /** The only frame of the file stands for this many partitions, whose index lies at this byte of it. */
  readonly spread?: { readonly partitions: number; readonly indexAt: number };
}

export interface LoadProgress {
  readonly phase: string;
  readonly seconds: number;
  readonly requests: number;
  readonly bytes: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

export interface LoadResult {
  readonly seconds: number;
  readonly requests: number;
  readonly bytes: number;
  readonly errors: number;
  readonly firstError: number;
  /** Requests of an open loop that never found a place; they count in the histogram with the time they waited. */
  readonly unsent: number;
  readonly unanswered: number;
  readonly cpuSeconds: number;
  readonly loadCpuSeconds: number;
  /** Microseconds from the moment a request was meant to leave. */
  readonly histogram: Histogram;
}

const HIGHEST_US = 600_000_000;
const FAILED_REQUESTS_EXIT_CODE = 1;

export function runLoad(plan: LoadPlan, onProgress: OnProgress = () => {}): Promise<LoadResult> {
  return runGenerator('load', optionsOf(plan), onProgress);
}

/** Producer to long-polling consumer: `requests` and the histogram count records that arrived. */
export interface RelayPlan {
  readonly host: string;
  readonly port: number;
  readonly framesFile: string;
  readonly fetchFrameFile: string;
  readonly fetchOffsetAt: number;
  readonly topicBytes: number;
  readonly startOffset: number;
  /** Each of them reads every record; 1 when left out. */
  readonly consumers?: number;
  readonly recordsPerSecond: number;
  readonly warmSeconds: number;
  readonly seconds: number;
  readonly pid: number;
}

export function runRelay(plan: RelayPlan, onProgress: OnProgress = () => {}): Promise<LoadResult> {
  const options = {
    host: plan.host,
    port: plan.port,
    frames: plan.framesFile,
    'fetch-frame': plan.fetchFrameFile,
    'fetch-offset-at': plan.fetchOffsetAt,
    'topic-bytes': plan.topicBytes,
    'start-offset': plan.startOffset,
    consumers: plan.consumers ?? 1,
    rate: plan.recordsPerSecond,
    'warm-seconds': plan.warmSeconds,
    seconds: plan.seconds,
    pid: plan.pid,
  };
  return runGenerator('relay', options, onProgress);
}

type OnProgress = (progress: LoadProgress) => void;

async function runGenerator(
  name: 'load' | 'relay',
  options: ProgramOptions,
  onProgress: OnProgress,
): Promise<LoadResult> {
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-load-'));
  const histogram = join(folder, 'histogram.csv');
  let total: unknown = null;
  const onLine = (line: string): void => {
    const said: unknown = JSON.parse(line);
    if (hasKind(said, 'progress')) onProgress(progressOf(said));
    else total = said;
  };
  try {
    await runProgram(name, { ...options, histogram }, onLine, [0, FAILED_REQUESTS_EXIT_CODE]);
    if (!hasKind(total, 'total')) throw new Error('the load generator said no total');
    return resultOf(total, readHistogram(histogram));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function optionsOf(plan: LoadPlan): ProgramOptions {
  return {
    host: plan.host,
    port: plan.port,
    frames: plan.framesFile,
    mode: plan.mode,
    connections: plan.connections,
    'in-flight': plan.inFlight,
    rate: plan.requestsPerSecond,
    'warm-seconds': plan.warmSeconds,
    seconds: plan.seconds,
    'bytes-max': plan.bytesMax ?? 0,
    acks: plan.acks ?? -1,
    pid: plan.pid ?? 0,
    'topic-bytes': plan.topicBytes ?? 0,
    spread: plan.spread?.partitions ?? 0,
    'spread-at': plan.spread?.indexAt ?? 0,
  };
}

type Said = Readonly<Record<string, unknown>>;

function hasKind(said: unknown, kind: string): said is Said {
  return typeof said === 'object' && said !== null && 'kind' in said && said.kind === kind;
}

function progressOf(said: Said): LoadProgress {
  return {
    phase: String(said['phase']),
    seconds: Number(said['seconds']),
    requests: Number(said['requests']),
    bytes: Number(said['bytes']),
    p50Us: Number(said['p50Us']),
    p99Us: Number(said['p99Us']),
  };
}

function resultOf(said: Said, histogram: Histogram): LoadResult {
  return {
    seconds: Number(said['seconds']),
    requests: Number(said['requests']),
    bytes: Number(said['bytes']),
    errors: Number(said['errors']),
    firstError: Number(said['firstError']),
    unsent: Number(said['unsent']),
    unanswered: Number(said['unanswered']),
    cpuSeconds: Number(said['cpuSeconds']),
    loadCpuSeconds: Number(said['loadCpuSeconds']),
    histogram,
  };
}

function readHistogram(file: string): Histogram {
  const histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: HIGHEST_US,
    numberOfSignificantValueDigits: 3,
  });
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line === '') continue;
    const [value, count] = line.split(',');
    histogram.recordValueWithCount(Math.min(Number(value), HIGHEST_US), Number(count));
  }
  return histogram;
}
