/**
 * The records of groups in `__consumer_offsets`: Kafka's own decoder reads what the broker wrote, and the broker finds the
 * groups in a folder that Apache Kafka wrote.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Connection } from '../../src/client/connection.ts';
import { offsetCommit } from '../../src/protocol/schemas/08-offset-commit.ts';
import { offsetFetch } from '../../src/protocol/schemas/09-offset-fetch.ts';
import { findCoordinator } from '../../src/protocol/schemas/10-find-coordinator.ts';
import { consumerGroupHeartbeat } from '../../src/protocol/schemas/68-consumer-group-heartbeat.ts';
import { consumerGroupDescribe } from '../../src/protocol/schemas/69-consumer-group-describe.ts';
import { BrokerProcess } from './broker-process.ts';
import { clientsCache, describeInstalled } from './foreign-client.ts';
import { javaArguments, KafkaProcess } from './kafka-process.ts';
import { makeTopic } from './server-under-test.ts';

const TIMEOUT_MS = 180_000;
const OUTPUT_BYTES_MAX = 1 << 28;
const GROUP = 'kept';
const OFFSETS_TOPIC = '__consumer_offsets';
const joining = { groupId: GROUP, memberEpoch: 0, rebalanceTimeoutMs: 600_000, topicPartitions: [] };

describeInstalled('groups on disk', [join(clientsCache, 'java', 'lib')], () => {
  it(
    'are read by Kafka’s DumpLogSegments',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'perfbroker-group-records-'));
      try {
        const broker = await BrokerProcess.start({ dataFolder: folder });
        try {
          await fillGroup(broker);
        } finally {
          expect(await broker.stop(), broker.output).toBe(0);
        }
        const records = decoded(folder);
        const kinds = new Set(records.map(({ key }) => key.type));
        for (const kind of [1, 3, 5, 6, 7, 8, 16]) expect([...kinds]).toContain(String(kind));
        const member = records.find(({ key, payload }) => key.type === '5' && payload !== null);
        expect(JSON.stringify(member)).toContain('"instanceId":"fixed"');
        // Left out it would be an empty one to Kafka, and the member one of the classic protocol.
        expect(JSON.stringify(member)).toContain('"classicMemberMetadata":null');
        const current = records.filter(({ key, payload }) => key.type === '8' && payload !== null);
        expect(JSON.stringify(current.at(-1))).toContain('"assignmentEpochs":[');
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    TIMEOUT_MS,
  );

  it(
    'that Apache Kafka wrote are found as they were',
    async () => {
      const kafka = await KafkaProcess.start();
      try {
        await fillGroup(kafka);
        const before = await describeGroup(kafka.port);
        expect(before).toMatchObject({ groupState: 'Reconciling', members: [{}, {}] });
        await kafka.stop();
        const broker = await BrokerProcess.start({ dataFolder: kafka.dataFolder });
        try {
          expect(await describeGroup(broker.port)).toEqual(before);
          expect(await committedIn(broker.port)).toBe(3);
        } finally {
          expect(await broker.stop(), broker.output).toBe(0);
        }
      } finally {
        await kafka.dispose();
      }
    },
    TIMEOUT_MS,
  );
});

interface Server {
  readonly port: number;
}

/** A static member that was told to give up half, one that waits for it and reads by a pattern, and a commit. */
async function fillGroup(server: Server & { readonly address: string; dispose(): Promise<void> }): Promise<void> {
  await makeTopic(server, 'shared', 4);
  const connection = await open(server.port);
  try {
    const first = { ...joining, memberId: 'first', instanceId: 'fixed', subscribedTopicNames: ['shared'] };
    let memberEpoch = 0;
    await until(async () => {
      const answer = await connection.request(consumerGroupHeartbeat, memberEpoch === 0 ? first : beatOf(memberEpoch));
      memberEpoch = answer.memberEpoch;
      const [group] = (await connection.request(consumerGroupDescribe, asked)).groups;
      return group?.members[0]?.assignment.topicPartitions[0]?.partitions.length === 4;
    });
    const partitions = [{ partitionIndex: 1, committedOffset: 3, committedMetadata: 'm' }];
    const claim = {
      groupId: GROUP,
      memberId: 'first',
      groupInstanceId: 'fixed',
      generationIdOrMemberEpoch: memberEpoch,
    };
    await connection.request(offsetCommit, { ...claim, topics: [{ name: 'shared', partitions }] }, 9);
    await connection.request(consumerGroupHeartbeat, { ...joining, memberId: 'second', subscribedTopicRegex: 'sha.*' });
    await until(async () => {
      await connection.request(consumerGroupHeartbeat, beatOf(memberEpoch));
      const [group] = (await connection.request(consumerGroupDescribe, asked)).groups;
      const told = group?.members.find(({ memberId }) => memberId === 'first');
      return (
        group?.groupEpoch === group?.assignmentEpoch &&
        told?.targetAssignment.topicPartitions[0]?.partitions.length === 2
      );
    });
  } finally {
    connection.close();
  }
}

function beatOf(memberEpoch: number) {
  return { groupId: GROUP, memberId: 'first', instanceId: 'fixed', memberEpoch };
}

const asked = { groupIds: [GROUP], includeAuthorizedOperations: false };

async function describeGroup(port: number) {
  const connection = await open(port);
  try {
    const [group] = (await connection.request(consumerGroupDescribe, asked)).groups;
    const members = [...(group?.members ?? [])].sort((one, other) => (one.memberId < other.memberId ? -1 : 1));
    return { ...group, members };
  } finally {
    connection.close();
  }
}

async function committedIn(port: number): Promise<number | undefined> {
  const connection = await open(port);
  try {
    const groups = [{ groupId: GROUP, topics: [{ name: 'shared', partitionIndexes: [1] }] }];
    const answer = await connection.request(offsetFetch, { groupId: '', topics: [], groups }, 9);
    return answer.groups[0]?.topics[0]?.partitions[0]?.committedOffset;
  } finally {
    connection.close();
  }
}

/** A connection, once the coordinator of the group is ready. */
async function open(port: number): Promise<Connection> {
  const connection = await Connection.open({ host: '127.0.0.1', port });
  await until(async () => {
    const found = await connection.request(findCoordinator, { keyType: 0, coordinatorKeys: [GROUP] });
    if (found.coordinators[0]?.errorCode !== 0) return false;
    const { groups } = await connection.request(consumerGroupDescribe, asked);
    return groups[0]?.errorCode === 0 || groups[0]?.errorCode === 69;
  });
  return connection;
}

/** A client's retries: there is no event to wait for. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 30_000;
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error('it did not come to pass');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

interface Decoded {
  readonly key: { readonly type: string };
  readonly payload: unknown;
}

function decoded(folder: string): Decoded[] {
  const files = readdirSync(folder)
    .filter((name) => name.startsWith(`${OFFSETS_TOPIC}-`))
    .map((name) => join(folder, name, '00000000000000000000.log'));
  const tool = [...javaArguments, 'org.apache.kafka.tools.DumpLogSegments', '--offsets-decoder'];
  const { status, stdout } = spawnSync('java', [...tool, '--files', files.join(',')], {
    maxBuffer: OUTPUT_BYTES_MAX,
    encoding: 'utf8',
  });
  expect(status).toBe(0);
  const found = [...stdout.matchAll(/ key: (\{.*?\}) payload: (\{.*\}|<DELETE>)$/gm)];
  return found.map(([, key = '{}', payload = 'null']) => ({
    key: JSON.parse(key),
    payload: payload === '<DELETE>' ? null : JSON.parse(payload),
  }));
}
