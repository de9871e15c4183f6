/**
 * SyncGroup, versions 0 to 5: the leader hands in what everybody is to read, and everybody learns his part of it, which
 * may have to wait for the leader. From version 5 on a member says which protocol it believes in.
 */

import { refusedSync } from '../groups/classic-effects.ts';
import { OPERATION_READ, RESOURCE_GROUP } from '../protocol/acl.ts';
import type { RequestOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { syncGroup } from '../protocol/schemas/14-sync-group.ts';
import { needs } from './access.ts';
import { defineHandler } from './define.ts';

const PROTOCOL_SINCE = 5;

export const syncGroupHandler = defineHandler({
  api: syncGroup,
  access: [
    // What is malformed is said to everybody.
    needs<RequestOf<typeof syncGroup>>(
      OPERATION_READ,
      RESOURCE_GROUP,
      ({ groupId, protocolType, protocolName }, apiVersion) =>
        apiVersion >= PROTOCOL_SINCE && (protocolType === null || protocolName === null) ? null : groupId,
    ),
  ],

  async handle(request, { apiVersion, services }) {
    const { groupId, protocolType, protocolName } = request;
    if (groupId === '') return refusedSync(errorCode.INVALID_GROUP_ID);
    if (apiVersion >= PROTOCOL_SINCE && (protocolType === null || protocolName === null)) {
      return refusedSync(errorCode.INCONSISTENT_GROUP_PROTOCOL);
    }
    const { shard, errorCode: code } = services.groups.coordinator.shardOf(groupId);
    if (shard === null) {
      // What was agreed in the rebalance is gone with the memory, so the members join again.
      const isLoading = code === errorCode.COORDINATOR_LOAD_IN_PROGRESS;
      return refusedSync(isLoading ? errorCode.REBALANCE_IN_PROGRESS : code);
    }
    return await services.groups.members.sync(shard, groupId, {
      memberId: request.memberId,
      instanceId: request.groupInstanceId,
      generationId: request.generationId,
      protocolType,
      protocolName,
      assignments: new Map(request.assignments.map(({ memberId, assignment }) => [memberId, assignment])),
    });
  },

  refuse: (_request, refusal) => refusedSync(refusal.errorCode),
});
