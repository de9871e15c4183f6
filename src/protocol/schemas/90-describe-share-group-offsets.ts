/** DescribeShareGroupOffsets: where share groups start in partitions, and how far behind they are. */
import { defineApi } from '../api.ts';
import { array, int16, int32, int64, nullable, since, string, struct, uuid, withDefault } from '../fields.ts';

export const describeShareGroupOffsets = defineApi({
  key: 90,
  name: 'DescribeShareGroupOffsets',
  versions: [0, 1],
  flexibleSince: 0,
  request: {
    groups: array(
      struct({
        groupId: string(),
        topics: nullable(
          array(
            struct({
              topicName: string(),
              partitions: array(int32()),
            }),
          ),
        ),
      }),
    ),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    groups: array(
      struct({
        groupId: string(),
        topics: array(
          struct({
            topicName: string(),
            topicId: uuid(),
            partitions: array(
              struct({
                partitionIndex: int32(),
                startOffset: int64(),
                leaderEpoch: int32(),
                lag: since(1, withDefault(int64(), -1)),
                errorCode: int16(),
                errorMessage: withDefault(nullable(string()), null),
              }),
            ),
          }),
        ),
        errorCode: int16(),
        errorMessage: withDefault(nullable(string()), null),
      }),
    ),
  },
});
