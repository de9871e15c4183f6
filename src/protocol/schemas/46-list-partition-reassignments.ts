/** ListPartitionReassignments: moves of replicas under way. */
import { defineApi } from '../api.ts';
import { array, int16, int32, nullable, string, struct, withDefault } from '../fields.ts';

export const listPartitionReassignments = defineApi({
  key: 46,
  name: 'ListPartitionReassignments',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    timeoutMs: withDefault(int32(), 60000),
    topics: withDefault(
      nullable(
        array(
          struct({
            name: string(),
            partitionIndexes: array(int32()),
          }),
        ),
      ),
      null,
    ),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    errorCode: int16(),
    errorMessage: nullable(string()),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            replicas: array(int32()),
            addingReplicas: array(int32()),
            removingReplicas: array(int32()),
          }),
        ),
      }),
    ),
  },
});
