/**
 * EndTxn, versions 0 to 5: a producer commits or aborts its transaction. Answered when the decision is durable; the
 * markers follow, and until they are everywhere the next step is CONCURRENT_TRANSACTIONS. A client of version 5 goes on
 * with the producer id and epoch of the answer (KIP-890), also after an abort of nothing.
 */
import { OPERATION_WRITE } from '../protocol/acl.ts';
import { endTxn } from '../protocol/schemas/26-end-txn.ts';
import { needsTransactionalId } from './access.ts';
import { defineHandler } from './define.ts';
import { fencedUntil } from './transaction-errors.ts';

const FENCED_SINCE = 2;
const BUMPING_SINCE = 5;

export const endTxnHandler = defineHandler({
  api: endTxn,
  access: [needsTransactionalId(OPERATION_WRITE)],

  async handle({ transactionalId, producerId, producerEpoch, committed }, { apiVersion, services }) {
    const clientVersion = apiVersion >= BUMPING_SINCE ? 2 : 0;
    const command = { producerId, producerEpoch, isCommit: committed, clientVersion } as const;
    const answer = await services.transactions.end(transactionalId, command);
    return { ...answer, errorCode: fencedUntil(FENCED_SINCE, apiVersion, answer.error) };
  },

  refuse: (_request, refusal) => ({ errorCode: refusal.errorCode }),
});
