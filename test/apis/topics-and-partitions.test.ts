import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { refusalOfName } from '../../src/admin/topics.ts';
import { Catalog } from '../../src/cluster/catalog.ts';
import { errorCode } from '../../src/protocol/errors.ts';
import { findCoordinator } from '../../src/protocol/schemas/10-find-coordinator.ts';
import { createTopics } from '../../src/protocol/schemas/19-create-topics.ts';
import { deleteTopics } from '../../src/protocol/schemas/20-delete-topics.ts';
import { initProducerId } from '../../src/protocol/schemas/22-init-producer-id.ts';
import { createPartitions } from '../../src/protocol/schemas/37-create-partitions.ts';
import { describeCluster } from '../../src/protocol/schemas/60-describe-cluster.ts';
import { describeTopicPartitions } from '../../src/protocol/schemas/75-describe-topic-partitions.ts';
import { cpuMs } from '../support/cpu-time.ts';
import { makeDesk, topicWish } from './desk-client.ts';

// Each was looked for among all before it: 400 KB held main for 6 s.
it('CreatePartitions for very many topics takes as long as their number', async () => {
  const { ask } = await makeDesk();
  const topics = Array.from({ length: 40_000 }, (_, index) => ({
    name: `nowhere-${index}`,
    count: 2,
    assignments: null,
  }));
  const begunMs = cpuMs();
  const answer = await ask(createPartitions, 3, { topics, timeoutMs: 1, validateOnly: true });
  expect(cpuMs() - begunMs).toBeLessThan(4000);
  expect(answer.results.every((one) => one.errorCode === errorCode.UNKNOWN_TOPIC_OR_PARTITION)).toBe(true);
});

// Each was compared with every topic there is: 5 MB of names held main for minutes.
it('whether a name collides with that of a topic is looked up', () => {
  const records = Array.from({ length: 10_000 }, (_, index) => ({
    kind: 'topic' as const,
    name: `there.${index}`,
    id: `id-${index}`,
    configs: {},
    leaderEpochs: [],
  }));
  const catalog = Catalog.empty.with(records);
  const begunMs = cpuMs();
  for (let index = 0; index < 10_000; index++) {
    if (refusalOfName(`there_${index}`, catalog) === null) throw new Error('a name that collides is taken');
    if (refusalOfName(`where_${index}`, catalog) !== null) throw new Error('a name that is free is refused');
  }
  expect(cpuMs() - begunMs).toBeLessThan(2000);
});

describe('DeleteTopics', () => {
  it('deletes by name and by id, and refuses what is unknown, named twice or named both ways', async () => {
    const { ask, controller, host } = await makeDesk();
    await ask(createTopics, 7, { topics: ['a', 'b', 'c'].map((name) => topicWish(name)) });
    const id = (name: string) => controller.catalog.topicsByName.get(name)?.id ?? '';
    const idOfB = id('b');
    const byName = await ask(deleteTopics, 5, { topicNames: ['a', 'x'], timeoutMs: 1000 });
    expect(byName.responses).toMatchObject([
      { name: 'a', errorCode: 0 },
      { name: 'x', errorCode: 3 },
    ]);
    const mixed = await ask(deleteTopics, 6, {
      topics: [
        { topicId: idOfB },
        { topicId: 'xtzWWN4bTjitpL3kfd9s5g' },
        { name: 'c', topicId: id('c') },
        {},
        { name: 'c' },
      ],
      timeoutMs: 1000,
    });
    expect(mixed.responses.map((response) => response.errorCode)).toEqual([0, 100, 42, 42, 0]);
    expect(mixed.responses[0]).toMatchObject({ name: 'b', topicId: idOfB });
    expect(host.removed).toEqual(['a-0', 'b-0', 'c-0']);
    await ask(createTopics, 7, { topics: [topicWish('d')] });
    const twice = await ask(deleteTopics, 6, { topics: [{ name: 'd' }, { topicId: id('d') }], timeoutMs: 1 });
    expect(twice.responses.map((response) => response.errorCode)).toEqual([42, 42]);
  });

  it('is refused where the broker does not delete topics, with an error old clients know', async () => {
    const { ask } = await makeDesk({ sets: ['delete.topic.enable=false'] });
    await ask(createTopics, 7, { topics: [topicWish('a')] });
    const codeIn = async (version: number) =>
      (await ask(deleteTopics, version, { topicNames: ['a'], timeoutMs: 1 })).responses[0]?.errorCode;
    expect([await codeIn(2), await codeIn(3)]).toEqual([errorCode.INVALID_REQUEST, errorCode.TOPIC_DELETION_DISABLED]);
  });
});

