/** DeleteShareGroupOffsets, version 0 (KIP-932): a share group without members forgets where it stands in topics. */

import { GroupRefusal } from '../groups/group-refusal.ts';
import type { ShareGroup } from '../groups/share-group.ts';
import { OPERATION_DELETE, OPERATION_READ, RESOURCE_TOPIC } from '../protocol/acl.ts';
import type { ElementOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode, errorMessage } from '../protocol/errors.ts';
import { ZERO_UUID } from '../protocol/fields.ts';
import { deleteShareGroupOffsets } from '../protocol/schemas/92-delete-share-group-offsets.ts';
import { checks, needsGroup } from './access.ts';
import { defineHandler } from './define.ts';
import type { ShareServices } from './share-services.ts';

type Response = ResponseInputOf<typeof deleteShareGroupOffsets>;
type Answer = ElementOf<Response['responses']>;

export const deleteShareGroupOffsetsHandler = defineHandler({
  api: deleteShareGroupOffsets,
  access: [needsGroup(OPERATION_DELETE), checks(OPERATION_READ, RESOURCE_TOPIC)],
  subjectsOf: ({ groupId, topics }) => topics.map(({ topicName }) => `${groupId}/${topicName}`),

  async handle(request, { services, permit }): Promise<Response> {
    const { shares } = services;
    const { groupId } = request;
    if (groupId === '') return failed(errorCode.INVALID_GROUP_ID, 'A group has a name.');
    try {
      const group = shares.groups.emptyGroup(groupId);
      if (group === null) return failed(errorCode.GROUP_ID_NOT_FOUND, `There is no group ${groupId}.`);
      const responses = request.topics.map(({ topicName }) =>
        permit.may(OPERATION_READ, RESOURCE_TOPIC, topicName)
          ? answerOf(topicName, group, shares)
          : refused(
              topicName,
              errorCode.TOPIC_AUTHORIZATION_FAILED,
              errorMessage(errorCode.TOPIC_AUTHORIZATION_FAILED),
            ),
      );
      const topicIds = responses.flatMap(({ topicId, errorCode: code }) => (code === errorCode.NONE ? [topicId] : []));
      if (topicIds.length > 0) await shares.groups.forgetTopics(groupId, topicIds);
      return { errorCode: errorCode.NONE, responses };
    } catch (error) {
      if (!(error instanceof GroupRefusal)) throw error;
      return failed(error.errorCode, error.message);
    }
  },

  refuse: (_request, refusal) => failed(refusal.errorCode, refusal.message),
});

function answerOf(topicName: string, group: ShareGroup, { topics }: ShareServices): Answer {
  const topicId = topics.idOf(topicName);
  if (topicId === null) return unknown(topicName, 'there is no such topic');
  if (!group.begun.has(topicId)) return unknown(topicName, 'the group has not begun with this topic');
  return { topicName, topicId, errorCode: errorCode.NONE };
}

function unknown(topicName: string, message: string): Answer {
  return refused(topicName, errorCode.UNKNOWN_TOPIC_OR_PARTITION, message);
}

function refused(topicName: string, code: number, message: string): Answer {
  return { topicName, topicId: ZERO_UUID, errorCode: code, errorMessage: message };
}

function failed(code: number, message: string): Response {
  return { errorCode: code, errorMessage: message === '' ? null : message, responses: [] };
}
