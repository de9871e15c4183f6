/** Behaviours 44, 45 and 49 as consumer groups of KIP-848 have them, and what else members of such groups see. */
import { describe, expect, test } from 'vitest';
import { errorCode } from '../../src/protocol/errors.ts';
import { offsetFetch } from '../../src/protocol/schemas/09-offset-fetch.ts';
import { deleteTopics } from '../../src/protocol/schemas/20-delete-topics.ts';
import { createPartitions } from '../../src/protocol/schemas/37-create-partitions.ts';
import { incrementalAlterConfigs } from '../../src/protocol/schemas/44-incremental-alter-configs.ts';
import { assignedIn, call, commitAt, describeConsumers, joinConsumers, joining } from '../support/consumer-deeds.ts';
import { findGroup } from '../support/group-deeds.ts';
import { createTopic } from '../support/simulated-deeds.ts';
import { restart } from './behaviour-rig.ts';
import { ASSIGNMENT_MS, type ConsumerRig, consumerRig } from './consumers-rig.ts';

const SESSION_MS = 45_000;

/** One member that has everything, a second one that joined; the target is made, nobody has moved. */
async function twoMembers(rig: ConsumerRig): Promise<void> {
  const { client, broker } = rig;
  expect(await joinConsumers(client, 'g', 'one', ['orders'])).toMatchObject({ errorCode: 0, memberEpoch: 2 });
  await broker.pass(ASSIGNMENT_MS);
  const second = await joinConsumers(client, 'g', 'two', ['orders']);
  expect(second).toMatchObject({ errorCode: 0, memberEpoch: 3 });
  expect(assignedIn(second)).toEqual({});
}

