/**
 * DescribeTopicPartitions, version 0: partitions of many topics, page by page. No topics in the request asks for all; a
 * cursor says where the page begins, the answer's cursor where the next one does. Never creates a topic.
 */

import { pagePartitions, type TopicPage } from '../admin/partitions.ts';
import { isInternalTopic } from '../cluster/catalog.ts';
import type { Controller } from '../cluster/controller.ts';
import { OPERATION_DESCRIBE, RESOURCE_TOPIC } from '../protocol/acl.ts';
import type { ElementOf, RequestOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { ZERO_UUID } from '../protocol/fields.ts';
import { describeTopicPartitions } from '../protocol/schemas/75-describe-topic-partitions.ts';
import type { Permit } from '../security/permit.ts';
import { checks } from './access.ts';
import { defineHandler } from './define.ts';

const NO_LEADER = -1;

type Answer = ElementOf<ResponseInputOf<typeof describeTopicPartitions>['topics']>;

export const describeTopicPartitionsHandler = defineHandler({
  api: describeTopicPartitions,
  access: [checks(OPERATION_DESCRIBE, RESOURCE_TOPIC)],

  handle(request, { services, permit }) {
    const { catalog, config } = services.controller;
    // The cursor is the client's own echo of an answer, and none had a negative partition.
    if ((request.cursor?.partitionIndex ?? 0) < 0) return { topics: refuseAll(request, errorCode.INVALID_REQUEST) };
    const isAll = request.topics.length === 0;
    const asked = isAll ? [...catalog.topicsByName.keys()] : request.topics.map(({ name }) => name);
    // Before the cursor nothing is looked at any more.
    const ahead = asked.filter((name) => request.cursor === null || name >= request.cursor.topicName);
    const hidden = permit.denied(OPERATION_DESCRIBE, RESOURCE_TOPIC, ahead, isAll);
    const names = asked.filter((name) => !hidden.has(name));
    const refusedNames = isAll ? [] : [...hidden];
    const partitionsMax = Math.min(request.responsePartitionLimit, config.values['max.request.partition.size.limit']);
    if (isOutside(request)) return { topics: refuseAll(request, errorCode.INVALID_REQUEST) };
    const { topics, next } = pagePartitions(catalog, names, request.cursor, partitionsMax);
    return {
      topics: [
        ...topics.map((page) => answerOf(page, services.controller, permit)),
        ...refusedNames.map((name) => refused(name, errorCode.TOPIC_AUTHORIZATION_FAILED)),
      ],
      nextCursor: next,
    };
  },

  refuse: (request, refusal) => ({ topics: refuseAll(request, refusal.errorCode) }),
});

/** A cursor has to stand at one of the topics that are asked for. */
function isOutside({ topics, cursor }: RequestOf<typeof describeTopicPartitions>): boolean {
  return cursor !== null && topics.length > 0 && !topics.some(({ name }) => name === cursor.topicName);
}

function answerOf(page: TopicPage, controller: Controller, permit: Permit): Answer {
  const { name, errorCode: code, topic, firstPartition, partitionCount } = page;
  const topicAuthorizedOperations = permit.operations(RESOURCE_TOPIC, name);
  if (topic === null) return { ...refused(name, code), topicAuthorizedOperations };
  const nodeId = controller.config.values['node.id'];
  const replicaNodes = [nodeId];
  // The others are being made.
  const servedCount = controller.placesOf(topic.id).length - firstPartition;
  const epochs = topic.leaderEpochs.slice(firstPartition, firstPartition + partitionCount);
  return {
    errorCode: code,
    name,
    topicId: topic.id,
    isInternal: isInternalTopic(name),
    partitions: epochs.map((leaderEpoch, index) => ({
      errorCode: index < servedCount ? errorCode.NONE : errorCode.LEADER_NOT_AVAILABLE,
      partitionIndex: firstPartition + index,
      leaderId: index < servedCount ? nodeId : NO_LEADER,
      leaderEpoch,
      replicaNodes,
      isrNodes: replicaNodes,
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
      offlineReplicas: [],
    })),
    topicAuthorizedOperations,
  };
}

function refuseAll(request: RequestOf<typeof describeTopicPartitions>, code: number): readonly Answer[] {
  return request.topics.map(({ name }) => refused(name, code));
}

function refused(name: string, code: number): Answer {
  return { errorCode: code, name, topicId: ZERO_UUID, partitions: [] };
}
