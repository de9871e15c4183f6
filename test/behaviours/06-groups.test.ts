/** Behaviours 41 to 44: members of classic groups. */
import { describe, expect, test } from 'vitest';
import { joinGroup } from '../../src/protocol/schemas/11-join-group.ts';
import { heartbeat } from '../../src/protocol/schemas/12-heartbeat.ts';
import { leaveGroup } from '../../src/protocol/schemas/13-leave-group.ts';
import { syncGroup } from '../../src/protocol/schemas/14-sync-group.ts';
import { describeGroups } from '../../src/protocol/schemas/15-describe-groups.ts';
import {
  beat,
  bytesOf,
  findGroup,
  JOIN_VERSION,
  joinWish,
  receiveJoin,
  SYNC_VERSION,
  sendJoin,
  settleAlone,
  stateOf,
  subscription,
  sync,
  syncWish,
  takeMemberId,
  textOf,
} from '../support/group-deeds.ts';
import type { SimulatedClient } from '../support/simulated-client.ts';
import { type BehaviourRig, restart, startRig } from './behaviour-rig.ts';

async function groupRig(sets: readonly string[] = []): Promise<BehaviourRig> {
  const rig = await startRig({ sets: [...sets, 'offsets.topic.num.partitions=2'] });
  expect(await findGroup(rig.client, 'g')).toBe(0);
  return rig;
}

/** Two members in one generation; the first leads and has assigned "one" and "two". */
async function pair(rig: BehaviourRig): Promise<{
  readonly first: SimulatedClient;
  readonly second: SimulatedClient;
  readonly leader: { readonly memberId: string; readonly generationId: number };
  readonly follower: { readonly memberId: string; readonly generationId: number };
}> {
  const { broker, client: first } = rig;
  const second = broker.connect();
  const alone = await settleAlone(first, 'g');
  const followerId = await takeMemberId(second, 'g');
  sendJoin(second, 'g', { memberId: followerId });
  await broker.settle();
  expect(second.hasAnswer).toBe(false);
  sendJoin(first, 'g', { memberId: alone.memberId });
  await broker.settle();
  const leader = receiveJoin(first);
  const follower = receiveJoin(second);
  expect(leader).toMatchObject({ errorCode: 0, generationId: 2, leader: alone.memberId, protocolName: 'range' });
  expect(leader.members.map(({ memberId }) => memberId).sort()).toEqual([alone.memberId, followerId].sort());
  expect(follower).toMatchObject({ errorCode: 0, generationId: 2, leader: alone.memberId, members: [] });
  second.send(syncGroup, SYNC_VERSION, syncWish('g', follower));
  await broker.settle();
  expect(second.hasAnswer).toBe(false);
  const assigned = await sync(first, 'g', leader, { [leader.memberId]: 'one', [follower.memberId]: 'two' });
  expect(textOf(assigned.assignment)).toBe('one');
  expect(textOf(second.receive(syncGroup, SYNC_VERSION).assignment)).toBe('two');
  return { first, second, leader, follower };
}

describe('behaviour 41: a newcomer', () => {
  test('is sent away with an id from version 4 on, and the id is kept for its session timeout', async () => {
    const { broker, client } = await groupRig();
    const memberId = await takeMemberId(client, 'g');
    expect(memberId).toMatch(/^simulated-[0-9a-f-]{36}$/);
    expect(await stateOf(client, 'g')).toBe('Empty');
    await broker.pass(10_001);
    const late = await client.ask(joinGroup, JOIN_VERSION, joinWish('g', { memberId }));
    expect(late).toMatchObject({ errorCode: 25, memberId });
    expect(await stateOf(client, 'g')).toBe('Dead');
    const again = await takeMemberId(client, 'g');
    expect(await client.ask(joinGroup, JOIN_VERSION, joinWish('g', { memberId: again }))).toMatchObject({
      errorCode: 0,
      generationId: 1,
      memberId: again,
    });
  });

  test('joins at once below version 4, and with an instance id in every version that has them', async () => {
    const { client } = await groupRig();
    const old = await client.ask(joinGroup, 3, joinWish('g'));
    expect(old).toMatchObject({ errorCode: 0, generationId: 1, leader: old.memberId });
    const fixed = await client.ask(joinGroup, 5, joinWish('h', { groupInstanceId: 'one' }));
    expect(fixed.errorCode).toBe(0);
    expect(fixed.memberId).toMatch(/^one-/);
  });

  test('holds a rebalance up while its id is pending, and no longer than it is', async () => {
    const rig = await groupRig();
    const { broker, client: first } = rig;
    const alone = await settleAlone(first, 'g');
    const [second, third] = [broker.connect(), broker.connect()];
    const secondId = await takeMemberId(second, 'g');
    await takeMemberId(third, 'g');
    sendJoin(second, 'g', { memberId: secondId });
    sendJoin(first, 'g', { memberId: alone.memberId });
    await broker.settle();
    expect(first.hasAnswer).toBe(false);
    await broker.pass(10_100, 500);
    expect(receiveJoin(first)).toMatchObject({ errorCode: 0, generationId: 2 });
    expect(receiveJoin(second)).toMatchObject({ errorCode: 0, generationId: 2 });
  });
});

