/** DescribeUserScramCredentials: which users can log in by SCRAM, never with what. */
import { defineApi } from '../api.ts';
import { array, int8, int16, int32, nullable, string, struct, withDefault } from '../fields.ts';

export const describeUserScramCredentials = defineApi({
  key: 50,
  name: 'DescribeUserScramCredentials',
  versions: [0, 0],
  flexibleSince: 0,
  request: { users: nullable(array(struct({ name: string() }))) },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    errorCode: int16(),
    errorMessage: nullable(string()),
    results: array(
      struct({
        user: string(),
        errorCode: int16(),
        errorMessage: nullable(string()),
        credentialInfos: array(struct({ mechanism: int8(), iterations: int32() })),
      }),
    ),
  },
});
