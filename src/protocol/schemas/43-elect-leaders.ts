/** ElectLeaders: asks for an election of leaders. */
import { defineApi } from '../api.ts';
import { array, int8, int16, int32, notIgnorable, nullable, since, string, struct, withDefault } from '../fields.ts';

export const electLeaders = defineApi({
  key: 43,
  name: 'ElectLeaders',
  versions: [0, 2],
  flexibleSince: 2,
  request: {
    electionType: since(1, notIgnorable(int8())),
    topicPartitions: nullable(
      array(
        struct({
          topic: string(),
          partitions: array(int32()),
        }),
      ),
    ),
    timeoutMs: withDefault(int32(), 60000),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    errorCode: since(1, int16()),
    replicaElectionResults: array(
      struct({
        topic: string(),
        partitionResult: array(
          struct({
            partitionId: int32(),
            errorCode: int16(),
            errorMessage: nullable(string()),
          }),
        ),
      }),
    ),
  },
});
