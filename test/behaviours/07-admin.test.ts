/** Behaviours 3, 37 and 40, and what one node answers where Kafka has replicas, folders and a quorum. */
import { describe, expect, test } from 'vitest';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { apiVersions } from '../../src/protocol/schemas/18-api-versions.ts';
import { deleteRecords } from '../../src/protocol/schemas/21-delete-records.ts';
import { alterReplicaLogDirs } from '../../src/protocol/schemas/34-alter-replica-log-dirs.ts';
import { describeLogDirs } from '../../src/protocol/schemas/35-describe-log-dirs.ts';
import { electLeaders } from '../../src/protocol/schemas/43-elect-leaders.ts';
import { alterPartitionReassignments } from '../../src/protocol/schemas/45-alter-partition-reassignments.ts';
import { listPartitionReassignments } from '../../src/protocol/schemas/46-list-partition-reassignments.ts';
import { describeQuorum } from '../../src/protocol/schemas/55-describe-quorum.ts';
import { updateFeatures } from '../../src/protocol/schemas/57-update-features.ts';
import type { SimulatedClient } from '../support/simulated-client.ts';
import {
  batchOf,
  createTopic,
  FETCH_VERSION,
  fetchFrom,
  fetchRequest,
  offsetOf,
  onlyPartition,
  produceTo,
  recordsIn,
  type Topic,
} from '../support/simulated-deeds.ts';
import { restart, startRig } from './behaviour-rig.ts';

async function deleteTo(client: SimulatedClient, topic: string, offset: number, partition = 0) {
  const answer = await client.ask(deleteRecords, 2, {
    topics: [{ name: topic, partitions: [{ partitionIndex: partition, offset }] }],
    timeoutMs: 1000,
  });
  const [one] = answer.topics[0]?.partitions ?? [];
  return [one?.errorCode, one?.lowWatermark];
}

async function earliest(client: SimulatedClient, topic: Topic): Promise<number> {
  return (await offsetOf(client, topic, -2)).offset;
}

async function appendTen(client: SimulatedClient, topic: Topic): Promise<void> {
  for (let count = 0; count < 10; count++) expect((await produceTo(client, topic, batchOf())).errorCode).toBe(0);
}

describe('behaviour 37: DeleteRecords', () => {
  test('moves the start of the log, for fetches and offsets alike; -1 is the high watermark', async () => {
    const { client } = await startRig();
    const topic = await createTopic(client, 'a');
    await appendTen(client, topic);
    expect(await deleteTo(client, 'a', 4)).toEqual([0, 4]);
    expect(await earliest(client, topic)).toBe(4);
    const below = await fetchFrom(client, topic, 3);
    expect(below).toMatchObject({ errorCode: 1, highWatermark: -1, logStartOffset: -1 });
    expect(recordsIn((await fetchFrom(client, topic, 4)).records)[0]?.offset).toBe(4);
    expect(await deleteTo(client, 'a', 2)).toEqual([0, 4]);
    expect(await deleteTo(client, 'a', 11)).toEqual([1, -1]);
    expect(await deleteTo(client, 'a', -2)).toEqual([1, -1]);
    expect(await deleteTo(client, 'a', -1)).toEqual([0, 10]);
    expect(await earliest(client, topic)).toBe(10);
  });

  test('holds after a kill', async () => {
    const first = await startRig();
    const topic = await createTopic(first.client, 'a');
    await appendTen(first.client, topic);
    expect(await deleteTo(first.client, 'a', 6)).toEqual([0, 6]);
    const { client } = await restart(first, 'kill');
    expect(await earliest(client, topic)).toBe(6);
    expect((await fetchFrom(client, topic, 5)).errorCode).toBe(1);
    expect(recordsIn((await fetchFrom(client, topic, 6)).records)).toHaveLength(4);
  });

  test('tells a fetch that waits below the new start', async () => {
    const { broker, client } = await startRig();
    const topic = await createTopic(client, 'a');
    await appendTen(client, topic);
    const waiting = broker.connect();
    waiting.send(
      fetch,
      FETCH_VERSION,
      fetchRequest(topic, [{ offset: 9 }], { minBytes: 1_000_000, maxWaitMs: 60_000 }),
    );
    await broker.settle();
    expect(waiting.hasAnswer).toBe(false);
    expect(await deleteTo(client, 'a', -1)).toEqual([0, 10]);
    expect(onlyPartition(waiting.receive(fetch, FETCH_VERSION))).toMatchObject({ errorCode: 1, logStartOffset: -1 });
  });

  test('is for topics that delete, and for partitions that exist', async () => {
    const { client } = await startRig();
    await createTopic(client, 'compact', { configs: { 'cleanup.policy': 'compact' } });
    await createTopic(client, 'both', { configs: { 'cleanup.policy': 'compact,delete' } });
    await createTopic(client, 'neither', { configs: { 'cleanup.policy': '' } });
    await createTopic(client, '__consumer_offsets');
    expect(await deleteTo(client, 'compact', -1)).toEqual([44, -1]);
    expect(await deleteTo(client, 'both', -1)).toEqual([0, 0]);
    expect(await deleteTo(client, 'neither', -1)).toEqual([0, 0]);
    expect(await deleteTo(client, '__consumer_offsets', -1)).toEqual([17, -1]);
    expect(await deleteTo(client, 'both', -1, 9)).toEqual([3, -1]);
    expect(await deleteTo(client, 'missing', -1)).toEqual([3, -1]);
  });
});

