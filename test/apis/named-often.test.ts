/** What one request names many times may cost it many places in the answer, but no more than one look. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { GroupCoordinator } from '../../src/groups/coordinator.ts';
import { ShareGroups } from '../../src/groups/share-groups.ts';
import { describeGroups } from '../../src/protocol/schemas/15-describe-groups.ts';
import { describeProducers } from '../../src/protocol/schemas/61-describe-producers.ts';
import { describeTransactions } from '../../src/protocol/schemas/65-describe-transactions.ts';
import { consumerGroupDescribe } from '../../src/protocol/schemas/69-consumer-group-describe.ts';
import { shareGroupDescribe } from '../../src/protocol/schemas/77-share-group-describe.ts';
import { describeShareGroupOffsets } from '../../src/protocol/schemas/90-describe-share-group-offsets.ts';
import { TransactionCoordinator } from '../../src/transactions/transaction-coordinator.ts';
import { makeDesk } from './desk-client.ts';

const TIMES = 5;
const names = ['one', ...Array<string>(TIMES).fill('two')];
const namesOf = (rows: readonly { readonly groupId: string }[]) => rows.map(({ groupId }) => groupId);

describe('a name that a request has many times is looked up once', () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('in DescribeGroups and ConsumerGroupDescribe', async () => {
    const rig = await makeDesk();
    const looks = vi.spyOn(GroupCoordinator.prototype, 'shardOf');
    const wish = { includeAuthorizedOperations: false };
    expect(namesOf((await rig.ask(describeGroups, 5, { ...wish, groups: names })).groups)).toEqual(names);
    expect(looks).toHaveBeenCalledTimes(2);
    expect(namesOf((await rig.ask(consumerGroupDescribe, 1, { ...wish, groupIds: names })).groups)).toEqual(names);
    expect(looks).toHaveBeenCalledTimes(4);
  });

  it('in ShareGroupDescribe and DescribeShareGroupOffsets', async () => {
    const rig = await makeDesk();
    const looks = vi.spyOn(ShareGroups.prototype, 'settled');
    const wish = { includeAuthorizedOperations: false, groupIds: names };
    expect(namesOf((await rig.ask(shareGroupDescribe, 1, wish)).groups)).toEqual(names);
    expect(looks).toHaveBeenCalledTimes(2);
    const begun = vi.spyOn(ShareGroups.prototype, 'findAny');
    const groups = names.map((groupId) => ({ groupId, topics: null }));
    expect(namesOf((await rig.ask(describeShareGroupOffsets, 1, { groups })).groups)).toEqual(names);
    expect(begun).toHaveBeenCalledTimes(2);
  });

  it('in DescribeTransactions and DescribeProducers', async () => {
    const rig = await makeDesk();
    const looks = vi.spyOn(TransactionCoordinator.prototype, 'describe');
    const { transactionStates } = await rig.ask(describeTransactions, 0, { transactionalIds: names });
    expect(transactionStates.map(({ transactionalId }) => transactionalId)).toEqual(names);
    expect(looks).toHaveBeenCalledTimes(2);
    const asked = vi.spyOn(rig.controller, 'describeProducers');
    const topics = names.map((name) => ({ name, partitionIndexes: [0, 1, 1] }));
    const answer = await rig.ask(describeProducers, 0, { topics });
    expect(answer.topics.flatMap(({ partitions }) => partitions.map(({ partitionIndex }) => partitionIndex))).toEqual(
      names.flatMap(() => [0, 1, 1]),
    );
    expect(asked).toHaveBeenCalledTimes(4);
  });
});
