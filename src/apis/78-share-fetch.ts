/**
 * ShareFetch, versions 1 and 2 (KIP-932): a member of a share group takes up records of its share session's partitions,
 * and sends acknowledgements of earlier ones along. The answer comes when there is something, or when the wait is over.
 * The first answer of a session speaks of every partition; later ones of those that have something to tell.
 *
 * With `isRenewAck` (version 2) nothing is fetched.
 */
import type { ElementOf, RequestOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { shareFetch } from '../protocol/schemas/78-share-fetch.ts';
import type { Delivered } from '../shares/share-delivery.ts';
import { EPOCH_OPENS, type ShareSession, type TopicPartition } from '../shares/share-sessions.ts';
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
  access: [
    { kind: 'guarded', resource: 'group', operation: 'read' },
    { kind: 'guarded', resource: 'topic', operation: 'read' },
  ],

  async handle(request, context) {
    const caller = callerOf(request);
    if (caller === null || !isSound(request)) return failed(errorCode.INVALID_REQUEST);
    // Kafka answers so: the mode is looked at too late for a better code.
    if (request.shareAcquireMode !== MODE_BATCHES && request.shareAcquireMode !== MODE_EXACT) {
      return failed(errorCode.UNKNOWN_SERVER_ERROR);
    }
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
    const outcomes = await acknowledgeAll(shares, caller, request.topics);
    if (resumed.kind === 'last') {
      await shares.delivery.release(caller.groupId, caller.memberId);
      shares.sessions.end(resumed.session);
      return answer(context, caller, outcomes, [], []);
    }
    const isOpening = request.shareSessionEpoch === EPOCH_OPENS;
    const delivered = request.isRenewAck ? [] : await fetch(request, context, caller, resumed.session);
    return answer(context, caller, outcomes, delivered, isOpening ? listed(request) : []);
  },

  refuse: (_request, refusal) => failed(refusal.errorCode),
});

/** Whatever the state of anything is. */
function isSound(request: Request): boolean {
  const { isRenewAck, maxWaitMs, minBytes, maxBytes, maxRecords } = request;
  if (isRenewAck && (maxWaitMs > 0 || minBytes > 0 || maxBytes > 0 || maxRecords > 0)) return false;
  return request.shareSessionEpoch !== EPOCH_OPENS || !hasAcknowledgements(request.topics);
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
  if (request.maxRecords <= 0 || request.maxBytes <= 0) return [];
  const { shares } = context.services;
  const keys = inTurn([...session.partitions.values()], session.nextEpoch).map((place) => ({ groupId, ...place }));
  const known = keys.filter(({ topicId }) => shares.topics.nameOf(topicId) !== null);
  const unknown = keys.filter(({ topicId }) => shares.topics.nameOf(topicId) === null);
  const delivered = await shares.delivery.fetch({
    memberId,
    keys: known,
    recordsMax: request.maxRecords,
    rangeRecords: Math.max(1, request.batchSize),
    isExact: request.shareAcquireMode === MODE_EXACT,
    bytesMin: request.minBytes,
    bytesMax: request.maxBytes,
    waitMs: unknown.length > 0 ? 0 : Math.max(0, request.maxWaitMs),
    isOver: () => session.isOver,
  });
  const refused = unknown.map((key) => ({
    key,
    error: errorCode.UNKNOWN_TOPIC_ID,
    message: null,
    bytes: NO_BYTES,
    ranges: [],
  }));
  return [...delivered, ...refused];
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
