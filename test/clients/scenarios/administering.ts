/** What an administrator does: topics, settings, records, groups, transactions, the cluster, quotas; and closing. */
import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { expect } from 'vitest';
import { type Client, createClient, type Dial, demand, errorCodeOf } from '../../../src/client/client.ts';
import { dialTcp } from '../../../src/client/dial.ts';
import { errorCode } from '../../../src/protocol/errors.ts';
import { EARLIEST, eventually, newTopic, POLL_MS, read, type Scenario } from './scenario.ts';

export const administering: Scenario[] = [
  {
    name: 'creates, grows, describes and deletes topics, with an outcome for each',
    async run(client) {
      const { topics } = client.admin();
      const name = `admin-${randomUUID()}`;
      const asked = [{ name, partitions: 2, replicationFactor: 1, configs: { 'retention.ms': '3600000' } }];
      expect(await topics.create(asked, { validateOnly: true })).toMatchObject([{ name, error: null }]);
      expect(await topics.create(asked)).toMatchObject([{ name, partitions: 2, replicationFactor: 1, error: null }]);
      expect(await topics.create(asked)).toMatchObject([{ error: { errorName: 'TOPIC_ALREADY_EXISTS' } }]);
      demand(await topics.grow([{ name, total: 5 }]));
      expect(await topics.grow([{ name, total: 3 }])).toMatchObject([{ error: { errorName: 'INVALID_PARTITIONS' } }]);
      const partitionCount = async (): Promise<number> =>
        (await topics.describe([name]))[0]?.topic?.partitions.length ?? 0;
      expect(await eventually(partitionCount, (count) => count === 5)).toBe(5);
      const [missing] = await topics.describe(['nowhere']);
      expect(missing).toMatchObject({ topic: null, error: { errorName: 'UNKNOWN_TOPIC_OR_PARTITION' } });
      expect((await topics.list()).map((topic) => topic.name)).toContain(name);
      demand(await topics.delete([name]));
      const isListed = async (): Promise<boolean> => (await topics.list()).some((topic) => topic.name === name);
      expect(await eventually(isListed, (listed) => !listed)).toBe(false);
    },
  },
  {
    name: 'describes and changes settings',
    async run(client) {
      const topic = await newTopic(client, 1, { 'retention.ms': '3600000' });
      const { configs } = client.admin();
      const resource = { type: 'topic', name: topic } as const;
      const names = ['retention.ms', 'cleanup.policy'];
      const [before] = demand(await configs.describe([resource], { names, includeSynonyms: true }));
      expect(before?.entries.find(({ name }) => name === 'retention.ms')).toMatchObject({
        value: '3600000',
        source: 'topic',
        type: 'long',
      });
      const changes = [
        { name: 'retention.ms', value: '7200000' },
        { name: 'cleanup.policy', operation: 'append', value: 'compact' },
      ] as const;
      demand(await configs.alter([{ ...resource, changes }]));
      const settingOf = async (name: string): Promise<string> => {
        const [described] = demand(await configs.describe([resource], { names: [name] }));
        const value = described?.entries[0]?.value ?? '';
        return value.split(',').sort().join();
      };
      const settled = (name: string, wished: string): Promise<string> =>
        eventually(
          () => settingOf(name),
          (value) => value === wished,
        );
      expect(await settled('retention.ms', '7200000')).toBe('7200000');
      expect(await settled('cleanup.policy', 'compact,delete')).toBe('compact,delete');
      demand(await configs.alter([{ ...resource, changes: [{ name: 'retention.ms', operation: 'delete' }] }]));
      expect(await settled('retention.ms', '604800000')).toBe('604800000');
      expect(await configs.alter([{ ...resource, changes: [{ name: 'no.such', value: '1' }] }])).toMatchObject([
        { error: { errorName: 'INVALID_CONFIG' } },
      ]);
    },
  },
  {
    name: 'finds offsets by time and deletes records before one',
    async run(client) {
      const topic = await newTopic(client, 1);
      const producer = client.producer({ lingerMs: 0 });
      for (let i = 0; i < 5; i++) await producer.send({ topic, value: `${i}`, timestamp: 1_700_000_000_000 + i });
      const { partitionRecords, logDirs } = client.admin();
      const place = { topic, partition: 0 };
      const wished = (['earliest', 'latest', 'max-timestamp', 1_700_000_000_003] as const).map((time) => ({
        ...place,
        time,
      }));
      expect((await partitionRecords.findOffsets(wished)).map(({ offset }) => offset)).toEqual([0, 5, 4, 3]);
      expect(await partitionRecords.deleteBefore([{ ...place, offset: 2 }])).toEqual([
        { ...place, lowWatermark: 2, error: null },
      ]);
      expect(await partitionRecords.findOffsets([{ ...place, time: 'earliest' }])).toMatchObject([{ offset: 2 }]);
      expect(await partitionRecords.deleteBefore([{ ...place, offset: 50 }])).toMatchObject([
        { error: { errorName: 'OFFSET_OUT_OF_RANGE' } },
      ]);
      const [producers] = await partitionRecords.describeProducers([place]);
      expect(producers?.producers).toMatchObject([{ producerEpoch: 0, lastSequence: 4, transactionStartOffset: -1 }]);
      const [dir] = await logDirs.describe([place]);
      expect(dir?.partitions).toMatchObject([{ topic, partition: 0 }]);
      expect(dir?.partitions[0]?.bytes).toBeGreaterThan(0);
    },
  },
  ...(['classic', 'consumer'] as const).map((groupProtocol) => ({
    name: `lists, describes, rewinds and deletes groups (${groupProtocol})`,
    async run(client: Client) {
      const topic = await newTopic(client, 2);
      const groupId = `group-${randomUUID()}`;
      const producer = client.producer();
      await Promise.all(
        Array.from({ length: 10 }, (_, i) => producer.send({ topic, partition: i % 2, value: `${i}` })),
      );
      const consumer = client.consumer({ ...EARLIEST, groupProtocol, groupId });
      consumer.subscribe([topic]);
      await read(consumer, 10);
      await consumer.commit();
      const { groups, groupPositions } = client.admin();
      expect(await groups.list()).toContainEqual({
        groupId,
        type: groupProtocol,
        state: 'Stable',
        protocolType: 'consumer',
      });
      const [described] = await groups.describe([groupId]);
      expect(described).toMatchObject({ type: groupProtocol, state: 'Stable', error: null });
      expect(described?.members).toMatchObject([{ clientId: 'scenario', subscribedTopics: [topic] }]);
      expect(described?.members[0]?.assignment).toHaveLength(2);
      expect(await groups.delete([groupId])).toMatchObject([{ error: { errorName: 'NON_EMPTY_GROUP' } }]);
      await consumer.close();
      const rewound = [{ topic, partition: 0, offset: 2, metadata: 'rewound' }];
      await groupPositions.alter(groupId, rewound);
      const positions = await groupPositions.listWithLag(groupId);
      expect(positions.find(({ partition }) => partition === 0)).toMatchObject({
        offset: 2,
        endOffset: 5,
        lag: 3,
        metadata: 'rewound',
      });
      expect(await groupPositions.delete(groupId, [{ topic, partition: 1 }])).toMatchObject([{ error: null }]);
      expect(await groupPositions.list(groupId)).toHaveLength(1);
      expect(await groups.delete([groupId, `${groupId}-no`])).toMatchObject([
        { error: null },
        { error: { errorName: 'GROUP_ID_NOT_FOUND' } },
      ]);
      expect((await groups.describe([groupId]))[0]).toMatchObject({
        state: 'Dead',
        error: { errorName: 'GROUP_ID_NOT_FOUND' },
      });
    },
  })),
  {
    name: 'lists, describes and ends transactions',
    async run(client) {
      const topic = await newTopic(client, 1);
      const transactionalId = `tx-${randomUUID()}`;
      const producer = client.producer({ transactionalId });
      await producer.initTransactions();
      producer.beginTransaction();
      await producer.send({ topic, value: 'open' });
      const admin = client.admin();
      const listed = await admin.transactions.list({ states: ['Ongoing'] });
      expect(listed.map((one) => one.transactionalId)).toContain(transactionalId);
      const [open, none] = await admin.transactions.describe([transactionalId, `${transactionalId}-no`]);
      expect(open).toMatchObject({ state: 'Ongoing', partitions: [{ topic, partition: 0 }], error: null });
      expect(none).toMatchObject({ error: { errorName: 'TRANSACTIONAL_ID_NOT_FOUND' } });
      const [producers] = await admin.partitionRecords.describeProducers([{ topic, partition: 0 }]);
      expect(producers?.producers).toMatchObject([{ transactionStartOffset: 0 }]);
      await admin.transactions.takeOver(transactionalId);
      expect(errorCodeOf(await producer.commitTransaction().catch((error: unknown) => error))).toBe(
        errorCode.PRODUCER_FENCED,
      );
    },
  },
  {
    name: 'describes the cluster, its features and its versions',
    async run(client) {
      const { cluster } = client.admin();
      const described = await cluster.describe();
      expect(described.brokers).toHaveLength(1);
      expect(described.controllerId).toBe(described.brokers[0]?.nodeId);
      const [apis] = await cluster.apis();
      expect(apis?.apis.find(({ key }) => key === 0)).toEqual({ key: 0, min: 0, max: 13 });
      expect(apis?.features.map(({ name }) => name)).toContain('transaction.version');
      expect(await cluster.quorum()).toMatchObject({ leaderId: described.controllerId });
      const topic = await newTopic(client, 1);
      expect(await cluster.electLeaders([{ topic, partition: 0 }])).toMatchObject([
        { error: { errorName: 'ELECTION_NOT_NEEDED' } },
      ]);
    },
  },
];

