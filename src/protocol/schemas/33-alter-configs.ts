/** AlterConfigs: replaces all settings of topics, brokers or groups at once. */
import { defineApi } from '../api.ts';
import { array, boolean, int8, int16, int32, nullable, string, struct, withDefault } from '../fields.ts';

export const alterConfigs = defineApi({
  key: 33,
  name: 'AlterConfigs',
  versions: [0, 2],
  flexibleSince: 2,
  request: {
    resources: array(
      struct({
        resourceType: int8(),
        resourceName: string(),
        configs: array(
          struct({
            name: string(),
            value: nullable(string()),
          }),
        ),
      }),
    ),
    validateOnly: boolean(),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    responses: array(
      struct({
        errorCode: int16(),
        errorMessage: nullable(string()),
        resourceType: int8(),
        resourceName: string(),
      }),
    ),
  },
});
