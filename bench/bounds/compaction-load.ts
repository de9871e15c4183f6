/**
 * What a compaction does to producers beside it: the p99 of produce requests at a fixed rate, while a log of some gibibytes
 * is compacted and while none is, in turns on one warmed broker. Called by `bench/compaction.ts`.
 */
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin } from '../../src/client/admin.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { incrementalAlterConfigs } from '../../src/protocol/schemas/44-incremental-alter-configs.ts';
import { BrokerProcess } from '../../test/clients/broker-process.ts';
import { type ProduceFrames, writeKeyedFrames, writeProduceFrames } from '../load/frames.ts';
import { type LoadResult, runLoad } from '../load/generator.ts';

export interface CompactionPlan {
  readonly dirtyBytes: number;
  /** How many times as many bytes as there are keys for: 4 leaves a quarter. */
  readonly repeats: number;
  readonly produceBytesPerSecond: number;
  readonly brokerArguments: readonly string[];
}

export interface CompactionRound {
  readonly quietP99Us: number;
  readonly besideP99Us: number;
  readonly beforeBytes: number;
  readonly afterBytes: number;
  readonly seconds: number;
}

const MEBIBYTE = 1_048_576;
const KEYED = 'keyed';
const HOT = 'hot';
const HOT_PARTITIONS = 4;
const HOT_BATCH_BYTES = 65_536;
const RECORD_BYTES = 1024;
const QUIET_SECONDS = 5;
const FILL_SECONDS_MAX = 300;
const STRETCH_SECONDS = 2;
const COMPACTION_MS_MAX = 900_000;
const PERCENTILE = 99;
const RESOURCE_TOPIC = 2;
const OPERATION_SET = 0;
const SEGMENT_BYTES = 64 * MEBIBYTE;
const BACKOFF_MS = 500;

export class CompactionLoad {
  readonly #plan: CompactionPlan;
  readonly #broker: BrokerProcess;
  readonly #cluster: ClusterView;
  readonly #folder: string;
  readonly #hot: ProduceFrames;
  readonly #keyed: ProduceFrames;

  private constructor(plan: CompactionPlan, broker: BrokerProcess, cluster: ClusterView, folder: string) {
    this.#plan = plan;
    this.#broker = broker;
    this.#cluster = cluster;
    this.#folder = folder;
    const shape = { topic: HOT, partitions: HOT_PARTITIONS, batchBytes: HOT_BATCH_BYTES, recordBytes: RECORD_BYTES };
    this.#hot = writeProduceFrames(join(folder, 'hot-frames'), { ...shape, codec: 0, acks: -1 });
    const count = Math.max(1, Math.floor(plan.dirtyBytes / plan.repeats / MEBIBYTE));
    this.#keyed = writeKeyedFrames(join(folder, 'keyed-frames'), KEYED, MEBIBYTE - 4096, RECORD_BYTES, count);
  }

