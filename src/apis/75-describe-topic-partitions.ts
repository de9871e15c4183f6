/**
 * DescribeTopicPartitions, version 0: partitions of many topics, page by page. No topics in the request asks for all; a
 * cursor says where the page begins, the answer's cursor where the next one does. Never creates a topic.
 */
import { TOPIC_OPERATIONS } from '../admin/operations.ts';
import { pagePartitions, type TopicPage } from '../admin/partitions.ts';
import { isInternalTopic } from '../cluster/catalog.ts';
import type { ElementOf, RequestOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { ZERO_UUID } from '../protocol/fields.ts';
import { describeTopicPartitions } from '../protocol/schemas/75-describe-topic-partitions.ts';
import { defineHandler } from './define.ts';

type Answer = ElementOf<ResponseInputOf<typeof describeTopicPartitions>['topics']>;

export const describeTopicPartitionsHandler = defineHandler({
  api: describeTopicPartitions,
  access: [{ kind: 'guarded', resource: 'topic', operation: 'describe' }],

  handle(request, { services }) {
    const { catalog, config } = services.controller;
    // The cursor is the client's own echo of an answer, and none had a negative partition.
    if ((request.cursor?.partitionIndex ?? 0) < 0) return { topics: refuseAll(request, errorCode.INVALID_REQUEST) };
    const names = request.topics.map(({ name }) => name);
    const partitionsMax = Math.min(request.responsePartitionLimit, config.values['max.request.partition.size.limit']);
    const pages = pagePartitions(catalog, names, request.cursor, partitionsMax);
    if (pages === null) return { topics: refuseAll(request, errorCode.INVALID_REQUEST) };
    const nodeId = config.values['node.id'];
    return { topics: pages.topics.map((page) => answerOf(page, nodeId)), nextCursor: pages.next };
  },

  refuse: (request, refusal) => ({ topics: refuseAll(request, refusal.errorCode) }),
});

function answerOf({ name, errorCode: code, topic, firstPartition, partitionCount }: TopicPage, nodeId: number): Answer {
  if (topic === null) return { ...refused(name, code), topicAuthorizedOperations: TOPIC_OPERATIONS };
  const replicaNodes = [nodeId];
  const epochs = topic.leaderEpochs.slice(firstPartition, firstPartition + partitionCount);
  return {
    errorCode: code,
    name,
    topicId: topic.id,
    isInternal: isInternalTopic(name),
    partitions: epochs.map((leaderEpoch, index) => ({
      errorCode: errorCode.NONE,
      partitionIndex: firstPartition + index,
      leaderId: nodeId,
      leaderEpoch,
      replicaNodes,
      isrNodes: replicaNodes,
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
      offlineReplicas: [],
    })),
    topicAuthorizedOperations: TOPIC_OPERATIONS,
  };
}

function refuseAll(request: RequestOf<typeof describeTopicPartitions>, code: number): readonly Answer[] {
  return request.topics.map(({ name }) => refused(name, code));
}

function refused(name: string, code: number): Answer {
  return { errorCode: code, name, topicId: ZERO_UUID, partitions: [] };
}