describe('behaviour 49: the heartbeat of a consumer group', () => {
  test('joins with epoch 0, no partitions, a rebalance timeout and something to read, and not otherwise', async () => {
    const { client, topic } = await consumerRig();
    const code = async (more: Parameters<typeof call>[4], memberId = 'one', version = 1) =>
      (await call(client, 'g', memberId, 0, more, version)).errorCode;
    const good = { ...joining, subscribedTopicNames: ['orders'] };
    expect(await code({ ...good, topicPartitions: null })).toBe(errorCode.INVALID_REQUEST);
    const owned = [{ topicId: topic.id, partitions: [0] }];
    expect(await code({ ...good, topicPartitions: owned })).toBe(errorCode.INVALID_REQUEST);
    expect(await code({ ...good, rebalanceTimeoutMs: -1 })).toBe(errorCode.INVALID_REQUEST);
    expect(await code({ ...good, subscribedTopicNames: null })).toBe(errorCode.INVALID_REQUEST);
    expect(await code({ ...good, instanceId: '' })).toBe(errorCode.INVALID_REQUEST);
    expect(await code({ ...good, rackId: ' ' })).toBe(errorCode.INVALID_REQUEST);
    expect(await code(good, '')).toBe(errorCode.INVALID_REQUEST);
    expect((await call(client, '', 'one', 0, good)).errorCode).not.toBe(0);
    expect((await call(client, 'g', 'one', -3)).errorCode).toBe(errorCode.INVALID_REQUEST);
    expect((await describeConsumers(client, 'g')).errorCode).toBe(errorCode.GROUP_ID_NOT_FOUND);
    const joined = await call(client, 'g', 'one', 0, good);
    expect(joined).toMatchObject({ errorCode: 0, memberId: 'one', memberEpoch: 2 });
    expect(assignedIn(joined)).toEqual({ [topic.id]: [0, 1, 2, 3] });
  });

  test('gives a member of version 0 its id', async () => {
    const { client } = await consumerRig();
    const good = { ...joining, subscribedTopicNames: ['orders'] };
    const answer = await call(client, 'g', '', 0, good, 0);
    expect(answer.errorCode).toBe(0);
    expect(answer.memberId).toMatch(/^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/);
  });

  test('knows the assignors it has, and takes the one most members ask for', async () => {
    const { client } = await consumerRig();
    const refused = await joinConsumers(client, 'g', 'one', ['orders'], { serverAssignor: 'mine' });
    expect(refused.errorCode).toBe(errorCode.UNSUPPORTED_ASSIGNOR);
    expect(refused.errorMessage).toContain('uniform, range');
    await joinConsumers(client, 'g', 'one', ['orders'], { serverAssignor: 'range' });
    expect((await describeConsumers(client, 'g')).assignorName).toBe('range');
  });

  test('fences epochs that are not the member’s, but for the one before if the answer may have been lost', async () => {
    const rig = await consumerRig();
    const { client, topic } = rig;
    await twoMembers(rig);
    const all = [{ topicId: topic.id, partitions: [0, 1] }];
    await call(client, 'g', 'one', 2);
    expect(await call(client, 'g', 'one', 2, { topicPartitions: all })).toMatchObject({ errorCode: 0, memberEpoch: 3 });
    const fenced = errorCode.FENCED_MEMBER_EPOCH;
    expect((await call(client, 'g', 'one', 4, { topicPartitions: all })).errorCode).toBe(fenced);
    expect((await call(client, 'g', 'one', 1, { topicPartitions: all })).errorCode).toBe(fenced);
    expect((await call(client, 'g', 'one', 2)).errorCode).toBe(fenced);
    expect(await call(client, 'g', 'one', 2, { topicPartitions: all })).toMatchObject({ errorCode: 0, memberEpoch: 3 });
    expect((await call(client, 'g', 'nobody', 2)).errorCode).toBe(errorCode.UNKNOWN_MEMBER_ID);
    expect((await call(client, 'h', 'one', 2)).errorCode).toBe(errorCode.GROUP_ID_NOT_FOUND);
  });

  test('gives a partition to a member only when the one that had it has said that it gave it up', async () => {
    const rig = await consumerRig();
    const { client, topic } = rig;
    await twoMembers(rig);
    expect(assignedIn(await call(client, 'g', 'two', 3))).toBeNull();
    const told = await call(client, 'g', 'one', 2, {
      topicPartitions: [{ topicId: topic.id, partitions: [0, 1, 2, 3] }],
    });
    expect(told).toMatchObject({ memberEpoch: 2 });
    expect(assignedIn(told)).toEqual({ [topic.id]: [0, 1] });
    const half = [{ topicId: topic.id, partitions: [0, 1, 2] }];
    expect((await call(client, 'g', 'one', 2, { topicPartitions: half })).memberEpoch).toBe(2);
    expect(assignedIn(await call(client, 'g', 'two', 3))).toBeNull();
    expect((await describeConsumers(client, 'g')).groupState).toBe('Reconciling');
    const done = [{ topicId: topic.id, partitions: [0, 1] }];
    expect((await call(client, 'g', 'one', 2, { topicPartitions: done })).memberEpoch).toBe(3);
    expect(assignedIn(await call(client, 'g', 'two', 3))).toEqual({ [topic.id]: [2, 3] });
    const group = await describeConsumers(client, 'g');
    expect(group).toMatchObject({ groupState: 'Stable', groupEpoch: 3, assignmentEpoch: 3, assignorName: 'uniform' });
  });

  test('tells members to call sooner while the group changes, and shortly after', async () => {
    const rig = await consumerRig();
    const { client, topic } = rig;
    await twoMembers(rig);
    expect((await call(client, 'g', 'two', 3)).heartbeatIntervalMs).toBe(500);
    const done = { topicPartitions: [{ topicId: topic.id, partitions: [0, 1] }] };
    await call(client, 'g', 'one', 2, done);
    expect((await call(client, 'g', 'two', 3)).heartbeatIntervalMs).toBe(500);
    await rig.broker.pass(5000, 500);
    expect((await call(client, 'g', 'two', 3)).heartbeatIntervalMs).toBe(5000);
  });

  test('says everything again to a member that says everything', async () => {
    const { client, topic } = await consumerRig();
    await joinConsumers(client, 'g', 'one', ['orders']);
    expect(assignedIn(await call(client, 'g', 'one', 2))).toBeNull();
    const whole = { rebalanceTimeoutMs: 60_000, subscribedTopicNames: ['orders'], topicPartitions: [] };
    expect(assignedIn(await call(client, 'g', 'one', 2, whole))).toEqual({ [topic.id]: [0, 1, 2, 3] });
  });

  test('puts out members that are silent for a session, and those that keep what they are to give up', async () => {
    const rig = await consumerRig();
    const { client, broker, topic } = rig;
    await joinConsumers(client, 'g', 'one', ['orders'], { rebalanceTimeoutMs: 10_000 });
    await broker.pass(ASSIGNMENT_MS);
    await joinConsumers(client, 'g', 'two', ['orders']);
    const all = { topicPartitions: [{ topicId: topic.id, partitions: [0, 1, 2, 3] }] };
    await call(client, 'g', 'one', 2, all);
    await broker.pass(9000, 500);
    expect((await call(client, 'g', 'one', 2, all)).errorCode).toBe(0);
    await broker.pass(1000, 500);
    expect((await call(client, 'g', 'one', 2, all)).errorCode).toBe(errorCode.UNKNOWN_MEMBER_ID);
    expect(assignedIn(await call(client, 'g', 'two', 3))).toEqual({ [topic.id]: [0, 1, 2, 3] });
    await broker.pass(SESSION_MS - 1, 1000);
    expect((await describeConsumers(client, 'g')).groupState).toBe('Stable');
    await broker.pass(1, 1);
    expect((await describeConsumers(client, 'g')).groupState).toBe('Empty');
  });

  test('refuses members beyond the size of a group', async () => {
    const { client } = await consumerRig(4, ['group.consumer.max.size=1']);
    expect((await joinConsumers(client, 'g', 'one', ['orders'])).errorCode).toBe(0);
    expect((await joinConsumers(client, 'g', 'two', ['orders'])).errorCode).toBe(errorCode.GROUP_MAX_SIZE_REACHED);
    expect((await joinConsumers(client, 'g', 'one', ['orders'])).errorCode).toBe(0);
  });
});

