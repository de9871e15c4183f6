import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.ts';
import { errorCode } from '../../src/protocol/errors.ts';
import { metadata } from '../../src/protocol/schemas/03-metadata.ts';
import { createTopics } from '../../src/protocol/schemas/19-create-topics.ts';
import { createPartitions } from '../../src/protocol/schemas/37-create-partitions.ts';
import { describeTopicPartitions } from '../../src/protocol/schemas/75-describe-topic-partitions.ts';
import { makeDesk, settled, topicWish } from './desk-client.ts';

const all = { topics: null };
const ask1 = (name: string) => ({ topics: [{ name }] });

describe('Metadata', () => {
  it('33: takes an empty list for all topics in version 0, later null for all and empty for none', async () => {
    const { ask } = await makeDesk();
    await ask(createTopics, 7, { topics: [topicWish('a'), topicWish('b')] });
    expect((await ask(metadata, 0, { topics: [] })).topics).toHaveLength(2);
    for (const version of [1, 9, 13]) {
      expect((await ask(metadata, version, all)).topics).toHaveLength(2);
      expect((await ask(metadata, version, { topics: [] })).topics).toHaveLength(0);
    }
  });

  it('names no leader for partitions that are still being made, which no front knows yet', async () => {
    const rig = await makeDesk();
    await rig.ask(createTopics, 7, { topics: [topicWish('a')] });
    const { openPartitions } = rig.host;
    let open = (): void => undefined;
    const isOpen = new Promise<void>((resolve) => {
      open = resolve;
    });
    rig.host.openPartitions = async (partitions) => {
      await isOpen;
      return await openPartitions.call(rig.host, partitions);
    };
    const leaders = async () => {
      const described = await rig.ask(metadata, 12, all);
      const paged = await rig.ask(describeTopicPartitions, 0, { topics: [], responsePartitionLimit: 9, cursor: null });
      const found = described.topics.map(({ name, partitions }) => [
        name,
        partitions.map(({ errorCode: code, leaderId }) => [code, leaderId]),
      ]);
      const foundPaged = paged.topics.map(({ name, partitions }) => [
        name,
        partitions.map(({ errorCode: code, leaderId }) => [code, leaderId]),
      ]);
      expect(foundPaged).toEqual(found);
      return found;
    };
    const widened = rig.ask(createPartitions, 3, {
      topics: [{ name: 'a', count: 2, assignments: null }],
      timeoutMs: 1,
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(await leaders()).toEqual([
      [
        'a',
        [
          [0, 1],
          [5, -1],
        ],
      ],
    ]);
    open();
    await widened;
    expect(await leaders()).toEqual([
      [
        'a',
        [
          [0, 1],
          [0, 1],
        ],
      ],
    ]);
  });

  it('makes no more for a client than its quota of partitions to create, as CreateTopics does', async () => {
    const rig = await makeDesk();
    const values = { controller_mutation_rate: 0.01 };
    await rig.controller.amend(() => ({
      records: [{ kind: 'client-quota', entity: { 'client-id': 'a-client' }, values }],
      outcome: null,
    }));
    for (const name of ['a', 'b']) {
      expect((await rig.ask(metadata, 12, ask1(name))).topics[0]?.errorCode).toBe(errorCode.LEADER_NOT_AVAILABLE);
      await settled(rig);
    }
    expect([...rig.controller.catalog.topicsByName.keys()]).toEqual(['a']);
  });

  // A line for each of a thousand names, as often as a client asked for them.
  it('tells once in a while that topics cannot be made', async () => {
    const lines: string[] = [];
    const log = { ...silentLogger, warn: (line: string) => lines.push(line) };
    const { ask, clock, controller } = await makeDesk({ sets: ['num.partitions=6000'], log });
    const askFor = async () => {
      const topics = ['a', 'b', 'c'].map((name) => ({ name }));
      await ask(metadata, 12, { topics, allowAutoTopicCreation: true });
      await controller.amend(() => ({ records: [], outcome: null }));
    };
    for (let times = 0; times < 5; times++) await askFor();
    expect(lines).toEqual([expect.stringContaining("the topic 'a' could not be created")]);
    clock.nowMs += 10_000;
    await askFor();
    expect(lines).toHaveLength(2);
  });

  it('34: creates a topic only when broker and request allow it, and answers first with a retriable error', async () => {
    const rig = await makeDesk({ sets: ['num.partitions=3'] });
    expect((await rig.ask(metadata, 4, { ...ask1('a'), allowAutoTopicCreation: false })).topics[0]?.errorCode).toBe(3);
    const first = await rig.ask(metadata, 4, { topics: [{ name: 'a' }, { name: 'a' }, { name: 'no/good' }] });
    expect(first.topics.map(({ errorCode: code }) => code)).toEqual([
      errorCode.LEADER_NOT_AVAILABLE,
      errorCode.INVALID_TOPIC_EXCEPTION,
    ]);
    await settled(rig);
    const second = await rig.ask(metadata, 12, ask1('a'));
    expect(second.topics[0]).toMatchObject({ errorCode: 0, name: 'a', isInternal: false });
    expect(second.topics[0]?.partitions).toHaveLength(3);
    expect(second.topics[0]?.partitions[2]).toMatchObject({
      partitionIndex: 2,
      leaderId: 1,
      replicaNodes: [1],
      isrNodes: [1],
    });
    const closed = await makeDesk({ sets: ['auto.create.topics.enable=false'] });
    expect((await closed.ask(metadata, 1, ask1('a'))).topics[0]?.errorCode).toBe(3);
    expect((await closed.ask(metadata, 1, ask1('no/good'))).topics[0]?.errorCode).toBe(17);
  });

  it('34: creates a topic once, however many clients ask for it', async () => {
    const rig = await makeDesk();
    await Promise.all(Array.from({ length: 20 }, () => rig.ask(metadata, 9, ask1('a'))));
    await settled(rig);
    expect(rig.host.open.size).toBe(1);
  });

  it('tells a topic once that is asked for twice, and where one has an id looks at no names', async () => {
    const { ask, controller } = await makeDesk();
    await ask(createTopics, 7, { topics: [topicWish('a'), topicWish('b')] });
    const topicId = controller.catalog.topicsByName.get('a')?.id ?? '';
    const wishes = [
      { topicId, name: 'x' },
      { topicId, name: 'y' },
    ];
    expect((await ask(metadata, 13, { topics: wishes })).topics).toMatchObject([{ name: 'a' }]);
    expect((await ask(metadata, 13, { topics: [...wishes, { name: 'b' }] })).topics).toMatchObject([{ name: 'a' }]);
    expect((await ask(metadata, 13, { topics: [{ name: 'b' }, { name: 'b' }] })).topics).toMatchObject([{ name: 'b' }]);
  });

  it('tells what may be done with a topic that is asked for by name, also where there is none', async () => {
    const { ask, controller } = await makeDesk();
    await ask(createTopics, 7, { topics: [topicWish('a')] });
    const topicId = controller.catalog.topicsByName.get('a')?.id ?? '';
    const answer = async (topics: { name: string | null; topicId?: string }[]) =>
      (
        await ask(metadata, 12, { topics, allowAutoTopicCreation: false, includeTopicAuthorizedOperations: true })
      ).topics.map((topic) => [topic.errorCode, topic.topicAuthorizedOperations]);
    expect(await answer([{ name: 'a' }, { name: 'b' }])).toEqual([
      [0, 3576],
      [3, 3576],
    ]);
    const unknown = 'xtzWWN4bTjitpL3kfd9s5g';
    const byId = [topicId, unknown].map((id) => ({ name: null, topicId: id }));
    expect(await answer(byId)).toEqual([
      [0, 3576],
      [100, -2147483648],
    ]);
  });

  it('finds topics by id from version 12 on, and says UNKNOWN_TOPIC_ID', async () => {
    const { ask, controller } = await makeDesk();
    await ask(createTopics, 7, { topics: [topicWish('a')] });
    const topicId = controller.catalog.topicsByName.get('a')?.id ?? '';
    const unknown = 'xtzWWN4bTjitpL3kfd9s5g';
    const answer = await ask(metadata, 12, {
      topics: [
        { topicId, name: null },
        { topicId: unknown, name: null },
      ],
    });
    expect(answer.topics).toMatchObject([
      { name: 'a', topicId, errorCode: 0 },
      { name: null, topicId: unknown, errorCode: 100 },
    ]);
    expect((await ask(metadata, 10, { topics: [{ topicId, name: null }] })).topics[0]?.errorCode).toBe(42);
  });

  it('tells each client the address it dialled, unless another is advertised', async () => {
    const local = await makeDesk({ local: { host: '::ffff:10.0.0.7', port: 19_092 } });
    expect((await local.ask(metadata, 9, all)).brokers).toEqual([
      { nodeId: 1, host: '10.0.0.7', port: 19_092, rack: null },
    ]);
    const fixed = await makeDesk({ advertised: { host: 'kafka.example', port: 1 } });
    expect((await fixed.ask(metadata, 0, { topics: [] })).brokers[0]).toMatchObject({ host: 'kafka.example', port: 1 });
  });

  it('gives allowed operations only when asked, and never an error at the top', async () => {
    const { ask } = await makeDesk();
    await ask(createTopics, 7, { topics: [topicWish('a')] });
    const plain = await ask(metadata, 13, all);
    expect(plain).toMatchObject({ errorCode: 0, clusterAuthorizedOperations: -2147483648, controllerId: 1 });
    expect(plain.topics[0]?.topicAuthorizedOperations).toBe(-2147483648);
    const asked = await ask(metadata, 8, {
      ...all,
      includeClusterAuthorizedOperations: true,
      includeTopicAuthorizedOperations: true,
    });
    expect(asked.clusterAuthorizedOperations).toBeGreaterThan(0);
    expect(asked.topics[0]?.topicAuthorizedOperations).toBeGreaterThan(0);
  });
});
