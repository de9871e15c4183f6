/**
 * More load than a broker can take, from producers that are all alike: each a process of its own that sends as fast as its
 * requests in flight are answered. Beside them one that asks little and is answered all the same. Called by `bench:overload`
 * and by the test of bounds; says what each was given, and how memory went.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeProduceFrames } from '../load/frames.ts';
import { type LoadResult, runLoad } from '../load/generator.ts';
import { memoryOf } from '../load/process-figures.ts';

export interface OverloadPlan {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  /** With as many partitions as there are producers, so that each has one, and one for the light one. */
  readonly topic: string;
  readonly producers: number;
  readonly batchBytes: number;
  readonly inFlight: number;
  readonly seconds: number;
}

export interface OverloadResult {
  /** By producer. */
  readonly requests: readonly number[];
  readonly slowestShare: number;
  readonly bytesPerSecond: number;
  readonly errors: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly highestUs: number;
  readonly lightP99Us: number;
  readonly lightRequests: number;
  /** Resident memory after a third of the time, and at its highest from then on. */
  readonly earlyBytes: number;
  readonly highestBytes: number;
}

const LIGHT_REQUESTS_PER_SECOND = 50;
const LIGHT_BATCH_BYTES = 200;
const SAMPLE_MS = 200;
const RECORD_BYTES = 1000;
const WARM_SECONDS = 1;

export async function overload(plan: OverloadPlan): Promise<OverloadResult> {
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-overload-'));
  const samples: number[] = [];
  const timer = setInterval(() => samples.push(memoryOf(plan.pid).residentBytes), SAMPLE_MS);
  try {
    const framesFile = join(folder, 'heavy');
    const lightFile = join(folder, 'light');
    const shape = { topic: plan.topic, partitions: plan.producers + 1, codec: 0, acks: -1 };
    writeProduceFrames(framesFile, { ...shape, batchBytes: plan.batchBytes, recordBytes: RECORD_BYTES });
    writeProduceFrames(lightFile, { ...shape, batchBytes: LIGHT_BATCH_BYTES, recordBytes: 100 });
    const common = { host: plan.host, port: plan.port, mode: 'produce', connections: 1 } as const;
    const times = { warmSeconds: WARM_SECONDS, seconds: plan.seconds };
    const heavy = Array.from({ length: plan.producers }, () =>
      runLoad({ ...common, ...times, framesFile, inFlight: plan.inFlight, requestsPerSecond: 0 }),
    );
    const light = runLoad({
      ...common,
      ...times,
      framesFile: lightFile,
      inFlight: LIGHT_REQUESTS_PER_SECOND,
      requestsPerSecond: LIGHT_REQUESTS_PER_SECOND,
    });
    const [results, few] = await Promise.all([Promise.all(heavy), light]);
    return resultOf(results, few, samples);
  } finally {
    clearInterval(timer);
    rmSync(folder, { recursive: true, force: true });
  }
}

function resultOf(results: readonly LoadResult[], light: LoadResult, samples: readonly number[]): OverloadResult {
  const requests = results.map((one) => one.requests);
  const mean = requests.reduce((sum, count) => sum + count, 0) / requests.length;
  const later = samples.slice(Math.floor(samples.length / 3));
  const percentile = (at: number) => Math.max(...results.map(({ histogram }) => histogram.getValueAtPercentile(at)));
  return {
    requests,
    slowestShare: Math.min(...requests) / mean,
    bytesPerSecond: results.reduce((sum, one) => sum + one.bytes / one.seconds, 0),
    errors: [...results, light].reduce((sum, one) => sum + one.errors + one.unanswered, 0),
    p50Us: percentile(50),
    p99Us: percentile(99),
    highestUs: percentile(100),
    lightP99Us: light.histogram.getValueAtPercentile(99),
    lightRequests: light.requests,
    earlyBytes: later[0] ?? 0,
    highestBytes: Math.max(...later),
  };
}
