/** CreateAcls: new access rules. */
import { defineApi } from '../api.ts';
import { array, int8, int16, int32, nullable, string, struct, withDefault } from '../fields.ts';

export const createAcls = defineApi({
  key: 30,
  name: 'CreateAcls',
  versions: [1, 3],
  flexibleSince: 2,
  request: {
    creations: array(
      struct({
        resourceType: int8(),
        resourceName: string(),
        resourcePatternType: withDefault(int8(), 3),
        principal: string(),
        host: string(),
        operation: int8(),
        permissionType: int8(),
      }),
    ),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    results: array(
      struct({
        errorCode: int16(),
        errorMessage: nullable(string()),
      }),
    ),
  },
});
