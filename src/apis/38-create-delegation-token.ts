/** CreateDelegationToken, versions 1 to 3: refused, see `token-refusal.ts`. */
import type { ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { createDelegationToken } from '../protocol/schemas/38-create-delegation-token.ts';
import { open } from './access.ts';
import { type ControlContext, defineHandler } from './define.ts';
import { NO_TIME, tokenRefusal } from './token-refusal.ts';

type Wish = { readonly ownerPrincipalType: string | null; readonly ownerPrincipalName: string | null };

export const createDelegationTokenHandler = defineHandler({
  api: createDelegationToken,
  access: [open('everybody may ask for a token of his own, and nobody gets one')],
  handle: (request, context) => answer(request, context, refusalOf(request, context)),
  refuse: (request, refusal, context) => answer(request, context, refusal.errorCode),
});

/** Kafka stumbles over an owner with a name and no type before it looks at anything else. */
function refusalOf(wish: Wish, context: ControlContext): number {
  const hasNoType = wish.ownerPrincipalType === null && (wish.ownerPrincipalName ?? '') !== '';
  return hasNoType ? errorCode.UNKNOWN_SERVER_ERROR : tokenRefusal(context);
}

function answer(
  wish: Wish,
  { connection }: ControlContext,
  code: number,
): ResponseInputOf<typeof createDelegationToken> {
  const [type = '', name = ''] = partsOf(connection.identity.principal);
  const hasName = wish.ownerPrincipalName !== null && wish.ownerPrincipalName !== '';
  const isForOther = hasName && wish.ownerPrincipalType !== null;
  return {
    errorCode: code,
    principalType: isForOther ? (wish.ownerPrincipalType ?? type) : type,
    principalName: isForOther ? (wish.ownerPrincipalName ?? name) : name,
    tokenRequesterPrincipalType: type,
    tokenRequesterPrincipalName: name,
    issueTimestampMs: NO_TIME,
    expiryTimestampMs: NO_TIME,
    maxTimestampMs: NO_TIME,
    tokenId: '',
    hmac: new Uint8Array(0),
  };
}

function partsOf(principal: string): readonly string[] {
  const colon = principal.indexOf(':');
  return [principal.slice(0, colon), principal.slice(colon + 1)];
}
