/** ShareFetch: records for a member of a share group, acquired for it; acknowledgements may ride along. */
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
  records,
  since,
  string,
  struct,
  uuid,
  withDefault,
} from '../fields.ts';

export const shareFetch = defineApi({
  key: 78,
  name: 'ShareFetch',
  versions: [1, 2],
  flexibleSince: 0,
  request: {
    groupId: withDefault(nullable(string()), null),
    memberId: nullable(string()),
    shareSessionEpoch: int32(),
    maxWaitMs: int32(),
    minBytes: int32(),
    maxBytes: withDefault(int32(), 0x7fffffff),
    maxRecords: int32(),
    batchSize: int32(),
    shareAcquireMode: since(2, withDefault(int8(), 0)),
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
    forgottenTopicsData: array(
      struct({
        topicId: uuid(),
        partitions: array(int32()),
      }),
    ),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    errorCode: int16(),
    errorMessage: withDefault(nullable(string()), null),
    acquisitionLockTimeoutMs: int32(),
    responses: array(
      struct({
        topicId: uuid(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
            errorMessage: withDefault(nullable(string()), null),
            acknowledgeErrorCode: int16(),
            acknowledgeErrorMessage: withDefault(nullable(string()), null),
            currentLeader: struct({
              leaderId: int32(),
              leaderEpoch: int32(),
            }),
            records: nullable(records()),
            acquiredRecords: array(
              struct({
                firstOffset: int64(),
                lastOffset: int64(),
                deliveryCount: int16(),
              }),
            ),
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
