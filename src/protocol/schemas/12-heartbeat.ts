/** Heartbeat: a member of a classic group is alive, and learns whether the group rebalances. */
import { defineApi } from '../api.ts';
import { int16, int32, notIgnorable, nullable, since, string, withDefault } from '../fields.ts';

export const heartbeat = defineApi({
  key: 12,
  name: 'Heartbeat',
  versions: [0, 4],
  flexibleSince: 4,
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: since(3, notIgnorable(withDefault(nullable(string()), null))),
  },
  response: {
    throttleTimeMs: since(1, withDefault(int32(), 0)),
    errorCode: int16(),
  },
});
