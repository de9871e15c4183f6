/**
 * CreateTopics. From version 4 on -1 asks for the broker's defaults; from version 5 on the answer tells what was made of
 * the wishes, from version 7 on also the new topic's id.
 */
import { defineApi } from '../api.ts';
import {
  array,
  boolean,
  int8,
  int16,
  int32,
  nullable,
  since,
  string,
  struct,
  tagged,
  uuid,
  withDefault,
  ZERO_UUID,
} from '../fields.ts';

export const createTopics = defineApi({
  key: 19,
  name: 'CreateTopics',
  versions: [2, 7],
  flexibleSince: 5,
  request: {
    topics: array(
      struct({
        name: string(),
        numPartitions: int32(),
        replicationFactor: int16(),
        assignments: array(struct({ partitionIndex: int32(), brokerIds: array(int32()) })),
        configs: array(struct({ name: string(), value: nullable(string()) })),
      }),
    ),
    timeoutMs: withDefault(int32(), 60_000),
    validateOnly: withDefault(boolean(), false),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    topics: array(
      struct({
        name: string(),
        topicId: since(7, withDefault(uuid(), ZERO_UUID)),
        errorCode: int16(),
        errorMessage: withDefault(nullable(string()), null),
        /** Why the configs could not be shown although the topic was made. */
        topicConfigErrorCode: since(5, tagged(0, int16())),
        numPartitions: since(5, withDefault(int32(), -1)),
        replicationFactor: since(5, withDefault(int16(), -1)),
        configs: since(
          5,
          withDefault(
            nullable(
              array(
                struct({
                  name: string(),
                  value: nullable(string()),
                  readOnly: boolean(),
                  configSource: withDefault(int8(), -1),
                  isSensitive: boolean(),
                }),
              ),
            ),
            null,
          ),
        ),
      }),
    ),
  },
});
