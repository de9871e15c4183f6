/**
 * AlterShareGroupOffsets, version 0 (KIP-932): sets where a share group without members starts. The group is made if it is
 * not there and one of the topics exists. Partitions that do not exist are refused one by one.
 */

import { GroupRefusal } from '../groups/group-refusal.ts';
import { OPERATION_READ, RESOURCE_TOPIC } from '../protocol/acl.ts';
import type { ElementOf, RequestOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { ZERO_UUID } from '../protocol/fields.ts';
import { alterShareGroupOffsets } from '../protocol/schemas/91-alter-share-group-offsets.ts';
import { checks, needsGroup } from './access.ts';
import { defineHandler, denial } from './define.ts';
import type { ShareServices } from './share-services.ts';

type Wish = ElementOf<RequestOf<typeof alterShareGroupOffsets>['topics']>;
type Response = ResponseInputOf<typeof alterShareGroupOffsets>;

const UNKNOWN = {
  errorCode: errorCode.UNKNOWN_TOPIC_OR_PARTITION,
  errorMessage: 'there is no such partition',
};

export const alterShareGroupOffsetsHandler = defineHandler({
  api: alterShareGroupOffsets,
  access: [needsGroup(OPERATION_READ), checks(OPERATION_READ, RESOURCE_TOPIC)],
  subjectsOf: ({ groupId, topics }) => topics.map(({ topicName }) => `${groupId}/${topicName}`),

  async handle(request, { services, permit }): Promise<Response> {
    const { shares } = services;
    const denied = permit.denied(
      OPERATION_READ,
      RESOURCE_TOPIC,
      request.topics.map(({ topicName }) => topicName),
    );
    const allowed = request.topics.filter(({ topicName }) => !denied.has(topicName));
    try {
      await shares.groups.alterOffsets(
        request.groupId,
        allowed.flatMap((wish) => startsOf(wish, shares)),
        allowed.some(({ topicName }) => shares.topics.idOf(topicName) !== null),
      );
      const responses = request.topics.flatMap(
        (wish) => (denied.has(wish.topicName) ? refusedTopic(wish) : answerOf(wish, shares)) ?? [],
      );
      return { errorCode: errorCode.NONE, responses };
    } catch (error) {
      if (!(error instanceof GroupRefusal)) throw error;
      return failed(error.errorCode, error.message);
    }
  },

  refuse: (_request, refusal) => failed(refusal.errorCode, refusal.message),
});

function isThere({ topicName }: Wish, partition: number, { topics }: ShareServices): boolean {
  const topicId = topics.idOf(topicName);
  return topicId !== null && partition >= 0 && partition < topics.partitionCountOf(topicId);
}

function startsOf(wish: Wish, shares: ShareServices) {
  const topicId = shares.topics.idOf(wish.topicName) ?? ZERO_UUID;
  return wish.partitions
    .filter(({ partitionIndex }) => isThere(wish, partitionIndex, shares))
    .map(({ partitionIndex, startOffset }) => ({
      topicId,
      name: wish.topicName,
      partition: partitionIndex,
      // Below zero means: where the group's settings say.
      startOffset: Math.max(-1, startOffset),
    }));
}

/** Null where there is nothing to say: of a topic that does not exist each partition is refused, and there is none. */
function answerOf(wish: Wish, shares: ShareServices): ElementOf<Response['responses']> | null {
  const topicId = shares.topics.idOf(wish.topicName);
  if (topicId === null && wish.partitions.length === 0) return null;
  return {
    topicName: wish.topicName,
    topicId: topicId ?? ZERO_UUID,
    partitions: wish.partitions.map(({ partitionIndex }) => ({
      partitionIndex,
      ...(isThere(wish, partitionIndex, shares) ? { errorCode: errorCode.NONE } : UNKNOWN),
    })),
  };
}

/** Without its id, which would say that there is such a topic. */
function refusedTopic({ topicName, partitions }: Wish): ElementOf<Response['responses']> {
  const { errorCode: code, message } = denial(errorCode.TOPIC_AUTHORIZATION_FAILED);
  return {
    topicName,
    topicId: ZERO_UUID,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: code, errorMessage: message })),
  };
}

function failed(code: number, message: string): Response {
  return { errorCode: code, errorMessage: message === '' ? null : message, responses: [] };
}
