/**
 * OffsetFetch, versions 1 to 10: how far groups have read. One group up to version 7, many with an error each from version
 * 8 on; no list of topics (null, from version 2 on) asks for all that the group has. What was never committed is offset -1
 * and no error. From version 10 on topics are named by id.
 */

import { onceByName } from '../base/once.ts';
import type { FetchedOffsets, TopicPartitions } from '../groups/offset-desk.ts';
import { OPERATION_DESCRIBE, RESOURCE_GROUP, RESOURCE_TOPIC } from '../protocol/acl.ts';
import type { ElementOf, RequestOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { ZERO_UUID } from '../protocol/fields.ts';
import { offsetFetch } from '../protocol/schemas/09-offset-fetch.ts';
import { checks } from './access.ts';
import { type ControlContext, defineHandler } from './define.ts';

type Request = RequestOf<typeof offsetFetch>;
type Response = ResponseInputOf<typeof offsetFetch>;
type GroupAnswer = ElementOf<NonNullable<Response['groups']>>;
type TopicAnswer = ElementOf<GroupAnswer['topics']>;

interface TopicQuestion {
  readonly name: string;
  readonly topicId: string;
  readonly partitionIndexes: readonly number[];
}

interface GroupQuestion {
  readonly groupId: string;
  readonly memberId: string | null;
  readonly memberEpoch: number;
  readonly topics: readonly TopicQuestion[] | null;
}

const TOP_ERROR_SINCE = 2;
const MANY_GROUPS_SINCE = 8;
const IDS_SINCE = 10;

export const offsetFetchHandler = defineHandler({
  api: offsetFetch,
  access: [checks(OPERATION_DESCRIBE, RESOURCE_GROUP), checks(OPERATION_DESCRIBE, RESOURCE_TOPIC)],

  async handle(request, context) {
    const wholeOf = onceByName((groupId) => fetchWhole(groupId, request, context));
    const answers = await Promise.all(
      questionsOf(request, context).map((one) => answerGroup(one, wholeOf, request, context)),
    );
    return shape(answers, context);
  },

  refuse: (request, refusal, context) =>
    shape(
      questionsOf(request, context).map((one) => refusedGroup(one, refusal.errorCode, context)),
      context,
    ),
});

function questionsOf(request: Request, { apiVersion }: ControlContext): readonly GroupQuestion[] {
  if (apiVersion >= MANY_GROUPS_SINCE) return request.groups;
  const topics = request.topics?.map((topic) => ({ ...topic, topicId: ZERO_UUID })) ?? null;
  return [{ groupId: request.groupId, memberId: null, memberEpoch: -1, topics }];
}

async function answerGroup(
  one: GroupQuestion,
  wholeOf: (groupId: string) => Promise<Whole>,
  request: Request,
  context: ControlContext,
): Promise<GroupAnswer> {
  const { permit } = context;
  if (!permit.may(OPERATION_DESCRIBE, RESOURCE_GROUP, one.groupId)) {
    return refusedGroup(one, errorCode.GROUP_AUTHORIZATION_FAILED, context);
  }
  const { coordinator, offsets } = context.services.groups;
  const { shard, errorCode: code } = coordinator.shardOf(one.groupId);
  if (shard === null) return refusedGroup(one, code, context);
  const named = one.topics?.map((topic) => nameTopic(topic, context)) ?? null;
  const whole = named === null ? wholeOf(one.groupId) : null;
  const fetched = await offsets.fetch(shard, {
    groupId: one.groupId,
    memberId: one.memberId,
    memberEpoch: one.memberEpoch,
    topics: named?.flatMap(({ asked }) => asked ?? []) ?? [],
    isStableRequired: request.requireStable,
  });
  if (fetched.errorCode !== errorCode.NONE) return refusedGroup(one, fetched.errorCode, context);
  if (whole === null)
    return { groupId: one.groupId, errorCode: errorCode.NONE, topics: askedTopics(named ?? [], fetched) };
  const { errorCode: wholeCode, topics } = await whole;
  if (wholeCode !== errorCode.NONE) return refusedGroup(one, wholeCode, context);
  return { groupId: one.groupId, errorCode: errorCode.NONE, topics };
}

/** All that a group has committed. */
interface Whole {
  readonly errorCode: number;
  readonly topics: readonly TopicAnswer[];
}

/** Whoever asks for it is looked at by itself: a request may ask for one group as several members. */
async function fetchWhole(groupId: string, request: Request, context: ControlContext): Promise<Whole> {
  const { coordinator, offsets } = context.services.groups;
  const { shard, errorCode: code } = coordinator.shardOf(groupId);
  if (shard === null) return { errorCode: code, topics: [] };
  const isStableRequired = request.requireStable;
  const fetched = await offsets.fetch(shard, {
    groupId,
    memberId: null,
    memberEpoch: -1,
    topics: null,
    isStableRequired,
  });
  return { errorCode: fetched.errorCode, topics: allTopics(fetched, context) };
}

interface NamedTopic {
  readonly question: TopicQuestion;
  /** Null: nothing of it is looked up. */
  readonly asked: TopicPartitions | null;
  readonly refusal: number;
}

function nameTopic(question: TopicQuestion, { apiVersion, services, permit }: ControlContext): NamedTopic {
  const { topicId, partitionIndexes: partitions } = question;
  const { topicsById } = services.controller.catalog;
  const name = apiVersion < IDS_SINCE ? question.name : topicsById.get(topicId)?.name;
  if (name === undefined) return { question, asked: null, refusal: errorCode.UNKNOWN_TOPIC_ID };
  if (!permit.may(OPERATION_DESCRIBE, RESOURCE_TOPIC, name)) {
    return { question, asked: null, refusal: errorCode.TOPIC_AUTHORIZATION_FAILED };
  }
  return { question, asked: { name, partitions }, refusal: errorCode.NONE };
}

function askedTopics(named: readonly NamedTopic[], fetched: FetchedOffsets): TopicAnswer[] {
  let next = 0;
  return named.map(({ question, asked, refusal }) => {
    if (asked === null) return refusedTopic(question, refusal);
    const partitions = fetched.topics[next++]?.partitions ?? [];
    return { name: question.name, topicId: question.topicId, partitions: partitions.map(answerPartition) };
  });
}

/** A topic that is gone has no id any more, so it cannot be told of in versions that know ids only. */
function allTopics(fetched: FetchedOffsets, { apiVersion, services, permit }: ControlContext): TopicAnswer[] {
  const { topicsByName } = services.controller.catalog;
  const answers: TopicAnswer[] = [];
  for (const { name, partitions } of fetched.topics) {
    if (!permit.may(OPERATION_DESCRIBE, RESOURCE_TOPIC, name)) continue;
    const topicId = topicsByName.get(name)?.id ?? ZERO_UUID;
    if (apiVersion >= IDS_SINCE && topicId === ZERO_UUID) continue;
    answers.push({ name, topicId, partitions: partitions.map(answerPartition) });
  }
  return answers;
}

function answerPartition(one: FetchedOffsets['topics'][number]['partitions'][number]) {
  return {
    partitionIndex: one.partition,
    committedOffset: one.offset,
    committedLeaderEpoch: one.leaderEpoch,
    metadata: one.metadata,
    errorCode: one.errorCode,
  };
}

function refusedTopic({ name, topicId, partitionIndexes }: TopicQuestion, code: number): TopicAnswer {
  const nothing = { committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode: code };
  return { name, topicId, partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, ...nothing })) };
}

/** Before there was an error for the whole, every partition carried it. */
function refusedGroup(one: GroupQuestion, code: number, { apiVersion }: ControlContext): GroupAnswer {
  const topics = apiVersion < TOP_ERROR_SINCE ? (one.topics ?? []).map((topic) => refusedTopic(topic, code)) : [];
  return { groupId: one.groupId, errorCode: code, topics };
}

function shape(answers: readonly GroupAnswer[], { apiVersion }: ControlContext): Response {
  if (apiVersion >= MANY_GROUPS_SINCE) return { topics: [], groups: answers };
  const [first] = answers;
  return { topics: first?.topics ?? [], errorCode: first?.errorCode ?? errorCode.NONE, groups: [] };
}
