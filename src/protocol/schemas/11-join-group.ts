/**
 * JoinGroup of the classic protocol: a member says what it can do and waits for the others. Only the leader is told who
 * all the members are.
 */
import { defineApi } from '../api.ts';
import { array, boolean, bytes, int16, int32, nullable, since, string, struct, withDefault } from '../fields.ts';

export const joinGroup = defineApi({
  key: 11,
  name: 'JoinGroup',
  versions: [0, 9],
  flexibleSince: 6,
  request: {
    groupId: string(),
    sessionTimeoutMs: int32(),
    /** Version 0 has none: the session timeout counts for both. */
    rebalanceTimeoutMs: since(1, withDefault(int32(), -1)),
    memberId: string(),
    groupInstanceId: since(5, withDefault(nullable(string()), null)),
    protocolType: string(),
    protocols: array(struct({ name: string(), metadata: bytes() })),
    reason: since(8, withDefault(nullable(string()), null)),
  },
  response: {
    throttleTimeMs: since(2, withDefault(int32(), 0)),
    errorCode: int16(),
    generationId: withDefault(int32(), -1),
    protocolType: since(7, withDefault(nullable(string()), null)),
    /** Null only from version 7 on; before, "" stands for none. */
    protocolName: nullable(string(), 7),
    leader: string(),
    skipAssignment: since(9, withDefault(boolean(), false)),
    memberId: string(),
    members: array(
      struct({
        memberId: string(),
        groupInstanceId: since(5, withDefault(nullable(string()), null)),
        metadata: bytes(),
      }),
    ),
  },
});
