/**
 * The broker a bench drives: one that runs somewhere already (`--broker host:port`), or one of our own with a data folder
 * in a temporary place, which is removed afterwards. Also gives the bench a client to make its topics with.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin } from '../../src/client/admin.ts';
import { AnswerError } from '../../src/client/answer-error.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { Producer } from '../../src/client/producer.ts';
import { BrokerProcess } from '../../test/clients/broker-process.ts';
import { memoryOf } from './process-figures.ts';

export interface BenchServerOptions {
  /** `host:port` of a running broker; null starts one. */
  readonly broker: string | null;
  /** The process of that broker, when it runs on this machine and its CPU time is wanted. */
  readonly pid: number;
  readonly brokerArguments: readonly string[];
}

const TOUCH_MS_MAX = 20_000;
/**
 * Ten thousand partitions take some seconds to make, and far longer on ext4 without a journal where as many were deleted in
 * the minutes before: it looks through all of those for each new file.
 */
const REQUEST_MS_MAX = 180_000;

export class BenchServer {
  readonly host: string;
  readonly port: number;
  /** 0 when the process is not known. */
  readonly pid: number;
  readonly cluster: ClusterView;
  readonly admin: Admin;
  readonly #own: BrokerProcess | null;
  readonly #folder: string | null;

  private constructor(host: string, port: number, pid: number, own: BrokerProcess | null, folder: string | null) {
    this.host = host;
    this.port = port;
    this.pid = pid;
    const patience = { requestTimeoutMs: REQUEST_MS_MAX };
    this.cluster = new ClusterView({ brokers: [{ host, port }], clientId: 'perfbroker-bench', ...patience });
    this.admin = new Admin(this.cluster, { timeoutMs: REQUEST_MS_MAX });
    this.#own = own;
    this.#folder = folder;
  }

  static async start(options: BenchServerOptions): Promise<BenchServer> {
    if (options.broker !== null) {
      const [address] = ClusterView.addressesOf(options.broker);
      if (address === undefined) throw new Error('--broker takes host:port');
      const host = address.host === 'localhost' ? '127.0.0.1' : address.host;
      return new BenchServer(host, address.port, options.pid, null, null);
    }
    const folder = mkdtempSync(join(tmpdir(), 'perfbroker-bench-'));
    const own = await BrokerProcess.start({ dataFolder: join(folder, 'data'), arguments: options.brokerArguments });
    return new BenchServer('127.0.0.1', own.port, own.pid, own, folder);
  }

  get startedAfterMs(): number | null {
    return this.#own?.startedAfterMs ?? null;
  }

  /** Null for a broker that was running already. */
  get dataFolder(): string | null {
    return this.#folder === null ? null : join(this.#folder, 'data');
  }

  residentBytes(): number {
    return this.pid === 0 ? 0 : memoryOf(this.pid).residentBytes;
  }

  /** A fresh topic under a name of its own, so that every run begins with empty logs. */
  async makeTopic(name: string, partitions: number, configs: Readonly<Record<string, string>> = {}): Promise<string> {
    const unique = `${name}-${process.pid}-${Date.now().toString(36)}`;
    await this.admin.createTopic({ name: unique, partitions, replicationFactor: 1, configs });
    return unique;
  }

  /** Sends one record to every partition, so that none is still being made when the clock runs. */
  async touchTopic(topic: string, partitions: number): Promise<void> {
    const producer = new Producer(this.cluster);
    const record = { key: null, value: Buffer.from('touch'), timestamp: Date.now() };
    const deadlineMs = performance.now() + TOUCH_MS_MAX;
    for (let partition = 0; partition < partitions; ) {
      try {
        await producer.send(topic, partition, [record]);
        partition++;
      } catch (error) {
        // A broker under load may have a topic's name before it serves it.
        const isEarly = error instanceof AnswerError && error.isRetriable && performance.now() < deadlineMs;
        if (!isEarly) throw error;
      }
    }
  }

  /** Topics of a broker that is not ours must not stay behind. */
  async dropTopic(name: string): Promise<void> {
    await this.admin.deleteTopic(name).catch((error: unknown) => {
      process.stderr.write(`topic ${name} could not be deleted: ${String(error)}\n`);
    });
  }

  async stop(): Promise<void> {
    await this.cluster.close();
    await this.#own?.stop();
    if (this.#folder !== null) rmSync(this.#folder, { recursive: true, force: true });
  }
}
