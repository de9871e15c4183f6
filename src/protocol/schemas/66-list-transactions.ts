/** ListTransactions: transactions a broker coordinates, filtered by state, producer and age. */
import { defineApi } from '../api.ts';
import { array, int16, int32, int64, notIgnorable, nullable, since, string, struct, withDefault } from '../fields.ts';

export const listTransactions = defineApi({
  key: 66,
  name: 'ListTransactions',
  versions: [0, 2],
  flexibleSince: 0,
  request: {
    stateFilters: array(string()),
    producerIdFilters: array(int64()),
    durationFilter: since(1, notIgnorable(withDefault(int64(), -1))),
    transactionalIdPattern: since(2, notIgnorable(withDefault(nullable(string()), null))),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    errorCode: int16(),
    unknownStateFilters: array(string()),
    transactionStates: array(
      struct({
        transactionalId: string(),
        producerId: int64(),
        transactionState: string(),
      }),
    ),
  },
});
