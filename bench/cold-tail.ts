/**
 * `npm run bench:cold-tail`: a consumer that waits at the end of a log while another one scans data from the device, of
 * perfbroker and of Apache Kafka in one run. Prints the tail's percentiles alone and beside the scan, and fails when its p99
 * beside the scan is more than half of Kafka's.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noiseBetween, readMachineClock } from './compare/noise.ts';
import { chillTopic } from './load/cold-files.ts';
import { writeFetchFrames, writeProduceFrames } from './load/frames.ts';
import { type LoadResult, runLoad } from './load/generator.ts';
import { parseArgs } from './load/options.ts';
import { type Peer, peerOptions, peerUsage, peerWishOf, startPeers } from './load/peers.ts';
import { deviceBytesOf } from './load/process-figures.ts';
import { checkoutFolder, compileProgram } from './load/programs.ts';
import { bytesOf, megabytes, milliseconds } from './load/sizes.ts';
import { tail } from './load/tailing.ts';
import type { SideName } from './report/bench-report.ts';
import { concludeFigures, type FigureRow } from './report/figure-report.ts';
import { parseTargets, type Targets } from './report/targets.ts';

const usage = `npm run bench:cold-tail -- [options]
  --scan SIZE           8GB            read from the device meanwhile, over one connection
  --rate N              1000           records of 1 KiB a second to the waiting consumer
  --rounds N            2              scans of each side, in turns
  --seconds N           5              of the tail alone, before each scan
  --targets LIST        p99=0.5        at most: perfbroker's beside the scan ÷ Kafka's
  --out FOLDER          bench-results
${peerUsage}`;

const FILL_BATCH_BYTES = 1_000_000;
const FILL_RECORD_BYTES = 100_000;
const FETCH_BYTES = 1_048_576;
const RECORD_BYTES = 1024;
/** Only so that a stuck scan ends. */
const SCAN_SECONDS_MAX = 300;
const SCANNED_SHARE = 0.98;
/** The tail beside a scan is taken in stretches, so that the last one can be left out. */
const STRETCH_SECONDS = 2;
const WARM_SECONDS = 0.5;

interface Settings {
  readonly folder: string;
  readonly scanBytes: number;
  readonly recordsPerSecond: number;
  readonly rounds: number;
  readonly seconds: number;
}

interface Filled {
  readonly peer: Peer;
  readonly dataFolder: string;
  readonly topic: string;
  readonly scanFrames: string;
}

interface Figures {
  readonly alone: LoadResult[];
  readonly beside: LoadResult[];
  readonly scans: LoadResult[];
  /** Read from the device by the broker while it was scanned. */
  readonly deviceBytes: number[];
  /** Processor time that the host kept from this machine meanwhile: every program stood still. */
  readonly stolenShares: number[];
}

async function fill(peer: Peer, { folder, scanBytes }: Settings): Promise<Filled> {
  const { server, name, dataFolder } = peer;
  if (dataFolder === null) throw new Error('only the files of a broker that is started here can be made cold');
  const topic = await server.makeTopic('cold', 1);
  await server.touchTopic(topic, 1);
  const shape = { topic, partitions: 1, batchBytes: FILL_BATCH_BYTES, recordBytes: FILL_RECORD_BYTES };
  const frames = writeProduceFrames(join(folder, 'fill-frames'), { ...shape, codec: 0, acks: -1 });
  await runLoad({
    ...{ host: server.host, port: server.port, framesFile: frames.file, mode: 'produce', connections: 1 },
    ...{ inFlight: 4, requestsPerSecond: 0, warmSeconds: 0, seconds: SCAN_SECONDS_MAX, bytesMax: scanBytes },
  });
  const batches = Math.floor(scanBytes / frames.frameBytes);
  // Behind the record that made the partition ready.
  const offsets = Array.from({ length: batches }, (_, batch) => 1 + batch * frames.recordsPerBatch);
  const scanFrames = join(folder, `scan-${name.replaceAll(' ', '-')}`);
  writeFetchFrames(scanFrames, { topic, partitions: 1, partitionBytesMax: FETCH_BYTES, offsets });
  return { peer, dataFolder, topic, scanFrames };
}

function follow({ peer }: Filled, settings: Settings, seconds: number): Promise<LoadResult> {
  const { folder, recordsPerSecond } = settings;
  const plan = {
    folder,
    consumers: 1,
    recordsPerSecond,
    recordBytes: RECORD_BYTES,
    warmSeconds: WARM_SECONDS,
    seconds,
  };
  return tail(peer.server, plan, () => {});
}

function scan({ peer: { server }, topic, scanFrames }: Filled, { scanBytes }: Settings): Promise<LoadResult> {
  return runLoad({
    ...{ host: server.host, port: server.port, framesFile: scanFrames, mode: 'fetch', connections: 1, inFlight: 1 },
    ...{ requestsPerSecond: 0, warmSeconds: 0, seconds: SCAN_SECONDS_MAX, topicBytes: Buffer.byteLength(topic) },
    bytesMax: Math.floor(scanBytes * SCANNED_SHARE),
  });
}

