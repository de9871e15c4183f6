/**
 * The layouts of a consumer group's records in `__consumer_offsets`, in Kafka's numbers and words: kinds 3 to 8 and 16.
 * `consumer-group-codec.ts` turns them into the values that groups work with.
 */
import {
  array,
  bytes,
  int8,
  int32,
  int64,
  NEVER,
  nullable,
  string,
  struct,
  tagged,
  uuid,
  wideInt64,
  withDefault,
} from '../protocol/fields.ts';
import { defineStored } from '../protocol/stored-record.ts';

export const consumerKind = {
  group: 3,
  partitionMetadata: 4,
  member: 5,
  targetEpoch: 6,
  target: 7,
  current: 8,
  pattern: 16,
} as const;

function groupKey(name: string, kind: number) {
  return defineStored({ name, kind, versions: [0, 0], flexibleSince: NEVER, fields: { groupId: string() } });
}

function memberKey(name: string, kind: number) {
  const fields = { groupId: string(), memberId: string() };
  return defineStored({ name, kind, versions: [0, 0], flexibleSince: NEVER, fields });
}

export const groupMetadataKey = groupKey('ConsumerGroupMetadataKey', consumerKind.group);
export const partitionMetadataKey = groupKey('ConsumerGroupPartitionMetadataKey', consumerKind.partitionMetadata);
export const memberMetadataKey = memberKey('ConsumerGroupMemberMetadataKey', consumerKind.member);
export const targetMetadataKey = groupKey('ConsumerGroupTargetAssignmentMetadataKey', consumerKind.targetEpoch);
export const targetMemberKey = memberKey('ConsumerGroupTargetAssignmentMemberKey', consumerKind.target);
export const currentAssignmentKey = memberKey('ConsumerGroupCurrentMemberAssignmentKey', consumerKind.current);
export const patternKey = defineStored({
  name: 'ConsumerGroupRegularExpressionKey',
  kind: consumerKind.pattern,
  versions: [0, 0],
  flexibleSince: NEVER,
  fields: { groupId: string(), regularExpression: string() },
});

export const groupMetadataValue = defineStored({
  name: 'ConsumerGroupMetadataValue',
  versions: [0, 0],
  flexibleSince: 0,
  fields: { epoch: int32(), metadataHash: tagged(0, withDefault(wideInt64(), 0n)) },
});

export const memberMetadataValue = defineStored({
  name: 'ConsumerGroupMemberMetadataValue',
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    instanceId: nullable(string()),
    rackId: nullable(string()),
    clientId: string(),
    clientHost: string(),
    subscribedTopicNames: array(string()),
    subscribedTopicRegex: nullable(string()),
    rebalanceTimeoutMs: withDefault(int32(), -1),
    serverAssignor: nullable(string()),
    classicMemberMetadata: tagged(
      0,
      withDefault(
        nullable(
          struct({
            sessionTimeoutMs: int32(),
            supportedProtocols: array(struct({ name: string(), metadata: bytes() })),
          }),
        ),
        // Kafka's default is an empty one: only null that is written says that there is none.
        { sessionTimeoutMs: 0, supportedProtocols: [] },
      ),
    ),
  },
});

export const targetMetadataValue = defineStored({
  name: 'ConsumerGroupTargetAssignmentMetadataValue',
  versions: [0, 0],
  flexibleSince: 0,
  fields: { assignmentEpoch: int32(), assignmentTimestamp: tagged(0, withDefault(int64(), 0)) },
});

export const targetMemberValue = defineStored({
  name: 'ConsumerGroupTargetAssignmentMemberValue',
  versions: [0, 0],
  flexibleSince: 0,
  fields: { topicPartitions: array(struct({ topicId: uuid(), partitions: array(int32()) })) },
});

const heldPartitions = () =>
  array(
    struct({
      topicId: uuid(),
      partitions: array(int32()),
      assignmentEpochs: tagged(0, withDefault(nullable(array(int32())), null)),
    }),
  );

export const currentAssignmentValue = defineStored({
  name: 'ConsumerGroupCurrentMemberAssignmentValue',
  versions: [0, 0],
  flexibleSince: 0,
  fields: {
    memberEpoch: int32(),
    previousMemberEpoch: int32(),
    state: int8(),
    assignedPartitions: heldPartitions(),
    partitionsPendingRevocation: heldPartitions(),
  },
});

export const patternValue = defineStored({
  name: 'ConsumerGroupRegularExpressionValue',
  versions: [0, 0],
  flexibleSince: 0,
  fields: { topics: array(string()), version: int64(), timestamp: int64() },
});
