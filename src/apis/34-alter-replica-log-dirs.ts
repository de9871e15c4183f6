/** AlterReplicaLogDirs, versions 1 to 2: there is one data folder, so a partition is either there already or cannot move. */

import { codeOfMove } from '../admin/log-dirs.ts';
import { OPERATION_ALTER } from '../protocol/acl.ts';
import type { RequestOf, ResponseInputOf } from '../protocol/api.ts';
import { alterReplicaLogDirs } from '../protocol/schemas/34-alter-replica-log-dirs.ts';
import { needsCluster } from './access.ts';
import { defineHandler } from './define.ts';

type Request = RequestOf<typeof alterReplicaLogDirs>;

export const alterReplicaLogDirsHandler = defineHandler({
  api: alterReplicaLogDirs,
  access: [needsCluster(OPERATION_ALTER)],
  subjectsOf: ({ dirs }) => dirs.flatMap(({ topics }) => topics.map(({ name }) => name)),

  handle: (request, { services }) =>
    answerWith(request, (path, topic, partition) =>
      codeOfMove(services.controller, services.dataFolder, path, topic, partition),
    ),

  refuse: (request, refusal) => answerWith(request, () => refusal.errorCode),
});

/** By topic, wherever in the request it has partitions; of several folders for a partition the last counts. */
function answerWith(
  request: Request,
  codeOf: (path: string, topic: string, partition: number) => number,
): ResponseInputOf<typeof alterReplicaLogDirs> {
  const codes = new Map<string, Map<number, number>>();
  for (const { path, topics } of request.dirs) {
    for (const { name, partitions } of topics) {
      const ofTopic = codes.get(name) ?? new Map<number, number>();
      for (const partition of partitions) ofTopic.set(partition, codeOf(path, name, partition));
      if (ofTopic.size > 0) codes.set(name, ofTopic);
    }
  }
  return {
    results: [...codes].map(([topicName, partitions]) => ({
      topicName,
      partitions: [...partitions].map(([partitionIndex, errorCode]) => ({ partitionIndex, errorCode })),
    })),
  };
}
