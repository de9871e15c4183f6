/** Behaviours 45 to 49: committed offsets, the end of groups, and finding their coordinator. */
import { describe, expect, test, vi } from 'vitest';
import { CommittedOffsets } from '../../src/groups/committed-offsets.ts';
import { offsetCommit } from '../../src/protocol/schemas/08-offset-commit.ts';
import { offsetFetch } from '../../src/protocol/schemas/09-offset-fetch.ts';
import { findCoordinator } from '../../src/protocol/schemas/10-find-coordinator.ts';
import { joinGroup } from '../../src/protocol/schemas/11-join-group.ts';
import { leaveGroup } from '../../src/protocol/schemas/13-leave-group.ts';
import { describeGroups } from '../../src/protocol/schemas/15-describe-groups.ts';
import { listGroups } from '../../src/protocol/schemas/16-list-groups.ts';
import { deleteTopics } from '../../src/protocol/schemas/20-delete-topics.ts';
import { deleteGroups } from '../../src/protocol/schemas/42-delete-groups.ts';
import { offsetDelete } from '../../src/protocol/schemas/47-offset-delete.ts';
import { shareGroupHeartbeat } from '../../src/protocol/schemas/76-share-group-heartbeat.ts';
import { cpuMs } from '../support/cpu-time.ts';
import {
  beat,
  commit,
  committed,
  findGroup,
  JOIN_VERSION,
  joinWish,
  sendJoin,
  settleAlone,
  stateOf,
  takeMemberId,
} from '../support/group-deeds.ts';
import type { SimulatedClient } from '../support/simulated-client.ts';
import { createTopic, type Topic } from '../support/simulated-deeds.ts';
import { type BehaviourRig, restart, startRig } from './behaviour-rig.ts';

const FEW = 'offsets.topic.num.partitions=2';
const NONE_COMMITTED = { offset: -1, leaderEpoch: -1, metadata: '', errorCode: 0 };

async function offsetRig(sets: readonly string[] = []): Promise<BehaviourRig & { readonly topic: Topic }> {
  const rig = await startRig({ sets: [...sets, FEW] });
  const topic = await createTopic(rig.client, 'orders', { partitions: 3 });
  expect(await findGroup(rig.client, 'g')).toBe(0);
  return { ...rig, topic };
}

async function leave(client: SimulatedClient, memberId: string): Promise<void> {
  const left = await client.ask(leaveGroup, 2, { groupId: 'g', memberId, members: [] });
  expect(left.errorCode).toBe(0);
}

