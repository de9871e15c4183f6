/** DescribeTransactions: state of transactions by their transactional ids. */
import { defineApi } from '../api.ts';
import { array, int16, int32, int64, string, struct, withDefault } from '../fields.ts';

export const describeTransactions = defineApi({
  key: 65,
  name: 'DescribeTransactions',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    transactionalIds: array(string()),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    transactionStates: array(
      struct({
        errorCode: int16(),
        transactionalId: string(),
        transactionState: string(),
        transactionTimeoutMs: int32(),
        transactionStartTimeMs: int64(),
        producerId: int64(),
        producerEpoch: int16(),
        topics: array(
          struct({
            topic: string(),
            partitions: array(int32()),
          }),
        ),
      }),
    ),
  },
});
