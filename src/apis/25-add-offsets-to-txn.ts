/**
 * AddOffsetsToTxn, versions 0 to 4: the partition of `__consumer_offsets` that keeps a group becomes part of a
 * transaction, before offsets are committed in it.
 */

import { OFFSETS_TOPIC } from '../admin/internal-topics.ts';
import { OPERATION_READ, OPERATION_WRITE } from '../protocol/acl.ts';
import { errorCode } from '../protocol/errors.ts';
import { addOffsetsToTxn } from '../protocol/schemas/25-add-offsets-to-txn.ts';
import { needsGroup, needsTransactionalId } from './access.ts';
import { defineHandler } from './define.ts';
import { fencedUntil } from './transaction-errors.ts';

const FENCED_SINCE = 2;

export const addOffsetsToTxnHandler = defineHandler({
  api: addOffsetsToTxn,
  access: [needsTransactionalId(OPERATION_WRITE), needsGroup(OPERATION_READ)],

  async handle({ transactionalId, producerId, producerEpoch, groupId }, { apiVersion, services }) {
    await services.internalTopics.ensure(OFFSETS_TOPIC);
    const partition = services.groups.coordinator.partitionOf(groupId);
    if (partition < 0) return { errorCode: errorCode.COORDINATOR_NOT_AVAILABLE };
    const partitions = new Map([[OFFSETS_TOPIC, new Set([partition])]]);
    const identity = { producerId, producerEpoch };
    const error = await services.transactions.add(transactionalId, { ...identity, partitions, clientVersion: 0 });
    return { errorCode: fencedUntil(FENCED_SINCE, apiVersion, error) };
  },

  refuse: (_request, refusal) => ({ errorCode: refusal.errorCode }),
});