export const closing: Scenario[] = [
  {
    name: 'leaves no connection open behind it, and says so to whoever goes on',
    async run(client, address) {
      const topic = await newTopic(client, 1);
      const sockets: Duplex[] = [];
      const dial: Dial = async (place, timeoutMs) => {
        const socket = await dialTcp(place, timeoutMs);
        sockets.push(socket);
        return socket;
      };
      const own = createClient({ brokers: address, dial });
      const producer = own.producer();
      const waiting = producer.send({ topic, value: 'sent by closing' });
      const consumer = own.consumer({ ...EARLIEST, groupId: `group-${randomUUID()}` });
      consumer.subscribe([topic]);
      await consumer.poll({ timeoutMs: POLL_MS });
      await own.admin().cluster.describe();
      await own.close();
      expect(await waiting).toMatchObject({ offset: 0 });
      expect(sockets.length).toBeGreaterThan(3);
      expect(sockets.map((socket) => socket.destroyed)).toEqual(sockets.map(() => true));
      await expect(producer.send({ topic, value: '' })).rejects.toMatchObject({ code: 'PB_CLOSED' });
      await expect(consumer.poll()).rejects.toMatchObject({ code: 'PB_CLOSED' });
    },
  },
];

export const limiting: Scenario[] = [
  {
    name: 'sets, describes and removes quotas',
    async run(client) {
      const { quotas } = client.admin();
      const entity = { 'client-id': `client-${randomUUID()}` };
      demand(await quotas.alter([{ entity, values: { producer_byte_rate: 1_000_000 } }]));
      const filter = { entity: { 'client-id': { name: entity['client-id'] } } } as const;
      const seen = await eventually(
        () => quotas.describe(filter),
        (found) => found.length > 0,
      );
      expect(seen).toEqual([{ entity, values: { producer_byte_rate: 1_000_000 } }]);
      demand(await quotas.alter([{ entity, values: { producer_byte_rate: null } }]));
    },
  },
];
