/**
 * Produce. The broker itself walks these bytes with `produce-cursor`; the schema is what clients of ours write and what
 * the cursor is tested against. Versions 0 to 2 carry old message formats and are refused, yet clients must see a minimum
 * of 0 (KAFKA-18659). From version 13 on topics go by id.
 */
import { defineApi } from '../api.ts';
import {
  array,
  int16,
  int32,
  int64,
  nullable,
  records,
  since,
  string,
  struct,
  tagged,
  until,
  uuid,
  withDefault,
  ZERO_UUID,
} from '../fields.ts';

export const produce = defineApi({
  key: 0,
  name: 'Produce',
  versions: [3, 13],
  advertised: [0, 13],
  flexibleSince: 9,
  request: {
    transactionalId: withDefault(nullable(string()), null),
    acks: int16(),
    timeoutMs: int32(),
    topics: array(
      struct({
        name: until(12, withDefault(string(), '')),
        topicId: since(13, withDefault(uuid(), ZERO_UUID)),
        partitions: array(struct({ partitionIndex: int32(), records: records() })),
      }),
    ),
  },
  response: {
    topics: array(
      struct({
        name: until(12, withDefault(string(), '')),
        topicId: since(13, withDefault(uuid(), ZERO_UUID)),
        partitions: array(
          struct({
            partitionIndex: int32(),
            errorCode: int16(),
            baseOffset: int64(),
            /** -1 where the topic keeps the producer's timestamps. */
            logAppendTimeMs: withDefault(int64(), -1),
            logStartOffset: since(5, withDefault(int64(), -1)),
            recordErrors: since(
              8,
              withDefault(array(struct({ batchIndex: int32(), message: withDefault(nullable(string()), null) })), []),
            ),
            errorMessage: since(8, withDefault(nullable(string()), null)),
            currentLeader: since(
              10,
              tagged(0, struct({ leaderId: withDefault(int32(), -1), leaderEpoch: withDefault(int32(), -1) })),
            ),
          }),
        ),
      }),
    ),
    throttleTimeMs: withDefault(int32(), 0),
    /** Where the leaders named above can be reached. */
    nodeEndpoints: since(
      10,
      tagged(0, array(struct({ nodeId: int32(), host: string(), port: int32(), rack: nullable(string()) }))),
    ),
  },
});