test('behaviour 40: ElectLeaders says of each healthy partition that no election is needed', async () => {
  const { client } = await startRig();
  await createTopic(client, 'a', { partitions: 2 });
  for (const version of [0, 1, 2]) {
    const answer = await client.ask(electLeaders, version, {
      electionType: 0,
      topicPartitions: [
        { topic: 'a', partitions: [0, 1, 9] },
        { topic: 'missing', partitions: [0] },
      ],
      timeoutMs: 1000,
    });
    expect(answer.errorCode).toBe(0);
    const codes = answer.replicaElectionResults.map(({ partitionResult }) =>
      partitionResult.map(({ errorCode }) => errorCode),
    );
    expect(codes).toEqual([[84, 84, 3], [3]]);
  }
  const elect = (electionType: number, topicPartitions: { topic: string; partitions: number[] }[] | null) =>
    client.ask(electLeaders, 2, { electionType, topicPartitions, timeoutMs: 1000 });
  expect(await elect(1, null)).toMatchObject({
    errorCode: 0,
    replicaElectionResults: [{ topic: 'a', partitionResult: [] }],
  });
  expect(await elect(5, [{ topic: 'a', partitions: [0] }])).toMatchObject({
    errorCode: 42,
    replicaElectionResults: [{ partitionResult: [{ errorCode: 42 }] }],
  });
  expect(await elect(5, [])).toMatchObject({ errorCode: 0, replicaElectionResults: [] });
});

test('replicas stay where they are: reassignments to this broker are granted, others refused, none is under way', async () => {
  const { client } = await startRig();
  await createTopic(client, 'a');
  const move = async (name: string, partitionIndex: number, replicas: number[] | null) => {
    const topics = [{ name, partitions: [{ partitionIndex, replicas }] }];
    const answer = await client.ask(alterPartitionReassignments, 1, {
      timeoutMs: 1000,
      allowReplicationFactorChange: true,
      topics,
    });
    return answer.responses[0]?.partitions[0]?.errorCode;
  };
  expect(await move('a', 0, [1])).toBe(0);
  expect(await move('a', 0, null)).toBe(85);
  for (const replicas of [[9], [1, 2], [1, 1], [], [-1]]) expect(await move('a', 0, replicas)).toBe(39);
  expect(await move('a', 9, [1])).toBe(3);
  expect(await move('missing', 0, [1])).toBe(3);
  const listed = await client.ask(listPartitionReassignments, 0, { timeoutMs: 1000, topics: null });
  expect(listed).toMatchObject({ errorCode: 0, topics: [] });
});

describe('the data folder', () => {
  test('is described with its room and the bytes of each partition', async () => {
    const { client } = await startRig();
    const topic = await createTopic(client, 'a', { partitions: 2 });
    await createTopic(client, 'b');
    const batch = batchOf({ valueBytes: 700 });
    expect((await produceTo(client, topic, batch, { partition: 1 })).errorCode).toBe(0);
    const all = await client.ask(describeLogDirs, 5, { topics: null });
    expect(all.errorCode).toBe(0);
    expect(all.results).toHaveLength(1);
    expect(all.results[0]).toMatchObject({
      logDir: '/data',
      totalBytes: 1 << 30,
      usableBytes: 1 << 29,
      isCordoned: false,
    });
    const sizes = all.results[0]?.topics.map(({ name, partitions }) => [
      name,
      partitions.map(({ partitionSize }) => partitionSize),
    ]);
    expect(sizes).toEqual([
      ['a', [0, batch.length]],
      ['b', [0]],
    ]);
    const some = await client.ask(describeLogDirs, 1, {
      topics: [
        { topic: 'a', partitions: [1, 9] },
        { topic: 'missing', partitions: [0] },
      ],
    });
    expect(some.results[0]?.topics).toMatchObject([{ name: 'a', partitions: [{ partitionIndex: 1 }] }]);
    expect(some.results[0]?.topics).toHaveLength(1);
    expect((await client.ask(describeLogDirs, 4, { topics: [] })).results[0]?.topics).toEqual([]);
  });

  test('is the only one: a partition moves to it, or not at all', async () => {
    const { client } = await startRig();
    await createTopic(client, 'a');
    const move = async (path: string, name: string, partitions: number[]) => {
      const answer = await client.ask(alterReplicaLogDirs, 2, { dirs: [{ path, topics: [{ name, partitions }] }] });
      return answer.results[0]?.partitions.map(({ errorCode }) => errorCode);
    };
    expect(await move('/data', 'a', [0, 9])).toEqual([0, 3]);
    expect(await move('/elsewhere', 'a', [0])).toEqual([57]);
    expect(await move('/data', 'missing', [0])).toEqual([3]);
    expect(await move('/elsewhere', 'missing', [0])).toEqual([57]);
    // With a longer name the folder of a partition that moves would have more than 255 characters.
    expect(await move('/elsewhere', 'n'.repeat(213), [0])).toEqual([57]);
    expect(await move('/elsewhere', 'n'.repeat(214), [0])).toEqual([17]);
    expect(await move('/data', 'a', [])).toBeUndefined();
  });
});

