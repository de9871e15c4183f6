/**
 * ListOffsets: the offset that belongs to a timestamp. Negative timestamps have meanings of their own, which the constants
 * name; some were added with later versions.
 */
import { defineApi } from '../api.ts';
import { array, clampedInt64, int8, int16, int32, int64, since, string, struct, withDefault } from '../fields.ts';

export const LATEST_TIMESTAMP = -1;
export const EARLIEST_TIMESTAMP = -2;
/** The record with the greatest timestamp; version 7. */
export const MAX_TIMESTAMP = -3;
/** The first offset on this broker's own disk; version 8. */
export const EARLIEST_LOCAL_TIMESTAMP = -4;
/** The last offset in remote storage; version 9. */
export const LATEST_TIERED_TIMESTAMP = -5;
/** The first offset not yet in remote storage; version 11. */
export const EARLIEST_PENDING_UPLOAD_TIMESTAMP = -6;

export const listOffsets = defineApi({
  key: 2,
  name: 'ListOffsets',
  versions: [1, 11],
  flexibleSince: 6,
  request: {
    replicaId: withDefault(int32(), -1),
    isolationLevel: since(2, withDefault(int8(), 0)),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            currentLeaderEpoch: since(4, withDefault(int32(), -1)),
            timestamp: clampedInt64(),
          }),
        ),
      }),
    ),
    timeoutMs: since(10, withDefault(int32(), 0)),
  },
  response: {
    throttleTimeMs: since(2, withDefault(int32(), 0)),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
            timestamp: withDefault(int64(), -1),
            offset: withDefault(int64(), -1),
            leaderEpoch: since(4, withDefault(int32(), -1)),
          }),
        ),
      }),
    ),
  },
});
