/** WriteTxnMarkers: writes the end of transactions into partitions; sent by coordinators and by people who abort hanging ones. */
import { defineApi } from '../api.ts';
import { array, boolean, int8, int16, int32, int64, since, string, struct, withDefault } from '../fields.ts';

export const writeTxnMarkers = defineApi({
  key: 27,
  name: 'WriteTxnMarkers',
  versions: [1, 2],
  flexibleSince: 1,
  request: {
    markers: array(
      struct({
        producerId: int64(),
        producerEpoch: int16(),
        transactionResult: boolean(),
        topics: array(
          struct({
            name: string(),
            partitionIndexes: array(int32()),
          }),
        ),
        coordinatorEpoch: int32(),
        transactionVersion: since(2, withDefault(int8(), 0)),
      }),
    ),
  },
  response: {
    markers: array(
      struct({
        producerId: int64(),
        topics: array(
          struct({
            name: string(),
            partitions: array(
              struct({
                partitionIndex: int32(),
                errorCode: int16(),
              }),
            ),
          }),
        ),
      }),
    ),
  },
});
