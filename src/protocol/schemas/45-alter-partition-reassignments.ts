/** AlterPartitionReassignments: begins or cancels moves of replicas between brokers. */
import { defineApi } from '../api.ts';
import { array, boolean, int16, int32, notIgnorable, nullable, since, string, struct, withDefault } from '../fields.ts';

export const alterPartitionReassignments = defineApi({
  key: 45,
  name: 'AlterPartitionReassignments',
  versions: [0, 1],
  flexibleSince: 0,
  request: {
    timeoutMs: withDefault(int32(), 60000),
    allowReplicationFactorChange: since(1, notIgnorable(withDefault(boolean(), true))),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            replicas: withDefault(nullable(array(int32())), null),
          }),
        ),
      }),
    ),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    allowReplicationFactorChange: since(1, withDefault(boolean(), true)),
    errorCode: int16(),
    errorMessage: nullable(string()),
    responses: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
            errorMessage: nullable(string()),
          }),
        ),
      }),
    ),
  },
});
