/** DescribeAcls: the access rules that a filter means, by resource. */
import { defineApi } from '../api.ts';
import { array, int8, int16, int32, nullable, string, struct, withDefault } from '../fields.ts';

export const describeAcls = defineApi({
  key: 29,
  name: 'DescribeAcls',
  versions: [1, 3],
  flexibleSince: 2,
  request: {
    resourceTypeFilter: int8(),
    resourceNameFilter: nullable(string()),
    patternTypeFilter: withDefault(int8(), 3),
    principalFilter: nullable(string()),
    hostFilter: nullable(string()),
    operation: int8(),
    permissionType: int8(),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    errorCode: int16(),
    errorMessage: nullable(string()),
    resources: array(
      struct({
        resourceType: int8(),
        resourceName: string(),
        patternType: withDefault(int8(), 3),
        acls: array(
          struct({
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
