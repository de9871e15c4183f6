/** ListTransactions, versions 0 to 2: the transactional ids this broker coordinates, filtered. */
import { errorCode } from '../protocol/errors.ts';
import { listTransactions } from '../protocol/schemas/66-list-transactions.ts';
import { listed, unknownStatuses } from '../transactions/transaction-listing.ts';
import { defineHandler } from './define.ts';

export const listTransactionsHandler = defineHandler({
  api: listTransactions,
  access: [{ kind: 'guarded', resource: 'transactional-id', operation: 'describe' }],

  handle({ stateFilters, producerIdFilters, durationFilter, transactionalIdPattern }, { services, nowMs }) {
    const unknownStateFilters = unknownStatuses(stateFilters);
    const all = services.transactions.list();
    if (all === null) return answer(errorCode.COORDINATOR_LOAD_IN_PROGRESS);
    const found = listed(
      all,
      {
        statuses: stateFilters,
        producerIds: producerIdFilters,
        durationMs: durationFilter,
        pattern: transactionalIdPattern,
      },
      nowMs,
    );
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
