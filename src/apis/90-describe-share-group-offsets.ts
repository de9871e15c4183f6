/**
 * DescribeShareGroupOffsets, versions 0 and 1 (KIP-932): where share groups start in partitions, from version 1 on with
 * how far they are behind. Without a list of topics, all partitions that a group has begun with. A partition that it has
 * not begun with starts at -1, and so does one that does not exist.
 */

import { isFault } from '../base/fault.ts';
import { onceByName } from '../base/once.ts';
import { GroupRefusal } from '../groups/group-refusal.ts';
import { OPERATION_DESCRIBE, RESOURCE_GROUP, RESOURCE_TOPIC } from '../protocol/acl.ts';
import type { ElementOf, RequestOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { ZERO_UUID } from '../protocol/fields.ts';
import { describeShareGroupOffsets } from '../protocol/schemas/90-describe-share-group-offsets.ts';
import { checks } from './access.ts';
import { type ControlContext, defineHandler, denial } from './define.ts';
import type { ShareServices } from './share-services.ts';

type GroupWish = ElementOf<RequestOf<typeof describeShareGroupOffsets>['groups']>;
type GroupAnswer = ElementOf<ResponseInputOf<typeof describeShareGroupOffsets>['groups']>;
type TopicAnswer = ElementOf<GroupAnswer['topics']>;
type PartitionAnswer = ElementOf<TopicAnswer['partitions']>;

interface TopicWish {
  readonly topicName: string;
  readonly topicId: string | null;
  readonly partitions: readonly number[];
}

export const describeShareGroupOffsetsHandler = defineHandler({
  api: describeShareGroupOffsets,
  access: [checks(OPERATION_DESCRIBE, RESOURCE_GROUP), checks(OPERATION_DESCRIBE, RESOURCE_TOPIC)],

  async handle(request, context) {
    const describeWhole = onceByName((groupId) => describe(context, { groupId, topics: null }));
    const groups: GroupAnswer[] = [];
    for (const group of request.groups) {
      groups.push(await (group.topics === null ? describeWhole(group.groupId) : describe(context, group)));
    }
    return { groups };
  },

  refuse: (request, refusal) => ({
    groups: request.groups.map(({ groupId }) => failed(groupId, refusal.errorCode, refusal.message)),
  }),
});

async function describe({ services, permit }: ControlContext, { groupId, topics }: GroupWish): Promise<GroupAnswer> {
  const { shares } = services;
  if (!permit.may(OPERATION_DESCRIBE, RESOURCE_GROUP, groupId)) {
    return failed(groupId, errorCode.GROUP_AUTHORIZATION_FAILED, '');
  }
  try {
    const wishes: readonly TopicWish[] =
      topics === null
        ? begunTopics(shares, groupId)
        : topics
            .map((topic) => ({ ...topic, topicId: shares.topics.idOf(topic.topicName) }))
            .filter(({ topicId, partitions }) => topicId === null || partitions.length > 0);
    const hidden = permit.denied(
      OPERATION_DESCRIBE,
      RESOURCE_TOPIC,
      (topics ?? wishes).map(({ topicName }) => topicName),
    );
    const answers: TopicAnswer[] = [];
    for (const { topicName, topicId, partitions } of wishes) {
      if (hidden.has(topicName)) continue;
      const described = partitions.map((partition) => describePartition(shares, groupId, topicId, partition));
      answers.push({ topicName, topicId: topicId ?? ZERO_UUID, partitions: await Promise.all(described) });
    }
    for (const topic of topics ?? []) if (hidden.has(topic.topicName)) answers.push(hiddenTopic(topic));
    return { groupId, topics: answers, errorCode: errorCode.NONE };
  } catch (error) {
    if (!(error instanceof GroupRefusal)) throw error;
    return failed(groupId, error.errorCode, error.message);
  }
}

function hiddenTopic({ topicName, partitions }: ElementOf<NonNullable<GroupWish['topics']>>): TopicAnswer {
  const { errorCode: code, message } = denial(errorCode.TOPIC_AUTHORIZATION_FAILED);
  return {
    topicName,
    topicId: ZERO_UUID,
    partitions: partitions.map((partitionIndex) => ({
      partitionIndex,
      startOffset: -1,
      leaderEpoch: 0,
      lag: -1,
      errorCode: code,
      errorMessage: message,
    })),
  };
}

/** A group of another kind has begun with nothing. */
function begunTopics(shares: ShareServices, groupId: string): TopicWish[] {
  const group = shares.groups.findAny(groupId);
  return [...(group?.begun ?? [])].map(([topicId, { name, partitions }]) => ({
    topicName: name,
    topicId,
    partitions: [...partitions].sort((a, b) => a - b),
  }));
}

async function describePartition(
  shares: ShareServices,
  groupId: string,
  topicId: string | null,
  partition: number,
): Promise<PartitionAnswer> {
  const unknown = { partitionIndex: partition, startOffset: -1, leaderEpoch: 0, lag: -1, errorCode: errorCode.NONE };
  if (topicId === null || partition < 0) return unknown;
  try {
    const summary = await shares.summaryOf({ groupId, topicId, partition });
    return summary === null ? unknown : { ...unknown, ...summary };
  } catch (error) {
    if (!isFault(error)) throw error;
    return { ...unknown, errorCode: errorCode.COORDINATOR_NOT_AVAILABLE, errorMessage: error.message };
  }
}

function failed(groupId: string, code: number, message: string): GroupAnswer {
  return { groupId, topics: [], errorCode: code, errorMessage: message === '' ? null : message };
}
