/**
 * DeleteRecords, versions 0 to 2: everything before an offset goes, at once for every reader. The answer tells where each
 * partition begins now, and comes when that is written down.
 */
import { deleteRecords as deleteAll } from '../admin/records.ts';
import { deleteRecords } from '../protocol/schemas/21-delete-records.ts';
import { defineHandler } from './define.ts';

export const deleteRecordsHandler = defineHandler({
  api: deleteRecords,
  access: [{ kind: 'guarded', resource: 'topic', operation: 'delete' }],

  async handle(request, { services }) {
    const wishes = request.topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, offset }) => ({ topic: name, partition: partitionIndex, offset })),
    );
    const byTopic = new Map<string, { partitionIndex: number; lowWatermark: number; errorCode: number }[]>();
    for (const outcome of await deleteAll(services.controller, wishes)) {
      const partitions = byTopic.get(outcome.topic) ?? [];
      const { partition: partitionIndex, lowWatermark, errorCode } = outcome;
      partitions.push({ partitionIndex, lowWatermark, errorCode });
      byTopic.set(outcome.topic, partitions);
    }
    return { topics: [...byTopic].map(([name, partitions]) => ({ name, partitions })) };
  },

  refuse: (request, refusal) => ({
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        lowWatermark: -1,
        errorCode: refusal.errorCode,
      })),
    })),
  }),
});
