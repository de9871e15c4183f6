/** SaslAuthenticate: one token of a login, and the broker's in return. Since version 1 with how long the login is good for. */
import { defineApi } from '../api.ts';
import { bytes, int16, int64, nullable, since, string } from '../fields.ts';

export const saslAuthenticate = defineApi({
  key: 36,
  name: 'SaslAuthenticate',
  versions: [0, 2],
  flexibleSince: 2,
  request: { authBytes: bytes() },
  response: {
    errorCode: int16(),
    errorMessage: nullable(string()),
    authBytes: bytes(),
    sessionLifetimeMs: since(1, int64()),
  },
});
