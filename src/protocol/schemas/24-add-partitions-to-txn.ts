/** AddPartitionsToTxn: adds partitions to a transaction; from version 4 on batched and meant for brokers, yet clients send it. */
import { defineApi } from '../api.ts';
import {
  array,
  boolean,
  int16,
  int32,
  int64,
  notIgnorable,
  since,
  string,
  struct,
  until,
  withDefault,
} from '../fields.ts';

export const addPartitionsToTxn = defineApi({
  key: 24,
  name: 'AddPartitionsToTxn',
  versions: [0, 5],
  flexibleSince: 3,
  request: {
    transactions: since(
      4,
      notIgnorable(
        array(
          struct({
            transactionalId: since(4, notIgnorable(string())),
            producerId: since(4, notIgnorable(int64())),
            producerEpoch: since(4, notIgnorable(int16())),
            verifyOnly: since(4, notIgnorable(withDefault(boolean(), false))),
            topics: since(
              4,
              notIgnorable(
                array(
                  struct({
                    name: string(),
                    partitions: array(int32()),
                  }),
                ),
              ),
            ),
          }),
        ),
      ),
    ),
    v3AndBelowTransactionalId: until(3, notIgnorable(string())),
    v3AndBelowProducerId: until(3, notIgnorable(int64())),
    v3AndBelowProducerEpoch: until(3, notIgnorable(int16())),
    v3AndBelowTopics: until(
      3,
      notIgnorable(
        array(
          struct({
            name: string(),
            partitions: array(int32()),
          }),
        ),
      ),
    ),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    errorCode: since(4, int16()),
    resultsByTransaction: since(
      4,
      array(
        struct({
          transactionalId: since(4, string()),
          topicResults: since(
            4,
            array(
              struct({
                name: string(),
                resultsByPartition: array(
                  struct({
                    partitionIndex: int32(),
                    partitionErrorCode: int16(),
                  }),
                ),
              }),
            ),
          ),
        }),
      ),
    ),
    resultsByTopicV3AndBelow: until(
      3,
      array(
        struct({
          name: string(),
          resultsByPartition: array(
            struct({
              partitionIndex: int32(),
              partitionErrorCode: int16(),
            }),
          ),
        }),
      ),
    ),
  },
});
