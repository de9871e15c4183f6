/**
 * DescribeQuorum, versions 0 to 2. The metadata of one node is a file of its own, not a replicated log; it is described as
 * a quorum of one, in which this broker leads, votes, and has everything there is.
 */

import { KAFKA_METADATA_TOPIC } from '../cluster/adoption.ts';
import { OPERATION_DESCRIBE } from '../protocol/acl.ts';
import type { ElementOf, RequestOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { describeQuorum } from '../protocol/schemas/55-describe-quorum.ts';
import { needsCluster } from './access.ts';
import { addressFor, type ControlContext, defineHandler } from './define.ts';

type Response = ResponseInputOf<typeof describeQuorum>;
type Partition = ElementOf<ElementOf<Response['topics']>['partitions']>;

export const describeQuorumHandler = defineHandler({
  api: describeQuorum,
  access: [needsCluster(OPERATION_DESCRIBE)],

  handle(request, context) {
    const { topics } = request;
    const [topic] = topics;
    const [partition] = topic?.partitions ?? [];
    const isMetadata =
      topics.length === 1 &&
      topic?.topicName === KAFKA_METADATA_TOPIC &&
      topic.partitions.length === 1 &&
      partition?.partitionIndex === 0;
    return isMetadata ? describeSelf(context) : unknownPartitions(request);
  },

  refuse: (_request, { errorCode: code, message }) => ({
    errorCode: code,
    errorMessage: message,
    topics: [],
    nodes: [],
  }),
});

function describeSelf(context: ControlContext): Response {
  const { controller } = context.services;
  const nodeId = controller.config.values['node.id'];
  const offset = controller.recordCount;
  const self = {
    replicaId: nodeId,
    logEndOffset: offset,
    lastFetchTimestamp: context.nowMs,
    lastCaughtUpTimestamp: context.nowMs,
  };
  const partition: Partition = {
    partitionIndex: 0,
    errorCode: errorCode.NONE,
    errorMessage: '',
    leaderId: nodeId,
    leaderEpoch: controller.catalog.brokerEpoch,
    highWatermark: offset,
    currentVoters: [self],
    observers: [],
  };
  return {
    errorCode: errorCode.NONE,
    errorMessage: '',
    topics: [{ topicName: KAFKA_METADATA_TOPIC, partitions: [partition] }],
    nodes: [{ nodeId, listeners: [{ name: context.connection.identity.listener, ...addressFor(context) }] }],
  };
}

function unknownPartitions(request: RequestOf<typeof describeQuorum>): Response {
  const topics = request.topics.map(({ topicName, partitions }) => ({
    topicName,
    partitions: partitions.map(
      ({ partitionIndex }): Partition => ({
        partitionIndex,
        errorCode: errorCode.UNKNOWN_TOPIC_OR_PARTITION,
        errorMessage: `only the partition 0 of ${KAFKA_METADATA_TOPIC} has a quorum, and only alone in a request`,
        leaderId: 0,
        leaderEpoch: 0,
        highWatermark: 0,
        currentVoters: [],
        observers: [],
      }),
    ),
  }));
  return { errorCode: errorCode.NONE, errorMessage: '', topics, nodes: [] };
}
