/** Where share groups start (KIP-932), as an administrator sets, sees and forgets it over the wire. */
import { describe, expect, test } from 'vitest';
import { joinGroup } from '../../src/protocol/schemas/11-join-group.ts';
import { listGroups } from '../../src/protocol/schemas/16-list-groups.ts';
import { deleteGroups } from '../../src/protocol/schemas/42-delete-groups.ts';
import { shareGroupDescribe } from '../../src/protocol/schemas/77-share-group-describe.ts';
import { describeShareGroupOffsets } from '../../src/protocol/schemas/90-describe-share-group-offsets.ts';
import { alterShareGroupOffsets } from '../../src/protocol/schemas/91-alter-share-group-offsets.ts';
import { deleteShareGroupOffsets } from '../../src/protocol/schemas/92-delete-share-group-offsets.ts';
import { findGroup } from '../support/group-deeds.ts';
import { beatShare, joinShare, shareOffset } from '../support/share-deeds.ts';
import { createTopic } from '../support/simulated-deeds.ts';
import { restart, startRig } from './behaviour-rig.ts';
import { begin } from './shares-rig.ts';

describe('offsets of share groups', () => {
  test('are set and forgotten while a group has no members', async () => {
    const { rig, topic, member, settle } = await begin(10);
    const { client } = rig;
    await member.fetch(settle);
    const alter = async (startOffset: number) =>
      await client.ask(alterShareGroupOffsets, 0, {
        groupId: 'g',
        topics: [
          {
            topicName: 'work',
            partitions: [
              { partitionIndex: 0, startOffset },
              { partitionIndex: 7, startOffset },
            ],
          },
        ],
      });
    const forget = async () =>
      await client.ask(deleteShareGroupOffsets, 0, { groupId: 'g', topics: [{ topicName: 'work' }] });
    expect((await alter(3)).errorCode).toBe(68);
    expect((await forget()).errorCode).toBe(68);
    await member.settle([], { epoch: -1 });
    await beatShare(client, 'g', 'member-a', -1, null);
    expect((await alter(3)).responses[0]?.partitions.map(({ errorCode }) => errorCode)).toEqual([0, 3]);
    expect(await shareOffset(client, 'g', topic)).toEqual({ start: 3, lag: 7, error: 0 });
    const next = await joinShare(client, 'g', 'member-a', topic);
    expect((await next.fetch(settle))[0]?.acquired).toEqual([[3, 9, 1]]);
    await next.settle([], { epoch: -1 });
    await beatShare(client, 'g', 'member-a', -1, null);
    expect((await forget()).responses[0]?.errorCode).toBe(0);
    expect((await forget()).responses[0]?.errorCode).toBe(3);
    expect(await shareOffset(client, 'g', topic)).toEqual({ start: -1, lag: -1, error: 0 });
  });

  test('of partitions that are not there make an empty group, if only the topic is; all of it is told, and it goes', async () => {
    const rig = await startRig();
    const { client } = rig;
    await createTopic(client, 'work');
    await findGroup(client, 'g');
    const alter = (topicName: string, partitions: readonly number[]) =>
      client.ask(alterShareGroupOffsets, 0, {
        groupId: 'g',
        topics: [{ topicName, partitions: partitions.map((partitionIndex) => ({ partitionIndex, startOffset: 0 })) }],
      });
    const listed = async (asked = client) =>
      (await asked.ask(listGroups, 5, { statesFilter: [], typesFilter: [] })).groups.map(({ groupId }) => groupId);
    expect((await alter('missing', [0])).responses[0]?.partitions).toMatchObject([{ errorCode: 3 }]);
    expect((await alter('missing', [])).responses).toEqual([]);
    expect(await listed()).toEqual([]);
    expect((await alter('work', [9])).responses[0]?.partitions).toMatchObject([{ errorCode: 3 }]);
    expect(await listed()).toEqual(['g']);
    const described = await client.ask(shareGroupDescribe, 1, {
      groupIds: ['g', ''],
      includeAuthorizedOperations: false,
    });
    expect(described.groups).toMatchObject([{ errorCode: 0, groupState: 'Empty', members: [] }, { errorCode: 24 }]);
    const wish = { groupId: 'g', memberId: 'member', protocolType: 'consumer', sessionTimeoutMs: 60_000 };
    const joined = await client.ask(joinGroup, 6, {
      ...wish,
      protocols: [{ name: 'range', metadata: new Uint8Array() }],
    });
    expect(joined).toMatchObject({ errorCode: 23, memberId: '' });
    const again = await restart(rig, 'kill');
    await findGroup(again.client, 'g');
    expect(await listed(again.client)).toEqual(['g']);
    expect((await again.client.ask(deleteGroups, 2, { groupsNames: ['g'] })).results).toMatchObject([{ errorCode: 0 }]);
    expect(await listed(again.client)).toEqual([]);
  });

  test('behind the end of the log leave a lag below zero; topics without partitions are not answered', async () => {
    const { client } = await startRig();
    const topic = await createTopic(client, 'work');
    await findGroup(client, 'g');
    const start = { topicName: 'work', partitions: [{ partitionIndex: 0, startOffset: 5 }] };
    await client.ask(alterShareGroupOffsets, 0, { groupId: 'g', topics: [start] });
    expect(await shareOffset(client, 'g', topic)).toEqual({ start: 5, lag: -5, error: 0 });
    const nothing = { groupId: 'g', topics: [{ topicName: 'work', partitions: [] }] };
    expect((await client.ask(describeShareGroupOffsets, 1, { groups: [nothing] })).groups).toMatchObject([
      { errorCode: 0, topics: [] },
    ]);
    const missing = { groupId: 'g', topics: [{ topicName: 'missing', partitions: [] }] };
    expect((await client.ask(describeShareGroupOffsets, 1, { groups: [missing] })).groups).toMatchObject([
      { errorCode: 0, topics: [{ topicName: 'missing', partitions: [] }] },
    ]);
    expect((await client.ask(deleteShareGroupOffsets, 0, { groupId: '', topics: [] })).errorCode).toBe(24);
  });
});
