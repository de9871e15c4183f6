/** ConsumerGroupHeartbeat: joining, staying, changing and leaving a group in one request (KIP-848). */
import { defineApi } from '../api.ts';
import { array, int16, int32, notIgnorable, nullable, since, string, struct, uuid, withDefault } from '../fields.ts';

export const consumerGroupHeartbeat = defineApi({
  key: 68,
  name: 'ConsumerGroupHeartbeat',
  versions: [0, 1],
  flexibleSince: 0,
  request: {
    groupId: string(),
    memberId: string(),
    memberEpoch: int32(),
    instanceId: withDefault(nullable(string()), null),
    rackId: withDefault(nullable(string()), null),
    rebalanceTimeoutMs: withDefault(int32(), -1),
    subscribedTopicNames: withDefault(nullable(array(string())), null),
    subscribedTopicRegex: since(1, notIgnorable(withDefault(nullable(string()), null))),
    serverAssignor: withDefault(nullable(string()), null),
    topicPartitions: withDefault(
      nullable(
        array(
          struct({
            topicId: uuid(),
            partitions: array(int32()),
          }),
        ),
      ),
      null,
    ),
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