describe('CreatePartitions', () => {
  it('adds partitions, and refuses fewer, as many, unknown topics and wrong assignments', async () => {
    const { ask, controller } = await makeDesk();
    await ask(createTopics, 7, { topics: [topicWish('a', { numPartitions: 2 })] });
    const grow = async (count: number, more: object = {}, name = 'a', validateOnly = false) => {
      const topics = [{ name, count, assignments: null, ...more }];
      return (await ask(createPartitions, 3, { topics, timeoutMs: 1, validateOnly })).results[0]?.errorCode;
    };
    expect(await grow(2)).toBe(errorCode.INVALID_PARTITIONS);
    expect(await grow(1)).toBe(errorCode.INVALID_PARTITIONS);
    expect(await grow(3, {}, 'x')).toBe(errorCode.UNKNOWN_TOPIC_OR_PARTITION);
    expect(await grow(4, { assignments: [{ brokerIds: [1] }] })).toBe(errorCode.INVALID_REPLICA_ASSIGNMENT);
    expect(await grow(3, { assignments: [{ brokerIds: [2] }] })).toBe(errorCode.INVALID_REPLICA_ASSIGNMENT);
    expect(await grow(3, {}, 'a', true)).toBe(0);
    expect(controller.catalog.topicsByName.get('a')?.leaderEpochs).toHaveLength(2);
    expect(await grow(3, { assignments: [{ brokerIds: [1] }] })).toBe(0);
    expect(await grow(2_000_000_000)).toBe(errorCode.INVALID_PARTITIONS);
    expect(controller.catalog.topicsByName.get('a')?.leaderEpochs).toHaveLength(3);
  });

  it('adds no more than 10,000 by one request, as none makes more, and says so', async () => {
    const { ask, controller } = await makeDesk();
    await ask(createTopics, 7, { topics: [topicWish('a'), topicWish('b')] });
    const grow = async (a: number, b: number) => {
      const topics = [
        { name: 'a', count: a, assignments: null },
        { name: 'b', count: b, assignments: null },
        { name: 'x', count: 9, assignments: null },
      ];
      const { results } = await ask(createPartitions, 3, { topics, timeoutMs: 1, validateOnly: false });
      return results.map((one) => one.errorCode);
    };
    const { POLICY_VIOLATION, UNKNOWN_TOPIC_OR_PARTITION, INVALID_PARTITIONS } = errorCode;
    expect(await grow(10_001, 2)).toEqual([POLICY_VIOLATION, POLICY_VIOLATION, UNKNOWN_TOPIC_OR_PARTITION]);
    expect(await grow(1, 10_002)).toEqual([INVALID_PARTITIONS, POLICY_VIOLATION, UNKNOWN_TOPIC_OR_PARTITION]);
    expect(controller.catalog.topicsByName.get('b')?.leaderEpochs).toHaveLength(1);
    expect(await grow(3, 2)).toEqual([0, 0, UNKNOWN_TOPIC_OR_PARTITION]);
    expect(await grow(1, 10_002)).toEqual([INVALID_PARTITIONS, 0, UNKNOWN_TOPIC_OR_PARTITION]);
  });
});

describe('DescribeTopicPartitions', () => {
  it('walks all partitions page by page, each once, whatever the page holds', async () => {
    const { ask } = await makeDesk();
    const counts = [3, 1, 5, 2];
    const topics = counts.map((numPartitions, index) => topicWish(`t${index}`, { numPartitions }));
    await ask(createTopics, 7, { topics });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: -1, max: 13 }), fc.boolean(), async (responsePartitionLimit, isAll) => {
        const seen: string[] = [];
        let cursor: { topicName: string; partitionIndex: number } | null = null;
        do {
          const page: Awaited<ReturnType<typeof pageOf>> = await pageOf(isAll, responsePartitionLimit, cursor);
          for (const { name, partitions } of page.topics) {
            expect(partitions.length).toBeGreaterThan(0);
            for (const { partitionIndex } of partitions) seen.push(`${name}-${partitionIndex}`);
          }
          cursor = page.nextCursor;
        } while (cursor !== null && seen.length < 50);
        expect(seen).toEqual(counts.flatMap((count, t) => Array.from({ length: count }, (_, p) => `t${t}-${p}`)));
      }),
    );
    function pageOf(
      isAll: boolean,
      responsePartitionLimit: number,
      cursor: { topicName: string; partitionIndex: number } | null,
    ) {
      const names = isAll ? [] : topics.map(({ name }) => ({ name }));
      return ask(describeTopicPartitions, 0, { topics: names, responsePartitionLimit, cursor });
    }
  });

  it('ends a page before a topic that does not exist as before any other', async () => {
    const { ask } = await makeDesk();
    await ask(createTopics, 7, { topics: [topicWish('b')] });
    const page = async (names: readonly string[]) => {
      const topics = names.map((name) => ({ name }));
      const answer = await ask(describeTopicPartitions, 0, { topics, responsePartitionLimit: 1 });
      return [answer.topics.map(({ name }) => name), answer.nextCursor];
    };
    expect(await page(['a', 'b', 'c'])).toMatchObject([['a', 'b'], { topicName: 'c', partitionIndex: 0 }]);
    expect(await page(['a', 'c'])).toEqual([['a', 'c'], null]);
  });

  it('says which topics it does not know, creates none, and wants the cursor among the names', async () => {
    const { ask, controller } = await makeDesk();
    const topics = [{ name: 'b' }, { name: 'a/b' }];
    const answer = await ask(describeTopicPartitions, 0, { topics });
    expect(answer.topics.map(({ name, errorCode: code }) => [name, code])).toEqual([
      ['a/b', 17],
      ['b', 3],
    ]);
    const operations = await ask(describeTopicPartitions, 0, { topics: [{ name: 'missing' }, { name: 'a b' }] });
    expect(operations.topics.map((topic) => [topic.errorCode, topic.topicAuthorizedOperations])).toEqual([
      [17, 3576],
      [3, 3576],
    ]);
    const lost = await ask(describeTopicPartitions, 0, { topics, cursor: { topicName: 'x', partitionIndex: 0 } });
    expect(lost.topics.map((topic) => topic.errorCode)).toEqual([42, 42]);
    expect(controller.catalog.topicsByName.size).toBe(0);
  });
});

