/** A transaction as the tests of its rules want it: what they do not say is as of a producer that has done something before. */
import { isPrepared, type Transaction } from '../../src/transactions/transaction.ts';

export const NOW_MS = 1_000_000;
export const partitions: Transaction['partitions'] = new Map([['orders', new Set([0])]]);

export function transactionOf(more: Partial<Transaction> = {}): Transaction {
  const status = more.status ?? 'Empty';
  return {
    transactionalId: 'transfer',
    producerId: 7,
    previousProducerId: 7,
    nextProducerId: -1,
    producerEpoch: 5,
    lastProducerEpoch: 4,
    timeoutMs: 1000,
    partitions: status === 'Ongoing' || isPrepared(status) ? partitions : new Map(),
    startMs: NOW_MS,
    updatedMs: NOW_MS,
    clientVersion: 2,
    isDoubtful: false,
    ...more,
    status,
  };
}
