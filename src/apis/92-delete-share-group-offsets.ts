/** DeleteShareGroupOffsets, version 0 (KIP-932): a share group without members forgets where it stands in topics. */
import { GroupRefusal } from '../groups/group-refusal.ts';
import type { ShareGroup } from '../groups/share-group.ts';
import type { ElementOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { ZERO_UUID } from '../protocol/fields.ts';
import { deleteShareGroupOffsets } from '../protocol/schemas/92-delete-share-group-offsets.ts';
import { defineHandler } from './define.ts';
import type { ShareServices } from './share-services.ts';

type Response = ResponseInputOf<typeof deleteShareGroupOffsets>;
type Answer = ElementOf<Response['responses']>;

export const deleteShareGroupOffsetsHandler = defineHandler({
  api: deleteShareGroupOffsets,
  access: [
    { kind: 'guarded', resource: 'group', operation: 'delete' },
    { kind: 'guarded', resource: 'topic', operation: 'read' },
  ],

  async handle(request, { services }): Promise<Response> {
    const { shares } = services;
    const { groupId } = request;
    if (groupId === '') return failed(errorCode.INVALID_GROUP_ID, 'A group has a name.');
    try {
      const group = shares.groups.emptyGroup(groupId);
      if (group === null) return failed(errorCode.GROUP_ID_NOT_FOUND, `There is no group ${groupId}.`);
      const responses = request.topics.map(({ topicName }) => answerOf(topicName, group, shares));
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
  if (topicId === null) return refused(topicName, 'there is no such topic');
  if (!group.begun.has(topicId)) return refused(topicName, 'the group has not begun with this topic');
  return { topicName, topicId, errorCode: errorCode.NONE };
}

function refused(topicName: string, errorMessage: string): Answer {
  return { topicName, topicId: ZERO_UUID, errorCode: errorCode.UNKNOWN_TOPIC_OR_PARTITION, errorMessage };
}

function failed(code: number, message: string): Response {
  return { errorCode: code, errorMessage: message === '' ? null : message, responses: [] };
}
