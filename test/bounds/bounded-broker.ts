/**
 * A real broker process beside whatever a test does to it, and its neighbour: an honest client whose every record must be
 * answered meanwhile. Used by the tests of bounds, which judge the process by its memory, its log and its neighbour.
 */

import { memoryOf } from '../../bench/load/process-figures.ts';
import { Admin } from '../../src/client/admin.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { Producer } from '../../src/client/producer.ts';
import { BrokerProcess } from '../clients/broker-process.ts';

export const MEBIBYTE = 1_048_576;
const POLL_MS = 5;
const NEIGHBOUR_PAUSE_MS = 2;
const WARM_RECORDS = 300;

export interface Served {
  readonly count: number;
  readonly medianMs: number;
  readonly slowestMs: number;
}

export class BoundedBroker {
  readonly process: BrokerProcess;
  readonly cluster: ClusterView;
  readonly admin: Admin;
  readonly topic = 'bounds';
  readonly partitions: number;

  private constructor(process: BrokerProcess, partitions: number) {
    this.process = process;
    this.cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port: process.port }] });
    this.admin = new Admin(this.cluster);
    this.partitions = partitions;
  }

  /** With a topic that was written to, so that memory and code are warm before anything is measured. */
  static async start(
    options: { readonly partitions?: number; readonly arguments?: readonly string[]; readonly node?: string } = {},
  ) {
    const { node } = options;
    const process = await BrokerProcess.start({
      arguments: options.arguments ?? [],
      ...(node === undefined ? {} : { node }),
    });
    const broker = new BoundedBroker(process, options.partitions ?? 4);
    await broker.admin.createTopic({ name: broker.topic, partitions: broker.partitions, replicationFactor: 1 });
    await broker.serveNeighbour(WARM_RECORDS);
    return broker;
  }

  get port(): number {
    return this.process.port;
  }

  get residentBytes(): number {
    return memoryOf(this.process.pid).residentBytes;
  }

  /** Sends records one after the other and sees each of them answered. */
  async serveNeighbour(count: number): Promise<Served> {
    const producer = new Producer(this.cluster);
    const tookMs: number[] = [];
    for (let index = 0; index < count; index++) {
      const beginMs = performance.now();
      const record = { key: null, value: Buffer.from(`neighbour ${index}`), timestamp: Date.now() };
      await producer.send(this.topic, index % this.partitions, [record]);
      tookMs.push(performance.now() - beginMs);
      await new Promise((resolve) => setTimeout(resolve, NEIGHBOUR_PAUSE_MS));
    }
    tookMs.sort((a, b) => a - b);
    return { count, medianMs: tookMs[count >> 1] ?? 0, slowestMs: tookMs[count - 1] ?? 0 };
  }

  /** Warnings of the broker's log that name the word. */
  linesWith(word: string): string[] {
    return this.process.output.split('\n').filter((line) => line.includes(word));
  }

  async dispose(): Promise<void> {
    await this.cluster.close();
    await this.process.dispose();
  }
}

/** Looks again and again until it is so; throws with `what` and the broker's last words after `msMax`. */
export async function until(what: string, isSo: () => boolean, msMax: number): Promise<void> {
  const deadlineMs = performance.now() + msMax;
  while (!isSo()) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${msMax} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
