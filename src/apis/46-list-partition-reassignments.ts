/** ListPartitionReassignments, version 0: with one broker no replica ever moves. */
import { OPERATION_DESCRIBE } from '../protocol/acl.ts';
import { errorCode } from '../protocol/errors.ts';
import { listPartitionReassignments } from '../protocol/schemas/46-list-partition-reassignments.ts';
import { needsCluster } from './access.ts';
import { defineHandler } from './define.ts';

export const listPartitionReassignmentsHandler = defineHandler({
  api: listPartitionReassignments,
  access: [needsCluster(OPERATION_DESCRIBE)],
  handle: () => ({ errorCode: errorCode.NONE, errorMessage: null, topics: [] }),
  refuse: (_request, { errorCode: code, message }) => ({ errorCode: code, errorMessage: message, topics: [] }),
});