async function round(one: Filled, settings: Settings, figures: Figures): Promise<void> {
  figures.alone.push(await follow(one, settings, settings.seconds));
  if (!chillTopic(one.dataFolder, one.topic)) throw new Error('without the native part nothing can be made cold');
  const bytesBefore = deviceBytesOf(one.peer.server.pid);
  const clockBefore = readMachineClock();
  let isScanning = true;
  const scanning = scan(one, settings).finally(() => {
    isScanning = false;
  });
  let count = 0;
  while (isScanning) {
    const result = await follow(one, settings, STRETCH_SECONDS);
    // A stretch that the scan did not fill is left out, but for a scan that is shorter than one.
    if (isScanning || count === 0) figures.beside.push(result);
    count += 1;
  }
  figures.scans.push(await scanning);
  figures.deviceBytes.push(deviceBytesOf(one.peer.server.pid) - bytesBefore);
  figures.stolenShares.push(noiseBetween(clockBefore, readMachineClock(), 0).stealShare);
}

function together(results: readonly LoadResult[]): LoadResult['histogram'] {
  const [first, ...others] = results;
  if (first === undefined) throw new Error('a tail was followed');
  for (const { histogram } of others) first.histogram.add(histogram);
  return first.histogram;
}

function rowsOf(figures: ReadonlyMap<SideName, Figures>, targets: Targets): FigureRow[] {
  const rows: FigureRow[] = [];
  const none = { verdict: '–', bar: '' } as const;
  const p99 = new Map<SideName, number>();
  for (const [side, { alone, beside, scans, deviceBytes, stolenShares }] of figures) {
    const bytes = scans.reduce((sum, one) => sum + one.bytes, 0);
    const rate = bytes / scans.reduce((sum, one) => sum + one.seconds, 0);
    rows.push({ work: 'scan', side, figure: 'rate', text: `${megabytes(rate)}/s`, value: rate, ...none });
    const read = deviceBytes.reduce((sum, one) => sum + one, 0) / bytes;
    rows.push({
      work: 'scan',
      side,
      figure: 'from the device',
      text: `${(read * 100).toFixed(1)} %`,
      value: read,
      ...none,
    });
    const stolen = Math.max(...stolenShares);
    rows.push({
      work: 'scan',
      side,
      figure: 'time stolen',
      text: `${(stolen * 100).toFixed(2)} %`,
      value: stolen,
      ...none,
    });
    for (const [work, results] of [
      ['tail alone', alone],
      ['tail beside the scan', beside],
    ] as const) {
      const histogram = together(results);
      for (const percentile of [50, 99, 99.9]) {
        const value = histogram.getValueAtPercentile(percentile);
        rows.push({ work, side, figure: `p${percentile}`, text: milliseconds(value), value, ...none });
        if (results === beside && percentile === 99) p99.set(side, value);
      }
    }
  }
  const kafkaUs = p99.get('Apache Kafka');
  const oursUs = p99.get('perfbroker') ?? 0;
  if (kafkaUs !== undefined) {
    const value = oursUs / kafkaUs;
    const judged = targets.atMost('p99', value);
    const common = { work: 'tail beside the scan', side: 'perfbroker', figure: "p99 ÷ Kafka's" } as const;
    rows.push({ ...common, text: value.toFixed(2), value, ...judged });
  }
  return rows;
}

async function main(): Promise<number> {
  const text = (otherwise: string) => ({ type: 'string', default: otherwise }) as const;
  const { values } = parseArgs({
    options: {
      ...peerOptions,
      help: { type: 'boolean', short: 'h' },
      scan: text('8GB'),
      rate: text('1000'),
      rounds: text('2'),
      seconds: text('5'),
      targets: text('p99=0.5'),
      out: text(join(checkoutFolder, 'bench-results')),
    },
  });
  if (values.help === true) {
    process.stdout.write(usage);
    return 0;
  }
  for (const name of ['load', 'relay'] as const) compileProgram(name);
  const settings: Settings = {
    folder: mkdtempSync(join(tmpdir(), 'perfbroker-cold-tail-')),
    scanBytes: bytesOf(values.scan),
    recordsPerSecond: Number(values.rate),
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
  };
  const targets = parseTargets(values.targets);
  const figures = new Map<SideName, Figures>();
  let peers: Peer[] = [];
  try {
    peers = await startPeers(peerWishOf(values));
    const filled: Filled[] = [];
    for (const peer of peers) {
      filled.push(await fill(peer, settings));
      figures.set(peer.name, { alone: [], beside: [], scans: [], deviceBytes: [], stolenShares: [] });
    }
    for (let turn = 0; turn < settings.rounds; turn++) {
      for (const one of turn % 2 === 0 ? filled : [...filled].reverse()) {
        const into = figures.get(one.peer.name);
        if (into !== undefined) await round(one, settings, into);
      }
    }
  } finally {
    for (const peer of peers) await peer.stop();
    rmSync(settings.folder, { recursive: true, force: true });
  }
  const rows = rowsOf(figures, targets);
  return concludeFigures(values.out, { name: 'cold-tail', title: 'perfbroker: a tail beside a scan', settings, rows });
}

process.exitCode = await main();
