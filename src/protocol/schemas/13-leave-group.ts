/** LeaveGroup: up to version 2 one member leaves, from version 3 on a list of them, also by group instance id. */
import { defineApi } from '../api.ts';
import { array, int16, int32, nullable, since, string, struct, until, withDefault } from '../fields.ts';

export const leaveGroup = defineApi({
  key: 13,
  name: 'LeaveGroup',
  versions: [0, 5],
  flexibleSince: 4,
  request: {
    groupId: string(),
    memberId: until(2, withDefault(string(), '')),
    members: since(
      3,
      withDefault(
        array(
          struct({
            memberId: string(),
            groupInstanceId: withDefault(nullable(string()), null),
            reason: since(5, withDefault(nullable(string()), null)),
          }),
        ),
        [],
      ),
    ),
  },
  response: {
    throttleTimeMs: since(1, withDefault(int32(), 0)),
    errorCode: int16(),
    members: since(
      3,
      withDefault(
        array(
          struct({
            memberId: string(),
            groupInstanceId: withDefault(nullable(string()), null),
            errorCode: int16(),
          }),
        ),
        [],
      ),
    ),
  },
});