describe('a member that was given an id and leaves without joining', () => {
  test('makes those who are there join again, as in Kafka', async () => {
    const { broker, client } = await groupRig();
    const alone = await settleAlone(client, 'g');
    const other = broker.connect();
    const memberId = await takeMemberId(other, 'g');
    expect((await other.ask(leaveGroup, 1, { groupId: 'g', memberId, members: [] })).errorCode).toBe(0);
    const beat = { groupId: 'g', generationId: alone.generationId, memberId: alone.memberId, groupInstanceId: null };
    expect((await client.ask(heartbeat, 4, beat)).errorCode).toBe(27);
  });
});

describe('behaviour 42: who may join', () => {
  test('is refused for a session timeout out of bounds, an empty group id, an unknown id, no common protocol', async () => {
    const { broker, client } = await groupRig();
    const code = async (more: Parameters<typeof joinWish>[1], group = 'g', on = client) =>
      (await on.ask(joinGroup, JOIN_VERSION, joinWish(group, more))).errorCode;
    expect(await code({ sessionTimeoutMs: 5999 })).toBe(26);
    expect(await code({ sessionTimeoutMs: 1_800_001 })).toBe(26);
    expect(await code({}, '')).toBe(24);
    expect(await code({ memberId: 'nobody' })).toBe(25);
    expect(await code({ protocols: [] })).toBe(23);
    expect(await code({ protocolType: '' })).toBe(23);
    await settleAlone(client, 'g');
    const other = broker.connect();
    expect(await code({ protocolType: 'connect' }, 'g', other)).toBe(23);
    expect(await code({ protocols: [{ name: 'sticky', metadata: bytesOf('x') }] }, 'g', other)).toBe(23);
  });

  test('is chosen a protocol by vote among those that all support', async () => {
    const { broker } = await groupRig(['group.initial.rebalance.delay.ms=500']);
    const protocols = (...names: readonly string[]) =>
      names.map((name) => ({ name, metadata: bytesOf(`${name}-metadata`) }));
    const members = [
      protocols('a', 'b', 'c'),
      protocols('b', 'c', 'a'),
      protocols('c', 'b'),
      protocols('c', 'b', 'x'),
    ].map((wish) => ({ client: broker.connect(), wish }));
    for (const { client, wish } of members) client.send(joinGroup, 3, joinWish('v', { protocols: wish }));
    await broker.pass(31_000, 500);
    const answers = members.map(({ client }) => client.receive(joinGroup, 3));
    // 'a' and 'x' are not everybody's; of the other two both have two votes, and the one that was named first wins.
    expect(answers.map(({ protocolName }) => protocolName)).toEqual(['b', 'b', 'b', 'b']);
    const leader = answers.find(({ memberId, leader }) => memberId === leader);
    expect(leader?.members.map(({ metadata }) => textOf(metadata))).toEqual(new Array(4).fill('b-metadata'));
  });

  test('finds the group full at group.max.size', async () => {
    const rig = await groupRig(['group.max.size=1']);
    await settleAlone(rig.client, 'g');
    const other = rig.broker.connect();
    expect(await other.ask(joinGroup, JOIN_VERSION, joinWish('g'))).toMatchObject({ errorCode: 81, memberId: '' });
  });
});

