/** DeleteRecords: moves the start of partitions forward, so that everything before it is gone. */
import { defineApi } from '../api.ts';
import { array, int16, int32, int64, string, struct, withDefault } from '../fields.ts';

export const deleteRecords = defineApi({
  key: 21,
  name: 'DeleteRecords',
  versions: [0, 2],
  flexibleSince: 2,
  request: {
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            offset: int64(),
          }),
        ),
      }),
    ),
    timeoutMs: int32(),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            lowWatermark: int64(),
            errorCode: int16(),
          }),
        ),
      }),
    ),
  },
});
