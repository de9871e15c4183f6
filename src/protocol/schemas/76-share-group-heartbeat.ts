/** ShareGroupHeartbeat: joining, staying in and leaving a share group (KIP-932). */
import { defineApi } from '../api.ts';
import { array, int16, int32, nullable, string, struct, uuid, withDefault } from '../fields.ts';

export const shareGroupHeartbeat = defineApi({
  key: 76,
  name: 'ShareGroupHeartbeat',
  versions: [1, 1],
  flexibleSince: 0,
  request: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    rackId: withDefault(nullable(string()), null),
    subscribedTopicNames: withDefault(nullable(array(string())), null),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    errorCode: int16(),
    errorMessage: withDefault(nullable(string()), null),
    memberId: withDefault(nullable(string()), null),
    memberEpoch: int32(),
    heartbeatIntervalMs: int32(),
    assignment: withDefault(
      nullable(
        struct({
          topicPartitions: array(
            struct({
              topicId: uuid(),
              partitions: array(int32()),
            }),
          ),
        }),
      ),
      null,
    ),
  },
});
