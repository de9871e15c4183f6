/**
 * What tests of share groups ask for most, over the wire: a member that joins, fetches in a share session of its own, and
 * says what became of the records.
 */
import type { RequestInputOf, ResponseOf } from '../../src/protocol/api.ts';
import { findCoordinator } from '../../src/protocol/schemas/10-find-coordinator.ts';
import { incrementalAlterConfigs } from '../../src/protocol/schemas/44-incremental-alter-configs.ts';
import { shareGroupHeartbeat } from '../../src/protocol/schemas/76-share-group-heartbeat.ts';
import { shareFetch } from '../../src/protocol/schemas/78-share-fetch.ts';
import { shareAcknowledge } from '../../src/protocol/schemas/79-share-acknowledge.ts';
import { describeShareGroupOffsets } from '../../src/protocol/schemas/90-describe-share-group-offsets.ts';
import { findGroup } from './group-deeds.ts';
import type { SimulatedClient } from './simulated-client.ts';
import { recordsIn, type Topic } from './simulated-deeds.ts';

export type ShareFetchInput = RequestInputOf<typeof shareFetch>;
export type ShareFetchOutput = ResponseOf<typeof shareFetch>;

const GROUP_RESOURCE = 32;
const SET = 0;

export const ACCEPT = 1;
export const RELEASE = 2;
export const REJECT = 3;
export const RENEW = 4;

export interface Got {
  readonly partition: number;
  readonly error: number;
  readonly acknowledgeError: number;
  /** Offsets that were acquired, each with its delivery count. */
  readonly acquired: readonly (readonly [first: number, last: number, count: number])[];
  /** Offsets of the records that came along. */
  readonly offsets: readonly number[];
}

/** An acknowledgement: offsets, and a type for all or one for each. */
export type Settled = readonly [first: number, last: number, ...types: number[]];

export class ShareMember {
  readonly client: SimulatedClient;
  readonly groupId: string;
  readonly memberId: string;
  readonly topic: Topic;
  epoch = 0;

  constructor(client: SimulatedClient, groupId: string, memberId: string, topic: Topic) {
    this.client = client;
    this.groupId = groupId;
    this.memberId = memberId;
    this.topic = topic;
  }

  /** Sent, not waited for. Partition 0 unless `topics` says otherwise. */
  sendFetch(more: Partial<ShareFetchInput> & { readonly settled?: readonly Settled[] } = {}): void {
    const { settled = [], ...fields } = more;
    const isFirst = this.epoch === 0;
    this.client.send(shareFetch, 2, {
      groupId: this.groupId,
      memberId: this.memberId,
      shareSessionEpoch: this.epoch,
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 1 << 20,
      maxRecords: 500,
      batchSize: 500,
      topics: isFirst || settled.length > 0 ? this.topicsOf(settled) : [],
      forgottenTopicsData: [],
      ...fields,
    });
    this.epoch = (more.shareSessionEpoch ?? this.epoch) + 1;
  }

  receive(): ShareFetchOutput {
    return this.client.receive(shareFetch, 2);
  }

  async fetch(settle: () => Promise<void>, more: Parameters<ShareMember['sendFetch']>[0] = {}): Promise<Got[]> {
    this.sendFetch(more);
    await settle();
    return gotOf(this.receive());
  }

  /** The error code of partition 0, or of the whole answer. */
  async settle(settled: readonly Settled[], more: { readonly isRenewAck?: boolean; readonly epoch?: number } = {}) {
    const answer = await this.client.ask(shareAcknowledge, 2, {
      groupId: this.groupId,
      memberId: this.memberId,
      shareSessionEpoch: more.epoch ?? this.epoch,
      isRenewAck: more.isRenewAck ?? false,
      topics: this.topicsOf(settled),
    });
    if (answer.errorCode !== 0) return answer.errorCode;
    this.epoch += 1;
    return answer.responses[0]?.partitions[0]?.errorCode ?? 0;
  }

  private topicsOf(settled: readonly Settled[]): ShareFetchInput['topics'] {
    const acknowledgementBatches = settled.map(([firstOffset, lastOffset, ...acknowledgeTypes]) => ({
      firstOffset,
      lastOffset,
      acknowledgeTypes,
    }));
    return [{ topicId: this.topic.id, partitions: [{ partitionIndex: 0, acknowledgementBatches }] }];
  }
}

export function gotOf(answer: ShareFetchOutput): Got[] {
  return answer.responses.flatMap(({ partitions }) =>
    partitions.map((partition) => ({
      partition: partition.partitionIndex,
      error: partition.errorCode,
      acknowledgeError: partition.acknowledgeErrorCode,
      acquired: partition.acquiredRecords.map(
        ({ firstOffset, lastOffset, deliveryCount }) => [firstOffset, lastOffset, deliveryCount] as const,
      ),
      offsets: recordsIn(partition.records).map(({ offset }) => offset),
    })),
  );
}

export async function setGroupConfig(client: SimulatedClient, groupId: string, name: string, value: string) {
  const answer = await client.ask(incrementalAlterConfigs, 1, {
    resources: [
      {
        resourceType: GROUP_RESOURCE,
        resourceName: groupId,
        configs: [{ name, configOperation: SET, value }],
      },
    ],
    validateOnly: false,
  });
  const [result] = answer.responses;
  if (result?.errorCode !== 0) throw new Error(`${name}: ${result?.errorCode} ${result?.errorMessage}`);
}

export async function beatShare(
  client: SimulatedClient,
  groupId: string,
  memberId: string,
  memberEpoch: number,
  subscribedTopicNames: string[] | null,
) {
  return await client.ask(shareGroupHeartbeat, 1, { groupId, memberId, memberEpoch, subscribedTopicNames });
}

/** A group that reads the topic from its beginning, and a member of it that has joined. */
export async function joinShare(
  client: SimulatedClient,
  groupId: string,
  memberId: string,
  topic: Topic,
  reset = 'earliest',
): Promise<ShareMember> {
  await findGroup(client, groupId);
  await setGroupConfig(client, groupId, 'share.auto.offset.reset', reset);
  const answer = await beatShare(client, groupId, memberId, 0, [topic.name]);
  if (answer.errorCode !== 0) throw new Error(`join: ${answer.errorCode} ${answer.errorMessage}`);
  return new ShareMember(client, groupId, memberId, topic);
}

/** Start offset and lag of partition 0. */
export async function shareOffset(client: SimulatedClient, groupId: string, topic: Topic) {
  const { groups } = await client.ask(describeShareGroupOffsets, 1, {
    groups: [{ groupId, topics: [{ topicName: topic.name, partitions: [0] }] }],
  });
  const partition = groups[0]?.topics[0]?.partitions[0];
  return { start: partition?.startOffset, lag: partition?.lag, error: partition?.errorCode };
}

export async function findShare(client: SimulatedClient, keys: readonly string[], version = 6) {
  const answer = await client.ask(findCoordinator, version, { keyType: 2, coordinatorKeys: [...keys] });
  return answer.coordinators.map(({ errorCode }) => errorCode);
}
