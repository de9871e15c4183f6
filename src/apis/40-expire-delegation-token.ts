/** ExpireDelegationToken, versions 1 to 2: refused, see `token-refusal.ts`. */
import { expireDelegationToken } from '../protocol/schemas/40-expire-delegation-token.ts';
import { open } from './access.ts';
import { defineHandler } from './define.ts';
import { NO_TIME, tokenRefusal } from './token-refusal.ts';

export const expireDelegationTokenHandler = defineHandler({
  api: expireDelegationToken,
  access: [open('who holds a token may change its end, and there are none')],
  handle: (_request, context) => ({ errorCode: tokenRefusal(context), expiryTimestampMs: NO_TIME }),
  refuse: (_request, refusal) => ({ errorCode: refusal.errorCode, expiryTimestampMs: NO_TIME }),
});
