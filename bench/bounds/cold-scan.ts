/**
 * What a consumer that scans cold data does to producers beside it: the p99 of produce requests at a fixed rate, with the
 * scan and without, in turns on one warmed broker. Cold means: written to the device and dropped from the page cache just
 * before. Called by `bench/cold-read.ts` and, with less data, by the tests of bounds.
 */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin } from '../../src/client/admin.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { loadNative } from '../../src/zerocopy/native.ts';
import { BrokerProcess } from '../../test/clients/broker-process.ts';
import { type ProduceFrames, writeFetchFrames, writeProduceFrames } from '../load/frames.ts';
import { type LoadResult, runLoad } from '../load/generator.ts';

export interface ColdScanPlan {
  readonly scanBytes: number;
  readonly produceBytesPerSecond: number;
  readonly brokerArguments: readonly string[];
}

export interface ColdScanRound {
  readonly quietP99Us: number;
  readonly scanP99Us: number;
  readonly scanBytesPerSecond: number;
  /** Of the bytes that were to be cold, how many the kernel still held when the scan began. */
  readonly warmShare: number;
}

const MEBIBYTE = 1_048_576;
const COLD = 'cold';
const HOT = 'hot';
const HOT_PARTITIONS = 4;
const BATCH_BYTES = 65_536;
const FILL_BATCH_BYTES = 1_000_000;
const FETCH_BYTES = MEBIBYTE;
const QUIET_SECONDS = 5;
/** A scan runs until its bytes are read; this is only so that a stuck one ends. */
const SCAN_SECONDS_MAX = 300;
const PERCENTILE = 99;

export class ColdScan {
  readonly #plan: ColdScanPlan;
  readonly #broker: BrokerProcess;
  readonly #folder: string;
  readonly #hot: ProduceFrames;

  private constructor(plan: ColdScanPlan, broker: BrokerProcess, folder: string) {
    this.#plan = plan;
    this.#broker = broker;
    this.#folder = folder;
    const shape = { topic: HOT, partitions: HOT_PARTITIONS, batchBytes: BATCH_BYTES, recordBytes: 1024 };
    this.#hot = writeProduceFrames(join(folder, 'hot-frames'), { ...shape, codec: 0, acks: -1 });
  }

  /** A broker with as many cold bytes as the plan wants, and fetches that will read all of them once. */
  static async prepare(plan: ColdScanPlan): Promise<ColdScan> {
    const folder = mkdtempSync(join(tmpdir(), 'perfbroker-cold-'));
    const dataFolder = join(folder, 'data');
    const broker = await BrokerProcess.start({ dataFolder, arguments: plan.brokerArguments });
    const cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port: broker.port }] });
    const admin = new Admin(cluster);
    await admin.createTopic({ name: COLD, partitions: 1, replicationFactor: 1 });
    await admin.createTopic({ name: HOT, partitions: HOT_PARTITIONS, replicationFactor: 1 });
    await cluster.close();
    const scan = new ColdScan(plan, broker, folder);
    await scan.#fill();
    await scan.#produce(2);
    return scan;
  }

  get pid(): number {
    return this.#broker.pid;
  }

  async round(): Promise<ColdScanRound> {
    const quiet = await this.#produce(QUIET_SECONDS);
    const warmShare = this.#chill();
    let isScanning = true;
    const scanning = this.#scan().finally(() => {
      isScanning = false;
    });
    // Producing goes on in stretches for as long as the scan takes; a stretch the scan did not fill is left out.
    const during: LoadResult[] = [];
    while (isScanning) {
      const result = await this.#produce(QUIET_SECONDS);
      if (isScanning || during.length === 0) during.push(result);
    }
    const scan = await scanning;
    const together = during.reduce((sum, one) => {
      if (one !== sum) sum.histogram.add(one.histogram);
      return sum;
    });
    return {
      quietP99Us: quiet.histogram.getValueAtPercentile(PERCENTILE),
      scanP99Us: together.histogram.getValueAtPercentile(PERCENTILE),
      scanBytesPerSecond: scan.bytes / scan.seconds,
      warmShare,
    };
  }

  async stop(): Promise<void> {
    await this.#broker.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #fill(): Promise<void> {
    const file = join(this.#folder, 'fill-frames');
    const shape = { topic: COLD, partitions: 1, batchBytes: FILL_BATCH_BYTES, recordBytes: 100_000 };
    const frames = writeProduceFrames(file, { ...shape, codec: 0, acks: -1 });
    const bytesMax = this.#plan.scanBytes;
    await this.#run({ framesFile: file, mode: 'produce', inFlight: 4, seconds: SCAN_SECONDS_MAX, bytesMax });
    const batches = Math.floor(bytesMax / frames.frameBytes);
    const offsets = Array.from({ length: batches }, (_, batch) => batch * frames.recordsPerBatch);
    const plan = { topic: COLD, partitions: 1, partitionBytesMax: FETCH_BYTES, offsets };
    writeFetchFrames(join(this.#folder, 'scan-frames'), plan);
  }

  /** Everything of the cold topic to the device and out of the page cache. */
  #chill(): number {
    const { native } = loadNative();
    if (native === null) throw new Error('without the native part nothing can be made cold');
    const folder = join(this.#folder, 'data', `${COLD}-0`);
    let warm = 0;
    for (const name of readdirSync(folder).filter((entry) => entry.endsWith('.log'))) {
      const fd = openSync(join(folder, name), 'r+');
      fdatasyncSync(fd);
      native.chill(fd, 0, 0);
      warm += Math.max(0, native.residentBytes(fd, 0, FETCH_BYTES, 1));
      closeSync(fd);
    }
    return warm / this.#plan.scanBytes;
  }

  #scan(): Promise<LoadResult> {
    const bytesMax = Math.floor(this.#plan.scanBytes * 0.98);
    const file = join(this.#folder, 'scan-frames');
    return this.#run({ framesFile: file, mode: 'fetch', inFlight: 1, seconds: SCAN_SECONDS_MAX, bytesMax });
  }

  #produce(seconds: number): Promise<LoadResult> {
    const requestsPerSecond = this.#plan.produceBytesPerSecond / this.#hot.frameBytes;
    return this.#run({ framesFile: this.#hot.file, mode: 'produce', inFlight: 1000, seconds, requestsPerSecond });
  }

  async #run(plan: {
    framesFile: string;
    mode: 'produce' | 'fetch';
    inFlight: number;
    seconds: number;
    bytesMax?: number;
    requestsPerSecond?: number;
  }): Promise<LoadResult> {
    const where = { host: '127.0.0.1', port: this.#broker.port, connections: 1, warmSeconds: 0 };
    const topicBytes = plan.mode === 'fetch' ? COLD.length : 0;
    const result = await runLoad({ requestsPerSecond: 0, ...where, ...plan, topicBytes });
    if (result.errors > 0) throw new Error(`${plan.mode} was answered with error ${result.firstError}`);
    return result;
  }
}