  static async prepare(plan: CompactionPlan): Promise<CompactionLoad> {
    const folder = mkdtempSync(join(tmpdir(), 'perfbroker-compaction-'));
    const broker = await BrokerProcess.start({
      dataFolder: join(folder, 'data'),
      arguments: ['--set', `log.cleaner.backoff.ms=${BACKOFF_MS}`, ...plan.brokerArguments],
    });
    const cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port: broker.port }] });
    const admin = new Admin(cluster);
    await admin.createTopic({
      name: KEYED,
      partitions: 1,
      replicationFactor: 1,
      // A share of 1 is never passed: nothing is compacted until the round says so.
      configs: {
        'cleanup.policy': 'compact',
        'segment.bytes': String(SEGMENT_BYTES),
        'min.cleanable.dirty.ratio': '1',
        'file.delete.delay.ms': '1000',
      },
    });
    await admin.createTopic({ name: HOT, partitions: HOT_PARTITIONS, replicationFactor: 1 });
    const load = new CompactionLoad(plan, broker, cluster, folder);
    await load.#produce(2);
    return load;
  }

  async round(): Promise<CompactionRound> {
    await this.#fill();
    this.#writeBack();
    const beforeBytes = this.#keyedBytes();
    const quiet = await this.#produce(QUIET_SECONDS);
    const before = this.#compactedOffset();
    const begunMs = performance.now();
    await this.#setDirtyRatio('0.01');
    // Producing goes on in stretches for as long as the compaction takes; a stretch it did not fill is left out.
    const during: LoadResult[] = [];
    while (this.#compactedOffset() === before) {
      if (performance.now() - begunMs > COMPACTION_MS_MAX) throw new Error('the compaction does not end');
      const result = await this.#produce(STRETCH_SECONDS);
      if (this.#compactedOffset() === before || during.length === 0) during.push(result);
    }
    const endedMs = performance.now();
    await this.#setDirtyRatio('1');
    const together = during.reduce((sum, one) => {
      if (one !== sum) sum.histogram.add(one.histogram);
      return sum;
    });
    return {
      quietP99Us: quiet.histogram.getValueAtPercentile(PERCENTILE),
      besideP99Us: together.histogram.getValueAtPercentile(PERCENTILE),
      beforeBytes,
      afterBytes: this.#keyedBytes(),
      seconds: (endedMs - begunMs) / 1000,
    };
  }

  async stop(): Promise<void> {
    await this.#cluster.close();
    await this.#broker.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #fill(): Promise<void> {
    const bytesMax = this.#plan.dirtyBytes;
    const { file } = this.#keyed;
    await this.#run({ framesFile: file, inFlight: 4, seconds: FILL_SECONDS_MAX, bytesMax, requestsPerSecond: 0 });
  }

  /** What was filled in is on the device: else its being written back would be felt in the quiet part alone. */
  #writeBack(): void {
    const folder = join(this.#folder, 'data', `${KEYED}-0`);
    for (const name of readdirSync(folder).filter((entry) => entry.endsWith('.log'))) {
      const fd = openSync(join(folder, name), 'r+');
      fdatasyncSync(fd);
      closeSync(fd);
    }
  }

  #produce(seconds: number): Promise<LoadResult> {
    const requestsPerSecond = this.#plan.produceBytesPerSecond / this.#hot.frameBytes;
    return this.#run({ framesFile: this.#hot.file, inFlight: 1000, seconds, bytesMax: 0, requestsPerSecond });
  }

  async #run(plan: {
    framesFile: string;
    inFlight: number;
    seconds: number;
    bytesMax: number;
    requestsPerSecond: number;
  }): Promise<LoadResult> {
    const where = { host: '127.0.0.1', port: this.#broker.port, connections: 1, warmSeconds: 0 };
    const result = await runLoad({ mode: 'produce', ...where, ...plan });
    if (result.errors > 0) throw new Error(`produce was answered with error ${result.firstError}`);
    return result;
  }

  async #setDirtyRatio(value: string): Promise<void> {
    const connection = await this.#cluster.controllerConnection();
    const configs = [{ name: 'min.cleanable.dirty.ratio', configOperation: OPERATION_SET, value }];
    const resources = [{ resourceType: RESOURCE_TOPIC, resourceName: KEYED, configs }];
    const answer = await connection.request(incrementalAlterConfigs, { resources, validateOnly: false });
    const refused = answer.responses.find((response) => response.errorCode !== 0);
    if (refused !== undefined) throw new Error(`the topic's settings were not changed: ${refused.errorMessage}`);
  }

  /** As the broker writes it down, within seconds. */
  #compactedOffset(): number {
    const file = join(this.#folder, 'data', 'cleaner-offset-checkpoint');
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    const found = new RegExp(`^${KEYED} 0 (\\d+)[\\t ]*$`, 'm').exec(text);
    return Number(found?.[1] ?? 0);
  }

  #keyedBytes(): number {
    return this.#sizes()
      .filter(({ name }) => name.endsWith('.log'))
      .reduce((sum, { bytes }) => sum + bytes, 0);
  }

  #sizes(): { name: string; bytes: number }[] {
    const folder = join(this.#folder, 'data', `${KEYED}-0`);
    return readdirSync(folder).flatMap((name) => {
      const stat = statSync(join(folder, name), { throwIfNoEntry: false });
      return stat === undefined ? [] : [{ name, bytes: stat.size }];
    });
  }
}
