/** Share groups (KIP-932) over the wire: membership, delivery, acknowledgement, and what survives. */
import { describe, expect, test } from 'vitest';
import { listGroups } from '../../src/protocol/schemas/16-list-groups.ts';
import { deleteTopics } from '../../src/protocol/schemas/20-delete-topics.ts';
import { deleteRecords } from '../../src/protocol/schemas/21-delete-records.ts';
import { createPartitions } from '../../src/protocol/schemas/37-create-partitions.ts';
import { deleteGroups } from '../../src/protocol/schemas/42-delete-groups.ts';
import { shareGroupDescribe } from '../../src/protocol/schemas/77-share-group-describe.ts';
import { shareFetch } from '../../src/protocol/schemas/78-share-fetch.ts';
import { findGroup } from '../support/group-deeds.ts';
import {
  ACCEPT,
  beatShare,
  findShare,
  gotOf,
  joinShare,
  REJECT,
  RELEASE,
  RENEW,
  ShareMember,
  setGroupConfig,
  shareOffset,
} from '../support/share-deeds.ts';
import { batchOf, createTopic, produceTo } from '../support/simulated-deeds.ts';
import { restart, startRig } from './behaviour-rig.ts';
import { begin, settleOf } from './shares-rig.ts';

/** The end of a transaction, as its coordinator writes it. */
function control(producerId: number, isCommit: boolean): Uint8Array {
  return batchOf({
    producerId,
    producerEpoch: 0,
    isTransactional: true,
    isControl: true,
    // Version 0, type 0 for an abort and 1 for a commit.
    keys: [`\0\0\0${isCommit ? '\x01' : '\0'}`],
    valueBytes: 6,
    fill: 0,
  });
}

