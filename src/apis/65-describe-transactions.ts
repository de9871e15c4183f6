/** DescribeTransactions, version 0: transactions by their transactional ids, each with an error of its own. */
import type { ElementOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { describeTransactions } from '../protocol/schemas/65-describe-transactions.ts';
import type { Transaction } from '../transactions/transaction.ts';
import { partitionRows } from '../transactions/transaction-records.ts';
import { defineHandler } from './define.ts';

type Row = ElementOf<ResponseInputOf<typeof describeTransactions>['transactionStates']>;

export const describeTransactionsHandler = defineHandler({
  api: describeTransactions,
  access: [{ kind: 'guarded', resource: 'transactional-id', operation: 'describe' }],

  async handle(request, { services }) {
    const transactionStates: Row[] = [];
    for (const transactionalId of request.transactionalIds) {
      const { error, transaction } = await services.transactions.describe(transactionalId);
      const isKnown = error === errorCode.NONE && transaction !== null;
      transactionStates.push(isKnown ? rowOf(transaction) : refused(transactionalId, error));
    }
    return { transactionStates };
  },

  refuse: (request, refusal) => ({
    transactionStates: request.transactionalIds.map((id) => refused(id, refusal.errorCode)),
  }),
});

function rowOf(transaction: Transaction): Row {
  return {
    errorCode: errorCode.NONE,
    transactionalId: transaction.transactionalId,
    transactionState: transaction.status,
    transactionTimeoutMs: transaction.timeoutMs,
    transactionStartTimeMs: transaction.startMs,
    producerId: transaction.producerId,
    producerEpoch: transaction.producerEpoch,
    topics: partitionRows(transaction.partitions).map(({ topic, partitionIds }) => ({
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
