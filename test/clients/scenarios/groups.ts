/** Members of groups of both protocols come, go, commit and take over. */
import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { AssignorName, Client, ConsumerOptions, RecordConsumer } from '../../../src/client/client.ts';
import { EARLIEST, isSplit, newTopic, places, pollUntil, read, type Scenario, texts } from './scenario.ts';

const kinds: readonly (readonly [string, ConsumerOptions])[] = [
  ...(['range', 'roundrobin', 'cooperative-sticky'] satisfies AssignorName[]).map(
    (assignor): readonly [string, ConsumerOptions] => [
      `classic, ${assignor}`,
      { groupProtocol: 'classic', assignors: [assignor] },
    ],
  ),
  ['broker-assigned', { groupProtocol: 'consumer' }],
];

export const inGroups: Scenario[] = kinds.flatMap(([kind, options]) => [
  {
    name: `shares a topic among members that come and go (${kind})`,
    async run(client: Client) {
      const topic = await newTopic(client, 6);
      const groupId = `group-${randomUUID()}`;
      const join = (): RecordConsumer => {
        const consumer = client.consumer({ ...EARLIEST, ...options, groupId });
        consumer.subscribe([topic]);
        return consumer;
      };
      const members = [join(), join()];
      await pollUntil(members, () => isSplit(members, 6));
      members.push(join());
      await pollUntil(members, () => isSplit(members, 6) && members.every((one) => one.assignment().length === 2));
      await members.shift()?.close();
      await pollUntil(members, () => isSplit(members, 6));
    },
  },
  {
    name: `goes on where the group stood, and tells of partitions before they move (${kind})`,
    async run(client: Client) {
      const topic = await newTopic(client, 3);
      const groupId = `group-${randomUUID()}`;
      const producer = client.producer();
      const send = (from: number) =>
        Promise.all(
          Array.from({ length: 30 }, (_, i) => producer.send({ topic, partition: i % 3, value: `${from + i}` })),
        );
      await send(0);
      const told: string[] = [];
      const first = client.consumer({
        ...EARLIEST,
        ...options,
        groupId,
        onAssigned: (partitions) => void told.push(`+${partitions.length}`),
        onRevoked: (partitions) => void told.push(`-${partitions.length}`),
      });
      first.subscribe([topic]);
      expect(await read(first, 30)).toHaveLength(30);
      await first.close();
      expect(told.at(0)).toBe('+3');
      expect(told.at(-1)).toBe('-3');
      await send(100);
      const second = client.consumer({ ...EARLIEST, ...options, groupId, autoCommit: false });
      second.subscribe([topic]);
      const records = await read(second, 30);
      expect(texts(records)).toEqual(Array.from({ length: 30 }, (_, i) => `${100 + i}`).sort());
      await second.commit([{ topic, partition: 1, offset: 12, metadata: 'half' }]);
      const committed = await second.committed(places(topic, 3));
      expect(committed.sort((one, other) => one.partition - other.partition)).toMatchObject([
        { partition: 0, offset: 10 },
        { partition: 1, offset: 12, metadata: 'half' },
        { partition: 2, offset: 10 },
      ]);
      await second.commit();
      expect((await second.committed(places(topic, 3))).map(({ offset }) => offset)).toEqual([20, 20, 20]);
    },
  },
]);

