/** SaslAuthenticate, versions 0 to 2, where no login is under way. Logins are the `login-desk`'s. */
import { errorCode } from '../protocol/errors.ts';
import { saslAuthenticate } from '../protocol/schemas/36-sasl-authenticate.ts';
import { open } from './access.ts';
import { defineHandler } from './define.ts';

const noBytes = new Uint8Array(0);

export const saslAuthenticateHandler = defineHandler({
  api: saslAuthenticate,
  access: [open('it is refused to everybody')],
  handle: () => ({
    errorCode: errorCode.ILLEGAL_SASL_STATE,
    errorMessage: 'SaslAuthenticate request received after successful authentication',
    authBytes: noBytes,
    sessionLifetimeMs: 0,
  }),
  refuse: (_request, { errorCode: code, message }) => ({
    errorCode: code,
    errorMessage: message,
    authBytes: noBytes,
    sessionLifetimeMs: 0,
  }),
});
