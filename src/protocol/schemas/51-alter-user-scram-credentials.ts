/** AlterUserScramCredentials: gives users what they log in with by SCRAM, and takes it away. */
import { defineApi } from '../api.ts';
import { array, bytes, int8, int16, int32, nullable, string, struct, withDefault } from '../fields.ts';

export const alterUserScramCredentials = defineApi({
  key: 51,
  name: 'AlterUserScramCredentials',
  versions: [0, 0],
  flexibleSince: 0,
  request: {
    deletions: array(struct({ name: string(), mechanism: int8() })),
    upsertions: array(
      struct({
        name: string(),
        mechanism: int8(),
        iterations: int32(),
        salt: bytes(),
        saltedPassword: bytes(),
      }),
    ),
  },
  response: {
    throttleTimeMs: withDefault(int32(), 0),
    results: array(struct({ user: string(), errorCode: int16(), errorMessage: nullable(string()) })),
  },
});
