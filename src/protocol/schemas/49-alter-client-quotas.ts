/** AlterClientQuotas: sets or removes quotas of users, client ids and addresses. */
import { defineApi } from '../api.ts';
import { array, boolean, float64, int16, int32, nullable, string, struct, withDefault } from '../fields.ts';

export const alterClientQuotas = defineApi({
  key: 49,
  name: 'AlterClientQuotas',
  versions: [0, 1],
  flexibleSince: 1,
  request: {
    entries: array(
      struct({
        entity: array(
          struct({
            entityType: string(),
            entityName: nullable(string()),
          }),
        ),
        ops: array(
          struct({
            key: string(),
            value: float64(),
            remove: boolean(),
          }),
        ),
      }),
    ),
    validateOnly: boolean(),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    entries: array(
      struct({
        errorCode: int16(),
        errorMessage: nullable(string()),
        entity: array(
          struct({
            entityType: string(),
            entityName: nullable(string()),
          }),
        ),
      }),
    ),
  },
});
