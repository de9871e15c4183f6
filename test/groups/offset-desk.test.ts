import { describe, expect, it } from 'vitest';
import { ConsumerGroup } from '../../src/groups/consumer-group.ts';
import { newMember } from '../../src/groups/consumer-member.ts';
import type { CommitClaim } from '../../src/groups/group-face.ts';
import { deleteGroup } from '../../src/groups/group-removal.ts';
import { cpuMs } from '../support/cpu-time.ts';
import { fenced, type GroupRig, groupRig, logLost, type Partition, settle } from './group-rig.ts';

const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ';
const anybody: CommitClaim = {
  memberId: '',
  instanceId: null,
  generationOrEpoch: -1,
  isTransactional: false,
  apiVersion: 9,
};

function offsetOf(offset: number, partition = 0) {
  return { topic: 't', topicId: TOPIC_ID, partition, offset, leaderEpoch: -1, metadata: '' };
}

async function rigWithTopic(partitions?: readonly Partition[]): Promise<GroupRig> {
  const topicIds = new Map([['t', TOPIC_ID]]);
  return await groupRig(partitions === undefined ? { topicIds } : { partitions, topicIds });
}

function commit(rig: GroupRig, offset: number, groupId = 'g'): Promise<readonly number[]> {
  const wish = { groupId, claim: anybody, retentionMs: -1, offsets: [offsetOf(offset)] };
  return rig.offsets.commit(rig.shardOf(groupId), wish);
}

function commitInTransaction(
  rig: GroupRig,
  offset: number,
  producer: { readonly producerId: number; readonly producerEpoch?: number },
  claim: Partial<CommitClaim> = {},
): Promise<readonly number[]> {
  return rig.offsets.commitInTransaction(rig.shardOf('g'), {
    groupId: 'g',
    claim: { ...anybody, isTransactional: true, ...claim },
    producerId: producer.producerId,
    producerEpoch: producer.producerEpoch ?? 0,
    isOpen: () => true,
    offsets: [offsetOf(offset)],
  });
}

async function fetched(rig: GroupRig, isStableRequired = false): Promise<{ offset: number; errorCode: number }> {
  const { topics } = await rig.offsets.fetch(rig.shardOf('g'), {
    groupId: 'g',
    memberId: null,
    memberEpoch: -1,
    topics: [{ name: 't', partitions: [0] }],
    isStableRequired,
  });
  const found = topics[0]?.partitions[0];
  return { offset: found?.offset ?? -2, errorCode: found?.errorCode ?? -2 };
}

async function again(rig: GroupRig): Promise<GroupRig> {
  rig.coordinator.stop();
  return await rigWithTopic(rig.partitions);
}

describe('committed offsets', () => {
  it('are not told of before they are written', async () => {
    const rig = await rigWithTopic();
    await commit(rig, 1);
    const [partition] = rig.partitions;
    if (partition === undefined) throw new Error('there is a partition');
    partition.isHeld = true;
    const writing = commit(rig, 2);
    let answer: { offset: number } | null = null;
    const reading = fetched(rig).then((found) => {
      answer = found;
    });
    await settle();
    expect(answer).toBeNull();
    partition.release();
    await Promise.all([writing, reading]);
    expect(answer).toEqual({ offset: 2, errorCode: 0 });
  });

  it('are not told of before they are written when the commit came while a fetch waited', async () => {
    const rig = await rigWithTopic();
    const [partition] = rig.partitions;
    if (partition === undefined) throw new Error('there is a partition');
    partition.isHeld = true;
    const first = commit(rig, 1);
    const reading = fetched(rig);
    const second = commit(rig, 2);
    partition.waiting.shift()?.();
    expect(await reading).toEqual({ offset: 1, errorCode: 0 });
    partition.release();
    await Promise.all([first, second]);
    expect(await fetched(rig)).toEqual({ offset: 2, errorCode: 0 });
  });

  it('that were lost with the log are not told of, and the shard is read anew', async () => {
    const rig = await rigWithTopic();
    await commit(rig, 1);
    const [partition] = rig.partitions;
    if (partition === undefined) throw new Error('there is a partition');
    partition.nextFault = logLost;
    expect(await commit(rig, 2)).toEqual([16]);
    expect(rig.coordinator.shardOf('g').errorCode).toBe(14);
    partition.nextFault = null;
    await rig.pass(1000);
    expect(await fetched(rig)).toEqual({ offset: 1, errorCode: 0 });
  });

  it('are deleted also where their tombstones do not fit into one batch', async () => {
    const rig = await rigWithTopic();
    const groupId = 'g'.repeat(30_000);
    const shard = rig.shardOf(groupId);
    for (let from = 0; from < 180; from += 30) {
      const offsets = Array.from({ length: 30 }, (_, index) => offsetOf(1, from + index));
      await rig.offsets.commit(shard, { groupId, claim: anybody, retentionMs: -1, offsets });
    }
    const topics = [{ name: 't', partitions: Array.from({ length: 180 }, (_, index) => index) }];
    expect((await rig.offsets.deleteOffsets(shard, groupId, topics)).errorCode).toBe(0);
    const next = await again(rig);
    expect([...next.shardOf(groupId).offsets.groupIds]).toEqual([]);
  });

  it('are found to be read by members at once, however many topics there are', async () => {
    const rig = await rigWithTopic();
    const group = new ConsumerGroup('g');
    const topicNames = Array.from({ length: 60_000 }, (_, index) => index.toString(36));
    group.apply({ kind: 'member', memberId: 'm', value: { ...newMember('m').metadata, topicNames } });
    rig.shardOf('g').groups.set('g', group);
    const topics = topicNames.map((name) => ({ name, partitions: [0] }));
    const beganMs = cpuMs();
    const { codes } = await rig.offsets.deleteOffsets(rig.shardOf('g'), 'g', [
      ...topics,
      { name: 'other', partitions: [0] },
    ]);
    expect(cpuMs() - beganMs).toBeLessThan(1500);
    expect([codes[1], codes.at(-1)]).toEqual([[86], [0]]);
    group.apply({ kind: 'member', memberId: 'm', value: null });
    expect((await rig.offsets.deleteOffsets(rig.shardOf('g'), 'g', topics)).codes[1]).toEqual([0]);
  });

  it('of a topic that is there under another id are dropped at load', async () => {
    const rig = await rigWithTopic();
    await commit(rig, 1);
    rig.coordinator.stop();
    const next = await groupRig({
      partitions: rig.partitions,
      topicIds: new Map([['t', 'AAAAAAAAAAAAAAAAAAAAAg']]),
    });
    expect(await fetched(next)).toEqual({ offset: -1, errorCode: 0 });
    expect(await fetched(await again(next))).toEqual({ offset: -1, errorCode: 0 });
  });
});

