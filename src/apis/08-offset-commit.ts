/**
 * OffsetCommit, versions 2 to 10: how far a group has read. Partitions stand or fall one by one, except where the group
 * itself says no. From version 10 on topics are named by id.
 */

import type { OffsetToCommit } from '../groups/offset-desk.ts';
import { OPERATION_READ, RESOURCE_TOPIC } from '../protocol/acl.ts';
import type { ElementOf, RequestOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { offsetCommit } from '../protocol/schemas/08-offset-commit.ts';
import { checks, needsGroup } from './access.ts';
import { type ControlContext, defineHandler } from './define.ts';

type Request = RequestOf<typeof offsetCommit>;
type Topic = ElementOf<Request['topics']>;
type Response = ResponseInputOf<typeof offsetCommit>;

const IDS_SINCE = 10;

export const offsetCommitHandler = defineHandler({
  api: offsetCommit,
  access: [needsGroup(OPERATION_READ), checks(OPERATION_READ, RESOURCE_TOPIC)],

  async handle(request, context) {
    const { groupId } = request;
    const { coordinator, offsets } = context.services.groups;
    const wished: OffsetToCommit[] = [];
    const denied = deniedTopics(request, context);
    const answers = request.topics.flatMap((topic) => planTopic(topic, context, denied, wished) ?? []);
    // Nothing that could be committed: the group is not asked, nor does it come into being.
    if (wished.length === 0) return answerEach(answers, []);
    const { shard, errorCode: code } = coordinator.shardOf(groupId);
    if (shard === null) {
      return answerEach(
        answers,
        wished.map(() => code),
      );
    }
    const codes = await offsets.commit(shard, {
      groupId,
      claim: {
        memberId: request.memberId,
        instanceId: request.groupInstanceId,
        generationOrEpoch: request.generationIdOrMemberEpoch,
        isTransactional: false,
        apiVersion: context.apiVersion,
      },
      retentionMs: request.retentionTimeMs,
      offsets: wished,
    });
    return answerEach(answers, codes);
  },

  refuse: (request, refusal) => answerAll(request, refusal.errorCode),
});

interface PlannedPartition {
  readonly partitionIndex: number;
  /** Among the offsets to commit, -1: refused with `refusal`. */
  readonly place: number;
  readonly refusal: number;
}

interface PlannedTopic {
  readonly name: string;
  readonly topicId: string;
  readonly partitions: readonly PlannedPartition[];
}

/**
 * Only what exists can be read, so only that can have been read. Null: a topic without partitions, which is not answered,
 * unless it is refused (as Kafka does it).
 */
function planTopic(
  topic: Topic,
  { apiVersion, services }: ControlContext,
  denied: ReadonlySet<string>,
  wished: OffsetToCommit[],
): PlannedTopic | null {
  const { topicsByName, topicsById } = services.controller.catalog;
  const hasId = apiVersion >= IDS_SINCE;
  const known = hasId ? topicsById.get(topic.topicId) : topicsByName.get(topic.name);
  const isDenied = denied.has(known?.name ?? topic.name);
  if (isDenied) return refusedTopic(topic, errorCode.TOPIC_AUTHORIZATION_FAILED);
  if (known !== undefined && topic.partitions.length === 0) return null;
  const partitions = topic.partitions.map((partition): PlannedPartition => {
    const { partitionIndex } = partition;
    const isThere = known !== undefined && partitionIndex >= 0 && partitionIndex < known.leaderEpochs.length;
    if (!isThere) {
      const isUnknownId = hasId && known === undefined;
      const refusal = isUnknownId ? errorCode.UNKNOWN_TOPIC_ID : errorCode.UNKNOWN_TOPIC_OR_PARTITION;
      return { partitionIndex, place: -1, refusal };
    }
    const place = wished.push({
      topic: known.name,
      topicId: known.id,
      partition: partitionIndex,
      offset: partition.committedOffset,
      leaderEpoch: partition.committedLeaderEpoch,
      // The stored record knows no null: an absent text comes back as an empty one, as with Kafka.
      metadata: partition.committedMetadata ?? '',
    });
    return { partitionIndex, place: place - 1, refusal: errorCode.NONE };
  });
  return { name: topic.name, topicId: topic.topicId, partitions };
}

/** By name also where the request has ids: rules know names. */
function deniedTopics({ topics }: Request, { apiVersion, services, permit }: ControlContext): ReadonlySet<string> {
  const { topicsById } = services.controller.catalog;
  const names = topics.map((topic) => (apiVersion >= IDS_SINCE ? topicsById.get(topic.topicId)?.name : topic.name));
  return permit.denied(
    OPERATION_READ,
    RESOURCE_TOPIC,
    names.filter((name) => name !== undefined),
  );
}

function refusedTopic({ name, topicId, partitions }: Topic, refusal: number): PlannedTopic {
  return {
    name,
    topicId,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, place: -1, refusal })),
  };
}

function answerEach(topics: readonly PlannedTopic[], codes: readonly number[]): Response {
  return {
    topics: topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex, refusal, place }) => ({
        partitionIndex,
        errorCode: place < 0 ? refusal : (codes[place] ?? errorCode.UNKNOWN_SERVER_ERROR),
      })),
    })),
  };
}

function answerAll(request: Request, code: number): Response {
  return {
    topics: request.topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: code })),
    })),
  };
}
