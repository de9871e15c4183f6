/** AddOffsetsToTxn: adds the offsets of a group to a transaction. */
import { defineApi } from '../api.ts';
import { int16, int32, int64, string, withDefault } from '../fields.ts';

export const addOffsetsToTxn = defineApi({
  key: 25,
  name: 'AddOffsetsToTxn',
  versions: [0, 4],
  flexibleSince: 3,
  request: {
    transactionalId: string(),
    producerId: int64(),
    producerEpoch: int16(),
    groupId: string(),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    errorCode: int16(),
  },
});
