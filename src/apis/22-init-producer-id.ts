/**
 * InitProducerId, versions 0 to 5: a fresh producer id for an idempotent producer, with epoch 0.
 *
 * Transactions are not built yet: a transactional id is answered COORDINATOR_NOT_AVAILABLE, once the request as such
 * makes sense.
 */
import type { RequestOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { initProducerId } from '../protocol/schemas/22-init-producer-id.ts';
import { defineHandler } from './define.ts';

export const initProducerIdHandler = defineHandler({
  api: initProducerId,
  access: [
    { kind: 'guarded', resource: 'cluster', operation: 'idempotent-write' },
    { kind: 'guarded', resource: 'transactional-id', operation: 'write' },
  ],

  async handle(request, { services }) {
    const { controller } = services;
    const code = refusalCode(request, controller.config.values['transaction.max.timeout.ms']);
    if (code !== errorCode.NONE) return { errorCode: code };
    return { errorCode: errorCode.NONE, producerId: await controller.allocateProducerId(), producerEpoch: 0 };
  },

  refuse: (_request, refusal) => ({ errorCode: refusal.errorCode }),
});

function refusalCode(request: RequestOf<typeof initProducerId>, timeoutMaxMs: number): number {
  const { transactionalId, transactionTimeoutMs, producerId, producerEpoch } = request;
  if ((producerId === -1) !== (producerEpoch === -1)) return errorCode.INVALID_REQUEST;
  if (transactionalId === null) return errorCode.NONE;
  if (transactionalId === '') return errorCode.INVALID_REQUEST;
  if (transactionTimeoutMs <= 0 || transactionTimeoutMs > timeoutMaxMs) return errorCode.INVALID_TRANSACTION_TIMEOUT;
  return errorCode.COORDINATOR_NOT_AVAILABLE;
}
