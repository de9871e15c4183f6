/** ConsumerGroupDescribe: state, members and assignments of groups of the newer protocol. */
import { defineApi } from '../api.ts';
import { array, boolean, int8, int16, int32, nullable, since, string, struct, uuid, withDefault } from '../fields.ts';

export const consumerGroupDescribe = defineApi({
  key: 69,
  name: 'ConsumerGroupDescribe',
  versions: [0, 1],
  flexibleSince: 0,
  request: {
    groupIds: array(string()),
    includeAuthorizedOperations: boolean(),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    groups: array(
      struct({
        errorCode: int16(),
        errorMessage: withDefault(nullable(string()), null),
        groupId: string(),
        groupState: string(),
        groupEpoch: int32(),
        assignmentEpoch: int32(),
        assignorName: string(),
        members: array(
          struct({
            memberId: string(),
            instanceId: withDefault(nullable(string()), null),
            rackId: withDefault(nullable(string()), null),
            memberEpoch: int32(),
            clientId: string(),
            clientHost: string(),
            subscribedTopicNames: array(string()),
            subscribedTopicRegex: withDefault(nullable(string()), null),
            assignment: struct({
              topicPartitions: array(
                struct({
                  topicId: uuid(),
                  topicName: string(),
                  partitions: array(int32()),
                }),
              ),
            }),
            targetAssignment: struct({
              topicPartitions: array(
                struct({
                  topicId: uuid(),
                  topicName: string(),
                  partitions: array(int32()),
                }),
              ),
            }),
            memberType: since(1, withDefault(int8(), -1)),
          }),
        ),
        authorizedOperations: withDefault(int32(), -2147483648),
      }),
    ),
  },
});
