/** DeleteTopics: by name up to version 5, from version 6 on by name or by id. */
import { defineApi } from '../api.ts';
import {
  array,
  int16,
  int32,
  nullable,
  since,
  string,
  struct,
  until,
  uuid,
  withDefault,
  ZERO_UUID,
} from '../fields.ts';

export const deleteTopics = defineApi({
  key: 20,
  name: 'DeleteTopics',
  versions: [1, 6],
  flexibleSince: 4,
  request: {
    /** The id counts where the name is null. */
    topics: since(
      6,
      withDefault(
        array(struct({ name: withDefault(nullable(string()), null), topicId: withDefault(uuid(), ZERO_UUID) })),
        [],
      ),
    ),
    topicNames: until(5, withDefault(array(string()), [])),
    timeoutMs: int32(),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    responses: array(
      struct({
        name: nullable(string(), 6),
        topicId: since(6, withDefault(uuid(), ZERO_UUID)),
        errorCode: int16(),
        errorMessage: since(5, withDefault(nullable(string()), null)),
      }),
    ),
  },
});
