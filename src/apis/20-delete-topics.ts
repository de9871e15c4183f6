/**
 * DeleteTopics, versions 1 to 6: by name, and from version 6 on also by id. The answer comes when the topic's folders
 * are gone. Where deletion is switched off, versions below 3 do not know the error for it.
 */

import { type DeleteResult, deleteTopics as deleteAll, type TopicChoice } from '../admin/topics.ts';
import {
  CLUSTER_NAME,
  OPERATION_DELETE,
  OPERATION_DESCRIBE,
  RESOURCE_CLUSTER,
  RESOURCE_TOPIC,
} from '../protocol/acl.ts';
import type { ElementOf, RequestOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { ZERO_UUID } from '../protocol/fields.ts';
import { deleteTopics } from '../protocol/schemas/20-delete-topics.ts';
import { checks } from './access.ts';
import { type ControlContext, defineHandler, denial } from './define.ts';

type Answer = ElementOf<ResponseInputOf<typeof deleteTopics>['responses']>;

const IDS_SINCE = 6;
const DELETION_DISABLED_SINCE = 3;
const QUOTA_ERROR_SINCE = 5;

export const deleteTopicsHandler = defineHandler({
  api: deleteTopics,
  access: [
    // To the cluster, or to each topic; of one that a client may not even see it does not learn whether it is there.
    checks(OPERATION_DELETE, RESOURCE_CLUSTER),
    checks(OPERATION_DELETE, RESOURCE_TOPIC),
    checks(OPERATION_DESCRIBE, RESOURCE_TOPIC),
  ],
  subjectsOf: ({ topics, topicNames }) => [...topicNames, ...topics.map(({ name, topicId }) => name ?? topicId)],

  async handle(request, context) {
    const { connection, apiVersion, clientId, services } = context;
    const allowance = services.mutationQuotas.allowanceOf(
      connection.identity,
      clientId,
      apiVersion >= QUOTA_ERROR_SINCE,
    );
    const denied: Answer[] = [];
    const choices = choicesOf(request, apiVersion).filter((choice) => {
      const refused = denialOf(choice, context);
      if (refused !== null) denied.push(refused);
      return refused === null;
    });
    const results = await deleteAll(services.controller, choices, allowance);
    const answers = results.map((result) => answerOf(result, apiVersion));
    return { throttleTimeMs: allowance.throttleMs, responses: [...answers, ...denied] };
  },

  refuse(request, refusal, { apiVersion }) {
    const choices = choicesOf(request, apiVersion);
    return { responses: choices.map((choice) => answerOf({ choice, topic: null, refusal }, apiVersion)) };
  },
});

/** Null: it may be deleted, or there is something else to say about it. */
function denialOf({ name, id }: TopicChoice, { services, permit }: ControlContext): Answer | null {
  const { catalog, config } = services.controller;
  if (!config.values['delete.topic.enable'] || (name === null) === (id === null)) return null;
  if (permit.mayQuietly(OPERATION_DELETE, RESOURCE_CLUSTER, CLUSTER_NAME)) return null;
  const topic = id === null ? name : (catalog.topicsById.get(id)?.name ?? null);
  if (topic === null) return null;
  const isSeen = permit.may(OPERATION_DESCRIBE, RESOURCE_TOPIC, topic);
  if (isSeen && name !== null && !catalog.topicsByName.has(name)) return null;
  if (isSeen && permit.may(OPERATION_DELETE, RESOURCE_TOPIC, topic)) return null;
  const { errorCode: code, message } = denial(errorCode.TOPIC_AUTHORIZATION_FAILED);
  const shownName = id === null || isSeen ? topic : null;
  return { name: shownName, topicId: id ?? ZERO_UUID, errorCode: code, errorMessage: message };
}

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
