import { expect, it } from 'vitest';
import type { Transaction } from '../../src/transactions/transaction.ts';
import { TransactionListing } from '../../src/transactions/transaction-listing.ts';

const anything = { statuses: [], producerIds: [], durationMs: -1, sees: () => true };
/** As many steps as there may be, by its size. */
const COSTLY = 'a{900}|payments.*';

function transactionOf(transactionalId: string): Transaction {
  return {
    ...{ transactionalId, producerId: 1, previousProducerId: -1, nextProducerId: -1, producerEpoch: 0 },
    ...{ lastProducerEpoch: -1, timeoutMs: 1, status: 'Empty', partitions: new Map(), startMs: -1, updatedMs: 0 },
    ...{ clientVersion: 2, isDoubtful: false },
  };
}

it('matches a costly pattern in slices, one listing after the other, and only ids that may be seen', async () => {
  const pauses: (() => void)[] = [];
  const listing = new TransactionListing(() => new Promise((resolve) => pauses.push(resolve)));
  const ids = Array.from({ length: 8 }, (_, index) => `payments-service-instance-${index}-aaaaaaaaaaaaax`);
  const transactions = ids.map(transactionOf);
  const hidden = listing.listed(transactions, { ...anything, pattern: COSTLY, sees: () => false }, 0);
  expect(await hidden).toEqual([]);
  const both = [1, 2].map(() => listing.listed(transactions, { ...anything, pattern: COSTLY }, 0));
  let count = 0;
  const ends = Promise.all(both);
  for (let turn = 0; turn < 200; turn++) {
    await Promise.resolve();
    expect(pauses.length).toBeLessThanOrEqual(1);
    count += pauses.length;
    pauses.shift()?.();
  }
  expect((await ends).map((found) => found?.length)).toEqual([8, 8]);
  expect(count).toBeGreaterThan(4);
  expect(await listing.listed([transactionOf('x'.repeat(30_000))], { ...anything, pattern: COSTLY }, 0)).toBeNull();
  expect(await listing.listed(transactions, { ...anything, pattern: '(' }, 0)).toBeNull();
  expect(await listing.listed(transactions, { ...anything, pattern: null }, 0)).toHaveLength(8);
});
