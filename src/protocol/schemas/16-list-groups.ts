/** ListGroups: the groups a broker coordinates, filtered by state and type. */
import { defineApi } from '../api.ts';
import { array, int16, int32, notIgnorable, since, string, struct, withDefault } from '../fields.ts';

export const listGroups = defineApi({
  key: 16,
  name: 'ListGroups',
  versions: [0, 5],
  flexibleSince: 3,
  request: {
    statesFilter: since(4, notIgnorable(array(string()))),
    typesFilter: since(5, notIgnorable(array(string()))),
  },
  response: {
    throttleTimeMs: since(1, withDefault(int32(), 0)),
    errorCode: int16(),
    groups: array(
      struct({
        groupId: string(),
        protocolType: string(),
        groupState: since(4, string()),
        groupType: since(5, string()),
      }),
    ),
  },
});
