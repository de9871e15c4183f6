/** DeleteGroups: removes groups without members, with all their offsets. */
import { defineApi } from '../api.ts';
import { array, int16, int32, string, struct, withDefault } from '../fields.ts';

export const deleteGroups = defineApi({
  key: 42,
  name: 'DeleteGroups',
  versions: [0, 2],
  flexibleSince: 2,
  request: {
    groupsNames: array(string()),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    results: array(
      struct({
        groupId: string(),
        errorCode: int16(),
      }),
    ),
  },
});
