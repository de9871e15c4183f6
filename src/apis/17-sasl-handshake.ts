/**
 * SaslHandshake, versions 0 to 1, where it begins no login: on a listener that asks for none, or when a client that is
 * logged in already may not log in again (yet). Logins are the `login-desk`'s.
 */
import { errorCode } from '../protocol/errors.ts';
import { saslHandshake } from '../protocol/schemas/17-sasl-handshake.ts';
import { open } from './access.ts';
import { defineHandler } from './define.ts';

export const saslHandshakeHandler = defineHandler({
  api: saslHandshake,
  access: [open('it is refused to everybody')],
  handle: () => ({ errorCode: errorCode.ILLEGAL_SASL_STATE, mechanisms: [] }),
  refuse: (_request, refusal) => ({ errorCode: refusal.errorCode, mechanisms: [] }),
});
