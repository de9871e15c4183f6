/** IncrementalAlterConfigs: sets, removes, extends or shortens single settings. */
import { defineApi } from '../api.ts';
import { array, boolean, int8, int16, int32, nullable, string, struct, withDefault } from '../fields.ts';

export const incrementalAlterConfigs = defineApi({
  key: 44,
  name: 'IncrementalAlterConfigs',
  versions: [0, 1],
  flexibleSince: 1,
  request: {
    resources: array(
      struct({
        resourceType: int8(),
        resourceName: string(),
        configs: array(
          struct({
            name: string(),
            configOperation: int8(),
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
