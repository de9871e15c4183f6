/** ShareAcknowledge: what became of acquired records: accepted, released, rejected, renewed. */
import { defineApi } from '../api.ts';
import {
  array,
  boolean,
  int8,
  int16,
  int32,
  int64,
  notIgnorable,
  nullable,
  since,
  string,
  struct,
  uuid,
  withDefault,
} from '../fields.ts';

export const shareAcknowledge = defineApi({
  key: 79,
  name: 'ShareAcknowledge',
  versions: [1, 2],
  flexibleSince: 0,
  request: {
    groupId: withDefault(nullable(string()), null),
    memberId: nullable(string()),
    shareSessionEpoch: int32(),
    isRenewAck: since(2, notIgnorable(withDefault(boolean(), false))),
    topics: array(
      struct({
        topicId: uuid(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            acknowledgementBatches: array(
              struct({
                firstOffset: int64(),
                lastOffset: int64(),
                acknowledgeTypes: array(int8()),
              }),
            ),
          }),
        ),
      }),
    ),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    errorCode: int16(),
    errorMessage: withDefault(nullable(string()), null),
    acquisitionLockTimeoutMs: since(2, int32()),
    responses: array(
      struct({
        topicId: uuid(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
            errorMessage: withDefault(nullable(string()), null),
            currentLeader: struct({
              leaderId: int32(),
              leaderEpoch: int32(),
            }),
          }),
        ),
      }),
    ),
    nodeEndpoints: array(
      struct({
        nodeId: int32(),
        host: string(),
        port: int32(),
        rack: withDefault(nullable(string()), null),
      }),
    ),
  },
});
