/**
 * ShareFetch, versions 1 and 2 (KIP-932): a member of a share group takes up records of its share session's partitions,
 * and sends acknowledgements of earlier ones along. The answer comes when there is something, or when the wait is over.
 * The first answer of a session speaks of every partition, unless no records or no bytes are wanted; later ones of those
 * that have something to tell.
 *
 * With `isRenewAck` (version 2) nothing is fetched.
 */
import { OPERATION_READ, RESOURCE_TOPIC } from '../protocol/acl.ts';
import type { ElementOf, RequestOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { shareFetch } from '../protocol/schemas/78-share-fetch.ts';
import type { Delivered } from '../shares/share-delivery.ts';
import { EPOCH_OPENS, type ShareSession, type TopicPartition } from '../shares/share-sessions.ts';
import { checks, needsGroup } from './access.ts';
import { type ControlContext, defineHandler } from './define.ts';
import {
  type AcknowledgeOutcome,
  acknowledgeAll,
  callerOf,
  codeOfSession,
  hasAcknowledgements,
  type ShareCaller,
} from './share-acknowledgements.ts';

type Request = RequestOf<typeof shareFetch>;
type Response = ResponseInputOf<typeof shareFetch>;
type PartitionAnswer = ElementOf<ElementOf<Response['responses']>['partitions']>;

const MODE_BATCHES = 0;
const MODE_EXACT = 1;
const NO_BYTES = new Uint8Array(0);
const NO_LEADER = { leaderId: 0, leaderEpoch: 0 };

export const shareFetchHandler = defineHandler({
  api: shareFetch,
  access: [needsGroup(OPERATION_READ), checks(OPERATION_READ, RESOURCE_TOPIC)],

  async handle(request, context) {
    const caller = callerOf(request);
    if (caller === null || !isSound(request)) return failed(errorCode.INVALID_REQUEST);
    const { shares } = context.services;
    const resumed = shares.sessions.resume({
      ...caller,
      epoch: request.shareSessionEpoch,
      connection: context.connection.id,
      added: listed(request),
      forgotten: request.forgottenTopicsData.flatMap(({ topicId, partitions }) =>
        partitions.map((partition) => ({ topicId, partition })),
      ),
    });
    if (resumed.kind === 'refused') return failed(codeOfSession(resumed.problem));
    const outcomes = await acknowledgeAll(context, caller, request.topics);
    if (resumed.kind === 'last') {
      await shares.delivery.release(caller.groupId, caller.memberId);
      shares.sessions.end(resumed.session);
      return answer(context, caller, outcomes, [], []);
    }
    const speaksOfAll = request.shareSessionEpoch === EPOCH_OPENS && request.maxRecords !== 0 && request.maxBytes !== 0;
    // Kafka answers so: the mode is looked at after everything else, too late for a better code.
    if (!hasMode(request) && hasPartition(resumed.session, context)) return failed(errorCode.UNKNOWN_SERVER_ERROR);
    const delivered = request.isRenewAck ? [] : await fetch(request, context, caller, resumed.session);
    return answer(context, caller, outcomes, delivered, speaksOfAll ? listed(request) : []);
  },

  refuse: (_request, refusal) => failed(refusal.errorCode),
});

/** Whatever the state of anything is. */
function isSound(request: Request): boolean {
  const { isRenewAck, maxWaitMs, minBytes, maxBytes, maxRecords } = request;
  if (isRenewAck && (maxWaitMs > 0 || minBytes > 0 || maxBytes > 0 || maxRecords > 0)) return false;
  return request.shareSessionEpoch !== EPOCH_OPENS || !hasAcknowledgements(request.topics);
}

/** A request that fetches nothing needs none. */
function hasMode({ isRenewAck, shareAcquireMode }: Request): boolean {
  return isRenewAck || shareAcquireMode === MODE_BATCHES || shareAcquireMode === MODE_EXACT;
}

function hasPartition({ partitions }: ShareSession, context: ControlContext): boolean {
  return [...partitions.values()].some((place) => problemOf(place, context) === errorCode.NONE);
}

function listed(request: Request): TopicPartition[] {
  return request.topics.flatMap(({ topicId, partitions }) =>
    partitions.map(({ partitionIndex }) => ({ topicId, partition: partitionIndex })),
  );
}

async function fetch(
  request: Request,
  context: ControlContext,
  { groupId, memberId }: ShareCaller,
  session: ShareSession,
): Promise<Delivered[]> {
  const { shares } = context.services;
  const keys = inTurn([...session.partitions.values()], session.nextEpoch).map((place) => ({ groupId, ...place }));
  const refused = keys.flatMap((key) => {
    const error = problemOf(key, context);
    return error === errorCode.NONE ? [] : { key, error, message: null, bytes: NO_BYTES, ranges: [] };
  });
  if (request.maxRecords <= 0 || request.maxBytes <= 0) return refused;
  const known = keys.filter((key) => problemOf(key, context) === errorCode.NONE);
  const delivered = await shares.delivery.fetch({
    memberId,
    keys: known,
    recordsMax: request.maxRecords,
    rangeRecords: Math.max(1, request.batchSize),
    isExact: request.shareAcquireMode === MODE_EXACT,
    bytesMin: request.minBytes,
    bytesMax: request.maxBytes,
    waitMs: refused.length > 0 ? 0 : Math.max(0, request.maxWaitMs),
    isOver: () => session.isOver,
  });
  return [...delivered, ...refused];
}

/** The code of a partition that is not there, or not for this client. */
function problemOf({ topicId, partition }: TopicPartition, { services, permit }: ControlContext): number {
  const { topics } = services.shares;
  const name = topics.nameOf(topicId);
  if (name === null) return errorCode.UNKNOWN_TOPIC_ID;
  if (!permit.may(OPERATION_READ, RESOURCE_TOPIC, name)) return errorCode.TOPIC_AUTHORIZATION_FAILED;
  const isThere = partition >= 0 && partition < topics.partitionCountOf(topicId);
  return isThere ? errorCode.NONE : errorCode.UNKNOWN_TOPIC_OR_PARTITION;
}

/** Another partition comes first each time, so that none is starved by those before it. */
function inTurn(places: readonly TopicPartition[], epoch: number): TopicPartition[] {
  const first = places.length === 0 ? 0 : epoch % places.length;
  return [...places.slice(first), ...places.slice(0, first)];
}

function failed(code: number): Response {
  return { errorCode: code, acquisitionLockTimeoutMs: 0, responses: [], nodeEndpoints: [] };
}

function answer(
  context: ControlContext,
  { groupId }: ShareCaller,
  outcomes: readonly AcknowledgeOutcome[],
  delivered: readonly Delivered[],
  mentioned: readonly TopicPartition[],
): Response {
  const topics = new Map<string, Map<number, PartitionAnswer>>();
  const put = ({ topicId, partition }: TopicPartition, fields: Partial<PartitionAnswer>): void => {
    const partitions = topics.get(topicId) ?? new Map<number, PartitionAnswer>();
    topics.set(topicId, partitions);
    partitions.set(partition, { ...(partitions.get(partition) ?? silent(partition)), ...fields });
  };
  for (const { key, error, message, bytes, ranges } of delivered) {
    put(key, { errorCode: error, errorMessage: message, records: bytes, acquiredRecords: [...ranges] });
  }
  for (const { error, message, ...place } of outcomes) {
    put(place, { acknowledgeErrorCode: error, acknowledgeErrorMessage: message });
  }
  for (const place of mentioned) put(place, {});
  return {
    errorCode: errorCode.NONE,
    acquisitionLockTimeoutMs: context.services.shares.settingsOf(groupId).lockMs,
    responses: [...topics].map(([topicId, partitions]) => ({ topicId, partitions: [...partitions.values()] })),
    nodeEndpoints: [],
  };
}

function silent(partitionIndex: number): PartitionAnswer {
  return {
    partitionIndex,
    errorCode: errorCode.NONE,
    acknowledgeErrorCode: errorCode.NONE,
    currentLeader: NO_LEADER,
    records: NO_BYTES,
    acquiredRecords: [],
  };
}
