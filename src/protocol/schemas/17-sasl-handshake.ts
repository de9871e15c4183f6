/** SaslHandshake: which mechanism a client wants to log in with. Version 1 says that the tokens come in SaslAuthenticate. */
import { defineApi } from '../api.ts';
import { array, int16, NEVER, string } from '../fields.ts';

export const saslHandshake = defineApi({
  key: 17,
  name: 'SaslHandshake',
  versions: [0, 1],
  flexibleSince: NEVER,
  request: { mechanism: string() },
  response: { errorCode: int16(), mechanisms: array(string()) },
});
