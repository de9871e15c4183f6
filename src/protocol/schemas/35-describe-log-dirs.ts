/** DescribeLogDirs: data folders, their room, and how many bytes partitions take. */
import { defineApi } from '../api.ts';
import { array, boolean, int16, int32, int64, nullable, since, string, struct, withDefault } from '../fields.ts';

export const describeLogDirs = defineApi({
  key: 35,
  name: 'DescribeLogDirs',
  versions: [1, 5],
  flexibleSince: 2,
  request: {
    topics: nullable(
      array(
        struct({
          topic: string(),
          partitions: array(int32()),
        }),
      ),
    ),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    errorCode: since(3, int16()),
    results: array(
      struct({
        errorCode: int16(),
        logDir: string(),
        topics: array(
          struct({
            name: string(),
            partitions: array(
              struct({
                partitionIndex: int32(),
                partitionSize: int64(),
                offsetLag: int64(),
                isFutureKey: boolean(),
              }),
            ),
          }),
        ),
        totalBytes: since(4, withDefault(int64(), -1)),
        usableBytes: since(4, withDefault(int64(), -1)),
        isCordoned: since(5, withDefault(boolean(), false)),
      }),
    ),
  },
});
