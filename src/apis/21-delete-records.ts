/**
 * DeleteRecords, versions 0 to 2: everything before an offset goes, at once for every reader. The answer tells where each
 * partition begins now, and comes when that is written down.
 */

import { deleteRecords as deleteAll } from '../admin/records.ts';
import { OPERATION_DELETE, RESOURCE_TOPIC } from '../protocol/acl.ts';
import type { ElementOf, RequestOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { deleteRecords } from '../protocol/schemas/21-delete-records.ts';
import { checks } from './access.ts';
import { defineHandler } from './define.ts';

export const deleteRecordsHandler = defineHandler({
  api: deleteRecords,
  access: [checks(OPERATION_DELETE, RESOURCE_TOPIC)],
  subjectsOf: ({ topics }) => topics.map(({ name }) => name),

  async handle(request, { services, permit }) {
    const denied = permit.denied(
      OPERATION_DELETE,
      RESOURCE_TOPIC,
      request.topics.map(({ name }) => name),
    );
    const allowed = request.topics.filter(({ name }) => !denied.has(name));
    const wishes = allowed.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, offset }) => ({ topic: name, partition: partitionIndex, offset })),
    );
    const byTopic = new Map<string, { partitionIndex: number; lowWatermark: number; errorCode: number }[]>();
    for (const outcome of await deleteAll(services.controller, wishes)) {
      const partitions = byTopic.get(outcome.topic) ?? [];
      const { partition: partitionIndex, lowWatermark, errorCode: code } = outcome;
      partitions.push({ partitionIndex, lowWatermark, errorCode: code });
      byTopic.set(outcome.topic, partitions);
    }
    const refused = request.topics.filter(({ name }) => denied.has(name));
    return {
      topics: [
        ...[...byTopic].map(([name, partitions]) => ({ name, partitions })),
        ...refused.map((topic) => refusedTopic(topic, errorCode.TOPIC_AUTHORIZATION_FAILED)),
      ],
    };
  },

  refuse: (request, refusal) => ({
    topics: request.topics.map((topic) => refusedTopic(topic, refusal.errorCode)),
  }),
});

function refusedTopic({ name, partitions }: ElementOf<RequestOf<typeof deleteRecords>['topics']>, code: number) {
  return {
    name,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, lowWatermark: -1, errorCode: code })),
  };
}
