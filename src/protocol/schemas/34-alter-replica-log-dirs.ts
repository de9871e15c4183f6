/** AlterReplicaLogDirs: moves replicas between data folders. */
import { defineApi } from '../api.ts';
import { array, int16, int32, string, struct, withDefault } from '../fields.ts';

export const alterReplicaLogDirs = defineApi({
  key: 34,
  name: 'AlterReplicaLogDirs',
  versions: [1, 2],
  flexibleSince: 2,
  request: {
    dirs: array(
      struct({
        path: string(),
        topics: array(
          struct({
            name: string(),
            partitions: array(int32()),
          }),
        ),
      }),
    ),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    results: array(
      struct({
        topicName: string(),
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
