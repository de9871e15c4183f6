/** CreateDelegationToken: a token with which others act for a user. */
import { defineApi } from '../api.ts';
import { array, bytes, int16, int32, int64, nullable, since, string, struct, withDefault } from '../fields.ts';

export const createDelegationToken = defineApi({
  key: 38,
  name: 'CreateDelegationToken',
  versions: [1, 3],
  flexibleSince: 2,
  request: {
    ownerPrincipalType: since(3, nullable(string())),
    ownerPrincipalName: since(3, nullable(string())),
    renewers: array(struct({ principalType: string(), principalName: string() })),
    maxLifetimeMs: int64(),
  },
  response: {
    errorCode: int16(),
    principalType: string(),
    principalName: string(),
    tokenRequesterPrincipalType: since(3, string()),
    tokenRequesterPrincipalName: since(3, string()),
    issueTimestampMs: int64(),
    expiryTimestampMs: int64(),
    maxTimestampMs: int64(),
    tokenId: string(),
    hmac: bytes(),
    throttleTimeMs: withDefault(int32(), 0),
  },
});
