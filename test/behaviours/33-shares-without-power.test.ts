/** Share groups where a log is not what they knew: its end is gone and others write in its place, or it cannot be opened. */
import { expect, test } from 'vitest';
import { shareGroupHeartbeat } from '../../src/protocol/schemas/76-share-group-heartbeat.ts';
import { runMicrotasks } from '../support/deferred-work.ts';
import { findGroup } from '../support/group-deeds.ts';
import { ACCEPT, beatShare, gotOf, joinShare, ShareMember, setGroupConfig } from '../support/share-deeds.ts';
import { batchOf, createTopic, produceTo, type Topic } from '../support/simulated-deeds.ts';
import { DATA_FOLDER } from '../support/simulated-world.ts';
import { type BehaviourRig, restart, startRig } from './behaviour-rig.ts';

const UNKNOWN_SERVER_ERROR = -1;
const NOT_LEADER_OR_FOLLOWER = 6;

const sets = ['share.coordinator.state.topic.num.partitions=1'];

/** A loss of power takes what was written to the topic behind a place; what others wrote is on the device. */
async function restartWithout(rig: BehaviourRig, topic: Pick<Topic, 'name'>, sizeBytes: number): Promise<BehaviourRig> {
  rig.broker.kill();
  const { disk } = rig.world;
  const fd = disk.open(logOf(topic), 'read-write');
  disk.truncate(fd, sizeBytes);
  disk.close(fd);
  return await restart(rig, 'kill', { sets });
}

function logOf({ name }: Pick<Topic, 'name'>): string {
  return `${DATA_FOLDER}/${name}-0/00000000000000000000.log`;
}

async function produce({ client }: BehaviourRig, topic: Topic, count: number): Promise<void> {
  expect((await produceTo(client, topic, batchOf({ count }))).errorCode).toBe(0);
}

async function comeBack(rig: BehaviourRig, topic: Topic, memberId: string): Promise<ShareMember> {
  await findGroup(rig.client, 'g');
  await beatShare(rig.client, 'g', memberId, 0, [topic.name]);
  return new ShareMember(rig.broker.connect(), 'g', memberId, topic);
}

/** Ranges of offsets that a fetch acquired. */
async function fetched({ broker }: BehaviourRig, member: ShareMember): Promise<(readonly [number, number, number])[]> {
  const got = await member.fetch(() => broker.settle());
  return got.flatMap(({ acquired }) => acquired);
}

test('records in the place of others that were done with are handed out, though the log is as long as it was', async () => {
  const rig = await startRig({ sets });
  const topic = await createTopic(rig.client, 'work');
  await produce(rig, topic, 4);
  const taken = rig.world.disk.contentOf(logOf(topic)).length;
  await produce(rig, topic, 6);
  const member = await joinShare(rig.client, 'g', 'a', topic);
  expect(await fetched(rig, member)).toEqual([[0, 9, 1]]);
  expect(await member.settle([[0, 9, ACCEPT]])).toBe(0);
  const after = await restartWithout(rig, topic, taken);
  await produce(after, topic, 8);
  expect(await fetched(after, await comeBack(after, topic, 'b'))).toEqual([[4, 11, 1]]);
});

test('what was done with behind the end of the log is forgotten for good', async () => {
  const rig = await startRig({ sets });
  const topic = await createTopic(rig.client, 'work');
  await produce(rig, topic, 4);
  const taken = rig.world.disk.contentOf(logOf(topic)).length;
  await produce(rig, topic, 6);
  const member = await joinShare(rig.client, 'g', 'a', topic);
  expect(await fetched(rig, member)).toEqual([[0, 9, 1]]);
  expect(await member.settle([[2, 9, ACCEPT]])).toBe(0);
  const after = await restartWithout(rig, topic, taken);
  // Opened while the log was short, and once more when it had grown.
  const second = await comeBack(after, topic, 'b');
  expect(await fetched(after, second)).toEqual([[0, 1, 1]]);
  expect(await second.settle([[0, 1, ACCEPT]])).toBe(0);
  await produce(after, topic, 8);
  const again = await restart(after, 'kill', { sets });
  expect(await fetched(again, await comeBack(again, topic, 'c'))).toEqual([[4, 11, 1]]);
});

