/** What one timed turn gives, and how long it lasts. The same for brokers and limit programs, whatever the work is. */
import type { LoadResult } from '../load/generator.ts';
import { type CurvePoint, curveOf } from '../report/percentiles.ts';
import type { Row } from './rows.ts';
import type { Figures } from './verdicts.ts';

export interface TurnFigures extends Figures {
  readonly seconds: number;
  readonly requests: number;
  readonly bytes: number;
  /** Requests of an open loop that never found a place. */
  readonly unsent: number;
  /** What the load generator itself took. */
  readonly loadCores: number;
  readonly cpuSeconds: number;
  /** All its latencies, for plots. */
  readonly curve: readonly CurvePoint[];
}

export interface TurnLength {
  readonly warmSeconds: number;
  readonly seconds: number;
  /** 0 is without bound. */
  readonly bytesMax: number;
}

/** One of those who take turns at a row. */
export interface Side {
  /** The server's process while it lives longer than a turn, else 0. */
  readonly pid: number;
  prepare(row: Row): Promise<void>;
  turn(row: Row, length: TurnLength): Promise<TurnFigures>;
  finish(): Promise<void>;
}

/** Background write-back starts near 2.3 GB, so that a turn with its beginning stays well below that. */
const WRITTEN_BYTES_MAX = 1_000_000_000;
const WRITTEN_BYTES_MAX_QUICK = 400_000_000;

export function turnLength(row: Row, isQuick: boolean): TurnLength {
  const { work } = row;
  const bytesMax = isQuick ? WRITTEN_BYTES_MAX_QUICK : WRITTEN_BYTES_MAX;
  if (work.kind === 'fetch') return { warmSeconds: isQuick ? 1 : 2, seconds: isQuick ? 2 : 5, bytesMax: 0 };
  if (work.kind === 'relay') return { warmSeconds: 2, seconds: isQuick ? 4 : 20, bytesMax: 0 };
  if (work.requestsPerSecond > 0) return { warmSeconds: isQuick ? 1 : 2, seconds: isQuick ? 3 : 10, bytesMax };
  return { warmSeconds: 0.2, seconds: isQuick ? 2 : 6, bytesMax };
}

export function figuresOf(what: string, result: LoadResult): TurnFigures {
  if (result.errors > 0) throw new Error(`${what}: ${result.errors} answers carried error ${result.firstError}`);
  if (result.unanswered > 0) throw new Error(`${what}: ${result.unanswered} requests were never answered`);
  const { seconds, requests, bytes, unsent, cpuSeconds, histogram } = result;
  return {
    seconds,
    requests,
    bytes,
    unsent,
    cpuSeconds,
    requestsPerSecond: requests / seconds,
    bytesPerSecond: bytes / seconds,
    cpuSecondsPerGb: cpuSeconds / (bytes / 1e9),
    cpuUsPerRequest: (cpuSeconds * 1e6) / requests,
    cores: cpuSeconds / seconds,
    p50Us: histogram.getValueAtPercentile(50),
    p99Us: histogram.getValueAtPercentile(99),
    p999Us: histogram.getValueAtPercentile(99.9),
    loadCores: result.loadCpuSeconds / seconds,
    curve: curveOf(histogram),
  };
}
