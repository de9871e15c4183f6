/** Why there are no delegation tokens, in the order in which a Kafka without a secret key for them refuses. */

import { ANONYMOUS } from '../net/identity.ts';
import { errorCode } from '../protocol/errors.ts';
import type { ControlContext } from './define.ts';

/** Whoever has not shown who it is cannot hand that on. */
export function tokenRefusal({ connection, services }: ControlContext): number {
  const { listener, principal } = connection.identity;
  const protocol = services.listeners.get(listener)?.protocol ?? 'PLAINTEXT';
  const isUnknown = protocol === 'PLAINTEXT' || (protocol === 'SSL' && principal === ANONYMOUS);
  return isUnknown ? errorCode.DELEGATION_TOKEN_REQUEST_NOT_ALLOWED : errorCode.DELEGATION_TOKEN_AUTH_DISABLED;
}

/** Stands for a time that there is none of. */
export const NO_TIME = -1;
