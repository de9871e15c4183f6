/**
 * CreateTopics, versions 2 to 7: topics stand or fall one by one. The answer comes when the partitions are open; from
 * version 5 on it tells what was made of the wishes, from version 7 on the id. `validateOnly` creates nothing.
 */

import { describeTopicConfigs } from '../admin/configs.ts';
import { createTopics as createAll, type TopicResult, type TopicWish } from '../admin/topics.ts';
import {
  CLUSTER_NAME,
  OPERATION_CREATE,
  OPERATION_DESCRIBE_CONFIGS,
  RESOURCE_CLUSTER,
  RESOURCE_TOPIC,
} from '../protocol/acl.ts';
import type { ElementOf, RequestOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { createTopics } from '../protocol/schemas/19-create-topics.ts';
import { SOURCE_DYNAMIC_TOPIC } from '../protocol/schemas/32-describe-configs.ts';
import { checks } from './access.ts';
import { type ControlContext, defineHandler } from './define.ts';

type Wish = ElementOf<RequestOf<typeof createTopics>['topics']>;
type Answer = ElementOf<ResponseInputOf<typeof createTopics>['topics']>;

const QUOTA_ERROR_SINCE = 6;

export const createTopicsHandler = defineHandler({
  api: createTopics,
  access: [
    // To the cluster, or to each topic.
    checks(OPERATION_CREATE, RESOURCE_CLUSTER),
    checks(OPERATION_CREATE, RESOURCE_TOPIC),
    checks(OPERATION_DESCRIBE_CONFIGS, RESOURCE_TOPIC),
  ],
  subjectsOf: ({ topics }) => topics.map(({ name }) => name),

  async handle(request, context) {
    const { controller, mutationQuotas } = context.services;
    const allowance = mutationQuotas.allowanceOf(
      context.connection.identity,
      context.clientId,
      context.apiVersion >= QUOTA_ERROR_SINCE,
    );
    const options = { isOnlyCheck: request.validateOnly, allowance };
    const denied = deniedTopics(request, context);
    const allowed = request.topics.filter(({ name }) => !denied.has(name));
    const results = await createAll(controller, allowed.map(wishOf), options);
    const answers = results.map((result) => answerOf(result, context));
    const refused = [...denied].map((name) => ({
      name,
      errorCode: errorCode.TOPIC_AUTHORIZATION_FAILED,
      errorMessage: 'Authorization failed.',
      configs: [],
    }));
    return { throttleTimeMs: allowance.throttleMs, topics: [...answers, ...refused] };
  },

  refuse: (request, refusal) => ({
    topics: request.topics.map(({ name }) => ({ name, errorCode: refusal.errorCode, errorMessage: refusal.message })),
  }),
});

function deniedTopics({ topics }: RequestOf<typeof createTopics>, { permit }: ControlContext): ReadonlySet<string> {
  if (permit.mayQuietly(OPERATION_CREATE, RESOURCE_CLUSTER, CLUSTER_NAME)) return new Set();
  return permit.denied(
    OPERATION_CREATE,
    RESOURCE_TOPIC,
    topics.map(({ name }) => name),
  );
}

function wishOf(wish: Wish): TopicWish {
  return {
    name: wish.name,
    partitionCount: wish.numPartitions,
    replicationFactor: wish.replicationFactor,
    assignments: wish.assignments.map(({ partitionIndex, brokerIds }) => ({ partition: partitionIndex, brokerIds })),
    configs: wish.configs,
  };
}

function answerOf(result: TopicResult, { services, permit }: ControlContext): Answer {
  const { name, refusal } = result;
  if (refusal !== null) {
    return { name, errorCode: refusal.errorCode, errorMessage: refusal.message, configs: [] };
  }
  const made = { name, ...(result.topic === null ? {} : { topicId: result.topic.id }), errorCode: errorCode.NONE };
  if (!permit.mayQuietly(OPERATION_DESCRIBE_CONFIGS, RESOURCE_TOPIC, name)) {
    return { ...made, topicConfigErrorCode: errorCode.TOPIC_AUTHORIZATION_FAILED, configs: [] };
  }
  const configs = describeTopicConfigs(result.plan, services.controller.config);
  return {
    ...made,
    numPartitions: result.plan.partitionCount,
    replicationFactor: 1,
    configs: configs.map((config) => ({
      name: config.name,
      // As it was given, where DescribeConfigs tells what it came to.
      value: config.source === SOURCE_DYNAMIC_TOPIC ? (config.synonyms[0]?.value ?? null) : config.value,
      readOnly: config.isReadOnly,
      configSource: config.source,
      isSensitive: config.isSensitive,
    })),
  };
}
