/**
 * `npm run nightly:soak`: an hour (`--minutes`) at half of what the broker can do, with topics, groups, transactions and
 * compaction coming and going. Every few seconds its resident memory and its descriptors are read; after the warm-up a line
 * is laid through them. It fails when memory climbs by more than 1 MB in ten minutes, when descriptors do, when the broker
 * ends, or when something was answered with an error.
 */
import { chmodSync, mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BrokerProcess, freePort } from '../test/clients/broker-process.ts';
import { BATCH_BYTES, capacityOf, makeSoakTopics, SOAK_PARTS, Soak } from './bounds/soak-load.ts';
import { parseArgs } from './load/options.ts';
import { memoryOf } from './load/process-figures.ts';

const usage = `npm run nightly:soak -- [options] [broker arguments behind --]
  --minutes N           60
  --share PART          0.5            of what the broker can do
  --rate N              requests a second, instead of a share of what it can do
  --only LIST           all of it      to find out which part of it makes memory climb
  --heap MB             what Node has  a small one shows soon whether what grows is kept, or was not collected yet
  --warm-minutes N      a quarter of the time, at most 15
  --sample-seconds N    5`;

const BYTES_PER_TEN_MINUTES_MAX = 1_000_000;
const DESCRIPTORS_PER_TEN_MINUTES_MAX = 2;
const HOST = '127.0.0.1';
const CAPACITY_SECONDS = 5;
/** What would take hours otherwise takes seconds. */
const SETS = [
  'log.cleaner.backoff.ms=2000',
  'log.retention.check.interval.ms=5000',
  'offsets.retention.check.interval.ms=60000',
  'offsets.topic.num.partitions=10',
  // A log opens its files when it is first written to: with fifty of transactions that goes on for longer than a warm-up.
  'transaction.state.log.num.partitions=10',
  // Ten new producers a second are remembered for a day otherwise.
  'producer.id.expiration.ms=60000',
];
/** Where chance alone would give so steep a line so often, it is not held against the broker: short runs are noisy. */
const ERRORS_OF_SLOPE = 2;
const MINUTE_MS = 60_000;

interface Sample {
  readonly minute: number;
  readonly bytes: number;
  readonly descriptors: number;
  /** One for each data file that is there is no leak: segments follow the load, and retention bounds them. */
  readonly besidesFiles: number;
}

interface Slope {
  /** Per ten minutes. */
  readonly slope: number;
  readonly error: number;
}

/** Least squares, and how sure of the slope one can be when neighbours in time resemble each other. */
function slopeOf(points: readonly (readonly [minute: number, value: number])[]): Slope {
  const count = points.length;
  const meanX = points.reduce((sum, [x]) => sum + x, 0) / count;
  const meanY = points.reduce((sum, [, y]) => sum + y, 0) / count;
  const spread = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const slope = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread;
  const rests = points.map(([x, y]) => y - meanY - slope * (x - meanX));
  const variance = rests.reduce((sum, rest) => sum + rest ** 2, 0) / Math.max(1, count - 2);
  const alike = rests.slice(1).reduce((sum, rest, index) => sum + rest * (rests[index] ?? 0), 0);
  const correlation = Math.min(
    0.95,
    Math.max(
      0,
      alike /
        Math.max(
          1e-9,
          rests.reduce((sum, rest) => sum + rest ** 2, 0),
        ),
    ),
  );
  const error = Math.sqrt((variance / spread) * ((1 + correlation) / (1 - correlation)));
  return { slope: slope * 10, error: error * 10 };
}

function sampleOf(pid: number, dataFolder: string, beginMs: number): Sample {
  const targets = descriptorsOf(pid);
  const files = new Set(targets.filter((target) => target.startsWith(dataFolder) && !target.endsWith(' (deleted)')));
  return {
    minute: (Date.now() - beginMs) / MINUTE_MS,
    bytes: memoryOf(pid).residentBytes,
    descriptors: targets.length,
    besidesFiles: targets.length - files.size,
  };
}

/** Where each of them leads to. One that was closed while we looked is gone. */
function descriptorsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((name) => {
    try {
      return readlinkSync(join(folder, name));
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
      throw error;
    }
  });
}

