/**
 * `npm run bench:tls`: how fast records go in and out over TLS, beside Apache Kafka with the same certificate, in turns A B B A,
 * each after all memory was touched (see `load/memory-trap`). One generator (`tls/pump`) drives both. It takes processor time
 * that the brokers then lack, the same from both.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin } from '../src/client/admin.ts';
import { ClusterView } from '../src/client/metadata.ts';
import { produce } from '../src/protocol/schemas/00-produce.ts';
import { fetch } from '../src/protocol/schemas/01-fetch.ts';
import { BrokerProcess, freePort } from '../test/clients/broker-process.ts';
import { KafkaProcess } from '../test/clients/kafka-process.ts';
import { Authority, hasOpenssl } from '../test/support/certificates.ts';
import { kafkaLaunch, kafkaVersion } from './compare/kafka-peer.ts';
import { FETCH_VERSION, PRODUCE_VERSION, writeFetchFrames, writeProduceFrames } from './load/frames.ts';
import { backMemory } from './load/memory-trap.ts';
import { parseArgs } from './load/options.ts';
import { cpuSecondsOf } from './load/process-figures.ts';
import { decoded, pump } from './tls/pump.ts';

const usage = `npm run bench:tls -- [options]
  --seconds N      4          --warm-seconds N  2     --rounds N  3
  --connections N  4          --in-flight N     5     --batch-bytes N  65536
  --kafka FOLDER   an unpacked release, instead of the jars of Maven Central
  --no-kafka       perfbroker alone
  --out FOLDER     bench-results
`;

const PARTITIONS = 4;
const RECORD_BYTES = 1024;
const FETCH_BYTES = 1_048_576;
/** Each partition has so much to read, from memory. */
const FETCH_BATCHES = 64;
const ATTEMPTS_MAX = 50;
/** Files go a second after their topic. */
const REMOVAL_MS = 2000;
const removal = { 'log.segment.delete.delay.ms': '1000' };

interface Options {
  readonly connections: number;
  readonly inFlight: number;
  readonly seconds: number;
  readonly warmSeconds: number;
  readonly batchBytes: number;
}

interface Side {
  readonly name: string;
  readonly pid: number;
  readonly plainPort: number;
  readonly port: number;
  dispose(): Promise<void>;
}

interface Row {
  readonly side: string;
  readonly what: 'produce' | 'fetch';
  readonly megabytesPerSecond: number;
  readonly cpuSecondsPerGigabyte: number;
  readonly chosen: string;
}

async function startOurs(keystore: string): Promise<Side> {
  const [plainPort, port] = [await freePort(), await freePort()];
  const listeners = `listeners=PLAINTEXT://127.0.0.1:${plainPort},SSL://127.0.0.1:${port}`;
  const texts = Object.entries({ 'ssl.keystore.location': keystore, ...removal }).map((pair) => pair.join('='));
  const sets = [listeners, ...texts].flatMap((text) => ['--set', text]);
  const broker = await BrokerProcess.start({ port: plainPort, arguments: sets });
  return { name: 'perfbroker', pid: broker.pid, plainPort, port, dispose: () => broker.dispose() };
}

