/**
 * Metadata, versions 0 to 13: the brokers, and where the partitions of topics are.
 *
 * The broker's address is the one the client dialled, unless another is advertised. Topics that do not exist are created
 * when both the broker and the request allow it and the client did not ask for all topics; the first answer is then
 * LEADER_NOT_AVAILABLE, which clients try again. The top-level error of version 13 stays 0: anything else sends clients
 * back to their bootstrap servers.
 */

import { problemOfTopicName } from '../admin/topic-names.ts';
import { type CatalogTopic, isInternalTopic } from '../cluster/catalog.ts';
import {
  CLUSTER_NAME,
  OPERATION_CREATE,
  OPERATION_DESCRIBE,
  RESOURCE_CLUSTER,
  RESOURCE_TOPIC,
} from '../protocol/acl.ts';
import type { ElementOf, RequestOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { ZERO_UUID } from '../protocol/fields.ts';
import { metadata, OPERATIONS_NOT_ASKED } from '../protocol/schemas/03-metadata.ts';
import type { Permit } from '../security/permit.ts';
import { checks, open } from './access.ts';
import { addressFor, type ControlContext, defineHandler } from './define.ts';

type Request = RequestOf<typeof metadata>;
type Response = ResponseInputOf<typeof metadata>;
type TopicAnswer = ElementOf<Response['topics']>;
type TopicQuestion = ElementOf<NonNullable<Request['topics']>>;

/** Below, an empty list asks for all topics; ids and null names came later than the fields that hold them. */
const NULL_MEANS_ALL_SINCE = 1;
const IDS_SINCE = 12;
const NO_LEADER = -1;

export const metadataHandler = defineHandler({
  api: metadata,
  access: [
    open('a client has to find the brokers; of topics it is told what it may see'),
    checks(OPERATION_DESCRIBE, RESOURCE_TOPIC),
    checks(OPERATION_CREATE, RESOURCE_CLUSTER),
    checks(OPERATION_CREATE, RESOURCE_TOPIC),
    checks(OPERATION_DESCRIBE, RESOURCE_CLUSTER),
  ],

  handle: (request, context) => answer(context, request, answerTopics(request, context)),

  // Nothing of the broker itself: also who is in the middle of a login may be answered so.
  refuse: (request, refusal) => ({ brokers: [], clusterId: null, topics: refuseAll(request, refusal.errorCode) }),
});

function answer(context: ControlContext, request: Request, topics: readonly TopicAnswer[]): Response {
  const { controller } = context.services;
  const { values } = controller.config;
  const { host, port } = addressFor(context);
  const nodeId = values['node.id'];
  return {
    brokers: [{ nodeId, host, port, rack: values['broker.rack'] }],
    clusterId: controller.catalog.clusterId,
    controllerId: nodeId,
    topics,
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
      ? context.permit.operationsIfSeen(RESOURCE_CLUSTER, CLUSTER_NAME)
      : OPERATIONS_NOT_ASKED,
  };
}

function answerTopics(request: Request, context: ControlContext): readonly TopicAnswer[] {
  const { permit } = context;
  const { controller } = context.services;
  const { topicsByName, topicsById } = controller.catalog;
  const nodeId = controller.config.values['node.id'];
  const operationsOf = (name: string): number =>
    request.includeTopicAuthorizedOperations ? permit.operations(RESOURCE_TOPIC, name) : OPERATIONS_NOT_ASKED;
  const known = (topic: CatalogTopic): TopicAnswer =>
    knownTopic(topic, controller.placesOf(topic.id).length, nodeId, operationsOf(topic.name));
  const { topics } = request;
  const isAll = topics === null || (context.apiVersion < NULL_MEANS_ALL_SINCE && topics.length === 0);
  if (isAll) {
    const hidden = permit.denied(OPERATION_DESCRIBE, RESOURCE_TOPIC, topicsByName.keys(), true);
    return [...topicsByName.values()].filter(({ name }) => !hidden.has(name)).map(known);
  }
  const hasIds = topics.some(({ topicId, name }) => topicId !== ZERO_UUID || name === null);
  if (hasIds && context.apiVersion < IDS_SINCE) return refuseAll(request, errorCode.INVALID_REQUEST);
  const asked = distinct(topics);
  const hidden = permit.denied(
    OPERATION_DESCRIBE,
    RESOURCE_TOPIC,
    asked.flatMap(({ topicId, name }) => topicsById.get(topicId)?.name ?? name ?? []),
  );
  const missing = missingNames(asked, (name) => topicsByName.has(name) || hidden.has(name));
  const codes = answerMissing(missing, request, context);
  return asked.map(({ topicId, name }) => {
    if (topicId !== ZERO_UUID || name === null) {
      const topic = topicsById.get(topicId);
      if (topic === undefined) return unknownTopic(null, topicId, errorCode.UNKNOWN_TOPIC_ID);
      return hidden.has(topic.name) ? hiddenTopic(null, topicId) : known(topic);
    }
    // Whether it exists is told to those only who may see it.
    if (hidden.has(name)) return hiddenTopic(name, ZERO_UUID);
    const topic = topicsByName.get(name);
    if (topic !== undefined) return known(topic);
    const code = codes.get(name) ?? errorCode.UNKNOWN_TOPIC_OR_PARTITION;
    // Whoever asks by name is told what he might do, also where there is nothing to do it to.
    const answered = unknownTopic(name, ZERO_UUID, code);
    if (code === errorCode.TOPIC_AUTHORIZATION_FAILED) return answered;
    return { ...answered, topicAuthorizedOperations: operationsOf(name) };
  });
}

/** A topic asked for twice is answered once. Where one has an id, names are not looked at at all. */
function distinct(topics: readonly TopicQuestion[]): readonly TopicQuestion[] {
  const byId = topics.filter(({ topicId }) => topicId !== ZERO_UUID);
  const asked = byId.length > 0 ? byId : topics;
  const seen = new Map(asked.map((topic) => [byId.length > 0 ? topic.topicId : topic.name, topic]));
  return seen.size === asked.length ? asked : [...seen.values()];
}

function missingNames(topics: readonly TopicQuestion[], isKnown: (name: string) => boolean): readonly string[] {
  const names = new Set<string>();
  for (const { topicId, name } of topics) {
    if (topicId === ZERO_UUID && name !== null && !isKnown(name)) names.add(name);
  }
  return [...names];
}

function answerMissing(
  names: readonly string[],
  request: Request,
  context: ControlContext,
): ReadonlyMap<string, number> {
  const { controller, autoCreation, mutationQuotas } = context.services;
  const isAllowed = controller.config.values['auto.create.topics.enable'] && request.allowAutoTopicCreation;
  if (isAllowed && names.length > 0) {
    const denied = deniedCreations(names, context.permit);
    const allowance = mutationQuotas.allowanceOf(context.connection.identity, context.clientId, true);
    const allowed = names.filter((name) => !denied.has(name));
    const codes = autoCreation.begin(allowed, allowance);
    const refused = [...denied].map((name) => [name, errorCode.TOPIC_AUTHORIZATION_FAILED] as const);
    return new Map([...codes, ...refused]);
  }
  return new Map(
    names.map((name) => [
      name,
      problemOfTopicName(name) === null ? errorCode.UNKNOWN_TOPIC_OR_PARTITION : errorCode.INVALID_TOPIC_EXCEPTION,
    ]),
  );
}

function deniedCreations(names: readonly string[], permit: Permit): ReadonlySet<string> {
  if (permit.mayQuietly(OPERATION_CREATE, RESOURCE_CLUSTER, CLUSTER_NAME)) return new Set();
  return permit.denied(OPERATION_CREATE, RESOURCE_TOPIC, names);
}

function hiddenTopic(name: string | null, topicId: string): TopicAnswer {
  return { errorCode: errorCode.TOPIC_AUTHORIZATION_FAILED, name, topicId, isInternal: false, partitions: [] };
}

/** Partitions from `servedCount` on are being made: whoever went there would be told that there is no such topic. */
function knownTopic(
  topic: CatalogTopic,
  servedCount: number,
  nodeId: number,
  topicAuthorizedOperations: number,
): TopicAnswer {
  const replicaNodes = [nodeId];
  return {
    errorCode: errorCode.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: isInternalTopic(topic.name),
    partitions: topic.leaderEpochs.map((leaderEpoch, partitionIndex) => ({
      errorCode: partitionIndex < servedCount ? errorCode.NONE : errorCode.LEADER_NOT_AVAILABLE,
      partitionIndex,
      leaderId: partitionIndex < servedCount ? nodeId : NO_LEADER,
      leaderEpoch,
      replicaNodes,
      isrNodes: replicaNodes,
      offlineReplicas: [],
    })),
    topicAuthorizedOperations,
  };
}

function unknownTopic(name: string | null, topicId: string, code: number): TopicAnswer {
  return { errorCode: code, name, topicId, isInternal: name !== null && isInternalTopic(name), partitions: [] };
}

function refuseAll(request: Request, code: number): readonly TopicAnswer[] {
  return (request.topics ?? []).map(({ name, topicId }) => unknownTopic(name ?? '', topicId, code));
}
