/** LeaveGroup: members of a classic group go; from version 3 on several at once, static ones by their instance id. */
import { defineApi } from '../api.ts';
import { array, int16, int32, notIgnorable, nullable, since, string, struct, until, withDefault } from '../fields.ts';

export const leaveGroup = defineApi({
  key: 13,
  name: 'LeaveGroup',
  versions: [0, 5],
  flexibleSince: 4,
  request: {
    groupId: string(),
    memberId: until(2, notIgnorable(string())),
    members: since(
      3,
      notIgnorable(
        array(
          struct({
            memberId: since(3, notIgnorable(string())),
            groupInstanceId: since(3, notIgnorable(withDefault(nullable(string()), null))),
            reason: since(5, withDefault(nullable(string()), null)),
          }),
        ),
      ),
    ),
  },
  response: {
    throttleTimeMs: since(1, withDefault(int32(), 0)),
    errorCode: int16(),
    members: since(
      3,
      array(
        struct({
          memberId: since(3, string()),
          groupInstanceId: since(3, nullable(string())),
          errorCode: since(3, int16()),
        }),
      ),
    ),
  },
});