async function startTheirs(keystore: string, folder: string | null): Promise<Side> {
  const port = await freePort();
  const launch = kafkaLaunch(folder);
  const settings = {
    listeners: `PLAINTEXT://127.0.0.1:{port},SSL://127.0.0.1:${port},CONTROLLER://127.0.0.1:{controller}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:{port},SSL://127.0.0.1:${port}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,SSL:SSL,CONTROLLER:PLAINTEXT',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': keystore,
    ...removal,
  };
  const kafka = await KafkaProcess.start(settings, [], launch);
  const name = `Apache Kafka ${kafkaVersion(launch)}`;
  return { name, pid: kafka.pid, plainPort: kafka.port, port, dispose: () => kafka.dispose() };
}

class Bench {
  private readonly options: Options;
  private readonly folder: string;
  private readonly authority: string;
  private topics = 0;

  constructor(options: Options, folder: string, authority: string) {
    this.options = options;
    this.folder = folder;
    this.authority = authority;
  }

  async produce(side: Side): Promise<Row> {
    const { frames, batchBytes, topic } = await this.framesInto(side);
    const row = await this.measured(side, 'produce', frames, acceptedBy(side), (answers) => answers * batchBytes);
    await removeTopic(side, topic);
    return row;
  }

  async fetch(side: Side): Promise<Row> {
    const { frames, topic, recordsPerBatch } = await this.framesInto(side);
    // Filled over TLS as well, a round of all partitions at a time.
    await this.pumped(side, frames, { connections: 1, inFlight: PARTITIONS, warmSeconds: 0, seconds: 1 }, () => {});
    const file = join(this.folder, 'fetch');
    const single = (offset: number): Buffer => {
      writeFetchFrames(file, {
        topic,
        partitions: PARTITIONS,
        partitionBytesMax: FETCH_BYTES / PARTITIONS,
        offsets: [offset],
      });
      return readFileSync(file);
    };
    const offsets = Array.from({ length: FETCH_BATCHES }, (_, index) => index * recordsPerBatch);
    const check = (answer: Uint8Array): void => {
      const { topics } = decoded(fetch, FETCH_VERSION, answer);
      const first = topics[0]?.partitions[0];
      if (first?.errorCode !== 0 || (first.records?.length ?? 0) === 0) throw new Error(`${side.name} fetched nothing`);
    };
    const row = await this.measured(side, 'fetch', offsets.map(single), check, (_answers, bytes) => bytes);
    await removeTopic(side, topic);
    return row;
  }

  private async framesInto(
    side: Side,
  ): Promise<{ frames: Buffer[]; batchBytes: number; recordsPerBatch: number; topic: string }> {
    this.topics += 1;
    const topic = `tls-${this.topics}`;
    const cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port: side.plainPort }] });
    await new Admin(cluster).createTopic({ name: topic, partitions: PARTITIONS, replicationFactor: 1 });
    await cluster.close();
    const { batchBytes } = this.options;
    const plan = { topic, partitions: PARTITIONS, batchBytes, recordBytes: RECORD_BYTES, codec: 0, acks: -1 };
    const written = writeProduceFrames(join(this.folder, 'produce'), plan);
    const bytes = readFileSync(written.file);
    const frames = Array.from({ length: PARTITIONS }, (_, index) => {
      return bytes.subarray(index * written.frameBytes, (index + 1) * written.frameBytes);
    });
    await this.untilTaken(side, frames);
    return { ...written, frames, topic };
  }

  /** A topic that was made just now may have no leader for a moment. */
  private async untilTaken(side: Side, frames: readonly Buffer[]): Promise<void> {
    const shape = { connections: PARTITIONS, inFlight: 1, warmSeconds: 0, seconds: 0.2 };
    for (let attempt = 1; ; attempt++) {
      try {
        await this.pumped(side, frames, shape, acceptedBy(side));
        return;
      } catch (error) {
        if (attempt === ATTEMPTS_MAX) throw error;
      }
    }
  }

  private pumped(
    side: Side,
    frames: readonly Buffer[],
    shape: Pick<Options, 'connections' | 'inFlight' | 'seconds' | 'warmSeconds'>,
    check: (answer: Uint8Array) => void,
    onMeasuring: () => void = () => {},
  ): ReturnType<typeof pump> {
    return pump({ ...shape, port: side.port, authority: this.authority, frames, check }, onMeasuring);
  }

  private async measured(
    side: Side,
    what: Row['what'],
    frames: readonly Buffer[],
    check: (answer: Uint8Array) => void,
    bytesOf: (answers: number, answerBytes: number) => number,
  ): Promise<Row> {
    let beforeSeconds = 0;
    const result = await this.pumped(side, frames, this.options, check, () => {
      beforeSeconds = cpuSecondsOf(side.pid);
    });
    const cpuSeconds = cpuSecondsOf(side.pid) - beforeSeconds;
    const bytes = bytesOf(result.answers, result.answerBytes);
    const row: Row = {
      side: side.name,
      what,
      megabytesPerSecond: bytes / 1e6 / result.seconds,
      cpuSecondsPerGigabyte: cpuSeconds / (bytes / 1e9),
      chosen: result.chosen,
    };
    const speed = `${row.megabytesPerSecond.toFixed(0)} MB/s`.padStart(10);
    process.stdout.write(
      `${side.name.padEnd(20)} ${what.padEnd(8)} ${speed}  ${row.cpuSecondsPerGigabyte.toFixed(2)} CPU-s/GB  ${row.chosen}\n`,
    );
    return row;
  }
}

function acceptedBy(side: Side): (answer: Uint8Array) => void {
  return (answer) => {
    const code = decoded(produce, PRODUCE_VERSION, answer).topics[0]?.partitions[0]?.errorCode;
    if (code !== 0) throw new Error(`${side.name} answered a produce with the error ${code}`);
  };
}

/** So that what was written does not keep the device busy during the next turn. */
async function removeTopic({ plainPort }: Side, topic: string): Promise<void> {
  const cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port: plainPort }] });
  await new Admin(cluster).deleteTopic(topic);
  await cluster.close();
  await new Promise((resolve) => setTimeout(resolve, REMOVAL_MS));
}

function medianOf(rows: readonly Row[], side: string, what: Row['what']): number {
  const values = rows.filter((row) => row.side === side && row.what === what).map((row) => row.megabytesPerSecond);
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** False: perfbroker was slower. */
function conclude(rows: readonly Row[], sides: readonly Side[]): boolean {
  const [ours, theirs] = sides;
  if (ours === undefined || theirs === undefined) return true;
  const suites = new Set(rows.map(({ chosen }) => chosen));
  let isGood = suites.size === 1;
  if (!isGood) process.stdout.write(`not the same cryptography on both sides: ${[...suites].join(' and ')}\n`);
  for (const what of ['produce', 'fetch'] as const) {
    const ratio = medianOf(rows, ours.name, what) / medianOf(rows, theirs.name, what);
    process.stdout.write(
      `${what}: ${ratio.toFixed(2)} times the throughput of ${theirs.name} (median of the rounds)\n`,
    );
    if (ratio < 1) isGood = false;
  }
  return isGood;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '4' },
      'warm-seconds': { type: 'string', default: '2' },
      rounds: { type: 'string', default: '3' },
      connections: { type: 'string', default: '4' },
      'in-flight': { type: 'string', default: '5' },
      'batch-bytes': { type: 'string', default: '65536' },
      kafka: { type: 'string' },
      'no-kafka': { type: 'boolean', default: false },
      out: { type: 'string', default: 'bench-results' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  if (!hasOpenssl) throw new Error('the certificate is made by the program openssl, which is not there');
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-tls-'));
  const sides: Side[] = [];
  try {
    const authority = new Authority(folder);
    const keystore = authority.issue('server', '/CN=localhost').file;
    sides.push(await startOurs(keystore));
    if (!values['no-kafka']) sides.push(await startTheirs(keystore, values.kafka ?? null));
    const options: Options = {
      connections: Number(values.connections),
      inFlight: Number(values['in-flight']),
      seconds: Number(values.seconds),
      warmSeconds: Number(values['warm-seconds']),
      batchBytes: Number(values['batch-bytes']),
    };
    const bench = new Bench(options, folder, authority.pem);
    const rows: Row[] = [];
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
        backMemory(folder, false);
        rows.push(await bench.produce(side), await bench.fetch(side));
      }
    }
    mkdirSync(values.out, { recursive: true });
    writeFileSync(join(values.out, 'tls.json'), `${JSON.stringify({ options, rows }, null, 2)}\n`);
    if (!conclude(rows, sides)) process.exitCode = 1;
  } finally {
    await Promise.all(sides.map((side) => side.dispose()));
    rmSync(folder, { recursive: true, force: true });
  }
}

await main();
