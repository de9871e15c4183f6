/** DescribeDelegationToken, versions 1 to 3: refused, see `token-refusal.ts`. */
import { describeDelegationToken } from '../protocol/schemas/41-describe-delegation-token.ts';
import { open } from './access.ts';
import { defineHandler } from './define.ts';
import { tokenRefusal } from './token-refusal.ts';

export const describeDelegationTokenHandler = defineHandler({
  api: describeDelegationToken,
  access: [open('everybody sees his own tokens, and there are none')],
  handle: (_request, context) => ({ errorCode: tokenRefusal(context), tokens: [] }),
  refuse: (_request, refusal) => ({ errorCode: refusal.errorCode, tokens: [] }),
});
