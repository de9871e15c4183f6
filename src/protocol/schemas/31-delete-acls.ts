/** DeleteAcls: takes away the access rules that filters mean, and tells which those were. */
import { defineApi } from '../api.ts';
import { array, int8, int16, int32, nullable, string, struct, withDefault } from '../fields.ts';

export const deleteAcls = defineApi({
  key: 31,
  name: 'DeleteAcls',
  versions: [1, 3],
  flexibleSince: 2,
  request: {
    filters: array(
      struct({
        resourceTypeFilter: int8(),
        resourceNameFilter: nullable(string()),
        patternTypeFilter: withDefault(int8(), 3),
        principalFilter: nullable(string()),
        hostFilter: nullable(string()),
        operation: int8(),
        permissionType: int8(),
      }),
    ),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    filterResults: array(
      struct({
        errorCode: int16(),
        errorMessage: nullable(string()),
        matchingAcls: array(
          struct({
            errorCode: int16(),
            errorMessage: nullable(string()),
            resourceType: int8(),
            resourceName: string(),
            patternType: withDefault(int8(), 3),
            principal: string(),
            host: string(),
            operation: int8(),
            permissionType: int8(),
          }),
        ),
      }),
    ),
  },
});