test('a group whose state is lost begins anew with what it was told to read', async () => {
  const rig = await startRig({ sets });
  const topic = await createTopic(rig.client, 'work');
  await produce(rig, topic, 4);
  const member = await joinShare(rig.client, 'g', 'a', topic);
  expect(await fetched(rig, member)).toEqual([[0, 3, 1]]);
  expect(await member.settle([[0, 3, ACCEPT]])).toBe(0);
  const after = await restartWithout(rig, { name: '__share_group_state' }, 0);
  await produce(after, topic, 2);
  const second = await comeBack(after, topic, 'b');
  const [got] = await second.fetch(() => after.broker.settle());
  expect(got).toMatchObject({ error: 0, acquired: [[0, 5, 1]] });
  const stranger = new ShareMember(after.broker.connect(), 'h', 'c', topic);
  expect(await stranger.fetch(() => after.broker.settle())).toMatchObject([{ error: UNKNOWN_SERVER_ERROR }]);
});

test('what was done with in a log that could not be opened is known to the start that opens it', async () => {
  const rig = await startRig({ sets });
  const topic = await createTopic(rig.client, 'work');
  await produce(rig, topic, 5);
  const member = await joinShare(rig.client, 'g', 'a', topic);
  expect(await fetched(rig, member)).toEqual([[0, 4, 1]]);
  expect(await member.settle([[0, 4, ACCEPT]])).toBe(0);
  const { disk } = rig.world;
  const { read } = disk;
  disk.read = (fd, ...rest) => {
    if (disk.pathOf(fd) === logOf(topic)) disk.failNext('read', 'EIO');
    return read.call(disk, fd, ...rest);
  };
  const closed = await restart(rig, 'kill', { sets });
  disk.read = read;
  const [refused] = await (await comeBack(closed, topic, 'b')).fetch(() => closed.broker.settle());
  expect(refused).toMatchObject({ error: NOT_LEADER_OR_FOLLOWER, acquired: [] });
  const open = await restart(closed, 'kill', { sets });
  const last = await comeBack(open, topic, 'c');
  expect(await fetched(open, last)).toEqual([]);
  await produce(open, topic, 1);
  expect(await fetched(open, last)).toEqual([[5, 5, 1]]);
});

// It was handed out at once, and all that members had done with came again when the group began with it anew.
test('a partition is not handed out before it is written that the group has begun with it', async () => {
  const rig = await startRig({ sets });
  const { broker, client, world } = rig;
  const topic = await createTopic(client, 'work');
  await produce(rig, topic, 4);
  await joinShare(client, 'another', 'a', topic);
  await setGroupConfig(client, 'g', 'share.auto.offset.reset', 'earliest');
  const member = new ShareMember(broker.connect(), 'g', 'b', topic);
  client.send(shareGroupHeartbeat, 1, { groupId: 'g', memberId: 'b', memberEpoch: 0, subscribedTopicNames: ['work'] });
  const { coordinator } = broker.plane.services.groups;
  while (coordinator.groupOf('g') === null) {
    broker.step();
    await runMicrotasks(1);
  }
  // Its state is laid out, and what the group says of it is under way: the worker is late.
  member.sendFetch();
  const ofOthers = broker.turns.filter((_, index) => index === 0 || index > broker.workers.length);
  for (let round = 0; round < 10; round++) {
    for (const turn of ofOthers) turn();
    await runMicrotasks();
  }
  world.disk.failNext('write', 'ENOSPC');
  await broker.pass(2000);
  expect(client.receive(shareGroupHeartbeat, 1).errorCode).not.toBe(0);
  expect(gotOf(member.receive())).toMatchObject([{ error: UNKNOWN_SERVER_ERROR, acquired: [] }]);
  expect(await member.fetch(() => broker.settle())).toMatchObject([{ error: UNKNOWN_SERVER_ERROR, acquired: [] }]);
  expect((await beatShare(client, 'g', 'b', 0, ['work'])).errorCode).toBe(0);
  expect(await fetched(rig, member)).toEqual([[0, 3, 1]]);
  expect(await member.settle([[0, 3, ACCEPT]])).toBe(0);
  const after = await restart(rig, 'kill', { sets });
  expect(await fetched(after, await comeBack(after, topic, 'c'))).toEqual([]);
});
