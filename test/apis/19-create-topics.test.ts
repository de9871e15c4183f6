import { describe, expect, it } from 'vitest';
import { errorCode } from '../../src/protocol/errors.ts';
import { createTopics } from '../../src/protocol/schemas/19-create-topics.ts';
import { type DeskRig, makeDesk, topicWish } from './desk-client.ts';

async function codeOf(rig: DeskRig, more: object, name = 'a'): Promise<number | undefined> {
  const answer = await rig.ask(createTopics, 7, { topics: [topicWish(name, more)], validateOnly: true });
  return answer.topics[0]?.errorCode;
}

describe('CreateTopics', () => {
  // The time did not fit into its field, and the connection was closed.
  it('tells a client whose quota is tiny to wait for as long as can be told', async () => {
    const rig = await makeDesk();
    const values = { controller_mutation_rate: 0.000001 };
    await rig.controller.amend(() => ({
      records: [{ kind: 'client-quota', entity: { 'client-id': 'a-client' }, values }],
      outcome: null,
    }));
    const make = (name: string) =>
      rig.ask(createTopics, 7, {
        topics: [topicWish(name, { numPartitions: 100 })],
        timeoutMs: 1,
        validateOnly: false,
      });
    expect((await make('a')).topics[0]?.errorCode).toBe(0);
    const refused = await make('b');
    expect(refused.topics[0]?.errorCode).toBe(errorCode.THROTTLING_QUOTA_EXCEEDED);
    expect(refused.throttleTimeMs).toBe(2_147_483_647);
  });

  it('35: takes only names of letters, digits, dot, underscore and dash, of at most 249 characters', async () => {
    const rig = await makeDesk();
    for (const bad of ['', '.', '..', 'a b', 'ä', 'a/b', 'x'.repeat(250)]) {
      expect(await codeOf(rig, {}, bad), bad).toBe(errorCode.INVALID_TOPIC_EXCEPTION);
    }
    for (const good of ['a', '...', 'A-z_0.9', 'x'.repeat(249)]) expect(await codeOf(rig, {}, good), good).toBe(0);
    expect(await codeOf(rig, {}, '__cluster_metadata')).toBe(errorCode.INVALID_REQUEST);
  });

  it("35: refuses names that differ only in '.' and '_', also within one request", async () => {
    const rig = await makeDesk();
    await rig.ask(createTopics, 7, { topics: [topicWish('a.b')] });
    expect(await codeOf(rig, {}, 'a_b')).toBe(errorCode.INVALID_TOPIC_EXCEPTION);
    const answer = await rig.ask(createTopics, 7, { topics: [topicWish('x.y'), topicWish('x_y')] });
    expect(answer.topics.map((topic) => topic.errorCode)).toEqual([0, 17]);
  });

  it('36: refuses topics named twice, existing ones, no partitions, too many replicas and unknown settings', async () => {
    const rig = await makeDesk();
    const twice = await rig.ask(createTopics, 7, { topics: [topicWish('t'), topicWish('t'), topicWish('u')] });
    expect(twice.topics.map(({ name, errorCode: code }) => [name, code])).toEqual([
      ['t', errorCode.INVALID_REQUEST],
      ['u', 0],
    ]);
    expect(await codeOf(rig, {}, 'u')).toBe(errorCode.TOPIC_ALREADY_EXISTS);
    expect(await codeOf(rig, { numPartitions: 0 })).toBe(errorCode.INVALID_PARTITIONS);
    expect(await codeOf(rig, { numPartitions: -2 })).toBe(errorCode.INVALID_PARTITIONS);
    expect(await codeOf(rig, { replicationFactor: 2 })).toBe(errorCode.INVALID_REPLICATION_FACTOR);
    expect(await codeOf(rig, { replicationFactor: 0 })).toBe(errorCode.INVALID_REPLICATION_FACTOR);
    for (const name of ['nonsense', '__proto__', 'constructor']) {
      expect(await codeOf(rig, { configs: [{ name, value: '1' }] }), name).toBe(errorCode.INVALID_CONFIG);
    }
    expect(await codeOf(rig, { configs: [{ name: 'segment.ms', value: '0' }] })).toBe(errorCode.INVALID_CONFIG);
    expect(await codeOf(rig, { configs: [{ name: 'segment.ms', value: null }] })).toBe(errorCode.INVALID_CONFIG);
    expect(await codeOf(rig, { configs: [{ name: 'remote.storage.enable', value: 'true' }] })).toBe(
      errorCode.INVALID_CONFIG,
    );
    expect(await codeOf(rig, { numPartitions: 2_000_000_000 })).toBe(errorCode.POLICY_VIOLATION);
    const huge = await rig.ask(createTopics, 7, { topics: [topicWish('huge', { numPartitions: 2_000_000_000 })] });
    expect(huge.topics[0]).toMatchObject({ errorCode: errorCode.POLICY_VIOLATION });
  });

  it('36: takes -1 for the defaults, and tells what was made in version 5 and the id in version 7', async () => {
    const rig = await makeDesk({ sets: ['num.partitions=4', 'log.segment.bytes=2097152'] });
    const wish = topicWish('a', {
      numPartitions: -1,
      replicationFactor: -1,
      configs: [{ name: 'retention.ms', value: '5' }],
    });
    const [topic] = (await rig.ask(createTopics, 7, { topics: [wish] })).topics;
    expect(topic).toMatchObject({ errorCode: 0, numPartitions: 4, replicationFactor: 1 });
    expect(topic?.topicId).toBe(rig.controller.catalog.topicsByName.get('a')?.id);
    const configs = new Map(topic?.configs?.map((config) => [config.name, config]));
    expect(configs.get('retention.ms')).toMatchObject({ value: '5', configSource: 1 });
    expect(configs.get('segment.bytes')).toMatchObject({ value: '2097152', configSource: 4 });
    expect(configs.get('cleanup.policy')).toMatchObject({ value: 'delete', configSource: 5 });
    expect(configs.has('internal.segment.bytes')).toBe(false);
    expect((await rig.ask(createTopics, 4, { topics: [topicWish('b')] })).topics[0]?.errorCode).toBe(0);
  });

  it('36: creates nothing when it shall only check', async () => {
    const rig = await makeDesk();
    const answer = await rig.ask(createTopics, 7, { topics: [topicWish('a')], validateOnly: true });
    expect(answer.topics[0]).toMatchObject({ errorCode: 0, numPartitions: 1, topicId: 'AAAAAAAAAAAAAAAAAAAAAA' });
    expect(rig.controller.catalog.topicsByName.size).toBe(0);
    expect(rig.host.open.size).toBe(0);
  });

  it('takes replicas assigned by hand when they name this broker for partitions without a gap', async () => {
    const rig = await makeDesk();
    const byHand = (...assignments: object[]) => ({ numPartitions: -1, replicationFactor: -1, assignments });
    const good = byHand({ partitionIndex: 1, brokerIds: [1] }, { partitionIndex: 0, brokerIds: [1] });
    expect(await codeOf(rig, good)).toBe(0);
    expect(await codeOf(rig, { ...good, numPartitions: 2 })).toBe(errorCode.INVALID_REQUEST);
    expect(await codeOf(rig, byHand({ partitionIndex: 1, brokerIds: [1] }))).toBe(errorCode.INVALID_REPLICA_ASSIGNMENT);
    expect(await codeOf(rig, byHand({ partitionIndex: 0, brokerIds: [2] }))).toBe(errorCode.INVALID_REPLICA_ASSIGNMENT);
    expect(await codeOf(rig, byHand({ partitionIndex: 0, brokerIds: [] }))).toBe(errorCode.INVALID_REPLICA_ASSIGNMENT);
  });
});
