/** What tests of consumer groups (KIP-848) ask for most, over the wire. */
import type { RequestInputOf, ResponseOf } from '../../src/protocol/api.ts';
import { offsetCommit } from '../../src/protocol/schemas/08-offset-commit.ts';
import { consumerGroupHeartbeat } from '../../src/protocol/schemas/68-consumer-group-heartbeat.ts';
import { consumerGroupDescribe } from '../../src/protocol/schemas/69-consumer-group-describe.ts';
import type { SimulatedClient } from './simulated-client.ts';

export type HeartbeatInput = RequestInputOf<typeof consumerGroupHeartbeat>;
export type HeartbeatOutput = ResponseOf<typeof consumerGroupHeartbeat>;

/** What a first heartbeat says at least. */
export const joining = { memberEpoch: 0, rebalanceTimeoutMs: 60_000, topicPartitions: [] } as const;

export async function call(
  client: SimulatedClient,
  groupId: string,
  memberId: string,
  memberEpoch: number,
  more: Partial<HeartbeatInput> = {},
  version = 1,
): Promise<HeartbeatOutput> {
  return await client.ask(consumerGroupHeartbeat, version, { groupId, memberId, memberEpoch, ...more });
}

export async function joinConsumers(
  client: SimulatedClient,
  groupId: string,
  memberId: string,
  topics: readonly string[],
  more: Partial<HeartbeatInput> = {},
): Promise<HeartbeatOutput> {
  return await call(client, groupId, memberId, 0, { ...joining, subscribedTopicNames: topics, ...more });
}

/** Partition numbers by topic id; null: the answer says nothing of them. */
export function assignedIn(answer: HeartbeatOutput): Record<string, readonly number[]> | null {
  if (answer.assignment === null) return null;
  return Object.fromEntries(answer.assignment.topicPartitions.map(({ topicId, partitions }) => [topicId, partitions]));
}

export async function describeConsumers(
  client: SimulatedClient,
  groupId: string,
): Promise<ResponseOf<typeof consumerGroupDescribe>['groups'][number]> {
  const { groups } = await client.ask(consumerGroupDescribe, 1, {
    groupIds: [groupId],
    includeAuthorizedOperations: false,
  });
  const [group] = groups;
  if (group === undefined) throw new Error('the answer describes no group');
  return group;
}

/** The error code of one commit to one partition. */
export async function commitAt(
  client: SimulatedClient,
  groupId: string,
  claim: { readonly memberId: string; readonly epoch: number; readonly topic: string; readonly partition?: number },
  version = 9,
): Promise<number> {
  const { memberId, epoch, topic, partition = 0 } = claim;
  const offset = { partitionIndex: partition, committedOffset: 7, committedMetadata: '' };
  const answer = await client.ask(offsetCommit, version, {
    groupId,
    memberId,
    generationIdOrMemberEpoch: epoch,
    topics: [{ name: topic, partitions: [offset] }],
  });
  return answer.topics[0]?.partitions[0]?.errorCode ?? -1;
}
