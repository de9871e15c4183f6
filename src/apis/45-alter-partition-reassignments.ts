/** AlterPartitionReassignments, versions 0 to 1: with one broker, replicas stay where they are or the wish is refused. */

import { refusalOfReassignment } from '../admin/reassignments.ts';
import { OPERATION_ALTER } from '../protocol/acl.ts';
import { errorCode } from '../protocol/errors.ts';
import { alterPartitionReassignments } from '../protocol/schemas/45-alter-partition-reassignments.ts';
import { needsCluster } from './access.ts';
import { defineHandler } from './define.ts';

export const alterPartitionReassignmentsHandler = defineHandler({
  api: alterPartitionReassignments,
  access: [needsCluster(OPERATION_ALTER)],
  subjectsOf: ({ topics }) => topics.map(({ name }) => name),

  handle(request, { services }) {
    const responses = request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, replicas }) => {
        const refusal = refusalOfReassignment(services.controller, name, partitionIndex, replicas);
        return {
          partitionIndex,
          errorCode: refusal?.errorCode ?? errorCode.NONE,
          errorMessage: refusal?.message ?? null,
        };
      }),
    }));
    const { allowReplicationFactorChange } = request;
    return { allowReplicationFactorChange, errorCode: errorCode.NONE, errorMessage: null, responses };
  },

  refuse: (_request, { errorCode: code, message }) => ({ errorCode: code, errorMessage: message, responses: [] }),
});
