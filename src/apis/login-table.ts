/** The APIs with which clients log in, and with which users are made and looked at. */
import { saslHandshakeHandler } from './17-sasl-handshake.ts';
import { saslAuthenticateHandler } from './36-sasl-authenticate.ts';
import { createDelegationTokenHandler } from './38-create-delegation-token.ts';
import { renewDelegationTokenHandler } from './39-renew-delegation-token.ts';
import { expireDelegationTokenHandler } from './40-expire-delegation-token.ts';
import { describeDelegationTokenHandler } from './41-describe-delegation-token.ts';
import { describeUserScramCredentialsHandler } from './50-describe-user-scram-credentials.ts';
import { alterUserScramCredentialsHandler } from './51-alter-user-scram-credentials.ts';
import type { ControlHandler } from './define.ts';

export const loginHandlers: readonly ControlHandler[] = [
  saslHandshakeHandler,
  saslAuthenticateHandler,
  createDelegationTokenHandler,
  renewDelegationTokenHandler,
  expireDelegationTokenHandler,
  describeDelegationTokenHandler,
  describeUserScramCredentialsHandler,
  alterUserScramCredentialsHandler,
];
