/** SyncGroup: the leader hands out assignments, every member fetches its own. */
import { defineApi } from '../api.ts';
import { array, bytes, int16, int32, nullable, since, string, struct, withDefault } from '../fields.ts';

export const syncGroup = defineApi({
  key: 14,
  name: 'SyncGroup',
  versions: [0, 5],
  flexibleSince: 4,
  request: {
    groupId: string(),
    generationId: int32(),
    memberId: string(),
    groupInstanceId: since(3, withDefault(nullable(string()), null)),
    protocolType: since(5, withDefault(nullable(string()), null)),
    protocolName: since(5, withDefault(nullable(string()), null)),
    assignments: array(struct({ memberId: string(), assignment: bytes() })),
  },
  response: {
    throttleTimeMs: since(1, withDefault(int32(), 0)),
    errorCode: int16(),
    protocolType: since(5, withDefault(nullable(string()), null)),
    protocolName: since(5, withDefault(nullable(string()), null)),
    assignment: bytes(),
  },
});
