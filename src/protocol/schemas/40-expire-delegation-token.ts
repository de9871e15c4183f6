/** ExpireDelegationToken: moves the end of a delegation token. */
import { defineApi } from '../api.ts';
import { bytes, int16, int32, int64, withDefault } from '../fields.ts';

export const expireDelegationToken = defineApi({
  key: 40,
  name: 'ExpireDelegationToken',
  versions: [1, 2],
  flexibleSince: 2,
  request: { hmac: bytes(), expiryTimePeriodMs: int64() },
  response: { errorCode: int16(), expiryTimestampMs: int64(), throttleTimeMs: withDefault(int32(), 0) },
});
