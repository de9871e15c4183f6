/** A broker that is stopped, killed and started again on the same folder, for the rows that time how soon it serves. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Admin } from '../../src/client/admin.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { Producer } from '../../src/client/producer.ts';
import { BrokerProcess, canConnect } from '../../test/clients/broker-process.ts';
import type { KafkaLaunch } from '../../test/clients/kafka-process.ts';
import { writeProduceFrames } from '../load/frames.ts';
import { runLoad } from '../load/generator.ts';
import { startKafka } from './kafka-peer.ts';

export interface Startable {
  readonly port: number;
  readonly pid: number;
  /** Begins a start; the caller finds out when it serves. */
  exec(): Promise<void>;
  stop(): Promise<unknown>;
  kill(): Promise<void>;
  dispose(): Promise<void>;
}

const SERVED_MS_MAX = 300_000;
const RETRY_MS = 5;
const FILL_SECONDS_MAX = 900;

/** On a folder of its own; running. */
export async function startPerfbroker(brokerArguments: readonly string[]): Promise<Startable> {
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-compare-data-'));
  const start = (port?: number): Promise<BrokerProcess> =>
    BrokerProcess.start({
      dataFolder: join(folder, 'data'),
      arguments: brokerArguments,
      ...(port === undefined ? {} : { port }),
    });
  let broker = await start();
  const { port } = broker;
  return {
    port,
    get pid() {
      return broker.pid;
    },
    async exec() {
      broker = await start(port);
    },
    stop: () => broker.stop(),
    kill: () => broker.kill(),
    async dispose() {
      await broker.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export async function startApacheKafka(launch: KafkaLaunch): Promise<Startable> {
  const kafka = await startKafka(launch);
  return {
    port: kafka.port,
    get pid() {
      return kafka.pid;
    },
    exec() {
      kafka.startAgain();
      return Promise.resolve();
    },
    stop: () => kafka.stop(),
    kill: () => kafka.kill(),
    dispose: () => kafka.dispose(),
  };
}

/** Starts it and returns the milliseconds until a record was acknowledged in every one of these partitions. */
export async function timeToServe(server: Startable, topic: string, partitions: number): Promise<number> {
  const beginMs = performance.now();
  await server.exec();
  await served(server, topic, partitions);
  return performance.now() - beginMs;
}

/** Makes the topic if need be, and waits until every partition took a record. */
export async function served(server: Startable, topic: string, partitions: number): Promise<void> {
  const deadlineMs = performance.now() + SERVED_MS_MAX;
  while (!(await canConnect(server.port))) {
    if (performance.now() > deadlineMs) throw new Error('the broker took no connection');
    await sleep(RETRY_MS);
  }
  let next = 0;
  while (next < partitions) next = await serveFrom(server, topic, partitions, next, deadlineMs);
}

/** A connection that breaks while the broker starts is no failure: returns the first partition that is not served yet. */
async function serveFrom(
  server: Startable,
  topic: string,
  partitions: number,
  first: number,
  deadlineMs: number,
): Promise<number> {
  const cluster = new ClusterView({
    brokers: [{ host: '127.0.0.1', port: server.port }],
    clientId: 'perfbroker-bench',
  });
  let next = first;
  try {
    await new Admin(cluster).ensureTopic({ name: topic, partitions, replicationFactor: 1 });
    const producer = new Producer(cluster);
    const record = { key: null, value: Buffer.from('served'), timestamp: Date.now() };
    for (; next < partitions; next++) await producer.send(topic, next, [record]);
  } catch (error) {
    if (performance.now() > deadlineMs) throw error;
    await sleep(RETRY_MS);
  } finally {
    await cluster.close();
  }
  return next;
}

/** Spreads about so many bytes evenly over the partitions. */
export async function fill(
  server: Startable,
  topic: string,
  partitions: number,
  bytes: number,
  folder: string,
): Promise<void> {
  const framesFile = join(folder, 'fill-frames');
  const KIB = 1024;
  writeProduceFrames(framesFile, { topic, partitions, batchBytes: 64 * KIB, recordBytes: KIB, codec: 0, acks: -1 });
  const load = { mode: 'produce', connections: 4, inFlight: 5, requestsPerSecond: 0, warmSeconds: 0 } as const;
  const target = { host: '127.0.0.1', port: server.port, framesFile };
  const result = await runLoad({ ...target, ...load, seconds: FILL_SECONDS_MAX, bytesMax: bytes });
  if (result.errors > 0) throw new Error(`filling: ${result.errors} answers carried error ${result.firstError}`);
  if (result.bytes < bytes) throw new Error(`filling took longer than ${FILL_SECONDS_MAX} s`);
}
