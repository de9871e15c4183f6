/** DescribeGroups: state and members of classic groups. Unknown groups are "Dead" up to version 5, an error from 6 on. */
import { defineApi } from '../api.ts';
import { array, boolean, bytes, int16, int32, nullable, since, string, struct, withDefault } from '../fields.ts';
import { OPERATIONS_NOT_ASKED } from './03-metadata.ts';

export const describeGroups = defineApi({
  key: 15,
  name: 'DescribeGroups',
  versions: [0, 6],
  flexibleSince: 5,
  request: {
    groups: array(string()),
    includeAuthorizedOperations: since(3, withDefault(boolean(), false)),
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
        authorizedOperations: since(3, withDefault(int32(), OPERATIONS_NOT_ASKED)),
      }),
    ),
  },
});
