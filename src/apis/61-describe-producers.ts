/**
 * DescribeProducers, version 0: what the logs of partitions know of producers: epochs, last sequences, and since which
 * offset a transaction is open. How hanging transactions are found (`kafka-transactions.sh find-hanging`).
 */
import { problemOfTopicName } from '../admin/topic-names.ts';
import type { ElementOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode, errorMessage } from '../protocol/errors.ts';
import { describeProducers } from '../protocol/schemas/61-describe-producers.ts';
import { type ControlServices, defineHandler } from './define.ts';

type Partition = ElementOf<ElementOf<ResponseInputOf<typeof describeProducers>['topics']>['partitions']>;

export const describeProducersHandler = defineHandler({
  api: describeProducers,
  access: [{ kind: 'guarded', resource: 'topic', operation: 'read' }],

  async handle(request, { services }) {
    const topics = [];
    for (const { name, partitionIndexes } of request.topics) {
      const partitions: Partition[] = [];
      for (const partition of partitionIndexes) partitions.push(await describe(name, partition, services));
      topics.push({ name, partitions });
    }
    return { topics };
  },

  refuse: (request, refusal) => ({
    topics: request.topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => ({
        partitionIndex,
        errorCode: refusal.errorCode,
        errorMessage: refusal.message,
        activeProducers: [],
      })),
    })),
  }),
});

async function describe(topic: string, partitionIndex: number, { controller }: ControlServices): Promise<Partition> {
  const producers = await controller.describeProducers(topic, partitionIndex);
  if (producers === null) {
    const isName = problemOfTopicName(topic) === null;
    const code = isName ? errorCode.UNKNOWN_TOPIC_OR_PARTITION : errorCode.INVALID_TOPIC_EXCEPTION;
    const isTopicThere = controller.catalog.topicsByName.has(topic);
    const message = isTopicThere ? null : errorMessage(code);
    return { partitionIndex, errorCode: code, errorMessage: message, activeProducers: [] };
  }
  return {
    partitionIndex,
    errorCode: errorCode.NONE,
    activeProducers: producers.map(({ openFirstOffset, ...producer }) => ({
      ...producer,
      currentTxnStartOffset: openFirstOffset,
    })),
  };
}
