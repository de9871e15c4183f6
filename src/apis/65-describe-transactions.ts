/** DescribeTransactions, version 0: transactions by their transactional ids, each with an error of its own. */
import { onceByName } from '../base/once.ts';
import { OPERATION_DESCRIBE, RESOURCE_TOPIC, RESOURCE_TRANSACTIONAL_ID } from '../protocol/acl.ts';
import type { ElementOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { describeTransactions } from '../protocol/schemas/65-describe-transactions.ts';
import type { Permit } from '../security/permit.ts';
import type { Transaction } from '../transactions/transaction.ts';
import { partitionRows } from '../transactions/transaction-records.ts';
import { checks } from './access.ts';
import { defineHandler } from './define.ts';

type Row = ElementOf<ResponseInputOf<typeof describeTransactions>['transactionStates']>;

export const describeTransactionsHandler = defineHandler({
  api: describeTransactions,
  access: [checks(OPERATION_DESCRIBE, RESOURCE_TRANSACTIONAL_ID), checks(OPERATION_DESCRIBE, RESOURCE_TOPIC)],

  async handle(request, { services, permit }) {
    const describeOnce = onceByName(async (transactionalId) => {
      if (!permit.may(OPERATION_DESCRIBE, RESOURCE_TRANSACTIONAL_ID, transactionalId)) {
        return refused(transactionalId, errorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED);
      }
      const { error, transaction } = await services.transactions.describe(transactionalId);
      const isKnown = error === errorCode.NONE && transaction !== null;
      return isKnown ? rowOf(transaction, permit) : refused(transactionalId, error);
    });
    const transactionStates: Row[] = [];
    for (const transactionalId of request.transactionalIds) transactionStates.push(await describeOnce(transactionalId));
    return { transactionStates };
  },

  refuse: (request, refusal) => ({
    transactionStates: request.transactionalIds.map((id) => refused(id, refusal.errorCode)),
  }),
});

/** Topics that the client may not see are left out. */
function rowOf(transaction: Transaction, permit: Permit): Row {
  const rows = partitionRows(transaction.partitions);
  const seen = rows.filter(({ topic }) => permit.may(OPERATION_DESCRIBE, RESOURCE_TOPIC, topic));
  return {
    errorCode: errorCode.NONE,
    transactionalId: transaction.transactionalId,
    transactionState: transaction.status,
    transactionTimeoutMs: transaction.timeoutMs,
    transactionStartTimeMs: transaction.startMs,
    producerId: transaction.producerId,
    producerEpoch: transaction.producerEpoch,
    topics: seen.map(({ topic, partitionIds }) => ({
      topic,
      partitions: partitionIds,
    })),
  };
}

function refused(transactionalId: string, code: number): Row {
  return {
    errorCode: code,
    transactionalId,
    transactionState: '',
    transactionTimeoutMs: 0,
    transactionStartTimeMs: 0,
    producerId: 0,
    producerEpoch: 0,
    topics: [],
  };
}