describe('behaviour 43: a rebalance', () => {
  test('tells heartbeats of it and renews sessions by them; between join and sync they are fine', async () => {
    const rig = await groupRig();
    const { broker } = rig;
    const { first, second, leader, follower } = await pair(rig);
    expect(await beat(first, 'g', leader)).toBe(0);
    expect(await beat(first, 'g', { ...leader, generationId: 1 })).toBe(22);
    expect(await beat(first, 'g', { ...leader, memberId: 'nobody' })).toBe(25);
    sendJoin(first, 'g', { memberId: leader.memberId });
    await broker.settle();
    for (let round = 0; round < 4; round++) {
      await broker.pass(6000, 1000);
      expect(await beat(second, 'g', follower)).toBe(27);
    }
    expect(first.hasAnswer).toBe(false);
    sendJoin(second, 'g', { memberId: follower.memberId });
    await broker.settle();
    const next = receiveJoin(first);
    expect(next).toMatchObject({ errorCode: 0, generationId: 3 });
    expect(receiveJoin(second)).toMatchObject({ errorCode: 0, generationId: 3 });
    expect(await beat(first, 'g', next)).toBe(0);
    expect(await stateOf(first, 'g')).toBe('CompletingRebalance');
  });

  test('ends without those who do not come back within its timeout', async () => {
    const rig = await groupRig();
    const { broker } = rig;
    const { first, second, leader, follower } = await pair(rig);
    sendJoin(first, 'g', { memberId: leader.memberId });
    await broker.pass(9000, 1000);
    expect(await beat(second, 'g', follower)).toBe(27);
    await broker.pass(9000, 1000);
    expect(await beat(second, 'g', follower)).toBe(27);
    await broker.pass(9000, 1000);
    expect(await beat(second, 'g', follower)).toBe(27);
    await broker.pass(4000, 1000);
    const next = receiveJoin(first);
    expect(next.members.map(({ memberId }) => memberId)).toEqual([leader.memberId]);
    expect(await beat(second, 'g', follower)).toBe(25);
  });

  test('puts out who joined and never asks for its assignment, after the rebalance timeout', async () => {
    const rig = await groupRig();
    const { broker } = rig;
    const { first, second, leader, follower } = await pair(rig);
    sendJoin(first, 'g', { memberId: leader.memberId });
    sendJoin(second, 'g', { memberId: follower.memberId });
    await broker.settle();
    const [one, two] = [receiveJoin(first), receiveJoin(second)];
    first.send(syncGroup, SYNC_VERSION, syncWish('g', one, { [one.memberId]: 'one', [two.memberId]: 'two' }));
    await broker.settle();
    expect(textOf(first.receive(syncGroup, SYNC_VERSION).assignment)).toBe('one');
    for (let round = 0; round < 6; round++) {
      await broker.pass(4900, 700);
      expect(await beat(first, 'g', one)).toBe(0);
      expect(await beat(second, 'g', two)).toBe(0);
    }
    await broker.pass(1000, 100);
    expect(await beat(second, 'g', two)).toBe(25);
    expect(await beat(first, 'g', one)).toBe(27);
  });

  test('sends followers that wait for their assignment back to join when somebody comes', async () => {
    const rig = await groupRig();
    const { broker } = rig;
    const { first, second, leader, follower } = await pair(rig);
    sendJoin(first, 'g', { memberId: leader.memberId });
    sendJoin(second, 'g', { memberId: follower.memberId });
    await broker.settle();
    receiveJoin(first);
    const two = receiveJoin(second);
    second.send(syncGroup, SYNC_VERSION, syncWish('g', two));
    const third = broker.connect();
    third.send(joinGroup, 3, joinWish('g'));
    await broker.settle();
    expect(second.receive(syncGroup, SYNC_VERSION).errorCode).toBe(27);
    expect(await stateOf(second, 'g')).toBe('PreparingRebalance');
  });

  test('a member that is silent for its session timeout is put out, and the others are told', async () => {
    const rig = await groupRig();
    const { broker } = rig;
    const { first, second, leader, follower } = await pair(rig);
    await broker.pass(9000, 1000);
    expect(await beat(first, 'g', leader)).toBe(0);
    await broker.pass(1500, 500);
    expect(await beat(first, 'g', leader)).toBe(27);
    expect(await beat(second, 'g', follower)).toBe(25);
  });

  test('SyncGroup checks generation and protocol, and answers anew what is settled', async () => {
    const rig = await groupRig();
    const { first, leader } = await pair(rig);
    const code = async (more: object, version = SYNC_VERSION) =>
      (await first.ask(syncGroup, version, { ...syncWish('g', leader), ...more })).errorCode;
    expect(await code({ generationId: 1 })).toBe(22);
    expect(await code({ memberId: 'nobody' })).toBe(25);
    expect(await code({ protocolName: 'sticky' })).toBe(23);
    expect(await code({ protocolType: 'connect' })).toBe(23);
    expect(await code({ protocolType: null })).toBe(23);
    expect(await code({ groupId: '' })).toBe(24);
    expect(await code({ groupId: 'none' })).toBe(25);
    expect(textOf((await sync(first, 'g', leader)).assignment)).toBe('one');
  });

  test('is begun by LeaveGroup, whose version 3 says of each member what came of it', async () => {
    const rig = await groupRig();
    const { first, second, leader, follower } = await pair(rig);
    const left = await second.ask(leaveGroup, 5, {
      groupId: 'g',
      memberId: '',
      members: [
        { memberId: follower.memberId, groupInstanceId: null },
        { memberId: 'nobody', groupInstanceId: null },
      ],
    });
    expect(left.errorCode).toBe(0);
    expect(left.members.map(({ errorCode }) => errorCode)).toEqual([0, 25]);
    expect(await beat(first, 'g', leader)).toBe(27);
    const gone = await first.ask(leaveGroup, 1, { groupId: 'g', memberId: leader.memberId, members: [] });
    expect(gone.errorCode).toBe(0);
    expect(await stateOf(first, 'g')).toBe('Empty');
    const twice = await first.ask(leaveGroup, 1, { groupId: 'g', memberId: leader.memberId, members: [] });
    expect(twice.errorCode).toBe(25);
  });
});

