/** ListConfigResources: names of the resources that can have settings. */
import { defineApi } from '../api.ts';
import { array, int8, int16, int32, notIgnorable, since, string, struct, withDefault } from '../fields.ts';

export const listConfigResources = defineApi({
  key: 74,
  name: 'ListConfigResources',
  versions: [0, 1],
  flexibleSince: 0,
  request: {
    resourceTypes: since(1, notIgnorable(array(int8()))),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    errorCode: int16(),
    configResources: array(
      struct({
        resourceName: string(),
        resourceType: since(1, withDefault(int8(), 16)),
      }),
    ),
  },
});
