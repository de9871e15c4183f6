/**
 * Fetch. The broker walks requests with `fetch-cursor` and writes responses around file regions with `fetch-writer`; the
 * schema is what clients of ours use and what both are tested against. From version 7 on there are fetch sessions, from
 * version 13 on topics go by id.
 */
import { defineApi } from '../api.ts';
import {
  array,
  between,
  clampedInt64,
  int8,
  int16,
  int32,
  int64,
  nullable,
  records,
  since,
  string,
  struct,
  tagged,
  until,
  uuid,
  withDefault,
  ZERO_UUID,
} from '../fields.ts';

export const fetch = defineApi({
  key: 1,
  name: 'Fetch',
  versions: [4, 18],
  flexibleSince: 12,
  request: {
    clusterId: since(12, tagged(0, withDefault(nullable(string()), null))),
    /** -1 for consumers; from version 15 on replicas say who they are in a tagged field. */
    replicaId: until(14, withDefault(int32(), -1)),
    replicaState: since(
      15,
      tagged(1, struct({ replicaId: withDefault(int32(), -1), replicaEpoch: withDefault(int64(), -1) })),
    ),
    maxWaitMs: int32(),
    minBytes: int32(),
    maxBytes: withDefault(int32(), 0x7fff_ffff),
    isolationLevel: withDefault(int8(), 0),
    sessionId: since(7, withDefault(int32(), 0)),
    sessionEpoch: since(7, withDefault(int32(), -1)),
    topics: array(
      struct({
        name: until(12, withDefault(string(), '')),
        topicId: since(13, withDefault(uuid(), ZERO_UUID)),
        partitions: array(
          struct({
            partitionIndex: int32(),
            currentLeaderEpoch: since(9, withDefault(int32(), -1)),
            fetchOffset: clampedInt64(),
            lastFetchedEpoch: since(12, withDefault(int32(), -1)),
            logStartOffset: since(5, withDefault(clampedInt64(), -1)),
            partitionMaxBytes: int32(),
            replicaDirectoryId: since(17, tagged(0, uuid())),
            /** A follower's view of the high watermark; the greatest number says that it has none. */
            highWatermark: since(18, tagged(1, withDefault(clampedInt64(), Number.MAX_SAFE_INTEGER))),
          }),
        ),
      }),
    ),
    forgottenTopics: since(
      7,
      withDefault(
        array(
          struct({
            name: between(7, 12, withDefault(string(), '')),
            topicId: since(13, withDefault(uuid(), ZERO_UUID)),
            partitions: array(int32()),
          }),
        ),
        [],
      ),
    ),
    rackId: since(11, withDefault(string(), '')),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    errorCode: since(7, withDefault(int16(), 0)),
    sessionId: since(7, withDefault(int32(), 0)),
    topics: array(
      struct({
        name: until(12, withDefault(string(), '')),
        topicId: since(13, withDefault(uuid(), ZERO_UUID)),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
            highWatermark: int64(),
            lastStableOffset: withDefault(int64(), -1),
            logStartOffset: since(5, withDefault(int64(), -1)),
            divergingEpoch: since(
              12,
              tagged(0, struct({ epoch: withDefault(int32(), -1), endOffset: withDefault(int64(), -1) })),
            ),
            currentLeader: since(
              12,
              tagged(1, struct({ leaderId: withDefault(int32(), -1), leaderEpoch: withDefault(int32(), -1) })),
            ),
            snapshotId: since(
              12,
              tagged(2, struct({ endOffset: withDefault(int64(), -1), epoch: withDefault(int32(), -1) })),
            ),
            /** Null unless the client asked for committed records only. */
            abortedTransactions: nullable(array(struct({ producerId: int64(), firstOffset: int64() }))),
            preferredReadReplica: since(11, withDefault(int32(), -1)),
            records: records(),
          }),
        ),
      }),
    ),
    nodeEndpoints: since(
      16,
      tagged(0, array(struct({ nodeId: int32(), host: string(), port: int32(), rack: nullable(string()) }))),
    ),
  },
});
