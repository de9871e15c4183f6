/**
 * Six clients run one common set of scenarios on perfbroker and on Apache Kafka with the same observable result: a group of
 * three whose members join and leave while records come in (none lost, no partition with two owners at once, every record's
 * offset committed), transactions (committed, aborted, offsets moved with records), and administration. Each program prints
 * one line of JSON; the programs lie in the clients' folders.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { BrokerProcess, projectRoot } from './broker-process.ts';
import { clientsCache, describeInstalled, runProgram } from './foreign-client.ts';
import { javaArguments, KafkaProcess } from './kafka-process.ts';

/** A program that hangs is ended after 180 s, and the error names it and the broker. */
const CASE_MS_MAX = 200_000;
const python = join(clientsCache, 'python', 'bin', 'python');
const program = (name: string) => join(projectRoot, 'test', 'clients', 'python', name);
const goProgram = (name: string) => join(clientsCache, 'go', name);
const scenariosClass = join(clientsCache, 'java', 'classes', 'Scenarios.class');

/** What every client must see, whoever serves it. */
const outcome = {
  group: { processed: 1200, lost: 0, doubleOwned: 0, committed: 1200 },
  transactions: { committed: 20, all: 30, moved: 20, offsetsMoved: true },
  admin: {
    partitions: 3,
    retentionMs: '60000',
    segmentMs: '120000',
    grown: 5,
    groupListed: true,
    groupState: 'EMPTY',
    gone: true,
  },
};

/** Members of consumer groups call often enough to settle within the test; both brokers have the same bounds. */
const settings: Readonly<Record<string, string>> = {
  'offsets.topic.num.partitions': '4',
  'transaction.state.log.num.partitions': '4',
  'group.consumer.heartbeat.interval.ms': '500',
  'group.consumer.min.heartbeat.interval.ms': '500',
};

const clients: readonly {
  readonly name: string;
  readonly command: readonly string[];
  readonly after?: readonly string[];
}[] = [
  { name: 'Java', command: ['java', ...javaArguments, 'Scenarios'], after: ['classic'] },
  {
    name: 'Java, consumer protocol',
    command: ['java', ...javaArguments, 'Scenarios'],
    after: ['consumer'],
  },
  { name: 'librdkafka', command: [python, program('scenarios_confluent.py')], after: ['classic'] },
  { name: 'librdkafka, consumer protocol', command: [python, program('scenarios_confluent.py')], after: ['consumer'] },
  { name: 'franz-go', command: [goProgram('scenarios-franz')], after: ['classic'] },
  { name: 'franz-go, consumer protocol', command: [goProgram('scenarios-franz')], after: ['consumer'] },
  { name: 'sarama', command: [goProgram('scenarios-sarama')] },
  { name: 'kafka-python', command: [python, program('scenarios_kafka_python.py')] },
  { name: 'aiokafka', command: [python, program('scenarios_aiokafka.py')] },
];

const needs = [scenariosClass, python, goProgram('scenarios-franz'), goProgram('scenarios-sarama')];

describeInstalled('common scenarios', needs, () => {
  let kafka: KafkaProcess;
  let perfbroker: BrokerProcess;

  beforeAll(async () => {
    const parameters = Object.entries(settings).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
    const starting = [KafkaProcess.start(settings), BrokerProcess.start({ arguments: parameters })] as const;
    [kafka, perfbroker] = await Promise.all(starting);
  });

  afterAll(async () => {
    await Promise.all([kafka.dispose(), perfbroker.dispose()]);
  });

  for (const [index, { name, command, after }] of clients.entries()) {
    const run = async (address: string): Promise<unknown> => {
      const [file = '', ...parameters] = command;
      const said = await runProgram(file, [...parameters, address, `client-${index}`, ...(after ?? [])]);
      return JSON.parse(said.trim().split('\n').at(-1) ?? '');
    };

    it(
      `${name} sees the same on Apache Kafka and on perfbroker`,
      async () => {
        // Mostly they wait for heartbeats, so they wait side by side.
        const [onKafka, onPerfbroker] = await Promise.all([run(kafka.address), run(perfbroker.address)]);
        expect(onKafka).toEqual(outcome);
        expect(onPerfbroker).toEqual(outcome);
      },
      CASE_MS_MAX,
    );
  }
});
