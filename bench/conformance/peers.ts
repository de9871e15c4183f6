/**
 * The two brokers of a conformance run, with the same settings: Apache Kafka from the fetched jars and the built
 * perfbroker. Each is warmed until its internal topics are there, because what is compared is not how it starts.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BrokerProcess } from '../../test/clients/broker-process.ts';
import { javaFolder, KafkaProcess } from '../../test/clients/kafka-process.ts';

export interface Peer {
  readonly port: number;
  dispose(): Promise<void>;
}

export interface Peers {
  readonly kafka: Peer;
  readonly perfbroker: Peer;
  dispose(): Promise<void>;
}

/**
 * Few partitions of the internal topics: both brokers are to be small. Assignments of groups are not put off, or what is in
 * an answer would depend on how quickly it was asked for. Everything else is at its default.
 */
export const sharedSettings: Readonly<Record<string, string>> = {
  'node.id': '1',
  'auto.create.topics.enable': 'true',
  'group.initial.rebalance.delay.ms': '0',
  'group.consumer.assignment.interval.ms': '0',
  'group.share.assignment.interval.ms': '0',
  'offsets.topic.num.partitions': '4',
  'offsets.topic.replication.factor': '1',
  'transaction.state.log.num.partitions': '4',
  'transaction.state.log.replication.factor': '1',
  'transaction.state.log.min.isr': '1',
  'share.coordinator.state.topic.num.partitions': '4',
  'share.coordinator.state.topic.replication.factor': '1',
  'share.coordinator.state.topic.min.isr': '1',
};

/** Why there is no Kafka to compare with, or null. */
export function kafkaMissing(): string | null {
  if (!existsSync(join(javaFolder, 'lib')))
    return 'the jars of Apache Kafka are not there: run node test/clients/install.mjs';
  try {
    execFileSync('java', ['-version'], { stdio: 'ignore' });
    return null;
  } catch {
    return 'java is not on this machine';
  }
}

export async function startPeers(): Promise<Peers> {
  const [kafka, perfbroker] = await Promise.all([KafkaProcess.start(sharedSettings), startPerfbroker()]);
  return {
    kafka,
    perfbroker,
    async dispose() {
      await Promise.all([kafka.dispose(), perfbroker.dispose()]);
    },
  };
}

/** A Kafka that runs already stays as it is. */
export async function startBeside(kafkaPort: number): Promise<Peers> {
  const perfbroker = await startPerfbroker();
  const kafka = { port: kafkaPort, dispose: () => Promise.resolve() };
  return { kafka, perfbroker, dispose: () => perfbroker.dispose() };
}

export async function startPerfbroker(): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-conformance-'));
  const file = join(folder, 'server.properties');
  const lines = Object.entries(sharedSettings).map(([name, value]) => `${name}=${value}`);
  writeFileSync(file, `${lines.join('\n')}\n`);
  const broker = await BrokerProcess.start({ arguments: ['--config', file, '--workers', '1'] });
  return {
    port: broker.port,
    async dispose() {
      // What it said last is all there is to see of a broker that died under the comparison.
      await broker.dispose().finally(() => rmSync(folder, { recursive: true, force: true }));
    },
  };
}