function judge(samples: readonly Sample[], warmMinutes: number, soak: Soak): number {
  const late = samples.filter(({ minute }) => minute >= warmMinutes);
  const memory = slopeOf(late.map(({ minute, bytes }) => [minute, bytes]));
  const descriptors = slopeOf(late.map(({ minute, descriptors }) => [minute, descriptors]));
  const besides = slopeOf(late.map(({ minute, besidesFiles }) => [minute, besidesFiles]));
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(2)} MB`;
  process.stdout.write(`${JSON.stringify(soak.counts)}\n`);
  process.stdout.write(
    `memory: ${mb(memory.slope)} in ten minutes, give or take ${mb(memory.error * ERRORS_OF_SLOPE)}\n`,
  );
  process.stdout.write(
    `descriptors: ${descriptors.slope.toFixed(2)} in ten minutes, ${besides.slope.toFixed(2)} besides one for each data file\n`,
  );
  const problems: string[] = [];
  const surely = ({ slope, error }: Slope) => slope - ERRORS_OF_SLOPE * error;
  if (surely(memory) > BYTES_PER_TEN_MINUTES_MAX) problems.push('memory climbs');
  if (surely(besides) > DESCRIPTORS_PER_TEN_MINUTES_MAX) problems.push('descriptors climb');
  if (soak.counts.errors > 0) problems.push(`${soak.counts.errors} errors`);
  for (const problem of problems) process.stdout.write(`failed: ${problem}\n`);
  return problems.length === 0 ? 0 : 1;
}

/** A program to be run in place of Node. */
function nodeWithHeap(folder: string, mebibytes: string): string {
  const launcher = join(folder, 'node');
  const flags = `--max-old-space-size=${Number(mebibytes)} --max-semi-space-size=1`;
  writeFileSync(launcher, `#!/bin/sh\nexec "${process.execPath}" ${flags} "$@"\n`);
  chmodSync(launcher, 0o755);
  return launcher;
}

async function shareOfCapacity(port: number, folder: string, share: number): Promise<number> {
  const capacity = await capacityOf(HOST, port, folder, CAPACITY_SECONDS);
  process.stdout.write(`it can do ${Math.round(capacity)} requests/s\n`);
  return Math.max(1, Math.round(capacity * share));
}

/** Runs it to its end, and looks at the broker every so often. */
async function sampled(soak: Soak, broker: BrokerProcess, sampleSeconds: number): Promise<Sample[]> {
  const beginMs = Date.now();
  const samples: Sample[] = [];
  let isOver = false;
  const running = soak.run().finally(() => {
    isOver = true;
  });
  let saidMinute = -1;
  while (!isOver) {
    const sample = sampleOf(broker.pid, broker.dataFolder, beginMs);
    samples.push(sample);
    if (Math.floor(sample.minute) > saidMinute) {
      saidMinute = Math.floor(sample.minute);
      const { bytes, descriptors, besidesFiles } = sample;
      process.stdout.write(
        `minute ${saidMinute}: ${(bytes / 1e6).toFixed(1)} MB, ${descriptors} descriptors, ${besidesFiles} besides data files\n`,
      );
    }
    await Promise.race([running, delay(sampleSeconds * 1000)]);
  }
  await running;
  return samples;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      minutes: { type: 'string', default: '60' },
      share: { type: 'string', default: '0.5' },
      rate: { type: 'string' },
      heap: { type: 'string' },
      only: { type: 'string', default: SOAK_PARTS.join(',') },
      'warm-minutes': { type: 'string' },
      'sample-seconds': { type: 'string', default: '5' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(`${usage}\n`);
    return;
  }
  const minutes = Number(values.minutes);
  const warmMinutes = Number(values['warm-minutes'] ?? Math.min(15, minutes / 4));
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-soak-'));
  const only = new Set(values.only.split(','));
  const parts = SOAK_PARTS.filter((part) => only.has(part));
  const httpPort = await freePort();
  const flags = ['--http-port', String(httpPort), ...SETS.flatMap((set) => ['--set', set])];
  const broker = await BrokerProcess.start({
    arguments: [...flags, ...positionals],
    ...(values.heap === undefined ? {} : { node: nodeWithHeap(folder, values.heap) }),
  });
  try {
    await makeSoakTopics(broker.address);
    const requestsPerSecond =
      values.rate === undefined
        ? await shareOfCapacity(broker.port, folder, Number(values.share))
        : Number(values.rate);
    process.stdout.write(`soaking at ${requestsPerSecond} requests/s of ${BATCH_BYTES} bytes\n`);
    const soak = new Soak({
      host: HOST,
      port: broker.port,
      httpPort,
      folder,
      requestsPerSecond,
      seconds: minutes * 60,
      parts,
    });
    const samples = await sampled(soak, broker, Number(values['sample-seconds']));
    process.exitCode = judge(samples, warmMinutes, soak);
  } finally {
    await broker.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
