/** DescribeClientQuotas: quotas that match a filter of users, client ids and addresses. */
import { defineApi } from '../api.ts';
import { array, boolean, float64, int8, int16, int32, nullable, string, struct, withDefault } from '../fields.ts';

export const describeClientQuotas = defineApi({
  key: 48,
  name: 'DescribeClientQuotas',
  versions: [0, 1],
  flexibleSince: 1,
  request: {
    components: array(
      struct({
        entityType: string(),
        matchType: int8(),
        match: nullable(string()),
      }),
    ),
    strict: boolean(),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    errorCode: int16(),
    errorMessage: nullable(string()),
    entries: nullable(
      array(
        struct({
          entity: array(
            struct({
              entityType: string(),
              entityName: nullable(string()),
            }),
          ),
          values: array(
            struct({
              key: string(),
              value: float64(),
            }),
          ),
        }),
      ),
    ),
  },
});
