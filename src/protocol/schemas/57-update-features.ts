/** UpdateFeatures: raises or lowers finalized feature levels. */
import { defineApi } from '../api.ts';
import {
  array,
  boolean,
  int8,
  int16,
  int32,
  notIgnorable,
  nullable,
  since,
  string,
  struct,
  until,
  withDefault,
} from '../fields.ts';

export const updateFeatures = defineApi({
  key: 57,
  name: 'UpdateFeatures',
  versions: [0, 2],
  flexibleSince: 0,
  request: {
    timeoutMs: withDefault(int32(), 60000),
    featureUpdates: array(
      struct({
        feature: string(),
        maxVersionLevel: int16(),
        allowDowngrade: until(0, notIgnorable(boolean())),
        upgradeType: since(1, notIgnorable(withDefault(int8(), 1))),
      }),
    ),
    validateOnly: since(1, notIgnorable(withDefault(boolean(), false))),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    errorCode: int16(),
    errorMessage: nullable(string()),
    results: until(
      1,
      array(
        struct({
          feature: string(),
          errorCode: int16(),
          errorMessage: nullable(string()),
        }),
      ),
    ),
  },
});