describe('behaviour 44: a static member', () => {
  const one = { groupInstanceId: 'one' };

  test('comes back in Stable under a new id without a rebalance; its former self is fenced', async () => {
    const rig = await groupRig();
    const before = await settleAlone(rig.client, 'g', one);
    const again = rig.broker.connect();
    const joined = await again.ask(joinGroup, JOIN_VERSION, joinWish('g', one));
    expect(joined).toMatchObject({ errorCode: 0, generationId: before.generationId, skipAssignment: true });
    expect(joined.memberId).not.toBe(before.memberId);
    expect(joined.leader).toBe(joined.memberId);
    expect(joined.members).toHaveLength(1);
    const synced = await sync(again, 'g', joined, {}, one);
    expect(textOf(synced.assignment)).toBe('all');
    expect(await stateOf(again, 'g')).toBe('Stable');
    expect(await beat(rig.client, 'g', { ...before, ...one })).toBe(82);
    const refused = await rig.client.ask(joinGroup, JOIN_VERSION, joinWish('g', { ...one, memberId: before.memberId }));
    expect(refused.errorCode).toBe(82);
  });

  test('that cannot skip the assignment is told that it is not the leader', async () => {
    const rig = await groupRig();
    const before = await settleAlone(rig.client, 'g', one);
    const joined = await rig.broker.connect().ask(joinGroup, 8, joinWish('g', one));
    expect(joined).toMatchObject({ errorCode: 0, generationId: 1, leader: before.memberId, members: [] });
  });

  test('with other protocols than those in force makes a rebalance', async () => {
    const rig = await groupRig();
    await settleAlone(rig.client, 'g', one);
    const protocols = [
      { name: 'sticky', metadata: subscription('orders') },
      { name: 'range', metadata: subscription('orders') },
    ];
    const joined = await rig.broker.connect().ask(joinGroup, JOIN_VERSION, joinWish('g', { ...one, protocols }));
    expect(joined).toMatchObject({ errorCode: 0, generationId: 2, protocolName: 'sticky' });
  });

  test('keeps its place over a restart of the broker, and loses it with its session', async () => {
    const rig = await groupRig();
    const before = await settleAlone(rig.client, 'g', one);
    const { broker, client } = await restart(rig, 'kill');
    await findGroup(client, 'g');
    await broker.pass(9000, 1000);
    expect(await beat(client, 'g', { ...before, ...one })).toBe(0);
    await broker.pass(10_500, 500);
    expect(await beat(client, 'g', { ...before, ...one })).toBe(25);
    expect(await stateOf(client, 'g')).toBe('Empty');
  });

  test('that does not come back to a rebalance in time stays in the group until its session ends', async () => {
    const rig = await groupRig();
    const { broker, client } = rig;
    const times = { sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 5000 };
    const fixed = await client.ask(joinGroup, JOIN_VERSION, joinWish('g', { ...times, ...one }));
    expect((await sync(client, 'g', fixed, { [fixed.memberId]: 'all' }, one)).errorCode).toBe(0);
    const other = broker.connect();
    other.send(joinGroup, 3, joinWish('g', times));
    await broker.pass(6000, 300);
    const joined = other.receive(joinGroup, 3);
    expect(joined).toMatchObject({ errorCode: 0, generationId: 2, leader: joined.memberId });
    expect(joined.members.map(({ memberId }) => memberId).sort()).toEqual([fixed.memberId, joined.memberId].sort());
  });

  test('is removed by its instance id alone, or with its own id, but not with another', async () => {
    const rig = await groupRig();
    const member = await settleAlone(rig.client, 'g', one);
    const leave = async (memberId: string, groupInstanceId: string | null) =>
      (await rig.client.ask(leaveGroup, 4, { groupId: 'g', memberId: '', members: [{ memberId, groupInstanceId }] }))
        .members[0]?.errorCode;
    expect(await leave('', 'two')).toBe(25);
    expect(await leave('other', 'one')).toBe(82);
    expect(await leave('', 'one')).toBe(0);
    expect(await beat(rig.client, 'g', { ...member, ...one })).toBe(25);
  });

  test('two of one name fence each other: who waits in a join is refused when the other comes', async () => {
    const rig = await groupRig();
    const { broker } = rig;
    const { first, leader } = await pair(rig);
    const [old, young] = [broker.connect(), broker.connect()];
    sendJoin(old, 'g', one);
    await broker.settle();
    expect(old.hasAnswer).toBe(false);
    sendJoin(young, 'g', one);
    await broker.settle();
    expect(receiveJoin(old).errorCode).toBe(82);
    expect(young.hasAnswer).toBe(false);
    expect(await beat(first, 'g', leader)).toBe(27);
  });
});