test('the metadata quorum is this broker alone, and nothing else has one', async () => {
  const { client } = await startRig();
  await createTopic(client, 'a');
  const ask = (topicName: string, partitions: number[]) =>
    client.ask(describeQuorum, 2, {
      topics: [{ topicName, partitions: partitions.map((partitionIndex) => ({ partitionIndex })) }],
    });
  const answer = await ask('__cluster_metadata', [0]);
  const [quorum] = answer.topics[0]?.partitions ?? [];
  expect(quorum).toMatchObject({ errorCode: 0, leaderId: 1, leaderEpoch: 1, observers: [] });
  expect(quorum?.currentVoters).toMatchObject([{ replicaId: 1, logEndOffset: quorum?.highWatermark }]);
  expect(answer.nodes).toMatchObject([{ nodeId: 1, listeners: [{ port: 9092 }] }]);
  await createTopic(client, 'b');
  const later = (await ask('__cluster_metadata', [0])).topics[0]?.partitions[0]?.highWatermark ?? 0;
  expect(later).toBeGreaterThan(quorum?.highWatermark ?? 0);
  for (const [topic, partitions] of [
    ['a', [0]],
    ['__cluster_metadata', [1]],
    ['__cluster_metadata', [0, 1]],
  ] as const) {
    const codes = (await ask(topic, [...partitions])).topics[0]?.partitions.map(({ errorCode }) => errorCode);
    expect(codes).toEqual(partitions.map(() => 3));
  }
});

describe('features', () => {
  test('behaviour 3: those whose minimum is 0 are told from version 4 on; levels in force always', async () => {
    const { client } = await startRig();
    const ask = async (version: number) => {
      const answer = await client.ask(apiVersions, version, {
        clientSoftwareName: 'test',
        clientSoftwareVersion: '1',
      });
      return {
        supported: answer.supportedFeatures.map(({ name, minVersion, maxVersion }) => [name, minVersion, maxVersion]),
        levels: answer.finalizedFeatures.map(({ name, maxVersionLevel }) => [name, maxVersionLevel]),
        keys: answer.apiKeys.map(({ apiKey }) => apiKey),
      };
    };
    const [old, fresh] = [await ask(3), await ask(4)];
    expect(old.supported).toEqual([['metadata.version', 7, 30]]);
    expect(fresh.supported).toEqual([
      ['metadata.version', 7, 30],
      ['group.version', 0, 1],
      ['share.version', 0, 1],
      ['transaction.version', 0, 2],
    ]);
    // A level is in force exactly when the API that it promises is there.
    const expected: [string, number][] = [['metadata.version', 30]];
    if (fresh.keys.includes(68)) expected.push(['group.version', 1]);
    if (fresh.keys.includes(76)) expected.push(['share.version', 1]);
    if (fresh.keys.includes(26)) expected.push(['transaction.version', 2]);
    expect(fresh.levels).toEqual(expected);
    expect(old.levels).toEqual(expected);
  });

  test('cannot be changed; a wish for the level in force is granted, and one bad wish refuses all', async () => {
    const { client } = await startRig();
    const update = async (wishes: [string, number, number?][], version = 1) => {
      const featureUpdates = wishes.map(([feature, maxVersionLevel, upgradeType]) => ({
        feature,
        maxVersionLevel,
        upgradeType: upgradeType ?? 1,
        allowDowngrade: false,
      }));
      const answer = await client.ask(updateFeatures, version, {
        timeoutMs: 1000,
        featureUpdates,
        validateOnly: false,
      });
      for (const { errorMessage } of answer.results) expect(errorMessage).toContain('at this level');
      return [answer.errorCode, answer.results.length];
    };
    expect(await update([['metadata.version', 30]])).toEqual([0, 1]);
    expect(await update([['metadata.version', 30]], 0)).toEqual([0, 1]);
    expect(await update([['metadata.version', 30]], 2)).toEqual([0, 0]);
    expect(await update([])).toEqual([0, 0]);
    expect(await update([['metadata.version', 29]])).toEqual([95, 0]);
    expect(await update([['metadata.version', 29, 2]])).toEqual([95, 0]);
    expect(await update([['metadata.version', 99]])).toEqual([95, 0]);
    expect(await update([['metadata.version', 30, 9]])).toEqual([95, 0]);
    expect(
      await update([
        ['metadata.version', 30],
        ['nope', 1],
      ]),
    ).toEqual([95, 0]);
    const twice: [string, number][] = [
      ['metadata.version', 29],
      ['metadata.version', 30],
    ];
    expect(await update(twice)).toEqual([0, 2]);
    expect(await update(twice.reverse())).toEqual([95, 0]);
  });
});