describe('membership', () => {
  test('behaviour 49: FindCoordinator knows share partitions from version 6 on, by group, topic id and partition', async () => {
    const { client } = await startRig();
    const { id } = await createTopic(client, 'work');
    expect(await findShare(client, [`g:${id}:0`, 'g', `g:${id}:x`, 'g:short:0', `:${id}:0`])).toEqual([
      0, 42, 42, 42, 42,
    ]);
    expect(await findShare(client, [`g:${id}:0`], 5)).toEqual([42]);
  });

  test('a member is told its partitions at once, and only when they change', async () => {
    const rig = await startRig();
    const { client } = rig;
    const topic = await createTopic(client, 'work', { partitions: 2 });
    await findGroup(client, 'g');
    const joined = await beatShare(client, 'g', 'a', 0, ['work', 'not-there']);
    expect(joined).toMatchObject({
      errorCode: 0,
      memberId: 'a',
      heartbeatIntervalMs: 5000,
      assignment: { topicPartitions: [{ topicId: topic.id, partitions: [0, 1] }] },
    });
    expect((await beatShare(client, 'g', 'a', joined.memberEpoch, null)).assignment).toBeNull();
    const second = await beatShare(client, 'g', 'b', 0, ['work']);
    expect(second.assignment?.topicPartitions[0]?.partitions).toHaveLength(1);
    const told = await beatShare(client, 'g', 'a', joined.memberEpoch, null);
    expect(told.memberEpoch).toBe(second.memberEpoch);
    expect(told.assignment?.topicPartitions[0]?.partitions).toHaveLength(1);
  });

  test('a member is told of topics that come and of partitions that are added', async () => {
    const rig = await startRig();
    const { client, broker } = rig;
    await createTopic(client, 'work');
    await findGroup(client, 'g');
    let epoch = (await beatShare(client, 'g', 'a', 0, ['work', 'later'])).memberEpoch;
    const told = async () => {
      await broker.pass(1000, 500);
      const answer = await beatShare(client, 'g', 'a', epoch, null);
      epoch = answer.memberEpoch;
      return answer.assignment?.topicPartitions.map(({ partitions }) => partitions.length).sort() ?? null;
    };
    expect(await told()).toBeNull();
    await createTopic(client, 'later', { partitions: 3 });
    expect(await told()).toEqual([1, 3]);
    await client.ask(createPartitions, 3, { topics: [{ name: 'work', count: 2, assignments: null }], timeoutMs: 1000 });
    expect(await told()).toEqual([2, 3]);
    expect(await told()).toBeNull();
    await client.ask(deleteTopics, 6, { topics: [{ name: 'later' }], timeoutMs: 1000 });
    expect(await told()).toEqual([2]);
  });

  test('heartbeats that make no sense are refused with the code that Kafka gives', async () => {
    const { client } = await startRig();
    await createTopic(client, 'work');
    await findGroup(client, 'g');
    const code = async (...beat: [string, string, number, string[] | null]) =>
      (await beatShare(client, ...beat)).errorCode;
    expect(await code('g', '', 0, ['work'])).toBe(42);
    expect(await code('g', 'x'.repeat(37), 0, ['work'])).toBe(42);
    expect(await code('', 'a', 0, ['work'])).toBe(42);
    expect(await code('g', 'a', 0, [])).toBe(42);
    expect(await code('g', 'a', -2, null)).toBe(42);
    expect(await code('g', 'a', 1, null)).toBe(69);
    expect(await code('g', 'a', -1, null)).toBe(69);
    expect(await code('g', 'a', 0, ['work'])).toBe(0);
    expect(await code('g', 'b', 1, null)).toBe(25);
    expect(await code('g', 'a', 9, null)).toBe(110);
    expect(await code('g', 'a', 1, null)).toBe(110);
    expect(await code('g', 'a', -1, null)).toBe(0);
    expect(await code('g', 'a', -1, null)).toBe(25);
  });

  test('a member that falls silent is forgotten, and its partitions go to the others', async () => {
    const rig = await startRig();
    const { client, broker } = rig;
    await createTopic(client, 'work', { partitions: 2 });
    await findGroup(client, 'g');
    await beatShare(client, 'g', 'a', 0, ['work']);
    const b = await beatShare(client, 'g', 'b', 0, ['work']);
    await broker.pass(30_000, 1000);
    expect((await beatShare(client, 'g', 'b', b.memberEpoch, null)).errorCode).toBe(0);
    await broker.pass(15_001, 1000);
    const told = await beatShare(client, 'g', 'b', b.memberEpoch, null);
    expect(told.assignment?.topicPartitions[0]?.partitions).toEqual([0, 1]);
    expect((await beatShare(client, 'g', 'a', 2, null)).errorCode).toBe(25);
  });

  test('groups are listed as share groups, described, found again after a kill, and deleted when empty', async () => {
    const { rig, topic, member, settle } = await begin(10);
    await member.fetch(settle);
    const { client } = await restart(rig, 'kill');
    await findGroup(client, 'g');
    const listed = await client.ask(listGroups, 5, { statesFilter: [], typesFilter: ['share'] });
    expect(listed.groups).toMatchObject([
      { groupId: 'g', groupType: 'share', groupState: 'Stable', protocolType: 'share' },
    ]);
    const described = await client.ask(shareGroupDescribe, 1, {
      groupIds: ['g', 'h'],
      includeAuthorizedOperations: true,
    });
    expect(described.groups).toMatchObject([
      {
        errorCode: 0,
        groupState: 'Stable',
        assignorName: 'simple',
        authorizedOperations: 3400,
        members: [
          {
            memberId: 'member-a',
            subscribedTopicNames: ['work'],
            assignment: { topicPartitions: [{ topicId: topic.id, topicName: 'work', partitions: [0] }] },
          },
        ],
      },
      { errorCode: 69, groupId: 'h', members: [] },
    ]);
    const remove = async () => (await client.ask(deleteGroups, 2, { groupsNames: ['g'] })).results[0]?.errorCode;
    expect(await remove()).toBe(68);
    await beatShare(client, 'g', 'member-a', -1, null);
    expect(await remove()).toBe(0);
    expect(await remove()).toBe(69);
    expect(await shareOffset(client, 'g', topic)).toEqual({ start: -1, lag: -1, error: 0 });
  });
});

