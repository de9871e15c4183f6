/**
 * AddPartitionsToTxn, versions 0 to 5: partitions become part of a producer's transaction, all of them or none: when one
 * does not exist, the others are answered OPERATION_NOT_ATTEMPTED. From version 4 on a request has many transactions and
 * is meant for brokers, which only want to know whether partitions are part of one (`verifyOnly`); clients send it too.
 */

import { isInternalTopic } from '../cluster/catalog.ts';
import {
  CLUSTER_NAME,
  OPERATION_CLUSTER_ACTION,
  OPERATION_WRITE,
  RESOURCE_CLUSTER,
  RESOURCE_TOPIC,
  RESOURCE_TRANSACTIONAL_ID,
} from '../protocol/acl.ts';
import type { ElementOf, RequestOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { addPartitionsToTxn } from '../protocol/schemas/24-add-partitions-to-txn.ts';
import { isPartOf } from '../transactions/transaction-decisions.ts';
import { checks, needs } from './access.ts';
import { type ControlContext, type ControlServices, defineHandler } from './define.ts';
import { fencedUntil } from './transaction-errors.ts';

type Request = RequestOf<typeof addPartitionsToTxn>;
type Named = ElementOf<Request['transactions']>;
/** `answered` is what an answer with one code for all repeats. */
type Wish = Named & { readonly answered: Named['topics'] };
type Topics = ResponseInputOf<typeof addPartitionsToTxn>['resultsByTopicV3AndBelow'];
/** What became of a wish. */
interface Verdict {
  readonly codeOf: (topic: string, partition: number) => number;
  /** The partitions share one code. As in Kafka, only then a topic without partitions is answered. */
  readonly isOne: boolean;
}

const MANY_SINCE = 4;
const FENCED_SINCE = 2;

export const addPartitionsToTxnHandler = defineHandler({
  api: addPartitionsToTxn,
  access: [
    // From here on brokers send it; `clientsMay` says who else.
    needs<Request>(OPERATION_CLUSTER_ACTION, RESOURCE_CLUSTER, (_request, apiVersion) =>
      apiVersion >= MANY_SINCE ? CLUSTER_NAME : null,
    ),
    needs<Request>(OPERATION_WRITE, RESOURCE_TRANSACTIONAL_ID, ({ v3AndBelowTransactionalId: id }, apiVersion) =>
      apiVersion >= MANY_SINCE ? null : id,
    ),
    checks(OPERATION_WRITE, RESOURCE_TOPIC),
  ],

  async handle(request, { apiVersion, services, permit }) {
    const results = [];
    for (const wish of wishesOf(request, apiVersion)) {
      const names = apiVersion < MANY_SINCE ? wish.topics.map(({ name }) => name) : [];
      const denied = new Set(permit.denied(OPERATION_WRITE, RESOURCE_TOPIC, names));
      // Offsets join a transaction by a request of their own; nobody's producer writes to the broker's topics.
      for (const name of names) if (isInternalTopic(name)) denied.add(name);
      const verdict = await verdictOf(wish, services, apiVersion, denied);
      results.push({ transactionalId: wish.transactionalId, topicResults: answerOf(wish, verdict, apiVersion) });
    }
    if (apiVersion >= MANY_SINCE) return answer(results, []);
    return answer([], results[0]?.topicResults ?? []);
  },

  refuse(request, { errorCode: code }, { apiVersion }: ControlContext) {
    if (apiVersion >= MANY_SINCE) return { ...answer([], []), errorCode: code };
    const [wish] = wishesOf(request, apiVersion);
    const verdict = { codeOf: () => code, isOne: true };
    return answer([], wish === undefined ? [] : answerOf(wish, verdict, apiVersion));
  },
});

function answer(
  resultsByTransaction: ResponseInputOf<typeof addPartitionsToTxn>['resultsByTransaction'],
  resultsByTopicV3AndBelow: Topics,
): ResponseInputOf<typeof addPartitionsToTxn> {
  return { errorCode: errorCode.NONE, resultsByTransaction, resultsByTopicV3AndBelow };
}

function wishesOf(request: Request, apiVersion: number): readonly Wish[] {
  if (apiVersion >= MANY_SINCE) {
    // Of one id named several times Kafka takes the partitions named last, and may answer with those named first.
    const named = (wishes: readonly Named[]) => new Map(wishes.map((wish) => [wish.transactionalId, wish.topics]));
    const last = named(request.transactions);
    const first = named([...request.transactions].reverse());
    return request.transactions.map((wish) => ({
      ...wish,
      topics: last.get(wish.transactionalId) ?? wish.topics,
      answered: first.get(wish.transactionalId) ?? wish.topics,
    }));
  }
  return [
    {
      transactionalId: request.v3AndBelowTransactionalId,
      producerId: request.v3AndBelowProducerId,
      producerEpoch: request.v3AndBelowProducerEpoch,
      verifyOnly: false,
      topics: request.v3AndBelowTopics,
      answered: request.v3AndBelowTopics,
    },
  ];
}

async function verdictOf(
  wish: Wish,
  services: ControlServices,
  apiVersion: number,
  denied: ReadonlySet<string>,
): Promise<Verdict> {
  const { transactionalId, verifyOnly } = wish;
  const exists = (topic: string, partition: number): boolean => services.controller.placeOf(topic, partition) !== null;
  const isIn = (name: string, partition: number): boolean => !denied.has(name) && exists(name, partition);
  if (wish.topics.some(({ name, partitions }) => partitions.some((partition) => !isIn(name, partition)))) {
    const codeOf = (topic: string, partition: number): number =>
      denied.has(topic)
        ? errorCode.TOPIC_AUTHORIZATION_FAILED
        : exists(topic, partition)
          ? errorCode.OPERATION_NOT_ATTEMPTED
          : errorCode.UNKNOWN_TOPIC_OR_PARTITION;
    return { codeOf, isOne: false };
  }
  const identity = { producerId: wish.producerId, producerEpoch: wish.producerEpoch };
  if (verifyOnly) {
    const { error, transaction } = await services.transactions.verify(transactionalId, identity);
    if (error !== errorCode.NONE || transaction === null) return { codeOf: () => error, isOne: false };
    const codeOf = (topic: string, partition: number): number =>
      isPartOf(transaction, topic, partition) ? errorCode.NONE : errorCode.TRANSACTION_ABORTABLE;
    return { codeOf, isOne: false };
  }
  const partitions = new Map(wish.topics.map(({ name, partitions }) => [name, new Set(partitions)]));
  const clientVersion = apiVersion >= MANY_SINCE ? 2 : 0;
  const error = await services.transactions.add(transactionalId, { ...identity, partitions, clientVersion });
  return { codeOf: () => error, isOne: true };
}

function answerOf({ topics, answered }: Wish, { codeOf, isOne }: Verdict, apiVersion: number): Topics {
  const asked = isOne ? answered : topics.filter(({ partitions }) => partitions.length > 0);
  return asked.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map((partitionIndex) => {
      const error = codeOf(name, partitionIndex);
      const known = fencedUntil(FENCED_SINCE, apiVersion, error);
      return { partitionIndex, partitionErrorCode: known };
    }),
  }));
}
