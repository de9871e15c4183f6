/** OffsetDelete: removes offsets of a group for topics that it no longer subscribes to. */
import { defineApi } from '../api.ts';
import { array, int16, int32, NEVER, string, struct, withDefault } from '../fields.ts';

export const offsetDelete = defineApi({
  key: 47,
  name: 'OffsetDelete',
  versions: [0, 0],
  flexibleSince: NEVER,
  request: {
    groupId: string(),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
          }),
        ),
      }),
    ),
  },
  response: {
    errorCode: int16(),
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
