/**
 * What tests of groups ask for most, over the wire: members that join, sync and leave, and offsets that are committed and
 * fetched. Members ask on connections of their own, because a JoinGroup holds up what stands behind it.
 */
import type { RequestInputOf, ResponseOf } from '../../src/protocol/api.ts';
import { offsetCommit } from '../../src/protocol/schemas/08-offset-commit.ts';
import { offsetFetch } from '../../src/protocol/schemas/09-offset-fetch.ts';
import { findCoordinator } from '../../src/protocol/schemas/10-find-coordinator.ts';
import { joinGroup } from '../../src/protocol/schemas/11-join-group.ts';
import { heartbeat } from '../../src/protocol/schemas/12-heartbeat.ts';
import { syncGroup } from '../../src/protocol/schemas/14-sync-group.ts';
import { describeGroups } from '../../src/protocol/schemas/15-describe-groups.ts';
import { Writer } from '../../src/protocol/writer.ts';
import type { SimulatedClient } from './simulated-client.ts';

export type JoinInput = RequestInputOf<typeof joinGroup>;
export type JoinOutput = ResponseOf<typeof joinGroup>;

export const JOIN_VERSION = 9;
export const SYNC_VERSION = 5;
const COMMIT_VERSION = 9;
const FETCH_VERSION = 9;

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Metadata of a consumer: version, topics, no user data. */
export function subscription(...topics: readonly string[]): Uint8Array {
  const writer = new Writer(1 << 16);
  writer.int16(0);
  writer.int32(topics.length);
  for (const topic of topics) writer.string(topic, false);
  writer.int32(-1);
  return new Uint8Array(writer.written());
}

/** Until the coordinator of the group answers: the topic is made and the shard loaded. */
export async function findGroup(client: SimulatedClient, groupId: string): Promise<number> {
  const { coordinators } = await client.ask(findCoordinator, 4, { keyType: 0, coordinatorKeys: [groupId] });
  return coordinators[0]?.errorCode ?? -1;
}

export function joinWish(groupId: string, more: Partial<JoinInput> = {}): JoinInput {
  return {
    groupId,
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 30_000,
    memberId: '',
    groupInstanceId: null,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: subscription('orders') }],
    ...more,
  };
}

/** Sent, not waited for. */
export function sendJoin(client: SimulatedClient, groupId: string, more: Partial<JoinInput> = {}): void {
  client.send(joinGroup, JOIN_VERSION, joinWish(groupId, more));
}

export function receiveJoin(client: SimulatedClient): JoinOutput {
  return client.receive(joinGroup, JOIN_VERSION);
}

/** A newcomer: asks for an id, and joins with it as far as the group lets it. */
export async function takeMemberId(
  client: SimulatedClient,
  groupId: string,
  more: Partial<JoinInput> = {},
): Promise<string> {
  const first = await client.ask(joinGroup, JOIN_VERSION, joinWish(groupId, more));
  if (first.errorCode !== 79) throw new Error(`MEMBER_ID_REQUIRED was expected, not ${first.errorCode}`);
  return first.memberId;
}

export async function sync(
  client: SimulatedClient,
  groupId: string,
  joined: { readonly memberId: string; readonly generationId: number },
  assignments: { readonly [memberId: string]: string } = {},
  more: Partial<RequestInputOf<typeof syncGroup>> = {},
): Promise<ResponseOf<typeof syncGroup>> {
  return await client.ask(syncGroup, SYNC_VERSION, syncWish(groupId, joined, assignments, more));
}

export function syncWish(
  groupId: string,
  joined: { readonly memberId: string; readonly generationId: number },
  assignments: { readonly [memberId: string]: string } = {},
  more: Partial<RequestInputOf<typeof syncGroup>> = {},
): RequestInputOf<typeof syncGroup> {
  return {
    groupId,
    generationId: joined.generationId,
    memberId: joined.memberId,
    groupInstanceId: null,
    protocolType: 'consumer',
    protocolName: 'range',
    assignments: Object.entries(assignments).map(([memberId, text]) => ({ memberId, assignment: bytesOf(text) })),
    ...more,
  };
}

