/** DescribeDelegationToken: the delegation tokens of some owners, or all. */
import { defineApi } from '../api.ts';
import { array, bytes, int16, int32, int64, nullable, since, string, struct, withDefault } from '../fields.ts';

export const describeDelegationToken = defineApi({
  key: 41,
  name: 'DescribeDelegationToken',
  versions: [1, 3],
  flexibleSince: 2,
  request: { owners: nullable(array(struct({ principalType: string(), principalName: string() }))) },
  response: {
    errorCode: int16(),
    tokens: array(
      struct({
        principalType: string(),
        principalName: string(),
        tokenRequesterPrincipalType: since(3, string()),
        tokenRequesterPrincipalName: since(3, string()),
        issueTimestamp: int64(),
        expiryTimestamp: int64(),
        maxTimestamp: int64(),
        tokenId: string(),
        hmac: bytes(),
        renewers: array(struct({ principalType: string(), principalName: string() })),
      }),
    ),
    throttleTimeMs: withDefault(int32(), 0),
  },
});
