/** CreatePartitions: raises the number of partitions of topics; `count` is the new total. */
import { defineApi } from '../api.ts';
import { array, boolean, int16, int32, nullable, string, struct, withDefault } from '../fields.ts';

export const createPartitions = defineApi({
  key: 37,
  name: 'CreatePartitions',
  versions: [0, 3],
  flexibleSince: 2,
  request: {
    topics: array(
      struct({
        name: string(),
        count: int32(),
        /** One entry for each new partition; null leaves the choice to the broker. */
        assignments: nullable(array(struct({ brokerIds: array(int32()) }))),
      }),
    ),
    timeoutMs: int32(),
    validateOnly: withDefault(boolean(), false),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    results: array(struct({ name: string(), errorCode: int16(), errorMessage: withDefault(nullable(string()), null) })),
  },
});
