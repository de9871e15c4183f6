/** ShareGroupDescribe: state, members and assignments of share groups. */
import { defineApi } from '../api.ts';
import { array, boolean, int16, int32, nullable, string, struct, uuid, withDefault } from '../fields.ts';

export const shareGroupDescribe = defineApi({
  key: 77,
  name: 'ShareGroupDescribe',
  versions: [1, 1],
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
            rackId: withDefault(nullable(string()), null),
            memberEpoch: int32(),
            clientId: string(),
            clientHost: string(),
            subscribedTopicNames: array(string()),
            assignment: struct({
              topicPartitions: array(
                struct({
                  topicId: uuid(),
                  topicName: string(),
                  partitions: array(int32()),
                }),
              ),
            }),
          }),
        ),
        authorizedOperations: withDefault(int32(), -2147483648),
      }),
    ),
  },
});
