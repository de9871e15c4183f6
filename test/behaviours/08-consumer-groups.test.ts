/** Behaviours 44, 45 and 49 as consumer groups of KIP-848 have them, and what else members of such groups see. */
import { describe, expect, test } from 'vitest';
import { errorCode } from '../../src/protocol/errors.ts';
import { offsetFetch } from '../../src/protocol/schemas/09-offset-fetch.ts';
import { joinGroup } from '../../src/protocol/schemas/11-join-group.ts';
import { heartbeat } from '../../src/protocol/schemas/12-heartbeat.ts';
import { leaveGroup } from '../../src/protocol/schemas/13-leave-group.ts';
import { syncGroup } from '../../src/protocol/schemas/14-sync-group.ts';
import { deleteTopics } from '../../src/protocol/schemas/20-delete-topics.ts';
import { createPartitions } from '../../src/protocol/schemas/37-create-partitions.ts';
import { incrementalAlterConfigs } from '../../src/protocol/schemas/44-incremental-alter-configs.ts';
import { assignedIn, call, commitAt, describeConsumers, joinConsumers, joining } from '../support/consumer-deeds.ts';
import {
  findGroup,
  JOIN_VERSION,
  joinWish,
  SYNC_VERSION,
  settleAlone,
  stateOf,
  syncWish,
} from '../support/group-deeds.ts';
import { createTopic, type Topic } from '../support/simulated-deeds.ts';
import { type BehaviourRig, restart, startRig } from './behaviour-rig.ts';

const SESSION_MS = 45_000;
/** Two assignments of a group are at least so far apart. */
const ASSIGNMENT_MS = 1000;

interface ConsumerRig extends BehaviourRig {
  readonly topic: Topic;
}

async function consumerRig(partitions = 4, sets: readonly string[] = []): Promise<ConsumerRig> {
  const rig = await startRig({ sets: [...sets, 'offsets.topic.num.partitions=2'] });
  expect(await findGroup(rig.client, 'g')).toBe(0);
  const topic = await createTopic(rig.client, 'orders', { partitions });
  return { ...rig, topic };
}

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

