/**
 * InitProducerId, versions 0 to 5: who a producer is. Without a transactional id it gets a fresh producer id with epoch 0.
 * With one it gets the id that goes with it under a new epoch, which fences whoever used it before; a transaction still
 * open is aborted first, and the client has to come again (CONCURRENT_TRANSACTIONS).
 */
import {
  CLUSTER_NAME,
  OPERATION_IDEMPOTENT_WRITE,
  OPERATION_WRITE,
  RESOURCE_CLUSTER,
  RESOURCE_TOPIC,
} from '../protocol/acl.ts';
import type { RequestOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { initProducerId } from '../protocol/schemas/22-init-producer-id.ts';
import type { Permit } from '../security/permit.ts';
import { checks, needsTransactionalId } from './access.ts';
import { defineHandler } from './define.ts';
import { fencedUntil } from './transaction-errors.ts';

const FENCED_SINCE = 4;

export const initProducerIdHandler = defineHandler({
  api: initProducerId,
  access: [
    needsTransactionalId(OPERATION_WRITE),
    // Whoever may write to some topic may do it idempotently as well.
    checks(OPERATION_IDEMPOTENT_WRITE, RESOURCE_CLUSTER),
    checks(OPERATION_WRITE, RESOURCE_TOPIC),
  ],

  async handle(request, { apiVersion, services, permit }) {
    const { transactionalId, producerId, producerEpoch } = request;
    if (transactionalId === null && !mayBeIdempotent(permit)) return refused(errorCode.CLUSTER_AUTHORIZATION_FAILED);
    if ((producerId === -1) !== (producerEpoch === -1)) return refused(errorCode.INVALID_REQUEST);
    if (transactionalId === null) {
      const fresh = await services.controller.allocateProducerId();
      return { errorCode: errorCode.NONE, producerId: fresh, producerEpoch: 0 };
    }
    const answer = await services.transactions.init(initOf(request, transactionalId));
    return { ...answer, errorCode: fencedUntil(FENCED_SINCE, apiVersion, answer.error) };
  },

  refuse: (_request, refusal) => refused(refusal.errorCode),
});

function mayBeIdempotent(permit: Permit): boolean {
  if (permit.mayQuietly(OPERATION_IDEMPOTENT_WRITE, RESOURCE_CLUSTER, CLUSTER_NAME)) return true;
  if (permit.mayOnSome(OPERATION_WRITE, RESOURCE_TOPIC)) return true;
  return permit.may(OPERATION_IDEMPOTENT_WRITE, RESOURCE_CLUSTER, CLUSTER_NAME);
}

function refused(code: number) {
  return { errorCode: code, producerId: -1, producerEpoch: -1 };
}

function initOf(request: RequestOf<typeof initProducerId>, transactionalId: string) {
  const { producerId, producerEpoch, transactionTimeoutMs } = request;
  const expected = producerId === -1 ? null : { producerId, producerEpoch };
  return { transactionalId, timeoutMs: transactionTimeoutMs, expected };
}
