/** ListGroups: all groups of a broker, by state from version 4 on and by type from version 5 on; empty filters take all. */
import { defineApi } from '../api.ts';
import { array, int16, int32, notIgnorable, since, string, struct, withDefault } from '../fields.ts';

export const listGroups = defineApi({
  key: 16,
  name: 'ListGroups',
  versions: [0, 5],
  flexibleSince: 3,
  request: {
    statesFilter: since(4, notIgnorable(withDefault(array(string()), []))),
    typesFilter: since(5, notIgnorable(withDefault(array(string()), []))),
  },
  response: {
    throttleTimeMs: since(1, withDefault(int32(), 0)),
    errorCode: int16(),
    groups: array(
      struct({
        groupId: string(),
        protocolType: string(),
        groupState: since(4, withDefault(string(), '')),
        groupType: since(5, withDefault(string(), '')),
      }),
    ),
  },
});