describe('a group that changes its protocol', () => {
  const GUEST = { protocolType: 'consumer', protocolName: 'range' } as const;

  test('becomes a consumer group when a member of the newer protocol joins, and a classic one when it goes', async () => {
    const { client, broker, topic } = await consumerRig();
    const classic = await settleClassic(client, [0, 1, 2, 3]);
    const joined = await joinConsumers(client, 'g', 'new', ['orders']);
    expect(joined).toMatchObject({ errorCode: 0, memberEpoch: 2 });
    expect(assignedIn(joined)).toEqual({});
    const group = await describeConsumers(client, 'g');
    expect(group.members.map(({ memberType }) => memberType).sort()).toEqual([0, 1]);
    // The guest is told to join again, gives half of its partitions up, and gets the other half from the broker.
    const beatAs = async (generationId: number) =>
      (await client.ask(heartbeat, 4, { groupId: 'g', memberId: classic, generationId, groupInstanceId: null }))
        .errorCode;
    expect(await beatAs(1)).toBe(errorCode.REBALANCE_IN_PROGRESS);
    const again = await rejoin(client, classic, [0, 1, 2, 3]);
    expect(again.generationId).toBe(1);
    expect(await syncAs(client, again)).toEqual([0, 1]);
    expect(await beatAs(1)).toBe(errorCode.REBALANCE_IN_PROGRESS);
    const moved = await rejoin(client, classic, [0, 1]);
    expect(moved.generationId).toBe(2);
    expect(await syncAs(client, moved)).toEqual([0, 1]);
    expect(await beatAs(2)).toBe(0);
    expect(assignedIn(await call(client, 'g', 'new', 2))).toEqual({ [topic.id]: [2, 3] });
    expect((await call(client, 'g', 'new', -1)).errorCode).toBe(0);
    expect(await stateOf(client, 'g')).toBe('PreparingRebalance');
    expect((await describeConsumers(client, 'g')).errorCode).toBe(errorCode.GROUP_ID_NOT_FOUND);
    const alone = await rejoin(client, classic, [0, 1]);
    expect(alone).toMatchObject({ errorCode: 0, leader: classic });
    await broker.settle();
    const synced = await client.ask(syncGroup, SYNC_VERSION, syncWish('g', alone, { [classic]: 'all' }));
    expect(synced).toMatchObject({ errorCode: 0, ...GUEST });
    expect(await stateOf(client, 'g')).toBe('Stable');
  });

  test('becomes a classic one when its last newer member comes back as a static classic one', async () => {
    const { client } = await consumerRig();
    const groupInstanceId = 'fixed';
    await joinConsumers(client, 'g', 'new', ['orders'], { instanceId: groupInstanceId });
    const protocols = [{ name: 'range', metadata: subscriptionOf([]) }];
    const joined = await client.ask(joinGroup, JOIN_VERSION, joinWish('g', { groupInstanceId, protocols }));
    expect(joined).toMatchObject({ errorCode: 0, generationId: 2, leader: '' });
    expect(await stateOf(client, 'g')).toBe('Stable');
    const wish = syncWish('g', joined, {}, { groupInstanceId });
    const synced = await client.ask(syncGroup, SYNC_VERSION, wish);
    expect(partitionsIn(synced.assignment)).toEqual([0, 1, 2, 3]);
  });

  test('takes guests that join it, tells them nothing new while they wait, and lets them go', async () => {
    const { client, broker } = await consumerRig();
    await joinConsumers(client, 'g', 'new', ['orders']);
    await broker.pass(ASSIGNMENT_MS);
    const { memberId, errorCode: sentAway } = await rejoin(client, '', []);
    expect(sentAway).toBe(errorCode.MEMBER_ID_REQUIRED);
    const other = [{ name: 'unknown', metadata: subscriptionOf([]) }];
    const guest = await rejoin(client, memberId, []);
    expect(guest).toMatchObject({ errorCode: 0, generationId: 3, leader: '', members: [] });
    const wrong = await client.ask(joinGroup, JOIN_VERSION, joinWish('g', { memberId: 'x', protocols: other }));
    expect(wrong.errorCode).toBe(errorCode.INCONSISTENT_GROUP_PROTOCOL);
    expect(await syncAs(client, guest)).toEqual([]);
    const beat = { groupId: 'g', memberId, groupInstanceId: null };
    expect((await client.ask(heartbeat, 4, { ...beat, generationId: 3 })).errorCode).toBe(0);
    expect((await client.ask(heartbeat, 4, { ...beat, generationId: 2 })).errorCode).toBe(errorCode.ILLEGAL_GENERATION);
    expect((await client.ask(heartbeat, 4, { ...beat, memberId: 'new', generationId: 2 })).errorCode).toBe(
      errorCode.UNKNOWN_MEMBER_ID,
    );
    const wrongSync = await client.ask(syncGroup, SYNC_VERSION, { ...syncWish('g', guest), protocolName: 'other' });
    expect(wrongSync.errorCode).toBe(errorCode.INCONSISTENT_GROUP_PROTOCOL);
    const members = [memberId, 'nobody'].map((id) => ({ memberId: id, groupInstanceId: null, reason: null }));
    const left = await client.ask(leaveGroup, 5, { groupId: 'g', memberId: '', members });
    expect(left.members.map((member) => member.errorCode)).toEqual([0, errorCode.UNKNOWN_MEMBER_ID]);
    expect((await describeConsumers(client, 'g')).members.map((member) => member.memberId)).toEqual(['new']);
  });

  test('puts out a guest that is told to join again and does not', async () => {
    const { client, broker } = await consumerRig();
    const classic = await settleClassic(client, [0, 1, 2, 3]);
    await joinConsumers(client, 'g', 'new', ['orders'], { rebalanceTimeoutMs: 600_000 });
    const beat = { groupId: 'g', memberId: classic, generationId: 1, groupInstanceId: null };
    for (let second = 0; second < 30; second += 5) {
      expect((await client.ask(heartbeat, 4, beat)).errorCode).toBe(errorCode.REBALANCE_IN_PROGRESS);
      await call(client, 'g', 'new', 2);
      await broker.pass(5000, 1000);
    }
    expect((await client.ask(heartbeat, 4, beat)).errorCode).toBe(errorCode.UNKNOWN_MEMBER_ID);
    expect(assignedIn(await call(client, 'g', 'new', 2))).not.toBeNull();
  });

  test('keeps its guests over a kill of the broker', async () => {
    const rig = await consumerRig();
    await settleClassic(rig.client, [0, 1, 2, 3]);
    await joinConsumers(rig.client, 'g', 'new', ['orders']);
    const before = await describeConsumers(rig.client, 'g');
    const { client } = await restart(rig, 'kill');
    expect(await findGroup(client, 'g')).toBe(0);
    expect(await describeConsumers(client, 'g')).toEqual(before);
  });

  test('does not, where the policy forbids it or its members are no consumers', async () => {
    const { client, broker } = await consumerRig(4, ['group.consumer.migration.policy=disabled']);
    await settleAlone(client, 'g');
    const refused = await joinConsumers(client, 'g', 'new', ['orders']);
    expect(refused.errorCode).toBe(errorCode.GROUP_ID_NOT_FOUND);
    expect(refused.errorMessage).toContain('group.consumer.migration.policy');
    expect(await stateOf(client, 'g')).toBe('Stable');
    await joinConsumers(client, 'h', 'new', ['orders']);
    const other = broker.connect();
    const join = await other.ask(joinGroup, JOIN_VERSION, joinWish('h'));
    expect(join.errorCode).toBe(errorCode.INCONSISTENT_GROUP_PROTOCOL);
  });

  test('begins anew as the other kind when it is empty, with its offsets', async () => {
    const { client } = await consumerRig();
    await joinConsumers(client, 'g', 'new', ['orders']);
    expect(await commitAt(client, 'g', { memberId: 'new', epoch: 2, topic: 'orders' })).toBe(0);
    await call(client, 'g', 'new', -1);
    const member = await settleAlone(client, 'g');
    expect(member.generationId).toBe(1);
    const groups = [{ groupId: 'g', topics: [{ name: 'orders', partitionIndexes: [0] }] }];
    const answer = await client.ask(offsetFetch, 9, { groupId: '', topics: [], groups });
    expect(answer.groups[0]?.topics[0]?.partitions[0]?.committedOffset).toBe(7);
  });
});

