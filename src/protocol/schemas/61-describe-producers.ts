/** DescribeProducers: producers with a memory in partitions: ids, epochs, sequences, open transactions. */
import { defineApi } from '../api.ts';
import { array, int16, int32, int64, nullable, string, struct, withDefault } from '../fields.ts';

export const describeProducers = defineApi({
  key: 61,
  name: 'DescribeProducers',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    topics: array(
      struct({
        name: string(),
        partitionIndexes: array(int32()),
      }),
    ),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    topics: array(
      struct({
        name: string(),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
            errorMessage: withDefault(nullable(string()), null),
            activeProducers: array(
              struct({
                producerId: int64(),
                producerEpoch: int32(),
                lastSequence: withDefault(int32(), -1),
                lastTimestamp: withDefault(int64(), -1),
                coordinatorEpoch: int32(),
                currentTxnStartOffset: withDefault(int64(), -1),
              }),
            ),
          }),
        ),
      }),
    ),
  },
});
