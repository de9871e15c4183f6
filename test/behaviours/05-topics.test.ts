/** Behaviours 33 to 36: which topics Metadata tells of, and how topics come to be. */
import { describe, expect, test } from 'vitest';
import type { RequestInputOf } from '../../src/protocol/api.ts';
import { metadata } from '../../src/protocol/schemas/03-metadata.ts';
import { createTopics } from '../../src/protocol/schemas/19-create-topics.ts';
import { createPartitions } from '../../src/protocol/schemas/37-create-partitions.ts';
import type { SimulatedClient } from '../support/simulated-client.ts';
import { batchOf, createTopic, fetchFrom, produceTo, recordsIn } from '../support/simulated-deeds.ts';
import { restart, startRig } from './behaviour-rig.ts';

type Wish = RequestInputOf<typeof createTopics>['topics'][number];

const wish = (name: string, more: Partial<Wish> = {}): Wish => ({
  name,
  numPartitions: 1,
  replicationFactor: 1,
  assignments: [],
  configs: [],
  ...more,
});

async function create(client: SimulatedClient, topics: readonly Wish[], version = 7, validateOnly = false) {
  return (await client.ask(createTopics, version, { topics, validateOnly })).topics;
}

async function namesKnown(client: SimulatedClient): Promise<(string | null)[]> {
  return (await client.ask(metadata, 5, { topics: null, allowAutoTopicCreation: false })).topics.map(
    ({ name }) => name,
  );
}

test('behaviour 33: no topics means all of them in version 0; later null means all and an empty list none', async () => {
  const { client } = await startRig();
  await createTopic(client, 'a');
  await createTopic(client, 'b');
  const names = async (version: number, topics: [] | null) =>
    (await client.ask(metadata, version, { topics })).topics.map(({ name }) => name).sort();
  expect(await names(0, [])).toEqual(['a', 'b']);
  for (const version of [1, 4, 9, 12, 13]) {
    expect(await names(version, null)).toEqual(['a', 'b']);
    expect(await names(version, [])).toEqual([]);
  }
});

describe('behaviour 34: topics that are created by being asked for', () => {
  test('need both sides to agree and their names in the request; the first answer is one to try again', async () => {
    const { broker, client } = await startRig();
    expect(await namesKnown(client)).toEqual([]);
    const ask = async (allowAutoTopicCreation: boolean) =>
      (await client.ask(metadata, 9, { topics: [{ name: 'fresh' }], allowAutoTopicCreation })).topics[0]?.errorCode;
    expect(await ask(false)).toBe(3);
    expect(await namesKnown(client)).toEqual([]);
    expect([3, 5]).toContain(await ask(true));
    await broker.settle();
    expect(await ask(true)).toBe(0);
    expect(await namesKnown(client)).toEqual(['fresh']);
  });

  test('come to be without the flag in versions that do not have it', async () => {
    const { client } = await startRig();
    const ask = async () => (await client.ask(metadata, 3, { topics: [{ name: 'fresh' }] })).topics[0]?.errorCode;
    expect([3, 5]).toContain(await ask());
    expect(await ask()).toBe(0);
  });

  test('are not created where the broker does not want it', async () => {
    const { client } = await startRig({ sets: ['auto.create.topics.enable=false'] });
    const answer = await client.ask(metadata, 9, { topics: [{ name: 'fresh' }], allowAutoTopicCreation: true });
    expect(answer.topics[0]?.errorCode).toBe(3);
    expect(await namesKnown(client)).toEqual([]);
  });

  test('have legal names; another name is INVALID_TOPIC_EXCEPTION at once', async () => {
    const { client } = await startRig();
    for (const name of ['a/b', '..', 'ä', 'x'.repeat(250)]) {
      const answer = await client.ask(metadata, 9, { topics: [{ name }], allowAutoTopicCreation: true });
      expect(answer.topics[0]?.errorCode).toBe(17);
    }
    expect(await namesKnown(client)).toEqual([]);
  });
});

test('behaviour 35: names have letters, digits, dots, underscores and hyphens, at most 249 of them, and do not differ from another only by dots for underscores', async () => {
  const { client } = await startRig();
  const good = ['a', 'A-z_0.9', 'x'.repeat(249), '...', '__x'];
  const bad = ['', '.', '..', 'a b', 'a/b', 'a:b', 'é', 'x'.repeat(250), 'a\0'];
  expect(
    (
      await create(
        client,
        good.map((name) => wish(name)),
      )
    ).map((topic) => topic.errorCode),
  ).toEqual(good.map(() => 0));
  expect(
    (
      await create(
        client,
        bad.map((name) => wish(name)),
      )
    ).map((topic) => topic.errorCode),
  ).toEqual(bad.map(() => 17));
  expect((await create(client, [wish('A-z.0_9')])).map((topic) => topic.errorCode)).toEqual([17]);
});

