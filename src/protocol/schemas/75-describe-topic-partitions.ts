/** DescribeTopicPartitions: like Metadata for topics, page by page; the cursor says where the next page starts. */
import { defineApi } from '../api.ts';
import { array, boolean, int16, int32, nullable, string, struct, uuid, withDefault } from '../fields.ts';
import { OPERATIONS_NOT_ASKED } from './03-metadata.ts';

export const describeTopicPartitions = defineApi({
  key: 75,
  name: 'DescribeTopicPartitions',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    topics: array(struct({ name: string() })),
    responsePartitionLimit: withDefault(int32(), 2000),
    cursor: withDefault(nullable(struct({ topicName: string(), partitionIndex: int32() })), null),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    topics: array(
      struct({
        errorCode: int16(),
        name: nullable(string()),
        topicId: uuid(),
        isInternal: withDefault(boolean(), false),
        partitions: array(
          struct({
            errorCode: int16(),
            partitionIndex: int32(),
            leaderId: int32(),
            leaderEpoch: withDefault(int32(), -1),
            replicaNodes: array(int32()),
            isrNodes: array(int32()),
            eligibleLeaderReplicas: withDefault(nullable(array(int32())), null),
            lastKnownElr: withDefault(nullable(array(int32())), null),
            offlineReplicas: array(int32()),
          }),
        ),
        topicAuthorizedOperations: withDefault(int32(), OPERATIONS_NOT_ASKED),
      }),
    ),
    nextCursor: withDefault(nullable(struct({ topicName: string(), partitionIndex: int32() })), null),
  },
});