describe('behaviour 52: offsets of a transaction', () => {
  it('are seen when it commits, and not before; who wants stable ones is told to wait', async () => {
    const rig = await rigWithTopic();
    await commit(rig, 1);
    expect(await commitInTransaction(rig, 5, { producerId: 7 })).toEqual([0]);
    expect(await fetched(rig)).toEqual({ offset: 1, errorCode: 0 });
    expect(await fetched(rig, true)).toEqual({ offset: -1, errorCode: 88 });
    await rig.coordinator.onMarkers(0, 7, 0, true);
    expect(await fetched(rig, true)).toEqual({ offset: 5, errorCode: 0 });
  });

  it('are dropped when it aborts', async () => {
    const rig = await rigWithTopic();
    await commitInTransaction(rig, 5, { producerId: 7 });
    await rig.coordinator.onMarkers(0, 7, 0, false);
    expect(await fetched(rig, true)).toEqual({ offset: -1, errorCode: 0 });
  });

  it('come out the same when the shard is loaded with or without the marker', async () => {
    for (const end of ['commit', 'abort', 'open'] as const) {
      const rig = await rigWithTopic();
      await commit(rig, 1);
      await commitInTransaction(rig, 5, { producerId: 7 });
      if (end !== 'open') rig.partitions[0]?.mark(7, end === 'commit');
      const next = await again(rig);
      expect(await fetched(next)).toEqual({ offset: end === 'commit' ? 5 : 1, errorCode: 0 });
      expect((await fetched(next, true)).errorCode).toBe(end === 'open' ? 88 : 0);
      await next.coordinator.onMarkers(0, 7, 0, true);
      expect((await fetched(next)).offset).toBe(end === 'abort' ? 1 : 5);
    }
  });

  it('lose to a plain commit that was written after them, also after a load', async () => {
    const rig = await rigWithTopic();
    await commitInTransaction(rig, 5, { producerId: 7 });
    await commit(rig, 6);
    await rig.coordinator.onMarkers(0, 7, 0, true);
    rig.partitions[0]?.mark(7, true);
    expect((await fetched(rig)).offset).toBe(6);
    expect((await fetched(await again(rig))).offset).toBe(6);
  });

  it('of a topic that is there under another id are not told of when it commits', async () => {
    const rig = await rigWithTopic();
    await commitInTransaction(rig, 5, { producerId: 7 });
    rig.coordinator.stop();
    const topicIds = new Map([['t', 'AAAAAAAAAAAAAAAAAAAAAg']]);
    const next = await groupRig({ partitions: rig.partitions, topicIds });
    await next.coordinator.onMarkers(0, 7, 0, true);
    expect(await fetched(next)).toEqual({ offset: -1, errorCode: 0 });
  });

  it('lose to a plain commit that came while they were being written', async () => {
    const rig = await rigWithTopic();
    const [partition] = rig.partitions;
    if (partition === undefined) throw new Error('there is a partition');
    partition.isHeld = true;
    const writing = [commitInTransaction(rig, 5, { producerId: 7 }), commit(rig, 6)];
    partition.release();
    await Promise.all(writing);
    await rig.coordinator.onMarkers(0, 7, 0, true);
    partition.mark(7, true);
    partition.isHeld = false;
    expect((await fetched(rig)).offset).toBe(6);
    expect((await fetched(await again(rig))).offset).toBe(6);
  });

  it('go with their group when it is deleted while they are being written', async () => {
    const rig = await rigWithTopic();
    const [partition] = rig.partitions;
    if (partition === undefined) throw new Error('there is a partition');
    partition.isHeld = true;
    const writing = commitInTransaction(rig, 5, { producerId: 7 });
    const deleting = deleteGroup(rig.shardOf('g'), 'g');
    partition.release();
    expect(await Promise.all([writing, deleting])).toEqual([[0], 0]);
    await rig.coordinator.onMarkers(0, 7, 0, true);
    partition.mark(7, true);
    partition.isHeld = false;
    expect((await fetched(rig)).offset).toBe(-1);
    expect((await fetched(await again(rig))).offset).toBe(-1);
  });

  it('keep their group while they are being written', async () => {
    const rig = await rigWithTopic();
    const [partition] = rig.partitions;
    if (partition === undefined) throw new Error('there is a partition');
    partition.isHeld = true;
    const writing = commitInTransaction(rig, 5, { producerId: 7 });
    await rig.pass(20_000);
    partition.release();
    await writing;
    partition.isHeld = false;
    await rig.coordinator.onMarkers(0, 7, 0, true);
    expect(rig.coordinator.groupOf('g')).not.toBeNull();
    await rig.pass(200_000);
    expect((await fetched(rig)).offset).toBe(-1);
  });

  it('that are all a group has make it be there after a load', async () => {
    const rig = await rigWithTopic();
    await commitInTransaction(rig, 5, { producerId: 7 });
    const next = await again(rig);
    await next.coordinator.onMarkers(0, 7, 0, true);
    expect(next.coordinator.groupOf('g')).not.toBeNull();
    await next.pass(200_000);
    expect((await fetched(next)).offset).toBe(-1);
  });

  it('are in memory before a marker that was written behind them takes effect', async () => {
    const rig = await rigWithTopic();
    const [partition] = rig.partitions;
    if (partition === undefined) throw new Error('there is a partition');
    partition.isHeld = true;
    const writing = commitInTransaction(rig, 5, { producerId: 7 });
    const ending = rig.coordinator.onMarkers(0, 7, 0, true);
    partition.release();
    await Promise.all([writing, ending]);
    expect(await fetched(rig, true)).toEqual({ offset: 5, errorCode: 0 });
  });

  it('of a fenced producer are refused, and its successor’s are left alone', async () => {
    const rig = await rigWithTopic();
    await commitInTransaction(rig, 5, { producerId: 7, producerEpoch: 1 });
    const [partition] = rig.partitions;
    if (partition === undefined) throw new Error('there is a partition');
    partition.nextFault = fenced;
    expect(await commitInTransaction(rig, 4, { producerId: 7, producerEpoch: 0 })).toEqual([47]);
    partition.nextFault = null;
    await rig.coordinator.onMarkers(0, 7, 1, true);
    expect((await fetched(rig)).offset).toBe(5);
  });

  it('need a member of the generation where one is named, and any group where none is', async () => {
    const rig = await rigWithTopic();
    const producer = { producerId: 7 };
    expect(await commitInTransaction(rig, 1, producer, { generationOrEpoch: 3, memberId: 'm' })).toEqual([22]);
    await commit(rig, 1);
    expect(await commitInTransaction(rig, 1, producer, { generationOrEpoch: 3, memberId: 'm' })).toEqual([25]);
    expect(await commitInTransaction(rig, 1, producer, { generationOrEpoch: 3, instanceId: 'i' })).toEqual([25]);
    expect(await commitInTransaction(rig, 1, producer)).toEqual([0]);
  });

  it('keep their group from expiring until they are decided', async () => {
    const rig = await rigWithTopic();
    await commitInTransaction(rig, 5, { producerId: 7 });
    await rig.pass(100_000);
    expect(rig.coordinator.groupOf('g')).not.toBeNull();
    await rig.coordinator.onMarkers(0, 7, 0, false);
    await rig.pass(20_000);
    expect(rig.coordinator.groupOf('g')).toBeNull();
  });
});
