/** DeleteShareGroupOffsets: forgets where a share group stands in topics. */
import { defineApi } from '../api.ts';
import { array, int16, int32, nullable, string, struct, uuid, withDefault } from '../fields.ts';

export const deleteShareGroupOffsets = defineApi({
  key: 92,
  name: 'DeleteShareGroupOffsets',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    groupId: string(),
    topics: array(
      struct({
        topicName: string(),
      }),
    ),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    errorCode: int16(),
    errorMessage: withDefault(nullable(string()), null),
    responses: array(
      struct({
        topicName: string(),
        topicId: uuid(),
        errorCode: int16(),
        errorMessage: withDefault(nullable(string()), null),
      }),
    ),
  },
});
