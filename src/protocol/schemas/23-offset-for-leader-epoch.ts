/** OffsetForLeaderEpoch: where an epoch ended, so that a consumer or follower notices that its log took another way. */
import { defineApi } from '../api.ts';
import { array, int16, int32, int64, since, string, struct, withDefault } from '../fields.ts';

export const offsetForLeaderEpoch = defineApi({
  key: 23,
  name: 'OffsetForLeaderEpoch',
  versions: [2, 4],
  flexibleSince: 4,
  request: {
    /** -1 for consumers. Older versions did not say, which -2 stands for. */
    replicaId: since(3, withDefault(int32(), -2)),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            currentLeaderEpoch: withDefault(int32(), -1),
            leaderEpoch: int32(),
          }),
        ),
      }),
    ),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            errorCode: int16(),
            partitionIndex: int32(),
            leaderEpoch: withDefault(int32(), -1),
            endOffset: withDefault(int64(), -1),
          }),
        ),
      }),
    ),
  },
});