describe('delivery', () => {
  test('a member gets each record once, with whole batches and their count of deliveries', async () => {
    const { rig, topic, member, settle } = await begin(3);
    await produceTo(rig.client, topic, batchOf({ count: 2 }));
    const [got] = await member.fetch(settle);
    expect(got).toEqual({
      partition: 0,
      error: 0,
      acknowledgeError: 0,
      acquired: [[0, 4, 1]],
      offsets: [0, 1, 2, 3, 4],
    });
    expect(await member.fetch(settle)).toEqual([]);
  });

  test('two members never hold the same record', async () => {
    const { rig, topic, member, settle } = await begin(0);
    for (let batch = 0; batch < 4; batch++) await produceTo(rig.client, topic, batchOf({ count: 5 }));
    const other = new ShareMember(rig.broker.connect(), 'g', 'member-b', topic);
    const [mine] = await member.fetch(settle, { maxRecords: 8 });
    const [others] = await other.fetch(settle);
    expect(mine?.acquired).toEqual([[0, 9, 1]]);
    expect(others?.acquired).toEqual([[10, 19, 1]]);
    expect(others?.offsets[0]).toBe(10);
  });

  test('version 2 may ask for an exact count', async () => {
    const { member, settle } = await begin(10);
    const exact = { shareAcquireMode: 1, maxRecords: 4 };
    expect((await member.fetch(settle, exact))[0]?.acquired).toEqual([[0, 3, 1]]);
    expect((await member.fetch(settle, exact))[0]?.acquired).toEqual([[4, 7, 1]]);
  });

  test('a fetch waits for records, and no longer than it said', async () => {
    const { rig, topic, member, settle } = await begin(0);
    await member.fetch(settle);
    member.sendFetch({ maxWaitMs: 1000 });
    await rig.broker.pass(500);
    expect(member.client.hasAnswer).toBe(false);
    await produceTo(rig.broker.connect(), topic, batchOf({ count: 2 }));
    expect(gotOf(member.receive())[0]?.acquired).toEqual([[0, 1, 1]]);
    member.sendFetch({ maxWaitMs: 1000 });
    await rig.broker.pass(950);
    expect(member.client.hasAnswer).toBe(false);
    await rig.broker.pass(100);
    expect(gotOf(member.receive())).toEqual([]);
  });

  test('a fetch waits until there are as many bytes as it wants', async () => {
    const { rig, topic, member, settle } = await begin(0);
    await member.fetch(settle);
    member.sendFetch({ maxWaitMs: 10_000, minBytes: 1000 });
    const producer = rig.broker.connect();
    await produceTo(producer, topic, batchOf({ count: 2 }));
    await rig.broker.pass(100);
    expect(member.client.hasAnswer).toBe(false);
    await produceTo(producer, topic, batchOf({ count: 2, valueBytes: 1000 }));
    expect(gotOf(member.receive())[0]?.acquired).toEqual([[0, 3, 1]]);
  });

  test('a fetch waits while too many bytes of answers wait for slow readers', async () => {
    const { rig, member, settle } = await begin(2);
    const { plane } = rig.broker;
    const real = plane.backlogBytes;
    plane.backlogBytes = () => 1 << 30;
    await member.fetch(settle);
    member.sendFetch({ maxWaitMs: 10_000 });
    await rig.broker.pass(5000, 500);
    expect(member.client.hasAnswer).toBe(false);
    plane.backlogBytes = real;
    await rig.broker.pass(50);
    expect(gotOf(member.receive())[0]?.acquired).toEqual([[0, 1, 1]]);
  });

  test('what is released wakes a fetch that waits', async () => {
    const { rig, topic, member, settle } = await begin(2);
    await member.fetch(settle);
    const other = new ShareMember(rig.broker.connect(), 'g', 'member-b', topic);
    await other.fetch(settle);
    other.sendFetch({ maxWaitMs: 60_000 });
    await rig.broker.settle();
    expect(await member.settle([[0, 1, RELEASE]])).toBe(0);
    expect(gotOf(other.receive())[0]?.acquired).toEqual([[0, 1, 2]]);
  });

  test('locks run out, unless they are renewed', async () => {
    const { rig, topic, member, settle } = await begin(2);
    await member.fetch(settle);
    await rig.broker.pass(20_000, 1000);
    expect(await member.settle([[0, 0, RENEW]], { isRenewAck: true })).toBe(0);
    const other = new ShareMember(rig.broker.connect(), 'g', 'member-b', topic);
    expect((await other.fetch(settle))[0]?.acquired).toEqual([]);
    await rig.broker.pass(10_001, 1000);
    expect((await other.fetch(settle))[0]?.acquired).toEqual([[1, 1, 2]]);
    expect(await member.settle([[1, 1, ACCEPT]])).toBe(121);
    expect(await member.settle([[0, 0, ACCEPT]])).toBe(0);
  });

  test('whoever hangs up gives back what it holds', async () => {
    const { rig, topic, settle } = await begin(2);
    const gone = new ShareMember(rig.broker.connect(), 'g', 'member-b', topic);
    expect((await gone.fetch(settle))[0]?.acquired).toEqual([[0, 1, 1]]);
    gone.client.socket.reset();
    await rig.broker.settle();
    const next = new ShareMember(rig.client, 'g', 'member-a', topic);
    expect((await next.fetch(settle))[0]?.acquired).toEqual([[0, 1, 2]]);
  });

  test('a group begins where it was told to: latest, earliest, or so long ago', async () => {
    const rig = await startRig();
    const settle = settleOf(rig);
    const topic = await createTopic(rig.client, 'work');
    const early = rig.broker.nowMs - 7_200_000;
    await produceTo(rig.client, topic, batchOf({ timestamps: [early, early + 1] }));
    await produceTo(rig.client, topic, batchOf({ timestamps: [rig.broker.nowMs - 1000] }));
    for (const [reset, first] of [
      ['latest', undefined],
      ['earliest', 0],
      ['by_duration:PT1H', 2],
    ] as const) {
      const member = await joinShare(rig.broker.connect(), `g-${reset.length}`, 'm', topic, reset);
      expect((await member.fetch(settle))[0]?.acquired[0]?.[0], reset).toBe(first);
    }
  });

  test('where "latest" was does not depend on a restart', async () => {
    const { rig, topic } = await begin(3);
    const late = await joinShare(rig.client, 'late', 'm', topic, 'latest');
    await late.fetch(settleOf(rig));
    await produceTo(rig.client, topic, batchOf({ count: 2 }));
    const again = await restart(rig, 'kill');
    await findGroup(again.client, 'late');
    const member = new ShareMember(again.client, 'late', 'm', topic);
    expect((await member.fetch(settleOf(again)))[0]?.acquired).toEqual([[3, 4, 1]]);
  });

  test('records that are deleted are done with', async () => {
    const { rig, topic, member, settle } = await begin(5);
    await produceTo(rig.client, topic, batchOf({ count: 5 }));
    await member.fetch(settle, { maxRecords: 5 });
    await rig.client.ask(deleteRecords, 2, {
      topics: [{ name: 'work', partitions: [{ partitionIndex: 0, offset: 8 }] }],
      timeoutMs: 1000,
    });
    expect((await member.fetch(settle))[0]?.acquired).toEqual([[8, 9, 1]]);
    expect(await member.settle([[0, 4, ACCEPT]])).toBe(0);
    expect(await shareOffset(rig.client, 'g', topic)).toMatchObject({ start: 8 });
  });

  test('with read_committed, aborted records and open transactions are not seen', async () => {
    const { rig, topic, settle } = await begin(1, 'all');
    const inTransaction = { producerId: 7, producerEpoch: 0, isTransactional: true };
    await rig.broker.appendAsBroker('work', 0, batchOf({ count: 2, ...inTransaction, baseSequence: 0 }));
    await rig.broker.appendAsBroker('work', 0, control(7, false));
    await produceTo(rig.client, topic, batchOf({ count: 1 }));
    await rig.broker.appendAsBroker('work', 0, batchOf({ count: 1, ...inTransaction, baseSequence: 2 }));
    await setGroupConfig(rig.client, 'committed', 'share.isolation.level', 'read_committed');
    const careful = await joinShare(rig.broker.connect(), 'committed', 'c', topic);
    expect((await careful.fetch(settle))[0]?.acquired).toEqual([
      [0, 0, 1],
      [4, 4, 1],
    ]);
    careful.sendFetch({ maxWaitMs: 10_000 });
    await settle();
    expect(careful.client.hasAnswer).toBe(false);
    await rig.broker.appendAsBroker('work', 0, control(7, true));
    expect(gotOf(careful.receive())[0]?.acquired).toEqual([[5, 5, 1]]);
    const careless = new ShareMember(rig.broker.connect(), 'all', 'member-b', topic);
    expect((await careless.fetch(settle))[0]?.acquired).toEqual([
      [0, 2, 1],
      [4, 5, 1],
    ]);
  });

  test('a topic that is deleted under a session is answered as unknown', async () => {
    const { rig, member, settle } = await begin(1);
    await member.fetch(settle);
    member.sendFetch({ maxWaitMs: 60_000 });
    await rig.broker.connect().ask(deleteTopics, 6, { topics: [{ name: 'work' }], timeoutMs: 1000 });
    await rig.broker.settle();
    expect(gotOf(member.receive())).toEqual([]);
    expect((await member.fetch(settle))[0]?.error).toBe(100);
  });
});