describe('behaviour 45: OffsetCommit', () => {
  test('with generation -1 is for groups without members; an unknown group comes into being by it', async () => {
    const { client } = await offsetRig();
    expect(await commit(client, 'g', 5)).toBe(0);
    expect(await stateOf(client, 'g')).toBe('Empty');
    const member = await settleAlone(client, 'g');
    expect(await commit(client, 'g', 6)).toBe(25);
    expect(await commit(client, 'g', 7, member)).toBe(0);
    expect((await committed(client, 'g')).offset).toBe(7);
    await leave(client, member.memberId);
    expect(await commit(client, 'g', 8)).toBe(0);
  });

  test('of a group that is not there is ILLEGAL_GENERATION below version 9 and GROUP_ID_NOT_FOUND from 9 on', async () => {
    const { client } = await offsetRig();
    const stray = { memberId: 'm', generationId: 1 };
    expect(await commit(client, 'none', 1, { ...stray, version: 8 })).toBe(22);
    expect(await commit(client, 'none', 1, { ...stray, version: 9 })).toBe(69);
    expect(await stateOf(client, 'none')).toBe('Dead');
  });

  test('checks member, instance and generation, and is refused between join and sync', async () => {
    const { broker, client } = await offsetRig();
    const fixed = { groupInstanceId: 'one' };
    const member = await settleAlone(client, 'g', fixed);
    expect(await commit(client, 'g', 1, { ...member, memberId: 'other' })).toBe(25);
    expect(await commit(client, 'g', 1, { ...member, memberId: 'other', ...fixed })).toBe(82);
    expect(await commit(client, 'g', 1, { ...member, generationId: member.generationId + 1 })).toBe(22);
    expect(await commit(client, 'g', 1, { ...member, ...fixed })).toBe(0);
    const joined = await client.ask(joinGroup, JOIN_VERSION, joinWish('g', { ...fixed, memberId: member.memberId }));
    expect(joined.generationId).toBe(member.generationId + 1);
    expect(await commit(client, 'g', 2, { ...joined, ...fixed })).toBe(27);
    sendJoin(broker.connect(), 'g', { groupInstanceId: 'two' });
    await broker.settle();
    expect(await stateOf(client, 'g')).toBe('PreparingRebalance');
    expect(await commit(client, 'g', 3, { ...joined, ...fixed })).toBe(0);
  });

  test('renews the session of its member', async () => {
    const { broker, client } = await offsetRig();
    const member = await settleAlone(client, 'g');
    for (let round = 0; round < 4; round++) {
      await broker.pass(8000, 1000);
      expect(await commit(client, 'g', round, member)).toBe(0);
    }
    await broker.pass(9900, 900);
    expect(await beat(client, 'g', member)).toBe(0);
  });

  test('is refused for topics and partitions that are not there, one by one; from version 10 on by id', async () => {
    const { client, topic } = await offsetRig();
    expect(await commit(client, 'g', 1, { topic: 'none' })).toBe(3);
    expect(await commit(client, 'g', 1, { partition: 3 })).toBe(3);
    expect(await commit(client, 'g', 1, { partition: -1 })).toBe(3);
    const partitions = [
      { partitionIndex: 2, committedOffset: 9, committedLeaderEpoch: 4, committedMetadata: null },
      { partitionIndex: 7, committedOffset: 9, committedLeaderEpoch: 4, committedMetadata: null },
    ];
    const answer = await client.ask(offsetCommit, 10, {
      groupId: 'g',
      memberId: '',
      topics: [
        { name: '', topicId: topic.id, partitions },
        { name: '', topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', partitions },
      ],
    });
    expect(answer.topics.map((one) => one.partitions.map(({ errorCode }) => errorCode))).toEqual([
      [0, 3],
      [100, 100],
    ]);
    expect(answer.topics[0]?.topicId).toBe(topic.id);
    expect(await committed(client, 'g', { partition: 2 })).toEqual({
      offset: 9,
      leaderEpoch: 4,
      metadata: '',
      errorCode: 0,
    });
  });

  test('of nothing is answered with nothing, and makes no group; so is OffsetDelete', async () => {
    const { client } = await offsetRig();
    const topics = [
      { name: 'orders', partitions: [] },
      { name: 'none', partitions: [] },
    ];
    const commit = await client.ask(offsetCommit, 9, { groupId: 'h', memberId: '', topics });
    expect(commit.topics.map(({ name }) => name)).toEqual(['none']);
    expect(await stateOf(client, 'h')).toBe('Dead');
    await settleAlone(client, 'g');
    const removed = await client.ask(offsetDelete, 0, { groupId: 'g', topics });
    expect(removed.topics.map(({ name }) => name)).toEqual(['none']);
  });

  test('that does not fit into one batch is refused as too large and leaves nothing', async () => {
    const { client } = await offsetRig(['offset.metadata.max.bytes=32767']);
    const partitions = Array.from({ length: 40 }, () => ({
      partitionIndex: 0,
      committedOffset: 1,
      committedMetadata: 'x'.repeat(30_000),
    }));
    const answer = await client.ask(offsetCommit, 9, {
      groupId: 'g',
      memberId: '',
      topics: [{ name: 'orders', partitions }],
    });
    expect(new Set(answer.topics[0]?.partitions.map(({ errorCode }) => errorCode))).toEqual(new Set([28]));
    expect(await committed(client, 'g')).toEqual(NONE_COMMITTED);
  });
});

describe('behaviour 46: the text that is committed with an offset', () => {
  test('comes back as it was, null as the empty text, also after a kill; one that is too long is refused', async () => {
    const rig = await offsetRig(['offset.metadata.max.bytes=10']);
    expect(await commit(rig.client, 'g', 1, { partition: 0, metadata: 'ä text' })).toBe(0);
    expect(await commit(rig.client, 'g', 2, { partition: 1, metadata: null })).toBe(0);
    expect(await commit(rig.client, 'g', 3, { partition: 2, metadata: '' })).toBe(0);
    expect(await commit(rig.client, 'g', 4, { partition: 0, metadata: 'x'.repeat(11) })).toBe(12);
    expect(await commit(rig.client, 'g', 5, { partition: 2, metadata: 'x'.repeat(10) })).toBe(0);
    const { client } = await restart(rig, 'kill');
    await findGroup(client, 'g');
    const texts = [];
    for (const partition of [0, 1, 2]) texts.push(await committed(client, 'g', { partition }));
    expect(texts).toMatchObject([
      { offset: 1, metadata: 'ä text' },
      { offset: 2, metadata: '' },
      { offset: 5, metadata: 'x'.repeat(10) },
    ]);
  });
});

describe('behaviour 47: OffsetFetch', () => {
  test('looks once for all that a group has, however often a request asks for it', async () => {
    const { client } = await offsetRig();
    await commit(client, 'g', 5);
    const looks = vi.spyOn(CommittedOffsets.prototype, 'get');
    const wish = { topics: [], groupId: '', requireStable: false };
    const groups = Array.from({ length: 4 }, () => ({ groupId: 'g', topics: null }));
    const answer = await client.ask(offsetFetch, 9, { ...wish, groups });
    expect(answer.groups.map(({ topics }) => topics[0]?.partitions[0]?.committedOffset)).toEqual([5, 5, 5, 5]);
    expect(looks).toHaveBeenCalledOnce();
    looks.mockRestore();
  });

  test('takes many groups from version 8 on, each with an error of its own', async () => {
    const { client } = await offsetRig();
    await commit(client, 'g', 5);
    await commit(client, 'h', 6, { partition: 1 });
    const { groups } = await client.ask(offsetFetch, 8, {
      groupId: '',
      topics: [],
      groups: [
        { groupId: 'g', topics: [{ name: 'orders', partitionIndexes: [0, 1] }] },
        { groupId: 'h', topics: null },
        { groupId: 'none', topics: null },
        { groupId: 'none', topics: [{ name: 'unheard-of', partitionIndexes: [9] }] },
      ],
    });
    const found = groups.map(({ groupId, errorCode, topics }) => ({
      groupId,
      errorCode,
      offsets: topics.map(({ name, partitions }) => [
        name,
        ...partitions.map((one) => [one.partitionIndex, one.committedOffset, one.errorCode]),
      ]),
    }));
    expect(found).toEqual([
      { groupId: 'g', errorCode: 0, offsets: [['orders', [0, 5, 0], [1, -1, 0]]] },
      { groupId: 'h', errorCode: 0, offsets: [['orders', [1, 6, 0]]] },
      { groupId: 'none', errorCode: 0, offsets: [] },
      { groupId: 'none', errorCode: 0, offsets: [['unheard-of', [9, -1, 0]]] },
    ]);
  });

  test('of one group: null topics are all of them from version 2 on, and version 1 asks for what it names', async () => {
    const { client } = await offsetRig();
    await commit(client, 'g', 5, { metadata: 'm', leaderEpoch: 3 });
    for (const version of [2, 5, 7]) {
      const all = await client.ask(offsetFetch, version, { groupId: 'g', topics: null, groups: [] });
      expect(all).toMatchObject({ errorCode: 0, topics: [{ name: 'orders' }] });
      const [found] = all.topics[0]?.partitions ?? [];
      expect(found).toMatchObject({ partitionIndex: 0, committedOffset: 5, metadata: 'm', errorCode: 0 });
      expect(found?.committedLeaderEpoch).toBe(version >= 5 ? 3 : -1);
    }
    const one = await client.ask(offsetFetch, 1, {
      groupId: 'g',
      topics: [{ name: 'orders', partitionIndexes: [2] }],
      groups: [],
    });
    expect(one.topics[0]?.partitions[0]).toMatchObject({ committedOffset: -1, metadata: '', errorCode: 0 });
  });

  test('of a share group, which commits nothing, is like that of a group that is not there', async () => {
    const { client } = await offsetRig();
    const joined = await client.ask(shareGroupHeartbeat, 1, {
      groupId: 'g',
      memberId: 'AAAAAAAAAAAAAAAAAAAAAQ',
      memberEpoch: 0,
      subscribedTopicNames: ['orders'],
    });
    expect(joined.errorCode).toBe(0);
    expect(await committed(client, 'g')).toEqual(NONE_COMMITTED);
    expect(await commit(client, 'g', 1)).toBe(69);
  });

  test('by id, from version 10 on: an id that is not there is UNKNOWN_TOPIC_ID for each of its partitions', async () => {
    const { client, topic } = await offsetRig();
    await commit(client, 'g', 5);
    const { groups } = await client.ask(offsetFetch, 10, {
      groupId: '',
      topics: [],
      groups: [
        {
          groupId: 'g',
          topics: [
            { name: '', topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', partitionIndexes: [0] },
            { name: '', topicId: topic.id, partitionIndexes: [0] },
          ],
        },
        { groupId: 'g', topics: null },
      ],
    });
    expect(groups[0]?.topics.map(({ partitions }) => partitions[0]?.errorCode)).toEqual([100, 0]);
    expect(groups[1]?.topics).toMatchObject([{ topicId: topic.id, partitions: [{ committedOffset: 5 }] }]);
  });
});

describe('behaviour 48: the end of groups', () => {
  test('DeleteGroups takes groups without members, with their offsets, for good', async () => {
    const rig = await offsetRig();
    const { client } = rig;
    await commit(client, 'simple', 5);
    const member = await settleAlone(client, 'g');
    await commit(client, 'g', 6, member);
    const remove = async (...groupsNames: string[]) =>
      (await client.ask(deleteGroups, 2, { groupsNames })).results.map(({ errorCode }) => errorCode);
    expect(await remove('g', 'simple', 'none')).toEqual([68, 0, 69]);
    await leave(client, member.memberId);
    expect(await remove('g')).toEqual([0]);
    const after = await restart(rig, 'kill');
    await findGroup(after.client, 'g');
    expect(await committed(after.client, 'g')).toEqual(NONE_COMMITTED);
    expect(await stateOf(after.client, 'simple')).toBe('Dead');
    expect((await after.client.ask(listGroups, 5, { statesFilter: [], typesFilter: [] })).groups).toEqual([]);
  });

  test('OffsetDelete leaves what members read, and tells of topics that are not there', async () => {
    const rig = await offsetRig();
    const { client } = rig;
    await createTopic(client, 'returns');
    const member = await settleAlone(client, 'g');
    await commit(client, 'g', 1, member);
    await commit(client, 'g', 2, { ...member, topic: 'returns' });
    const remove = async (groupId: string) =>
      await client.ask(offsetDelete, 0, {
        groupId,
        topics: ['orders', 'returns', 'none'].map((name) => ({ name, partitions: [{ partitionIndex: 0 }] })),
      });
    const answer = await remove('g');
    expect(answer.errorCode).toBe(0);
    expect(answer.topics.map(({ partitions }) => partitions[0]?.errorCode)).toEqual([86, 0, 3]);
    expect((await remove('none')).errorCode).toBe(69);
    expect((await remove('')).errorCode).toBe(24);
    const after = await restart(rig, 'kill');
    await findGroup(after.client, 'g');
    expect((await committed(after.client, 'g')).offset).toBe(1);
    expect(await committed(after.client, 'g', { topic: 'returns' })).toEqual(NONE_COMMITTED);
  });

  test('OffsetDelete of very many partitions of one topic is answered at once', async () => {
    const { client } = await offsetRig();
    await commit(client, 'g', 1);
    const indexes = [0, 1, 7].flatMap((partitionIndex) => new Array<number>(60_000).fill(partitionIndex));
    const partitions = indexes.map((partitionIndex) => ({ partitionIndex }));
    const beganMs = cpuMs();
    const { topics } = await client.ask(offsetDelete, 0, { groupId: 'g', topics: [{ name: 'orders', partitions }] });
    expect(cpuMs() - beganMs).toBeLessThan(3000);
    expect(topics[0]?.partitions.map(({ partitionIndex }) => partitionIndex)).toEqual(indexes);
    const refused = topics[0]?.partitions.filter(({ errorCode }) => errorCode === 3) ?? [];
    expect(refused.map(({ partitionIndex }) => partitionIndex)).toEqual(indexes.slice(120_000));
  });

  test('OffsetDelete from a group of another protocol type with members is NON_EMPTY_GROUP', async () => {
    const { client } = await offsetRig();
    const memberId = await takeMemberId(client, 'g', { protocolType: 'connect' });
    const joined = await client.ask(joinGroup, JOIN_VERSION, joinWish('g', { protocolType: 'connect', memberId }));
    expect(joined.errorCode).toBe(0);
    const topics = [{ name: 'orders', partitions: [{ partitionIndex: 0 }] }];
    expect((await client.ask(offsetDelete, 0, { groupId: 'g', topics })).errorCode).toBe(68);
  });

  test('offsets expire when the group has had no members for so long, and never before', async () => {
    const rig = await offsetRig(['offsets.retention.minutes=2', 'offsets.retention.check.interval.ms=1000']);
    const { broker, client } = rig;
    const member = await settleAlone(client, 'g');
    await commit(client, 'g', 1, member);
    await commit(client, 'simple', 2);
    for (let round = 0; round < 20; round++) {
      await broker.pass(9000, 3000);
      expect(await beat(client, 'g', member)).toBe(0);
    }
    expect((await committed(client, 'g')).offset).toBe(1);
    expect(await committed(client, 'simple')).toEqual(NONE_COMMITTED);
    expect(await stateOf(client, 'simple')).toBe('Dead');
    await leave(client, member.memberId);
    await broker.pass(115_000, 5000);
    expect((await committed(client, 'g')).offset).toBe(1);
    await broker.pass(10_000, 1000);
    expect(await committed(client, 'g')).toEqual(NONE_COMMITTED);
    expect(await stateOf(client, 'g')).toBe('Dead');
    const after = await restart(rig, 'kill');
    await findGroup(after.client, 'g');
    expect((await after.client.ask(listGroups, 5, { statesFilter: [], typesFilter: [] })).groups).toEqual([]);
  });

  test('an old client’s retention of its own holds instead of the broker’s', async () => {
    const { broker, client } = await offsetRig(['offsets.retention.check.interval.ms=1000']);
    expect(await commit(client, 'g', 1, { version: 4, retentionTimeMs: 5000 })).toBe(0);
    await broker.pass(4000, 1000);
    expect((await committed(client, 'g')).offset).toBe(1);
    await broker.pass(3000, 1000);
    expect(await committed(client, 'g')).toEqual(NONE_COMMITTED);
  });

  test('a topic that is deleted takes what groups have read of it along, also when it comes again', async () => {
    const rig = await offsetRig();
    await commit(rig.client, 'g', 5);
    await rig.client.ask(deleteTopics, 4, { topicNames: ['orders'], timeoutMs: 1000, topics: [] });
    await rig.broker.settle();
    await createTopic(rig.client, 'orders');
    expect(await committed(rig.client, 'g')).toEqual(NONE_COMMITTED);
    const { client } = await restart(rig, 'kill');
    await findGroup(client, 'g');
    expect(await committed(client, 'g')).toEqual(NONE_COMMITTED);
  });

  test('DescribeGroups of a group that is not there is Dead without an error up to 5, GROUP_ID_NOT_FOUND in 6', async () => {
    const { client } = await offsetRig();
    const ask = async (version: number) =>
      (await client.ask(describeGroups, version, { groups: ['none'], includeAuthorizedOperations: false })).groups[0];
    expect(await ask(5)).toMatchObject({ errorCode: 0, groupState: 'Dead', members: [] });
    expect(await ask(6)).toMatchObject({ errorCode: 69, groupState: 'Dead', errorMessage: 'Group none not found.' });
  });

  test('ListGroups tells of states and types, and takes filters in any case', async () => {
    const { client } = await offsetRig();
    await settleAlone(client, 'g');
    await commit(client, 'simple', 1);
    const list = async (statesFilter: string[], typesFilter: string[]) =>
      (await client.ask(listGroups, 5, { statesFilter, typesFilter })).groups.map(({ groupId }) => groupId).sort();
    expect(await list([], [])).toEqual(['g', 'simple']);
    expect(await list(['stable'], [])).toEqual(['g']);
    expect(await list(['Empty', 'Dead'], ['classic'])).toEqual(['simple']);
    expect(await list([], ['consumer'])).toEqual([]);
    const all = await client.ask(listGroups, 5, { statesFilter: [], typesFilter: [] });
    expect(all.groups.find(({ groupId }) => groupId === 'g')).toEqual({
      groupId: 'g',
      protocolType: 'consumer',
      groupState: 'Stable',
      groupType: 'classic',
    });
  });
});

describe('behaviour 49: FindCoordinator', () => {
  test('echoes each of many keys from version 4 on, and answers one below', async () => {
    const { client } = await startRig({ sets: [FEW, 'node.id=5'] });
    const many = await client.ask(findCoordinator, 4, { keyType: 0, coordinatorKeys: ['a', 'b', 'a'] });
    expect(many.coordinators).toMatchObject(
      ['a', 'b', 'a'].map((key) => ({ key, nodeId: 5, port: 9092, errorCode: 0 })),
    );
    expect(await client.ask(findCoordinator, 3, { key: 'a', keyType: 0 })).toMatchObject({ nodeId: 5, errorCode: 0 });
    expect(await client.ask(findCoordinator, 0, { key: 'a' })).toMatchObject({ nodeId: 5, port: 9092, errorCode: 0 });
    expect((await client.ask(findCoordinator, 3, { key: 'a', keyType: 7 })).errorCode).toBe(42);
  });

  test('says in every version why it does not know a type', async () => {
    const { client } = await startRig();
    for (const version of [3, 4, 6]) {
      const answer = await client.ask(findCoordinator, version, { key: 'k', keyType: 9, coordinatorKeys: ['k'] });
      const one = version < 4 ? answer : answer.coordinators[0];
      expect(one).toMatchObject({ errorCode: 42, errorMessage: expect.stringContaining('type 9') });
    }
  });

  test('while the topic cannot be made is COORDINATOR_NOT_AVAILABLE, and afterwards it is there', async () => {
    const { broker, client, world } = await startRig({ sets: [FEW] });
    // One for the folder, which a worker opens before its first log and can do without; one for the log.
    for (let opens = 0; opens < 2; opens++) world.disk.failNext('open', 'EMFILE');
    expect(await findGroup(client, 'g')).toBe(15);
    await broker.settle();
    expect(await findGroup(client, 'g')).toBe(0);
  });
});

test('a commit that cannot be written is refused, never told of, and the group is served again from its log', async () => {
  const { broker, client, world } = await offsetRig();
  expect(await commit(client, 'g', 1)).toBe(0);
  const member = await settleAlone(client, 'g');
  world.disk.failNext('write', 'ENOSPC');
  expect(await commit(client, 'g', 2, member)).toBe(16);
  await broker.pass(5000, 100);
  expect(await findGroup(client, 'g')).toBe(0);
  expect((await committed(client, 'g')).offset).toBe(1);
  expect(await commit(client, 'g', 3, member)).toBe(0);
  expect((await committed(client, 'g')).offset).toBe(3);
});
