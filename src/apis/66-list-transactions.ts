/** ListTransactions, versions 0 to 2: the transactional ids this broker coordinates, filtered. */
import { OPERATION_DESCRIBE, RESOURCE_TRANSACTIONAL_ID } from '../protocol/acl.ts';
import { errorCode } from '../protocol/errors.ts';
import { listTransactions } from '../protocol/schemas/66-list-transactions.ts';
import { unknownStatuses } from '../transactions/transaction-listing.ts';
import { checks } from './access.ts';
import { defineHandler } from './define.ts';

export const listTransactionsHandler = defineHandler({
  api: listTransactions,
  access: [checks(OPERATION_DESCRIBE, RESOURCE_TRANSACTIONAL_ID)],

  async handle({ stateFilters, producerIdFilters, durationFilter, transactionalIdPattern }, context) {
    const { services, nowMs, permit } = context;
    const unknownStateFilters = unknownStatuses(stateFilters);
    const all = services.transactions.list();
    if (all === null) return answer(errorCode.COORDINATOR_LOAD_IN_PROGRESS);
    const filter = {
      statuses: stateFilters,
      producerIds: producerIdFilters,
      durationMs: durationFilter,
      pattern: transactionalIdPattern,
      sees: (id: string) => permit.mayQuietly(OPERATION_DESCRIBE, RESOURCE_TRANSACTIONAL_ID, id),
    };
    const found = await services.transactions.listing.listed(all, filter, nowMs);
    if (found === null) return answer(errorCode.INVALID_REGULAR_EXPRESSION);
    return {
      errorCode: errorCode.NONE,
      unknownStateFilters,
      transactionStates: found.map(({ transactionalId, producerId, status }) => ({
        transactionalId,
        producerId,
        transactionState: status,
      })),
    };
  },

  refuse: (_request, refusal) => answer(refusal.errorCode),
});

function answer(code: number) {
  return { errorCode: code, unknownStateFilters: [], transactionStates: [] };
}