describe('acknowledgement', () => {
  test('accepted and rejected records do not come again, released ones do, a bit older', async () => {
    const { rig, topic, member, settle } = await begin(4);
    await member.fetch(settle);
    expect(await member.settle([[0, 3, ACCEPT, RELEASE, REJECT, ACCEPT]])).toBe(0);
    expect((await member.fetch(settle))[0]?.acquired).toEqual([[1, 1, 2]]);
    expect(await shareOffset(rig.client, 'g', topic)).toEqual({ start: 1, lag: 1, error: 0 });
  });

  test('acknowledgements ride along with a fetch', async () => {
    const { rig, topic, member, settle } = await begin(2);
    await member.fetch(settle);
    await produceTo(rig.client, topic, batchOf({ count: 1 }));
    const [got] = await member.fetch(settle, { settled: [[0, 1, ACCEPT]] });
    expect(got).toMatchObject({ error: 0, acknowledgeError: 0, acquired: [[2, 2, 1]] });
    const [again] = await member.fetch(settle, { settled: [[2, 3, ACCEPT]] });
    expect(again).toMatchObject({ error: 0, acknowledgeError: 42, acquired: [] });
  });

  test('what makes no sense is refused for its partition alone', async () => {
    const { rig, topic, member, settle } = await begin(4);
    await member.fetch(settle);
    expect(await member.settle([[0, 1, 9]])).toBe(42);
    expect(await member.settle([[0, 1]])).toBe(42);
    expect(await member.settle([[0, 3, ACCEPT, ACCEPT]])).toBe(42);
    expect(await member.settle([[2, 1, ACCEPT]])).toBe(42);
    expect(
      await member.settle([
        [0, 2, ACCEPT],
        [1, 3, ACCEPT],
      ]),
    ).toBe(42);
    expect(await member.settle([[0, 0, RENEW]])).toBe(42);
    expect(await member.settle([[3, 9, ACCEPT]])).toBe(42);
    const other = new ShareMember(rig.broker.connect(), 'g', 'member-b', topic);
    await other.fetch(settle);
    expect(await other.settle([[0, 3, ACCEPT]])).toBe(121);
    expect(await member.settle([[0, 3, ACCEPT]])).toBe(0);
  });

  test('sessions: epochs go up one by one, and only a fetch opens one', async () => {
    const { member, settle } = await begin(1);
    expect(await member.settle([], { epoch: 1 })).toBe(122);
    await member.fetch(settle);
    expect(await member.settle([], { epoch: 0 })).toBe(123);
    expect(await member.settle([], { epoch: 5 })).toBe(123);
    expect(await member.settle([])).toBe(0);
    expect(await member.settle([[0, 0, ACCEPT]], { epoch: -1 })).toBe(0);
    expect(await member.settle([], { epoch: -1 })).toBe(122);
  });

  test('a way to acquire that there is not is refused after the session is looked at, and only where records are fetched', async () => {
    const { rig, topic, settle } = await begin(1);
    const ask = async (shareSessionEpoch: number, topicId: string) => {
      const answer = rig.client.ask(shareFetch, 2, {
        groupId: 'g',
        memberId: 'member-a',
        shareSessionEpoch,
        maxWaitMs: 0,
        minBytes: 0,
        maxBytes: 1000,
        maxRecords: 10,
        batchSize: 10,
        shareAcquireMode: 7,
        topics: [{ topicId, partitions: [{ partitionIndex: 0, acknowledgementBatches: [] }] }],
        forgottenTopicsData: [],
      });
      await settle();
      return (await answer).errorCode;
    };
    expect(await ask(3, topic.id)).toBe(122);
    expect(await ask(0, 'q1w2e3r4T5y6U7i8O9p0Aw')).toBe(0);
    expect(await ask(1, topic.id)).toBe(-1);
  });

  test('a partition that is not there is refused by itself, also where no records are wanted', async () => {
    const { rig, topic, settle } = await begin(1);
    const ask = async (shareSessionEpoch: number, maxRecords: number) => {
      const answer = rig.client.ask(shareFetch, 2, {
        groupId: 'g',
        memberId: 'member-a',
        shareSessionEpoch,
        maxWaitMs: 0,
        minBytes: 0,
        maxBytes: 1000,
        maxRecords,
        batchSize: 10,
        topics: [
          {
            topicId: topic.id,
            partitions: [0, -1, 1].map((partitionIndex) => ({ partitionIndex, acknowledgementBatches: [] })),
          },
        ],
        forgottenTopicsData: [],
      });
      await settle();
      return (await answer).responses[0]?.partitions.map((one) => [one.partitionIndex, one.errorCode]).sort();
    };
    const refused = [
      [-1, 3],
      [1, 3],
    ];
    expect(await ask(0, 0)).toEqual(refused);
    expect(await ask(1, 10)).toEqual([refused[0], [0, 0], refused[1]]);
    expect(await ask(2, 10)).toEqual(refused);
    expect(await ask(0, -1)).toEqual([refused[0], [0, 0], refused[1]]);
  });

  test('there are no more sessions than the broker allows', async () => {
    const rig = await startRig({ sets: ['group.share.max.share.sessions=1'] });
    const settle = settleOf(rig);
    const topic = await createTopic(rig.client, 'work');
    const member = await joinShare(rig.client, 'g', 'a', topic);
    await member.fetch(settle);
    const other = new ShareMember(rig.broker.connect(), 'g', 'b', topic);
    other.sendFetch();
    await settle();
    expect(other.receive().errorCode).toBe(133);
  });

  test.each(['stop', 'kill'] as const)('acknowledgements survive when the broker ends by %s', async (how) => {
    const { rig, topic, member, settle } = await begin(6);
    await member.fetch(settle);
    expect(
      await member.settle([
        [0, 0, ACCEPT],
        [2, 3, ACCEPT, RELEASE],
      ]),
    ).toBe(0);
    const again = await restart(rig, how);
    await findGroup(again.client, 'g');
    expect(await shareOffset(again.client, 'g', topic)).toEqual({ start: 1, lag: 4, error: 0 });
    const next = new ShareMember(again.client, 'g', 'member-a', topic);
    expect((await next.fetch(settleOf(again)))[0]?.acquired).toEqual([
      [1, 1, 1],
      [3, 3, 2],
      [4, 5, 1],
    ]);
  });

  test('state that is written anew every few changes reads back the same', async () => {
    const rig = await startRig({ sets: ['share.coordinator.snapshot.update.records.per.snapshot=2'] });
    const topic = await createTopic(rig.client, 'work');
    await produceTo(rig.client, topic, batchOf({ count: 20 }));
    const member = await joinShare(rig.client, 'g', 'a', topic);
    await member.fetch(settleOf(rig));
    for (let offset = 1; offset < 20; offset += 2) expect(await member.settle([[offset, offset, ACCEPT]])).toBe(0);
    const again = await restart(rig, 'kill');
    await findGroup(again.client, 'g');
    const next = new ShareMember(again.client, 'g', 'a', topic);
    const [got] = await next.fetch(settleOf(again));
    expect(got?.acquired.map(([first]) => first)).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
  });

  test('a group may be kept from renewing locks', async () => {
    const { rig, member, settle } = await begin(1);
    await setGroupConfig(rig.broker.connect(), 'g', 'share.renew.acknowledge.enable', 'false');
    await member.fetch(settle);
    expect(await member.settle([[0, 0, RENEW]], { isRenewAck: true })).toBe(121);
  });
});