describe('behaviour 44: static members of a consumer group', () => {
  const instanceId = 'fixed';

  test('hold their instance id until they leave, if only for a while, and find their partitions again', async () => {
    const { client, broker, topic } = await consumerRig();
    const all = { [topic.id]: [0, 1, 2, 3] };
    expect(assignedIn(await joinConsumers(client, 'g', 'one', ['orders'], { instanceId }))).toEqual(all);
    const second = await joinConsumers(client, 'g', 'two', ['orders'], { instanceId });
    expect(second.errorCode).toBe(errorCode.UNRELEASED_INSTANCE_ID);
    expect((await call(client, 'g', 'two', 2, { instanceId })).errorCode).toBe(errorCode.FENCED_INSTANCE_ID);
    expect((await call(client, 'g', 'one', -2)).errorCode).toBe(errorCode.INVALID_REQUEST);
    expect(await call(client, 'g', 'one', -2, { instanceId })).toMatchObject({ errorCode: 0, memberEpoch: -2 });
    await broker.pass(ASSIGNMENT_MS);
    const other = await joinConsumers(client, 'g', 'other', ['orders']);
    expect(assignedIn(other)).toEqual({});
    const back = await joinConsumers(client, 'g', 'two', ['orders'], { instanceId });
    expect(back).toMatchObject({ errorCode: 0 });
    expect(assignedIn(back)).toEqual({ [topic.id]: [0, 1] });
    expect((await call(client, 'g', 'one', 2, { instanceId })).errorCode).toBe(errorCode.FENCED_INSTANCE_ID);
    expect((await call(client, 'g', 'two', 3, { instanceId: 'unknown' })).errorCode).toBe(errorCode.UNKNOWN_MEMBER_ID);
    expect((await call(client, 'g', 'two', -1, { instanceId })).errorCode).toBe(0);
    expect((await describeConsumers(client, 'g')).members.map(({ memberId }) => memberId)).toEqual(['other']);
  });

  test('that do not come back are put out when their session ends', async () => {
    const { client, broker } = await consumerRig();
    await joinConsumers(client, 'g', 'one', ['orders'], { instanceId });
    await call(client, 'g', 'one', -2, { instanceId });
    await broker.pass(SESSION_MS, 5000);
    expect(await describeConsumers(client, 'g')).toMatchObject({ groupState: 'Empty', members: [] });
  });
});

