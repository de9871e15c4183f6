/** SyncGroup: the leader of a classic group hands in the assignment of a generation, everybody gets his part of it. */
import { defineApi } from '../api.ts';
import { array, bytes, int16, int32, notIgnorable, nullable, since, string, struct, withDefault } from '../fields.ts';

export const syncGroup = defineApi({
  key: 14,
  name: 'SyncGroup',
  versions: [0, 5],
  flexibleSince: 4,
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: since(3, notIgnorable(withDefault(nullable(string()), null))),
    protocolType: since(5, withDefault(nullable(string()), null)),
    protocolName: since(5, withDefault(nullable(string()), null)),
    assignments: array(
      struct({
        memberId: string(),
        assignment: bytes(),
      }),
    ),
  },
  response: {
    throttleTimeMs: since(1, withDefault(int32(), 0)),
    errorCode: int16(),
    protocolType: since(5, withDefault(nullable(string()), null)),
    protocolName: since(5, withDefault(nullable(string()), null)),
    assignment: bytes(),
  },
});
