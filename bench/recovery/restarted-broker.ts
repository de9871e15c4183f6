/** A broker that a bench starts, stops and kills again and again on one folder: perfbroker or Apache Kafka. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BrokerProcess, canConnect, freePort } from '../../test/clients/broker-process.ts';
import { kafkaLaunch, startKafka } from '../compare/kafka-peer.ts';
import type { SideName } from '../report/bench-report.ts';

export interface RestartedBroker {
  readonly name: SideName;
  readonly address: string;
  readonly pid: number;
  /** Returns when its port takes connections, which is before every partition is served. */
  start(): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  /** What a cut of the power leaves at worst: nothing vouches for a byte, all logs are scanned. False where that is not known. */
  loseVouchers(): boolean;
  dispose(): Promise<void>;
}

const RETRY_MS = 10;
const START_MS_MAX = 300_000;

/** It does not run yet. */
export async function perfbrokerOn(brokerArguments: readonly string[]): Promise<RestartedBroker> {
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-recovery-'));
  const port = await freePort();
  let running: BrokerProcess | null = null;
  return {
    name: 'perfbroker',
    address: `127.0.0.1:${port}`,
    get pid() {
      return running?.pid ?? 0;
    },
    start: async () => {
      running = await BrokerProcess.start({ dataFolder: join(folder, 'data'), port, arguments: brokerArguments });
    },
    stop: async () => {
      await running?.stop();
    },
    kill: async () => running?.kill(),
    loseVouchers: () => {
      for (const file of ['written-checkpoint', 'recovery-point-offset-checkpoint'])
        rmSync(join(folder, 'data', file), { force: true });
      return true;
    },
    dispose: async () => {
      await running?.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** It was started once, to make its folder, and stopped. */
export async function kafkaOn(from: string): Promise<RestartedBroker> {
  const kafka = await startKafka(kafkaLaunch(from === 'maven' ? null : from));
  await kafka.stop();
  return {
    name: 'Apache Kafka',
    address: kafka.address,
    get pid() {
      return kafka.pid;
    },
    start: async () => {
      kafka.startAgain();
      await untilConnected(kafka.port);
    },
    stop: () => kafka.stop(),
    kill: () => kafka.kill(),
    loseVouchers: () => false,
    dispose: () => kafka.dispose(),
  };
}

async function untilConnected(port: number): Promise<void> {
  const deadlineMs = performance.now() + START_MS_MAX;
  while (!(await canConnect(port))) {
    if (performance.now() > deadlineMs) throw new Error(`nobody listens on ${port} after ${START_MS_MAX} ms`);
    await sleep(RETRY_MS);
  }
}