/** One member alone in its group, with an assignment. */
export async function settleAlone(
  client: SimulatedClient,
  groupId: string,
  more: Partial<JoinInput> = {},
): Promise<{ readonly memberId: string; readonly generationId: number }> {
  await findGroup(client, groupId);
  const memberId = more.groupInstanceId == null ? await takeMemberId(client, groupId, more) : '';
  const joined = await client.ask(joinGroup, JOIN_VERSION, joinWish(groupId, { ...more, memberId }));
  if (joined.errorCode !== 0) throw new Error(`the join was refused with ${joined.errorCode}`);
  const more2 = { groupInstanceId: more.groupInstanceId ?? null };
  const synced = await sync(client, groupId, joined, { [joined.memberId]: 'all' }, more2);
  if (synced.errorCode !== 0) throw new Error(`the sync was refused with ${synced.errorCode}`);
  return { memberId: joined.memberId, generationId: joined.generationId };
}

export async function beat(
  client: SimulatedClient,
  groupId: string,
  member: { readonly memberId: string; readonly generationId: number; readonly groupInstanceId?: string | null },
): Promise<number> {
  const { memberId, generationId, groupInstanceId = null } = member;
  return (await client.ask(heartbeat, 4, { groupId, memberId, generationId, groupInstanceId })).errorCode;
}

export interface CommitOptions {
  readonly topic?: string;
  readonly partition?: number;
  readonly metadata?: string | null;
  readonly leaderEpoch?: number;
  readonly memberId?: string;
  readonly generationId?: number;
  readonly groupInstanceId?: string | null;
  readonly version?: number;
  readonly retentionTimeMs?: number;
}

/** Commits one offset; answers the error code. */
export async function commit(
  client: SimulatedClient,
  groupId: string,
  offset: number,
  options: CommitOptions = {},
): Promise<number> {
  const { topic = 'orders', partition = 0, metadata = '', memberId = '', generationId = -1 } = options;
  const version = options.version ?? COMMIT_VERSION;
  const answer = await client.ask(offsetCommit, version, {
    groupId,
    memberId,
    generationIdOrMemberEpoch: generationId,
    ...(options.groupInstanceId === undefined ? {} : { groupInstanceId: options.groupInstanceId }),
    ...(options.retentionTimeMs === undefined ? {} : { retentionTimeMs: options.retentionTimeMs }),
    topics: [
      {
        name: topic,
        partitions: [
          {
            partitionIndex: partition,
            committedOffset: offset,
            committedLeaderEpoch: options.leaderEpoch ?? -1,
            committedMetadata: metadata,
          },
        ],
      },
    ],
  });
  return answer.topics[0]?.partitions[0]?.errorCode ?? -1;
}

export interface Committed {
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string | null;
  readonly errorCode: number;
}

/** What one group has committed for one partition. */
export async function committed(
  client: SimulatedClient,
  groupId: string,
  options: { readonly topic?: string; readonly partition?: number; readonly requireStable?: boolean } = {},
): Promise<Committed> {
  const { topic = 'orders', partition = 0, requireStable = false } = options;
  const { groups } = await client.ask(offsetFetch, FETCH_VERSION, {
    topics: [],
    groupId: '',
    groups: [{ groupId, topics: [{ name: topic, partitionIndexes: [partition] }] }],
    requireStable,
  });
  const found = groups[0]?.topics[0]?.partitions[0];
  if (found === undefined) throw new Error(`the group answered ${groups[0]?.errorCode} and no partition`);
  const { committedOffset: offset, committedLeaderEpoch: leaderEpoch, metadata, errorCode } = found;
  return { offset, leaderEpoch, metadata, errorCode };
}

export async function stateOf(client: SimulatedClient, groupId: string): Promise<string> {
  const { groups } = await client.ask(describeGroups, 5, { groups: [groupId], includeAuthorizedOperations: false });
  return groups[0]?.groupState ?? '';
}