export const moreGroups: Scenario[] = [
  ...(['classic', 'consumer'] as const).map((groupProtocol) => ({
    name: `finds topics by regular expression, those made later too (${groupProtocol})`,
    async run(client: Client) {
      const prefix = `match-${randomUUID()}`;
      const admin = client.admin();
      await admin.createTopic({ name: `${prefix}-1`, partitions: 1, replicationFactor: 1 });
      const groupId = `group-${randomUUID()}`;
      const consumer = client.consumer({ ...EARLIEST, groupProtocol, groupId, metadataAgeMsMax: 300 });
      consumer.subscribe(new RegExp(`^${prefix}-\\d$`));
      await pollUntil([consumer], () => consumer.assignment().length === 1);
      await admin.createTopic({ name: `${prefix}-2`, partitions: 2, replicationFactor: 1 });
      await admin.createTopic({ name: `${prefix}-x`, partitions: 1, replicationFactor: 1 });
      await pollUntil([consumer], () => consumer.assignment().length === 3);
      expect(consumer.assignment().map(({ topic }) => topic)).not.toContain(`${prefix}-x`);
    },
  })),
  ...(['classic', 'consumer'] as const).map((groupProtocol) => ({
    name: `subscribes to a pattern, matched against whole names (${groupProtocol})`,
    async run(client: Client) {
      const prefix = `pattern-${randomUUID()}`;
      const admin = client.admin();
      for (const name of ['a', 'ab', 'b'])
        await admin.createTopic({ name: `${prefix}-${name}`, partitions: 1, replicationFactor: 1 });
      const consumer = client.consumer({ ...EARLIEST, groupProtocol, groupId: `group-${randomUUID()}` });
      consumer.subscribe({ pattern: `${prefix}-[ab]` });
      await pollUntil([consumer], () => consumer.assignment().length === 2);
      const topics = consumer.assignment().map(({ topic }) => topic);
      expect(topics.sort()).toEqual([`${prefix}-a`, `${prefix}-b`]);
    },
  })),
  {
    name: 'keeps the place of a static member of a broker-assigned group while it is away',
    async run(client) {
      const topic = await newTopic(client, 4);
      const groupId = `group-${randomUUID()}`;
      const join = (groupInstanceId: string): RecordConsumer => {
        const consumer = client.consumer({ ...EARLIEST, groupId, groupInstanceId, groupProtocol: 'consumer' });
        consumer.subscribe([topic]);
        return consumer;
      };
      const one = join('one');
      const two = join('two');
      await pollUntil([one, two], () => isSplit([one, two], 4));
      const held = one.assignment();
      await one.close();
      const again = join('one');
      await pollUntil([again, two], () => again.assignment().length === 2);
      expect(again.assignment()).toEqual(held);
      expect(two.assignment()).toHaveLength(2);
    },
  },
  ...(['classic', 'consumer'] as const).map((groupProtocol) => ({
    name: `loses its partitions when the program does not poll, and joins again when it does (${groupProtocol})`,
    async run(client: Client) {
      const topic = await newTopic(client, 2);
      const groupId = `group-${randomUUID()}`;
      const lost: number[] = [];
      const slow = client.consumer({
        ...EARLIEST,
        groupId,
        groupProtocol,
        pollIntervalMsMax: 400,
        onLost: (partitions) => {
          lost.push(partitions.length);
        },
      });
      slow.subscribe([topic]);
      await pollUntil([slow], () => slow.assignment().length === 2);
      const other = client.consumer({ ...EARLIEST, groupId, groupProtocol });
      other.subscribe([topic]);
      await pollUntil([other], () => other.assignment().length === 2);
      await pollUntil([slow, other], () => isSplit([slow, other], 2));
      expect(lost).toEqual([2]);
    },
  })),
  {
    name: 'gives a static member its partitions back without a rebalance',
    async run(client) {
      const topic = await newTopic(client, 4);
      const groupId = `group-${randomUUID()}`;
      const join = (groupInstanceId: string): RecordConsumer => {
        const consumer = client.consumer({ ...EARLIEST, groupId, groupInstanceId, assignors: ['range'] });
        consumer.subscribe([topic]);
        return consumer;
      };
      const one = join('one');
      const two = join('two');
      await pollUntil([one, two], () => isSplit([one, two], 4));
      const held = one.assignment();
      const { generationId } = two.groupIdentity();
      await one.close();
      const again = join('one');
      await pollUntil([again, two], () => again.assignment().length === 2);
      expect(again.assignment()).toEqual(held);
      expect(two.groupIdentity().generationId).toBe(generationId);
    },
  },
];
