/** TxnOffsetCommit: writes offsets of a group down as part of a transaction. */
import { defineApi } from '../api.ts';
import { array, int16, int32, int64, notIgnorable, nullable, since, string, struct, withDefault } from '../fields.ts';

export const txnOffsetCommit = defineApi({
  key: 28,
  name: 'TxnOffsetCommit',
  versions: [0, 5],
  flexibleSince: 3,
  request: {
    transactionalId: string(),
    groupId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    generationId: since(3, notIgnorable(withDefault(int32(), -1))),
    memberId: since(3, notIgnorable(withDefault(string(), ''))),
    groupInstanceId: since(3, notIgnorable(withDefault(nullable(string()), null))),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            committedOffset: int64(),
            committedLeaderEpoch: since(2, withDefault(int32(), -1)),
            committedMetadata: nullable(string()),
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
            partitionIndex: int32(),
            errorCode: int16(),
          }),
        ),
      }),
    ),
  },
});
