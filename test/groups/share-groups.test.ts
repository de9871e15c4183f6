import { expect, test } from 'vitest';
import { Alarms } from '../../src/base/alarms.ts';
import { Fault } from '../../src/base/fault.ts';
import { GroupRefusal } from '../../src/groups/group-refusal.ts';
import type { GroupShard } from '../../src/groups/group-shard.ts';
import { ShareGroup } from '../../src/groups/share-group.ts';
import { ShareGroups } from '../../src/groups/share-groups.ts';
import type { ShareHeartbeat } from '../../src/groups/share-heartbeat.ts';
import { errorCode } from '../../src/protocol/errors.ts';
import { cpuMs } from '../support/cpu-time.ts';
import { FakeTopics, idOfName } from './consumer-rig.ts';
import { groupRig, logLost, settle } from './group-rig.ts';

const GROUPS_MAX = 100_000;

type States = ConstructorParameters<typeof ShareGroups>[0]['states'];

const noStates: States = { begin: () => Promise.resolve(), forget: () => Promise.resolve() };

function groupsIn(shard: GroupShard, { states = noStates, partitions = 1 } = {}): ShareGroups {
  return new ShareGroups({
    alarms: new Alarms(() => 0),
    topics: new FakeTopics({ work: partitions }),
    rulesOf: () => ({ sessionMs: 45_000, heartbeatMs: 5000, sizeMax: 10, assignmentIntervalMs: 0 }),
    states,
    shardOf: () => ({ shard, errorCode: errorCode.NONE }),
    warn: () => undefined,
  });
}

function joinOf(groupId: string, topicNames: readonly string[]): ShareHeartbeat {
  const client = { clientId: 'client', clientHost: '/127.0.0.1' };
  return { groupId, memberId: 'member', memberEpoch: 0, rackId: null, topicNames, ...client };
}

test('a member that names very many topics again is answered at once', async () => {
  const groups = groupsIn((await groupRig()).shardOf('group'));
  const topicNames = Array.from({ length: 100_000 }, (_, index) => index.toString(36));
  await groups.heartbeat(joinOf('group', topicNames));
  const beganMs = cpuMs();
  await groups.heartbeat(joinOf('group', [...topicNames].reverse()));
  expect(cpuMs() - beganMs).toBeLessThan(3000);
});

test('a member whose topics do not fit into a record is not taken', async () => {
  const rig = await groupRig();
  const topicNames = Array.from({ length: 30_000 }, (_, index) => `a-topic-with-a-name-of-some-length-${index}`);
  const joining = groupsIn(rig.shardOf('group')).heartbeat(joinOf('group', topicNames));
  await expect(joining).rejects.toMatchObject({ errorCode: errorCode.UNKNOWN_SERVER_ERROR });
  expect(rig.shardOf('group').groups.size).toBe(0);
});

test('a shard that is full of groups takes no other, whether by a heartbeat or by offsets that are set', async () => {
  const rig = await groupRig();
  const shard = rig.shardOf('group');
  const groups = groupsIn(shard);
  const join = (groupId: string) => groups.heartbeat(joinOf(groupId, ['work']));
  const start = { topicId: idOfName('work'), name: 'work', partition: 0, startOffset: 3 };
  for (let index = 1; index < GROUPS_MAX; index++) shard.groups.set(`g${index}`, new ShareGroup(`g${index}`));
  await groups.alterOffsets('last', [start], true);
  expect(shard.groups.size).toBe(GROUPS_MAX);
  const full = { errorCode: errorCode.GROUP_MAX_SIZE_REACHED };
  await expect(join('another')).rejects.toMatchObject(full);
  await expect(groups.alterOffsets('another', [start], true)).rejects.toMatchObject(full);
  await expect(groups.alterOffsets('another', [], true)).rejects.toMatchObject(full);
  await groups.alterOffsets('last', [start], true);
  await expect(join('last')).resolves.toMatchObject({ memberId: 'member' });
  expect(shard.groups.size).toBe(GROUPS_MAX);
});

// A member that used the partition meanwhile was handed all of it again, when the group began with it anew.
test('a group has begun with what could be laid out, though the rest could not, and does not begin with it again', async () => {
  const begun: number[] = [];
  let isBroken = true;
  const begin: States['begin'] = (states) => {
    for (const { partition } of states) begun.push(partition);
    const isMet = isBroken && states.some(({ partition }) => partition === 1);
    return isMet ? Promise.reject(new Fault('PB_DISK_ERROR', 'EIO')) : Promise.resolve();
  };
  const shard = (await groupRig()).shardOf('group');
  const groups = groupsIn(shard, { states: { ...noStates, begin }, partitions: 3 });
  const { memberEpoch } = await groups.heartbeat(joinOf('group', ['work']));
  expect([...begun].sort()).toEqual([0, 1, 2]);
  isBroken = false;
  begun.length = 0;
  await groups.heartbeat({ ...joinOf('group', ['work']), memberEpoch });
  expect(begun).toEqual([1]);
  expect(groups.find('group')?.hasBegun(idOfName('work'), 1)).toBe(true);
});

// It was told what another member's write had changed, though that write failed and the group was read anew without it.
test('a heartbeat that has nothing to write tells nothing that could not be written', async () => {
  const rig = await groupRig();
  const groups = groupsIn(rig.shardOf('group'), { partitions: 2 });
  const { memberEpoch } = await groups.heartbeat(joinOf('group', ['work']));
  const [log] = rig.partitions;
  if (log === undefined) throw new Error('the groups have a log');
  log.isHeld = true;
  log.nextFault = logLost;
  const joining = groups.heartbeat({ ...joinOf('group', ['work']), memberId: 'another' });
  await settle();
  const beat = (): Promise<unknown> => groups.heartbeat({ ...joinOf('group', ['work']), memberEpoch });
  const ends = [joining, beat(), beat()].map((end) => expect(end).rejects.toBeInstanceOf(GroupRefusal));
  await settle();
  log.release();
  await Promise.all(ends);
});

test('whoever has to know a group waits until its lost shard is read again', async () => {
  const rig = await groupRig();
  const [log] = rig.partitions;
  if (log === undefined) throw new Error('the groups have a log');
  log.nextFault = logLost;
  await expect(groupsIn(rig.shardOf('group')).heartbeat(joinOf('group', ['work']))).rejects.toThrow();
  let isOver = false;
  const waiting = rig.coordinator.loaded('group').then(() => {
    isOver = true;
  });
  await rig.pass(900);
  expect(isOver).toBe(false);
  await rig.pass(100);
  await waiting;
  expect(rig.coordinator.shardOf('group').errorCode).toBe(errorCode.NONE);
  await rig.coordinator.loaded('group');
});
