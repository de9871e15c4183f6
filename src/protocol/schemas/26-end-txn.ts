/** EndTxn: commits or aborts a transaction; from version 5 on it answers the epoch to go on with. */
import { defineApi } from '../api.ts';
import { boolean, int16, int32, int64, since, string, withDefault } from '../fields.ts';

export const endTxn = defineApi({
  key: 26,
  name: 'EndTxn',
  versions: [0, 5],
  flexibleSince: 3,
  request: {
    transactionalId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    committed: boolean(),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    errorCode: int16(),
    producerId: since(5, withDefault(int64(), -1)),
    producerEpoch: since(5, withDefault(int16(), -1)),
  },
});
