/** AlterShareGroupOffsets: sets where a share group without members starts. */
import { defineApi } from '../api.ts';
import { array, int16, int32, int64, nullable, string, struct, uuid, withDefault } from '../fields.ts';

export const alterShareGroupOffsets = defineApi({
  key: 91,
  name: 'AlterShareGroupOffsets',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    groupId: string(),
    topics: array(
      struct({
        topicName: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            startOffset: int64(),
          }),
        ),
      }),
    ),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    errorCode: int16(),
    errorMessage: withDefault(nullable(string()), null),
    responses: array(
      struct({
        topicName: string(),
        topicId: uuid(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
            errorMessage: withDefault(nullable(string()), null),
          }),
        ),
      }),
    ),
  },
});