describe('behaviour 45: commits of members of a consumer group', () => {
  test('are taken at the member’s epoch, and at an older one for partitions it has had since', async () => {
    const rig = await consumerRig();
    const { client, topic } = rig;
    const claim = (memberId: string, epoch: number, partition = 0) => ({ memberId, epoch, topic: 'orders', partition });
    await twoMembers(rig);
    expect(await commitAt(client, 'g', claim('one', 2))).toBe(0);
    expect(await commitAt(client, 'g', claim('one', 2), 8)).toBe(errorCode.UNSUPPORTED_VERSION);
    expect(await commitAt(client, 'g', claim('one', 1))).toBe(errorCode.STALE_MEMBER_EPOCH);
    expect(await commitAt(client, 'g', claim('one', 9))).toBe(errorCode.STALE_MEMBER_EPOCH);
    expect(await commitAt(client, 'g', claim('nobody', 2))).toBe(errorCode.UNKNOWN_MEMBER_ID);
    expect(await commitAt(client, 'g', claim('', -1))).toBe(errorCode.UNKNOWN_MEMBER_ID);
    await call(client, 'g', 'one', 2);
    await call(client, 'g', 'one', 2, { topicPartitions: [{ topicId: topic.id, partitions: [0, 1] }] });
    expect(await commitAt(client, 'g', claim('one', 3))).toBe(0);
    expect(await commitAt(client, 'g', claim('one', 2, 1))).toBe(0);
    expect(await commitAt(client, 'g', claim('one', 2, 3))).toBe(errorCode.STALE_MEMBER_EPOCH);
    for (const id of ['one', 'two']) await call(client, 'g', id, -1);
    expect(await commitAt(client, 'g', claim('', -1))).toBe(0);
  });

  test('are fetched at the member’s epoch, or by nobody in particular', async () => {
    const { client } = await consumerRig();
    await joinConsumers(client, 'g', 'one', ['orders']);
    await commitAt(client, 'g', { memberId: 'one', epoch: 2, topic: 'orders' });
    const fetchAs = async (memberId: string | null, memberEpoch: number) => {
      const topics = [{ name: 'orders', partitionIndexes: [0] }];
      const groups = [{ groupId: 'g', memberId, memberEpoch, topics }];
      const answer = await client.ask(offsetFetch, 9, { groupId: '', topics: [], groups });
      const [group] = answer.groups;
      return [group?.errorCode, group?.topics[0]?.partitions[0]?.committedOffset];
    };
    expect(await fetchAs('one', 2)).toEqual([0, 7]);
    expect(await fetchAs(null, -1)).toEqual([0, 7]);
    expect(await fetchAs('one', 1)).toEqual([errorCode.STALE_MEMBER_EPOCH, undefined]);
    expect(await fetchAs('nobody', 2)).toEqual([errorCode.UNKNOWN_MEMBER_ID, undefined]);
  });
});

