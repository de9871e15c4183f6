/**
 * DeleteTopics, versions 1 to 6: by name, and from version 6 on also by id. The answer comes when the topic's folders
 * are gone. Where deletion is switched off, versions below 3 do not know the error for it.
 */
import { type DeleteResult, deleteTopics as deleteAll, type TopicChoice } from '../admin/topics.ts';
import type { ElementOf, RequestOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { ZERO_UUID } from '../protocol/fields.ts';
import { deleteTopics } from '../protocol/schemas/20-delete-topics.ts';
import { defineHandler } from './define.ts';

type Answer = ElementOf<ResponseInputOf<typeof deleteTopics>['responses']>;

const IDS_SINCE = 6;
const DELETION_DISABLED_SINCE = 3;
const QUOTA_ERROR_SINCE = 5;

export const deleteTopicsHandler = defineHandler({
  api: deleteTopics,
  access: [{ kind: 'guarded', resource: 'topic', operation: 'delete' }],

  async handle(request, { apiVersion, clientId, services }) {
    const allowance = services.mutationQuotas.allowanceOf(clientId, apiVersion >= QUOTA_ERROR_SINCE);
    const results = await deleteAll(services.controller, choicesOf(request, apiVersion), allowance);
    return { throttleTimeMs: allowance.throttleMs, responses: results.map((result) => answerOf(result, apiVersion)) };
  },

  refuse(request, refusal, { apiVersion }) {
    const choices = choicesOf(request, apiVersion);
    return { responses: choices.map((choice) => answerOf({ choice, topic: null, refusal }, apiVersion)) };
  },
});

function choicesOf(request: RequestOf<typeof deleteTopics>, apiVersion: number): TopicChoice[] {
  if (apiVersion < IDS_SINCE) return request.topicNames.map((name) => ({ name, id: null }));
  return request.topics.map(({ name, topicId }) => ({ name, id: topicId === ZERO_UUID ? null : topicId }));
}

function answerOf({ choice, topic, refusal }: DeleteResult, apiVersion: number): Answer {
  const code = refusal?.errorCode ?? errorCode.NONE;
  const isUnknownCode = code === errorCode.TOPIC_DELETION_DISABLED && apiVersion < DELETION_DISABLED_SINCE;
  return {
    name: topic?.name ?? choice.name,
    topicId: topic?.id ?? choice.id ?? ZERO_UUID,
    errorCode: isUnknownCode ? errorCode.INVALID_REQUEST : code,
    errorMessage: refusal?.message ?? null,
  };
}
