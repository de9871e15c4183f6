/** Heartbeat of the classic group protocol: "I am still here", and the way a member learns of a rebalance. */
import { defineApi } from '../api.ts';
import { int16, int32, nullable, since, string, withDefault } from '../fields.ts';

export const heartbeat = defineApi({
  key: 12,
  name: 'Heartbeat',
  versions: [0, 4],
  flexibleSince: 4,
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: since(3, withDefault(nullable(string()), null)),
  },
  response: {
    throttleTimeMs: since(1, withDefault(int32(), 0)),
    errorCode: int16(),
  },
});
