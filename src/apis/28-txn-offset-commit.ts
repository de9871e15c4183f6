/**
 * TxnOffsetCommit, versions 0 to 5: offsets of a group as part of a transaction. They are durable when this is answered
 * and visible when the transaction commits. Version 5 adds the partition of `__consumer_offsets` to the transaction by
 * itself; older clients sent AddOffsetsToTxn before.
 */

import { OFFSETS_TOPIC } from '../admin/internal-topics.ts';
import type { OffsetToCommit, TransactionalCommitWish } from '../groups/offset-desk.ts';
import { OPERATION_READ, OPERATION_WRITE, RESOURCE_TOPIC } from '../protocol/acl.ts';
import type { RequestOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { ZERO_UUID } from '../protocol/fields.ts';
import { txnOffsetCommit } from '../protocol/schemas/28-txn-offset-commit.ts';
import { isPartOf } from '../transactions/transaction-decisions.ts';
import { checks, needsGroup, needsTransactionalId } from './access.ts';
import { type ControlContext, defineHandler } from './define.ts';
import { abortableUntil } from './transaction-errors.ts';

type Request = RequestOf<typeof txnOffsetCommit>;
type Response = ResponseInputOf<typeof txnOffsetCommit>;
/** The code of a partition, asked by its place in the request. */
type CodeOf = (topic: number, partition: number) => number;

/** From here on the client knows TRANSACTION_ABORTABLE. */
const ABORTABLE_SINCE = 4;
const ADDING_SINCE = 5;
const NOT_THERE = -1;

export const txnOffsetCommitHandler = defineHandler({
  api: txnOffsetCommit,
  access: [needsTransactionalId(OPERATION_WRITE), needsGroup(OPERATION_READ), checks(OPERATION_READ, RESOURCE_TOPIC)],

  async handle(request, context) {
    const denied = context.permit.denied(
      OPERATION_READ,
      RESOURCE_TOPIC,
      request.topics.map(({ name }) => name),
    );
    const { offsets, places } = planOf(request, context, denied);
    // As in Kafka: a topic of which nothing is asked is answered only when there is no such topic, or it may not be read.
    const { topicsByName } = context.services.controller.catalog;
    const isAnswered = (name: string): boolean => denied.has(name) || !topicsByName.has(name);
    // A code of its own for what does not exist, one for all where the rest is refused as a whole.
    const answerWith = (codeOf: (place: number) => number): Response => {
      const { topics } = answer(request, (topic, partition) => {
        const place = places[topic]?.[partition] ?? NOT_THERE;
        if (denied.has(request.topics[topic]?.name ?? '')) return errorCode.TOPIC_AUTHORIZATION_FAILED;
        return place === NOT_THERE ? errorCode.UNKNOWN_TOPIC_OR_PARTITION : codeOf(place);
      });
      return { topics: topics.filter(({ name, partitions }) => partitions.length > 0 || isAnswered(name)) };
    };
    if (offsets.length === 0) return answerWith(() => errorCode.NONE);
    const { error, isOpen } = await admit(request, context);
    if (error !== errorCode.NONE) return answerWith(() => errorCodeForGroups(error));
    const found = context.services.groups.coordinator.shardOf(request.groupId);
    if (found.shard === null) return answerWith(() => found.errorCode);
    const wish = { ...wishOf(request, context), offsets, isOpen };
    const codes = await context.services.groups.offsets.commitInTransaction(found.shard, wish);
    return answerWith((place) => codes[place] ?? errorCode.UNKNOWN_SERVER_ERROR);
  },

  refuse: (request, refusal) => answer(request, () => refusal.errorCode),
});

interface Admitted {
  readonly error: number;
  readonly isOpen: () => boolean;
}

/** Whether the producer's transaction may hold offsets of the group. */
async function admit(request: Request, { services, apiVersion }: ControlContext): Promise<Admitted> {
  const { groupId, transactionalId, producerId, producerEpoch } = request;
  if (groupId === '') return notAdmitted(errorCode.INVALID_GROUP_ID);
  const partition = services.groups.coordinator.partitionOf(groupId);
  if (partition < 0) return notAdmitted(errorCode.NOT_COORDINATOR);
  const identity = { producerId, producerEpoch };
  if (apiVersion >= ADDING_SINCE) {
    const partitions = new Map([[OFFSETS_TOPIC, new Set([partition])]]);
    const error = await services.transactions.addSoon(transactionalId, { ...identity, partitions, clientVersion: 2 });
    // The end of such a transaction brings another epoch, by which the log knows what comes too late.
    return { error, isOpen: () => true };
  }
  const { error, transaction } = await services.transactions.verify(transactionalId, identity);
  if (error !== errorCode.NONE || transaction === null) return notAdmitted(error);
  if (!isPartOf(transaction, OFFSETS_TOPIC, partition))
    return notAdmitted(abortableUntil(ABORTABLE_SINCE, apiVersion, errorCode.TRANSACTION_ABORTABLE));
  return { error, isOpen: () => services.transactions.isStillOpen(transaction) };
}

function notAdmitted(error: number): Admitted {
  return { error, isOpen: () => false };
}

/** The sender asked the coordinator of its group, which speaks of fencing as partitions do. */
function errorCodeForGroups(error: number): number {
  return error === errorCode.PRODUCER_FENCED ? errorCode.INVALID_PRODUCER_EPOCH : error;
}

interface Plan {
  readonly offsets: readonly OffsetToCommit[];
  /** By topic and partition of the request: the place in `offsets`, or NOT_THERE. */
  readonly places: readonly (readonly number[])[];
}

/** Only what exists can have been read. */
function planOf(request: Request, { services }: ControlContext, denied: ReadonlySet<string>): Plan {
  const offsets: OffsetToCommit[] = [];
  const places = request.topics.map(({ name, partitions }) =>
    partitions.map((partition) => {
      const { partitionIndex } = partition;
      if (denied.has(name) || services.controller.placeOf(name, partitionIndex) === null) return NOT_THERE;
      const wish = {
        topic: name,
        topicId: services.controller.catalog.topicsByName.get(name)?.id ?? ZERO_UUID,
        partition: partitionIndex,
        offset: partition.committedOffset,
        leaderEpoch: partition.committedLeaderEpoch,
        metadata: partition.committedMetadata ?? '',
      };
      return offsets.push(wish) - 1;
    }),
  );
  return { offsets, places };
}

function wishOf(request: Request, { apiVersion }: ControlContext): Omit<TransactionalCommitWish, 'offsets' | 'isOpen'> {
  const { groupId, memberId, groupInstanceId, generationId, producerId, producerEpoch } = request;
  const claim = {
    memberId,
    instanceId: groupInstanceId,
    generationOrEpoch: generationId,
    isTransactional: true,
    apiVersion,
  };
  return { groupId, producerId, producerEpoch, claim };
}

function answer({ topics }: Request, codeOf: CodeOf): Response {
  return {
    topics: topics.map(({ name, partitions }, topic) => ({
      name,
      partitions: partitions.map(({ partitionIndex }, partition) => ({
        partitionIndex,
        errorCode: codeOf(topic, partition),
      })),
    })),
  };
}
