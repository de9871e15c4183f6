/**
 * Acknowledgements as ShareFetch and ShareAcknowledge carry them: who may send them, whether they make sense, and what
 * came of each partition. Both APIs go through here, so that they say the same.
 */
import { OPERATION_READ, RESOURCE_TOPIC } from '../protocol/acl.ts';
import { errorCode } from '../protocol/errors.ts';
import { ACKNOWLEDGE_REJECT, ACKNOWLEDGE_RENEW, type Acknowledgement } from '../shares/share-partition.ts';
import type { SessionProblem, TopicPartition } from '../shares/share-sessions.ts';
import type { ControlContext } from './define.ts';

export interface AcknowledgeTopic {
  readonly topicId: string;
  readonly partitions: readonly {
    readonly partitionIndex: number;
    readonly acknowledgementBatches: readonly {
      readonly firstOffset: number;
      readonly lastOffset: number;
      readonly acknowledgeTypes: readonly number[];
    }[];
  }[];
}

export interface AcknowledgeOutcome extends TopicPartition {
  readonly error: number;
  readonly message: string | null;
}

export interface ShareCaller {
  readonly groupId: string;
  readonly memberId: string;
  /** The request says that it renews locks. */
  readonly isRenewing: boolean;
}

const MEMBER_ID_LENGTH_MAX = 36;

/** Null when the request does not say who asks. */
export function callerOf(request: {
  readonly groupId: string | null;
  readonly memberId: string | null;
  readonly isRenewAck: boolean;
}): ShareCaller | null {
  const { groupId, memberId } = request;
  if (groupId === null || memberId === null || memberId === '' || memberId.length > MEMBER_ID_LENGTH_MAX) return null;
  return { groupId, memberId, isRenewing: request.isRenewAck };
}

export function codeOfSession(problem: SessionProblem): number {
  switch (problem) {
    case 'not-found':
      return errorCode.SHARE_SESSION_NOT_FOUND;
    case 'bad-epoch':
      return errorCode.INVALID_SHARE_SESSION_EPOCH;
    case 'too-many':
      return errorCode.SHARE_SESSION_LIMIT_REACHED;
  }
}

export function hasAcknowledgements(topics: readonly AcknowledgeTopic[]): boolean {
  return topics.some(({ partitions }) =>
    partitions.some(({ acknowledgementBatches }) => acknowledgementBatches.length > 0),
  );
}

/** Outcomes of the partitions that acknowledgements came for. */
export function acknowledgeAll(
  context: ControlContext,
  caller: ShareCaller,
  topics: readonly AcknowledgeTopic[],
): Promise<AcknowledgeOutcome[]> {
  const outcomes: Promise<AcknowledgeOutcome>[] = [];
  for (const { topicId, partitions } of topics) {
    for (const { partitionIndex, acknowledgementBatches } of partitions) {
      if (acknowledgementBatches.length === 0) continue;
      const batches = acknowledgementBatches.map(({ firstOffset, lastOffset, acknowledgeTypes }) => ({
        firstOffset,
        lastOffset,
        types: acknowledgeTypes,
      }));
      outcomes.push(acknowledge(context, caller, { topicId, partition: partitionIndex }, batches));
    }
  }
  return Promise.all(outcomes);
}

async function acknowledge(
  { services, permit }: ControlContext,
  caller: ShareCaller,
  place: TopicPartition,
  batches: readonly Acknowledgement[],
): Promise<AcknowledgeOutcome> {
  const { shares } = services;
  const name = shares.topics.nameOf(place.topicId);
  if (name === null) return { ...place, error: errorCode.UNKNOWN_TOPIC_ID, message: null };
  if (!areSound(batches, caller.isRenewing)) return { ...place, error: errorCode.INVALID_REQUEST, message: null };
  if (!permit.may(OPERATION_READ, RESOURCE_TOPIC, name)) {
    return { ...place, error: errorCode.TOPIC_AUTHORIZATION_FAILED, message: null };
  }
  const isRenewal = batches.some(({ types }) => types.includes(ACKNOWLEDGE_RENEW));
  if (isRenewal && !shares.settingsOf(caller.groupId).canRenew) {
    const message = 'this group may not renew its locks';
    return { ...place, error: errorCode.INVALID_RECORD_STATE, message };
  }
  const key = { groupId: caller.groupId, ...place };
  return { ...place, ...(await shares.delivery.acknowledge(key, caller.memberId, batches)) };
}

/** In order, without overlaps, with a type for all offsets or one for each. */
function areSound(batches: readonly Acknowledgement[], isRenewing: boolean): boolean {
  const typeMax = isRenewing ? ACKNOWLEDGE_RENEW : ACKNOWLEDGE_REJECT;
  let before = -1;
  for (const { firstOffset, lastOffset, types } of batches) {
    if (firstOffset > lastOffset || firstOffset <= before) return false;
    if (types.length === 0 || (types.length > 1 && types.length !== lastOffset - firstOffset + 1)) return false;
    if (types.some((type) => type < 0 || type > typeMax)) return false;
    before = lastOffset;
  }
  return true;
}
