/** DescribeGroups: state, members and assignments of classic groups. */
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

export const describeGroups = defineApi({
  key: 15,
  name: 'DescribeGroups',
  versions: [0, 6],
  flexibleSince: 5,
  request: {
    groups: array(string()),
    includeAuthorizedOperations: since(3, notIgnorable(boolean())),
  },
  response: {
    throttleTimeMs: since(1, withDefault(int32(), 0)),
    groups: array(
      struct({
        errorCode: int16(),
        errorMessage: since(6, withDefault(nullable(string()), null)),
        groupId: string(),
        groupState: string(),
        protocolType: string(),
        protocolData: string(),
        members: array(
          struct({
            memberId: string(),
            groupInstanceId: since(4, withDefault(nullable(string()), null)),
            clientId: string(),
            clientHost: string(),
            memberMetadata: bytes(),
            memberAssignment: bytes(),
          }),
        ),
        authorizedOperations: since(3, withDefault(int32(), -2147483648)),
      }),
    ),
  },
});