describe('InitProducerId', () => {
  it('gives every idempotent producer an id of its own, with epoch 0', async () => {
    const { ask } = await makeDesk();
    const idempotent = { transactionalId: null, transactionTimeoutMs: 60_000 };
    const answers = await Promise.all([0, 1, 2, 3, 4, 5].map((version) => ask(initProducerId, version, idempotent)));
    expect(new Set(answers.map((answer) => answer.producerId)).size).toBe(6);
    expect(answers.every((answer) => answer.errorCode === 0 && answer.producerEpoch === 0)).toBe(true);
  });

  it('looks at the request first, and sends producers with a transactional id to look for their coordinator', async () => {
    const { ask } = await makeDesk();
    const code = async (more: object) =>
      (await ask(initProducerId, 4, { transactionalId: 'tx', transactionTimeoutMs: 1000, ...more })).errorCode;
    expect(await code({})).toBe(errorCode.NOT_COORDINATOR);
    expect(await code({ transactionalId: '' })).toBe(errorCode.INVALID_REQUEST);
    expect(await code({ producerId: 5 })).toBe(errorCode.INVALID_REQUEST);
    expect(await code({ transactionTimeoutMs: 900_001 })).toBe(errorCode.INVALID_TRANSACTION_TIMEOUT);
  });
});

describe('FindCoordinator', () => {
  it('answers each key by itself while a coordinator has not started, and knows share groups only from version 6 on', async () => {
    const { ask } = await makeDesk();
    expect(await ask(findCoordinator, 2, { key: 'g', keyType: 0 })).toMatchObject({
      errorCode: 15,
      nodeId: -1,
      port: -1,
    });
    const many = await ask(findCoordinator, 4, { keyType: 0, coordinatorKeys: ['a', 'b'] });
    expect(many.coordinators.map(({ key, errorCode: code }) => [key, code])).toEqual([
      ['a', 15],
      ['b', 15],
    ]);
    expect((await ask(findCoordinator, 5, { keyType: 2, coordinatorKeys: ['a'] })).coordinators[0]?.errorCode).toBe(42);
    expect((await ask(findCoordinator, 6, { keyType: 2, coordinatorKeys: ['a'] })).coordinators[0]?.errorCode).toBe(42);
  });
});

describe('DescribeCluster', () => {
  it('tells cluster and broker, and sends who looks for controllers away', async () => {
    const { ask, controller } = await makeDesk({ sets: ['node.id=5', 'broker.rack=west'] });
    const answer = await ask(describeCluster, 2, {});
    expect(answer).toMatchObject({ errorCode: 0, controllerId: 5, clusterId: controller.catalog.clusterId });
    expect(answer.brokers).toMatchObject([
      { brokerId: 5, host: '127.0.0.1', port: 9092, rack: 'west', isFenced: false },
    ]);
    expect((await ask(describeCluster, 1, { endpointType: 2 })).errorCode).toBe(errorCode.MISMATCHED_ENDPOINT_TYPE);
    expect((await ask(describeCluster, 1, { endpointType: 3 })).errorCode).toBe(errorCode.UNSUPPORTED_ENDPOINT_TYPE);
  });
});
