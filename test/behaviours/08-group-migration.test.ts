/** Groups that change between the classic protocol and that of KIP-848 while they work, and members of both in one. */
import { describe, expect, test } from 'vitest';
import { errorCode } from '../../src/protocol/errors.ts';
import { offsetFetch } from '../../src/protocol/schemas/09-offset-fetch.ts';
import { joinGroup } from '../../src/protocol/schemas/11-join-group.ts';
import { heartbeat } from '../../src/protocol/schemas/12-heartbeat.ts';
import { leaveGroup } from '../../src/protocol/schemas/13-leave-group.ts';
import { syncGroup } from '../../src/protocol/schemas/14-sync-group.ts';
import { assignedIn, call, commitAt, describeConsumers, joinConsumers } from '../support/consumer-deeds.ts';
import {
  findGroup,
  JOIN_VERSION,
  joinWish,
  SYNC_VERSION,
  settleAlone,
  stateOf,
  syncWish,
} from '../support/group-deeds.ts';
import { type BehaviourRig, restart } from './behaviour-rig.ts';
import { ASSIGNMENT_MS, consumerRig } from './consumers-rig.ts';

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
