/** JoinGroup: a member of a classic group asks to be part of the next generation; answered when the generation is formed. */
import { defineApi } from '../api.ts';
import {
  array,
  boolean,
  bytes,
  int16,
  int32,
  notIgnorable,
  nullable,
  since,
  string,
  struct,
  withDefault,
} from '../fields.ts';

export const joinGroup = defineApi({
  key: 11,
  name: 'JoinGroup',
  versions: [0, 9],
  flexibleSince: 6,
  request: {
    groupId: string(),
    sessionTimeoutMs: int32(),
    rebalanceTimeoutMs: since(1, withDefault(int32(), -1)),
    memberId: string(),
    groupInstanceId: since(5, notIgnorable(withDefault(nullable(string()), null))),
    protocolType: string(),
    protocols: array(
      struct({
        name: string(),
        metadata: bytes(),
      }),
    ),
    reason: since(8, withDefault(nullable(string()), null)),
  },
  response: {
    throttleTimeMs: since(2, withDefault(int32(), 0)),
    errorCode: int16(),
    generationId: withDefault(int32(), -1),
    protocolType: since(7, withDefault(nullable(string()), null)),
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