describe('behaviour 36: CreateTopics', () => {
  test('tells for each topic what is wrong with it, and makes the others', async () => {
    const { client } = await startRig();
    await createTopic(client, 'there');
    const answers = await create(client, [
      wish('there'),
      wish('twice'),
      wish('twice'),
      wish('none', { numPartitions: 0 }),
      wish('minus', { numPartitions: -2 }),
      wish('copies', { replicationFactor: 3 }),
      wish('setting', { configs: [{ name: 'no.such.setting', value: '1' }] }),
      wish('value', { configs: [{ name: 'retention.ms', value: 'soon' }] }),
      wish('good'),
    ]);
    const codes = new Map(answers.map((topic) => [topic.name, topic.errorCode]));
    expect(Object.fromEntries(codes)).toEqual({
      there: 36,
      twice: 42,
      none: 37,
      minus: 37,
      copies: 38,
      setting: 40,
      value: 40,
      good: 0,
    });
    expect(await namesKnown(client)).toEqual(['there', 'good']);
  });

  test('says of several mistakes the one that Kafka says, and takes assignments by hand', async () => {
    const { client } = await startRig();
    await createTopic(client, 'there');
    const byHand = (assignments: [number, number[]][], more: Partial<Wish> = {}) =>
      wish('hand', {
        numPartitions: -1,
        replicationFactor: -1,
        assignments: assignments.map(([partitionIndex, brokerIds]) => ({ partitionIndex, brokerIds })),
        ...more,
      });
    const bad = [{ name: 'nope', value: '1' }];
    const cases: [Wish, number][] = [
      [wish('there', { numPartitions: 0, configs: bad }), 36],
      [wish('a/b', { numPartitions: 0, configs: bad }), 17],
      [wish('x', { numPartitions: 0, configs: bad }), 40],
      [wish('x', { numPartitions: 0, replicationFactor: 0 }), 38],
      [wish('x', { replicationFactor: -2 }), 38],
      [wish('x', { configs: [{ name: 'retention.ms', value: null }] }), 40],
      [wish('x', { configs: [{ name: 'remote.storage.enable', value: 'true' }] }), 40],
      [wish('__cluster_metadata'), 42],
      [byHand([[0, [1]]], { replicationFactor: 1 }), 42],
      [byHand([[0, [1]]], { numPartitions: 1 }), 42],
      [byHand([[1, [1]]]), 39],
      [byHand([[0, [1, 1]]]), 39],
      [byHand([[0, [7]]]), 39],
      [byHand([[0, []]]), 39],
      [
        byHand([
          [0, [1]],
          [0, [1]],
        ]),
        39,
      ],
      [
        byHand([
          [0, [1]],
          [1, [1]],
        ]),
        0,
      ],
      [wish('__consumer_offsets'), 0],
    ];
    for (const [one, code] of cases) {
      expect([one, (await create(client, [one], 7, true))[0]?.errorCode]).toEqual([one, code]);
    }
    expect(await namesKnown(client)).toEqual(['there']);
  });

  test('makes no more than 10,000 partitions at once: POLICY_VIOLATION for all of the request', async () => {
    const { client } = await startRig();
    const answers = await create(client, [wish('good'), wish('big', { numPartitions: 10_000 })]);
    expect(answers.map(({ errorCode }) => errorCode)).toEqual([44, 44]);
    const all = await create(client, [wish('big', { numPartitions: 10_001 }), wish('twice'), wish('twice')]);
    expect(all.map(({ errorCode }) => errorCode)).toEqual([44, 44, 44]);
    expect(await namesKnown(client)).toEqual([]);
    const twice = wish('twice', { numPartitions: 10_000 });
    const others = await create(client, [twice, wish('good'), twice]);
    expect(others.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ['twice', 42],
      ['good', 0],
    ]);
  });

  test('takes -1 for the broker’s defaults, and echoes what was made, from version 7 on with the id', async () => {
    const { client } = await startRig({ sets: ['num.partitions=5'] });
    const [topic] = await create(client, [
      wish('orders', { numPartitions: -1, replicationFactor: -1, configs: [{ name: 'retention.ms', value: '77' }] }),
    ]);
    expect(topic).toMatchObject({ errorCode: 0, numPartitions: 5, replicationFactor: 1 });
    expect(topic?.configs?.find(({ name }) => name === 'retention.ms')).toMatchObject({ value: '77', configSource: 1 });
    expect(topic?.topicId).not.toBe('AAAAAAAAAAAAAAAAAAAAAA');
    expect((await client.ask(metadata, 12, { topics: null })).topics[0]?.topicId).toBe(topic?.topicId);
  });

  test('echoes settings as they were given, not as they will be described', async () => {
    const { client } = await startRig();
    const configs = [{ name: 'min.cleanable.dirty.ratio', value: '1' }];
    const [topic] = await create(client, [wish('orders', { configs })]);
    const echoed = (key: string) => topic?.configs?.find(({ name }) => name === key)?.value;
    expect(echoed('min.cleanable.dirty.ratio')).toBe('1');
    expect(echoed('retention.ms')).toBe('604800000');
  });

  test('with validate_only makes nothing', async () => {
    const { client, world } = await startRig();
    expect((await create(client, [wish('orders')], 5, true))[0]?.errorCode).toBe(0);
    expect(await namesKnown(client)).toEqual([]);
    expect(world.disk.list('data').filter((name) => name.startsWith('orders'))).toEqual([]);
  });

  test('holds after a kill, together with partitions added later', async () => {
    const first = await startRig();
    const topic = await createTopic(first.client, 'orders', { partitions: 2 });
    const grown = await first.client.ask(createPartitions, 3, {
      topics: [{ name: 'orders', count: 4, assignments: null }],
      timeoutMs: 1000,
    });
    expect(grown.results[0]?.errorCode).toBe(0);
    expect((await produceTo(first.client, topic, batchOf(), { partition: 3 })).errorCode).toBe(0);
    const { client } = await restart(first, 'kill');
    expect((await client.ask(metadata, 9, { topics: null })).topics[0]?.partitions).toHaveLength(4);
    expect(recordsIn((await fetchFrom(client, topic, 0, { partition: 3 })).records)).toHaveLength(1);
  });
});
