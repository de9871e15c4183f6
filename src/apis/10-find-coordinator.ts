/**
 * FindCoordinator, versions 0 to 6: which broker keeps a group or a transaction. One key up to version 3, many from
 * version 4 on, share groups from version 6 on.
 *
 * Groups and transactions are not built yet, so every key is answered COORDINATOR_NOT_AVAILABLE. The API is advertised
 * nevertheless: a client that does not find it (librdkafka) takes the broker for an ancient one and turns LZ4 off.
 */
import { type Refusal, refuse } from '../admin/refusal.ts';
import type { RequestOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { findCoordinator, KEY_TYPE_GROUP, KEY_TYPE_SHARE } from '../protocol/schemas/10-find-coordinator.ts';
import { type ControlContext, defineHandler } from './define.ts';

const MANY_KEYS_SINCE = 4;
const SHARE_SINCE = 6;
const NO_NODE = { nodeId: -1, host: '', port: -1 };

export const findCoordinatorHandler = defineHandler({
  api: findCoordinator,
  access: [
    { kind: 'guarded', resource: 'group', operation: 'describe' },
    { kind: 'guarded', resource: 'transactional-id', operation: 'describe' },
  ],

  handle: (request, context) => answer(request, context, refusalFor(request.keyType, context.apiVersion)),

  refuse: (request, refusal, context) => answer(request, context, refusal),
});

function refusalFor(keyType: number, apiVersion: number): Refusal {
  if (
    keyType < KEY_TYPE_GROUP ||
    keyType > KEY_TYPE_SHARE ||
    (keyType === KEY_TYPE_SHARE && apiVersion < SHARE_SINCE)
  ) {
    return refuse(
      errorCode.INVALID_REQUEST,
      `coordinators of the type ${keyType} are not known in version ${apiVersion}`,
    );
  }
  const what =
    keyType === KEY_TYPE_GROUP ? 'consumer groups' : keyType === KEY_TYPE_SHARE ? 'share groups' : 'transactions';
  return refuse(errorCode.COORDINATOR_NOT_AVAILABLE, `this broker does not have ${what} yet`);
}

function answer(
  request: RequestOf<typeof findCoordinator>,
  { apiVersion }: ControlContext,
  refusal: Refusal,
): ResponseInputOf<typeof findCoordinator> {
  const error = { errorCode: refusal.errorCode, errorMessage: refusal.message };
  if (apiVersion < MANY_KEYS_SINCE) return { ...NO_NODE, ...error };
  return { coordinators: request.coordinatorKeys.map((key) => ({ key, ...NO_NODE, ...error })) };
}