test('a member that hangs up while its JoinGroup waits leaves nothing behind in the broker', async () => {
  const rig = await groupRig();
  const { broker } = rig;
  const { second, leader, first } = await pair(rig);
  sendJoin(second, 'g', { memberId: 'unknown' });
  await broker.settle();
  expect(receiveJoin(second).errorCode).toBe(25);
  sendJoin(first, 'g', { memberId: leader.memberId });
  await broker.settle();
  expect(broker.plane.services.groups.classic.parkedCount).toBe(1);
  first.socket.reset();
  await broker.pass(31_000, 1000);
  expect(broker.plane.services.groups.classic.parkedCount).toBe(0);
});

test('DescribeGroups shows members and assignments of a stable group, and only the members of others', async () => {
  const rig = await groupRig();
  const { first, leader } = await pair(rig);
  const describeG = async () =>
    (await first.ask(describeGroups, 6, { groups: ['g'], includeAuthorizedOperations: true })).groups[0];
  const stable = await describeG();
  expect(stable).toMatchObject({ groupState: 'Stable', protocolType: 'consumer', protocolData: 'range', errorCode: 0 });
  expect(stable?.authorizedOperations).toBeGreaterThan(0);
  const me = stable?.members.find(({ memberId }) => memberId === leader.memberId);
  expect(me).toMatchObject({ clientId: 'simulated', clientHost: expect.stringMatching(/^\//) });
  expect(textOf(me?.memberAssignment ?? new Uint8Array(0))).toBe('one');
  sendJoin(rig.broker.connect(), 'g', { groupInstanceId: 'x' });
  await rig.broker.settle();
  const preparing = await describeG();
  expect(preparing).toMatchObject({ groupState: 'PreparingRebalance', protocolData: '' });
  expect(preparing?.members.every(({ memberMetadata }) => memberMetadata.length === 0)).toBe(true);
});

test('requests of groups before there is any topic for them are sent to look for the coordinator', async () => {
  const { client } = await startRig();
  expect((await client.ask(joinGroup, JOIN_VERSION, joinWish('g'))).errorCode).toBe(16);
  expect(
    (await client.ask(heartbeat, 4, { groupId: 'g', memberId: 'm', generationId: 1, groupInstanceId: null })).errorCode,
  ).toBe(16);
});

describe('what is too large', () => {
  test('is refused: a member that says too much of itself, and a generation that does not fit into a record', async () => {
    const rig = await groupRig();
    const { client } = rig;
    const large = [{ name: 'range', metadata: new Uint8Array((1 << 20) + 1) }];
    expect((await client.ask(joinGroup, 3, joinWish('g', { protocols: large }))).errorCode).toBe(42);
    const joined = await client.ask(joinGroup, 3, joinWish('g'));
    const assignments = { [joined.memberId]: 'x'.repeat(3 << 20) };
    expect((await sync(client, 'g', joined, assignments)).errorCode).toBe(-1);
    expect(await stateOf(client, 'g')).toBe('PreparingRebalance');
    sendJoin(client, 'g', { memberId: joined.memberId });
    await rig.broker.settle();
    const again = receiveJoin(client);
    expect(again).toMatchObject({ errorCode: 0, generationId: 2 });
    expect((await sync(client, 'g', again, { [again.memberId]: 'small' })).errorCode).toBe(0);
  });
});
