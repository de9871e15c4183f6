/** OffsetDelete, version 0: a group forgets how far it has read topics that none of its members reads any more. */
import { OPERATION_DELETE, OPERATION_READ, RESOURCE_TOPIC } from '../protocol/acl.ts';
import type { ElementOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { offsetDelete } from '../protocol/schemas/47-offset-delete.ts';
import { checks, needsGroup } from './access.ts';
import { type ControlContext, defineHandler } from './define.ts';

export const offsetDeleteHandler = defineHandler({
  api: offsetDelete,
  access: [needsGroup(OPERATION_DELETE), checks(OPERATION_READ, RESOURCE_TOPIC)],
  subjectsOf: ({ groupId, topics }) => topics.map(({ name }) => `${groupId}/${name}`),

  async handle(request, context) {
    const { groupId } = request;
    const { coordinator, offsets } = context.services.groups;
    if (groupId === '') return { errorCode: errorCode.INVALID_GROUP_ID, topics: [] };
    const found = coordinator.shardOf(groupId);
    if (found.shard === null) return { errorCode: found.errorCode, topics: [] };
    const denied = context.permit.denied(
      OPERATION_READ,
      RESOURCE_TOPIC,
      request.topics.map(({ name }) => name),
    );
    // A topic without partitions is not answered, unless there is no such topic, or it may not be read (as Kafka does it).
    const isAnswered = ({ name, partitions }: ElementOf<typeof request.topics>): boolean =>
      partitions.length > 0 || denied.has(name) || !context.services.controller.catalog.topicsByName.has(name);
    const topics = request.topics.filter(isAnswered).map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => partitionIndex),
    }));
    const known = topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.filter((partition) => !denied.has(name) && isKnown(context, name, partition)),
    }));
    const outcome = await offsets.deleteOffsets(found.shard, groupId, known);
    if (outcome.errorCode !== errorCode.NONE) return { errorCode: outcome.errorCode, topics: [] };
    return { errorCode: errorCode.NONE, topics: answerTopics(topics, known, outcome.codes, denied) };
  },

  refuse: (_request, refusal) => ({ errorCode: refusal.errorCode, topics: [] }),
});

interface TopicPartitions {
  readonly name: string;
  readonly partitions: readonly number[];
}

function answerTopics(
  topics: readonly TopicPartitions[],
  known: readonly TopicPartitions[],
  codes: readonly (readonly number[])[],
  denied: ReadonlySet<string>,
): { name: string; partitions: { partitionIndex: number; errorCode: number }[] }[] {
  return topics.map(({ name, partitions }, index) => {
    const unknown = denied.has(name) ? errorCode.TOPIC_AUTHORIZATION_FAILED : errorCode.UNKNOWN_TOPIC_OR_PARTITION;
    const codeOf = new Map(known[index]?.partitions.map((partition, place) => [partition, codes[index]?.[place]]));
    return {
      name,
      partitions: partitions.map((partitionIndex) => ({
        partitionIndex,
        errorCode: codeOf.get(partitionIndex) ?? unknown,
      })),
    };
  });
}

function isKnown({ services }: ControlContext, topic: string, partition: number): boolean {
  const count = services.controller.catalog.topicsByName.get(topic)?.leaderEpochs.length ?? 0;
  return partition >= 0 && partition < count;
}
