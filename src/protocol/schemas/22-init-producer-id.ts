/** InitProducerId: gives a producer its id and epoch, and fences older producers with the same transactional id. */
import { defineApi } from '../api.ts';
import { int16, int32, int64, notIgnorable, nullable, since, string, withDefault } from '../fields.ts';

export const initProducerId = defineApi({
  key: 22,
  name: 'InitProducerId',
  versions: [0, 5],
  flexibleSince: 2,
  request: {
    transactionalId: nullable(string()),
    transactionTimeoutMs: int32(),
    /** A producer that wants to go on with the id it has. */
    producerId: since(3, notIgnorable(withDefault(int64(), -1))),
    producerEpoch: since(3, notIgnorable(withDefault(int16(), -1))),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    errorCode: int16(),
    producerId: withDefault(int64(), -1),
    producerEpoch: withDefault(int16(), 0),
  },
});