// ── a classic consumer by hand ──────────────────────────────────────────────────────────────────────────────────────

type Client = BehaviourRig['client'];

/** ConsumerProtocolSubscription, version 1. */
function subscriptionOf(owned: readonly number[]): Uint8Array {
  const { buffer, int32, text } = pen();
  buffer.push(0, 1);
  int32(1);
  text('orders');
  int32(-1);
  int32(owned.length === 0 ? 0 : 1);
  if (owned.length > 0) partitionsTo({ int32, text }, owned);
  return Uint8Array.from(buffer);
}

/** ConsumerProtocolAssignment, version 1. */
function assignmentOf(partitions: readonly number[]): Uint8Array {
  const { buffer, int32, text } = pen();
  buffer.push(0, 1);
  int32(1);
  partitionsTo({ int32, text }, partitions);
  int32(-1);
  return Uint8Array.from(buffer);
}

interface Pen {
  int32(value: number): void;
  text(value: string): void;
}

function pen(): Pen & { readonly buffer: number[] } {
  const buffer: number[] = [];
  return {
    buffer,
    int32: (value) => void buffer.push((value >> 24) & 255, (value >> 16) & 255, (value >> 8) & 255, value & 255),
    text: (value) => void buffer.push(0, value.length, ...Buffer.from(value)),
  };
}

function partitionsTo({ int32, text }: Pen, partitions: readonly number[]): void {
  text('orders');
  int32(partitions.length);
  for (const partition of partitions) int32(partition);
}

async function rejoin(client: Client, memberId: string, owned: readonly number[]) {
  const protocols = [{ name: 'range', metadata: subscriptionOf(owned) }];
  return await client.ask(joinGroup, JOIN_VERSION, joinWish('g', { memberId, protocols }));
}

/** A classic group of one member that has these partitions. */
async function settleClassic(client: Client, partitions: readonly number[]): Promise<string> {
  const { memberId } = await rejoin(client, '', []);
  const joined = await rejoin(client, memberId, []);
  const assignments = [{ memberId, assignment: assignmentOf(partitions) }];
  await client.ask(syncGroup, SYNC_VERSION, { ...syncWish('g', joined), assignments });
  expect(await stateOf(client, 'g')).toBe('Stable');
  return memberId;
}

async function syncAs(client: Client, joined: { readonly memberId: string; readonly generationId: number }) {
  const { errorCode: code, assignment } = await client.ask(syncGroup, SYNC_VERSION, syncWish('g', joined));
  expect(code).toBe(0);
  return partitionsIn(assignment);
}

/** Of the one topic in a ConsumerProtocolAssignment; none where it has no topic. */
function partitionsIn(assignment: Uint8Array): number[] {
  const view = new DataView(assignment.buffer, assignment.byteOffset, assignment.byteLength);
  if (view.getInt32(2) === 0) return [];
  const at = 2 + 4 + 2 + 'orders'.length;
  return Array.from({ length: view.getInt32(at) }, (_value, index) => view.getInt32(at + 4 + 4 * index));
}
