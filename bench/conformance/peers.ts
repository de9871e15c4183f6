/**
 * The two brokers of a conformance run, with the same settings: Apache Kafka from the fetched jars and the built
 * perfbroker. Each is warmed until its internal topics are there, because what is compared is not how it starts.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { BrokerProcess } from '../../test/clients/broker-process.ts';
import { javaFolder, type KafkaLaunch, KafkaProcess, smallLaunch } from '../../test/clients/kafka-process.ts';

export interface Peer {
  readonly port: number;
  /** Where its settings, data and log lie; null: it runs somewhere else. */
  readonly folder: string | null;
  dispose(): Promise<void>;
}

export interface Peers {
  readonly kafka: Peer;
  readonly perfbroker: Peer;
  dispose(): Promise<void>;
}

export interface PeerOptions {
  /** The port of an Apache Kafka that runs already, with the settings below. */
  readonly kafkaPort?: number | undefined;
  /** An unpacked Kafka distribution, instead of the fetched jars. */
  readonly distribution?: string | undefined;
  /** The folders of both brokers stay. */
  readonly keepsFolders: boolean;
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
export function kafkaMissing({ kafkaPort, distribution }: Omit<PeerOptions, 'keepsFolders'>): string | null {
  if (kafkaPort !== undefined) return null;
  if (distribution !== undefined && !existsSync(join(distribution, 'libs')))
    return `${distribution} has no folder libs`;
  if (distribution === undefined && !existsSync(join(javaFolder, 'lib')))
    return 'the jars of Apache Kafka are not there: run node test/clients/install.mjs, or give --kafka a distribution';
  try {
    execFileSync('java', ['-version'], { stdio: 'ignore' });
    return null;
  } catch {
    return 'java is not on this machine';
  }
}

/** A Kafka that runs already stays as it is. */
export async function startPeers(options: PeerOptions): Promise<Peers> {
  const { kafkaPort, distribution, keepsFolders } = options;
  const [kafka, perfbroker] = await Promise.all([
    kafkaPort === undefined
      ? KafkaProcess.start(sharedSettings, [], { ...launchOf(distribution), keepsFolder: keepsFolders })
      : { port: kafkaPort, folder: null, dispose: () => Promise.resolve() },
    startPerfbroker(keepsFolders),
  ]);
  return {
    kafka,
    perfbroker,
    async dispose() {
      await Promise.all([kafka.dispose(), perfbroker.dispose()]);
    },
  };
}

/** A distribution says how it writes its log; it goes to the process's own folder. The fetched jars write none. */
function launchOf(distribution: string | undefined): KafkaLaunch {
  if (distribution === undefined) return smallLaunch;
  const folder = resolve(distribution);
  const logging = join(folder, 'config', 'log4j2.yaml');
  return {
    classPath: join(folder, 'libs', '*'),
    jvmArguments: [
      ...smallLaunch.jvmArguments,
      '-Dkafka.logs.dir=logs',
      ...(existsSync(logging) ? [`-Dlog4j2.configurationFile=${logging}`] : []),
    ],
  };
}

export async function startPerfbroker(keepsFolder = false): Promise<Peer> {
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-conformance-'));
  const file = join(folder, 'server.properties');
  const lines = Object.entries(sharedSettings).map(([name, value]) => `${name}=${value}`);
  writeFileSync(file, `${lines.join('\n')}\n`);
  const broker = await BrokerProcess.start({
    dataFolder: join(folder, 'data'),
    outputFile: join(folder, 'perfbroker.log'),
    arguments: ['--config', file, '--workers', '1'],
  });
  return {
    port: broker.port,
    folder,
    async dispose() {
      // What it said last is all there is to see of a broker that died under the comparison.
      await broker.dispose().finally(() => {
        if (!keepsFolder) rmSync(folder, { recursive: true, force: true });
      });
    },
  };
}
