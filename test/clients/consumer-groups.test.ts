/**
 * Groups of consumers with foreign clients, in both protocols: members come and go while records come in, none is lost,
 * and none is processed by two members of one generation. And what Kafka's own tool tells of a group.
 * PERFBROKER_PEER=kafka shows the same of Apache Kafka.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Connection } from '../../src/client/connection.ts';
import { offsetCommit } from '../../src/protocol/schemas/08-offset-commit.ts';
import { findCoordinator } from '../../src/protocol/schemas/10-find-coordinator.ts';
import { consumerGroupHeartbeat } from '../../src/protocol/schemas/68-consumer-group-heartbeat.ts';
import { BrokerProcess, projectRoot } from './broker-process.ts';
import { clientsCache, describeInstalled, runProgram } from './foreign-client.ts';
import { briefJvm, KafkaProcess } from './kafka-process.ts';
import { makeTopic, type ServerUnderTest } from './server-under-test.ts';

const PROGRAM_MS_MAX = 120_000;
const PARTITIONS = 6;
const RECORDS = 4000;
/** Members call often, so that a group notices who comes within moments. */
const settings = {
  'group.consumer.min.heartbeat.interval.ms': '100',
  'group.consumer.heartbeat.interval.ms': '500',
};
const javaLibraries = join(clientsCache, 'java', 'lib', '*');
const python = join(clientsCache, 'python', 'bin', 'python');
const needs = [join(clientsCache, 'java.installed'), join(clientsCache, 'python.installed'), python];

function startServer(): Promise<ServerUnderTest> {
  if (process.env['PERFBROKER_PEER'] === 'kafka') return KafkaProcess.start(settings);
  const sets = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  return BrokerProcess.start({ arguments: ['--workers', '2', ...sets] });
}

describeInstalled('groups of foreign consumers', needs, () => {
  let server: ServerUnderTest | null = null;
  const address = (): string => server?.address ?? '';

  beforeAll(async () => {
    server = await startServer();
  }, PROGRAM_MS_MAX);

  afterAll(async () => {
    await server?.dispose();
  });

  async function topicOf(name: string): Promise<string> {
    if (server !== null) await makeTopic(server, name, PARTITIONS);
    return name;
  }

  /** A record may be processed again by the next owner of its partition, when a commit met a rebalance. */
  const whole = { sent: RECORDS, processed: RECORDS, lost: 0, members: 4 };

  it.each(['consumer', 'classic'])(
    'the Java client shares records among members that come and go (%s)',
    async (protocol) => {
      const topic = await topicOf(`java-${protocol}`);
      const program = join(projectRoot, 'test', 'clients', 'java', 'GroupOfThree.java');
      const parameters = [address(), topic, String(PARTITIONS), String(RECORDS), protocol];
      const said = await runProgram('java', ['-Xmx256m', ...briefJvm, '-cp', javaLibraries, program, ...parameters]);
      expect(JSON.parse(said.trim().split('\n').at(-1) ?? '')).toMatchObject({ ...whole, doubled: 0 });
    },
    PROGRAM_MS_MAX,
  );

  it.each(['consumer', 'classic'])(
    'librdkafka shares records among members that come and go (%s)',
    async (protocol) => {
      const topic = await topicOf(`librdkafka-${protocol}`);
      const program = join(projectRoot, 'test', 'clients', 'python', 'group_of_three.py');
      const parameters = [program, address(), topic, String(PARTITIONS), String(RECORDS), protocol];
      const said = await runProgram(python, parameters);
      expect(JSON.parse(said.trim().split('\n').at(-1) ?? '')).toMatchObject(whole);
    },
    PROGRAM_MS_MAX,
  );

  it(
    'Kafka’s tool tells of members, what they have and are to have, and how far the group is',
    async () => {
      const topic = await topicOf('described');
      const connection = await Connection.open({ host: '127.0.0.1', port: server?.port ?? 0 });
      try {
        await joinAs(connection, 'first', topic);
        await commitAs(connection, 'first', topic);
        const tool = async (...more: readonly string[]): Promise<string> =>
          await runProgram('java', [
            '-Xmx256m',
            ...briefJvm,
            ...['-cp', javaLibraries, 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand'],
            ...['--bootstrap-server', address(), ...more],
          ]);
        const beating = setInterval(() => void beatAs(connection, 'first').catch(() => undefined), 400);
        try {
          const members = await tool('--describe', '--group', 'told', '--members', '--verbose');
          expect(members).toMatch(/told +first +.* +6 +2 +described:0,1,2,3,4,5 +2 +described:0,1,2,3,4,5/);
          const state = await tool('--describe', '--group', 'told', '--state', '--verbose');
          expect(state).toMatch(/told .* uniform +Stable +2 +2 +1/);
          const offsets = await tool('--describe', '--group', 'told');
          expect(offsets).toMatch(/told +described +0 +0 +0 +0 +first/);
          expect(await tool('--list', '--state')).toMatch(/told +Consumer +Stable|told +Stable/);
        } finally {
          clearInterval(beating);
        }
      } finally {
        connection.close();
      }
    },
    PROGRAM_MS_MAX,
  );
});

async function joinAs(connection: Connection, memberId: string, topic: string): Promise<void> {
  for (;;) {
    const found = await connection.request(findCoordinator, { keyType: 0, coordinatorKeys: ['told'] });
    if (found.coordinators[0]?.errorCode === 0) break;
  }
  for (;;) {
    const answer = await connection.request(consumerGroupHeartbeat, {
      groupId: 'told',
      memberId,
      memberEpoch: 0,
      rebalanceTimeoutMs: 60_000,
      subscribedTopicNames: [topic],
      topicPartitions: [],
    });
    if (answer.errorCode === 0 && (answer.assignment?.topicPartitions.length ?? 0) > 0) return;
  }
}

async function beatAs(connection: Connection, memberId: string): Promise<void> {
  await connection.request(consumerGroupHeartbeat, { groupId: 'told', memberId, memberEpoch: 2 });
}

async function commitAs(connection: Connection, memberId: string, topic: string): Promise<void> {
  const partition = { partitionIndex: 0, committedOffset: 0, committedMetadata: '' };
  const topics = [{ name: topic, partitions: [partition] }];
  const body = { groupId: 'told', memberId, generationIdOrMemberEpoch: 2, topics };
  const answer = await connection.request(offsetCommit, body, 9);
  expect(answer.topics[0]?.partitions[0]?.errorCode).toBe(0);
}
