/**
 * ElectLeaders, versions 0 to 2: on one node nothing is ever to be elected, and each partition is told so. Asked about all
 * partitions at once, those that need no election are left out, as in Kafka.
 */

import { refusalOfElection, refusalOfElectionType } from '../admin/reassignments.ts';
import type { Refusal } from '../admin/refusal.ts';
import { OPERATION_ALTER } from '../protocol/acl.ts';
import type { RequestOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { electLeaders } from '../protocol/schemas/43-elect-leaders.ts';
import { needsCluster } from './access.ts';
import { defineHandler } from './define.ts';

type Request = RequestOf<typeof electLeaders>;

export const electLeadersHandler = defineHandler({
  api: electLeaders,
  access: [needsCluster(OPERATION_ALTER)],
  subjectsOf: ({ topicPartitions }) => topicPartitions?.map(({ topic }) => topic) ?? ['all partitions'],

  handle(request, { services }) {
    const { controller } = services;
    const wrongType = refusalOfElectionType(request.electionType);
    const asksForNone = request.topicPartitions?.length === 0;
    if (wrongType !== null && !asksForNone) return answerWith(request, wrongType.errorCode, () => wrongType);
    if (request.topicPartitions !== null)
      return answerWith(request, errorCode.NONE, (topic, partition) => refusalOfElection(controller, topic, partition));
    const topics = [...controller.catalog.topicsByName.keys()];
    return {
      errorCode: errorCode.NONE,
      replicaElectionResults: topics.map((topic) => ({ topic, partitionResult: [] })),
    };
  },

  refuse: (request, refusal) => answerWith(request, refusal.errorCode, () => refusal),
});

function answerWith(
  request: Request,
  code: number,
  refusalOf: (topic: string, partition: number) => Refusal,
): ResponseInputOf<typeof electLeaders> {
  const replicaElectionResults = (request.topicPartitions ?? []).map(({ topic, partitions }) => ({
    topic,
    partitionResult: partitions.map((partitionId) => {
      const { errorCode: partitionCode, message } = refusalOf(topic, partitionId);
      return { partitionId, errorCode: partitionCode, errorMessage: message };
    }),
  }));
  return { errorCode: code, replicaElectionResults };
}
