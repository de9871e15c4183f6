/**
 * DescribeProducers, version 0: what the logs of partitions know of producers: epochs, last sequences, and since which
 * offset a transaction is open. How hanging transactions are found (`kafka-transactions.sh find-hanging`).
 */

import type { Refusal } from '../admin/refusal.ts';
import { problemOfTopicName } from '../admin/topic-names.ts';
import { onceByName } from '../base/once.ts';
import { OPERATION_READ, RESOURCE_TOPIC } from '../protocol/acl.ts';
import type { ElementOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode, errorMessage } from '../protocol/errors.ts';
import { describeProducers } from '../protocol/schemas/61-describe-producers.ts';
import { checks } from './access.ts';
import { type ControlServices, defineHandler, denial } from './define.ts';

type Partition = ElementOf<ElementOf<ResponseInputOf<typeof describeProducers>['topics']>['partitions']>;

export const describeProducersHandler = defineHandler({
  api: describeProducers,
  access: [checks(OPERATION_READ, RESOURCE_TOPIC)],

  async handle(request, { services, permit }) {
    // By where they lie: no number has a slash in it, so two places never have one name.
    const describeOnce = onceByName((place) => {
      const end = place.lastIndexOf('/');
      return describe(place.slice(0, end), Number(place.slice(end + 1)), services);
    });
    const topics = [];
    for (const { name, partitionIndexes } of request.topics) {
      const partitions: Partition[] = [];
      // What cannot be a topic's name is said to everybody.
      if (problemOfTopicName(name) === null && !permit.may(OPERATION_READ, RESOURCE_TOPIC, name)) {
        topics.push({ name, partitions: partitionIndexes.map((one) => refused(one, topicDenial)) });
        continue;
      }
      for (const partition of partitionIndexes) partitions.push(await describeOnce(`${name}/${partition}`));
      topics.push({ name, partitions });
    }
    return { topics };
  },

  refuse: (request, refusal) => ({
    topics: request.topics.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => refused(partitionIndex, refusal)),
    })),
  }),
});

const storageFailure: Refusal = {
  errorCode: errorCode.KAFKA_STORAGE_ERROR,
  message: 'the log of this partition is not open, or takes no records now',
};
const topicDenial = denial(errorCode.TOPIC_AUTHORIZATION_FAILED);

function refused(partitionIndex: number, { errorCode: code, message }: Refusal): Partition {
  return { partitionIndex, errorCode: code, errorMessage: message, activeProducers: [] };
}

async function describe(topic: string, partitionIndex: number, { controller }: ControlServices): Promise<Partition> {
  const producers = await controller.describeProducers(topic, partitionIndex);
  if (producers === null) {
    if (controller.placeOf(topic, partitionIndex) !== null) return refused(partitionIndex, storageFailure);
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