describe('a consumer group', () => {
  test('finds itself after a kill as it was, and its members go on', async () => {
    const rig = await consumerRig();
    await twoMembers(rig);
    await call(rig.client, 'g', 'one', 2);
    const before = await describeConsumers(rig.client, 'g');
    const { client } = await restart(rig, 'kill');
    expect(await findGroup(client, 'g')).toBe(0);
    expect(await describeConsumers(client, 'g')).toEqual(before);
    const done = { topicPartitions: [{ topicId: rig.topic.id, partitions: [0, 1] }] };
    expect((await call(client, 'g', 'one', 2, done)).memberEpoch).toBe(3);
    expect(assignedIn(await call(client, 'g', 'two', 3))).toEqual({ [rig.topic.id]: [2, 3] });
  });

  test('notices that topics come, grow and go', async () => {
    const { client, broker, topic } = await consumerRig(1);
    const join = await joinConsumers(client, 'g', 'one', ['orders', 'later']);
    expect(assignedIn(join)).toEqual({ [topic.id]: [0] });
    await client.ask(createPartitions, 3, {
      topics: [{ name: 'orders', count: 3, assignments: null }],
      timeoutMs: 1000,
    });
    await broker.pass(ASSIGNMENT_MS);
    const grown = await call(client, 'g', 'one', 2);
    expect(grown.memberEpoch).toBe(3);
    expect(assignedIn(grown)).toEqual({ [topic.id]: [0, 1, 2] });
    const later = await createTopic(client, 'later', { partitions: 2 });
    await broker.pass(ASSIGNMENT_MS);
    const came = await call(client, 'g', 'one', 3);
    expect(assignedIn(came)).toEqual({ [topic.id]: [0, 1, 2], [later.id]: [0, 1] });
    await client.ask(deleteTopics, 5, { topicNames: ['orders'], timeoutMs: 1000 });
    await broker.pass(ASSIGNMENT_MS);
    const gone = await call(client, 'g', 'one', 4);
    expect(gone.memberEpoch).toBe(4);
    expect(assignedIn(gone)).toEqual({ [later.id]: [0, 1] });
    const rest = { topicPartitions: [{ topicId: later.id, partitions: [0, 1] }] };
    expect((await call(client, 'g', 'one', 4, rest)).memberEpoch).toBe(5);
  });

  test('reads topics by a regular expression, those that come later too', async () => {
    const { client, broker, topic } = await consumerRig(2);
    const broken = await call(client, 'g', 'one', 0, { ...joining, subscribedTopicRegex: '(' });
    expect(broken.errorCode).toBe(errorCode.INVALID_REGULAR_EXPRESSION);
    const joined = await call(client, 'g', 'one', 0, { ...joining, subscribedTopicRegex: 'ord.*|bills' });
    expect(assignedIn(joined)).toEqual({});
    await broker.pass(ASSIGNMENT_MS);
    expect(assignedIn(await call(client, 'g', 'one', 1))).toEqual({ [topic.id]: [0, 1] });
    const bills = await createTopic(client, 'bills', { partitions: 1 });
    await createTopic(client, 'billing', { partitions: 1 });
    await broker.pass(11_000, 1000);
    await call(client, 'g', 'one', 2);
    await broker.pass(ASSIGNMENT_MS);
    expect(assignedIn(await call(client, 'g', 'one', 2))).toEqual({ [topic.id]: [0, 1], [bills.id]: [0] });
    expect(await describeConsumers(client, 'g')).toMatchObject({
      members: [{ subscribedTopicNames: [], subscribedTopicRegex: 'ord.*|bills' }],
    });
  });

  test('has settings of its own', async () => {
    const { client, broker } = await consumerRig();
    const GROUP = 32;
    const configs = [{ name: 'consumer.heartbeat.interval.ms', configOperation: 0, value: '6000' }];
    const answer = await client.ask(incrementalAlterConfigs, 1, {
      resources: [{ resourceType: GROUP, resourceName: 'g', configs }],
      validateOnly: false,
    });
    expect(answer.responses[0]?.errorCode).toBe(0);
    for (const groupId of ['g', 'h']) await joinConsumers(client, groupId, 'one', ['orders']);
    await broker.pass(6000, 1000);
    expect((await call(client, 'g', 'one', 2)).heartbeatIntervalMs).toBe(6000);
    expect((await call(client, 'h', 'one', 2)).heartbeatIntervalMs).toBe(5000);
  });
});
