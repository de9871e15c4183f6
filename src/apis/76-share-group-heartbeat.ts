/**
 * ShareGroupHeartbeat, version 1 (KIP-932): members of a share group join with epoch 0, tell that they are there, leave
 * with epoch -1, and hear which partitions to read from.
 */

import { listOf } from '../groups/assignment.ts';
import { GroupRefusal } from '../groups/group-refusal.ts';
import { OPERATION_DESCRIBE, OPERATION_READ, RESOURCE_TOPIC } from '../protocol/acl.ts';
import type { ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { shareGroupHeartbeat } from '../protocol/schemas/76-share-group-heartbeat.ts';
import { checks, needsGroup } from './access.ts';
import { clientHost, defineHandler } from './define.ts';

type Response = ResponseInputOf<typeof shareGroupHeartbeat>;

export const shareGroupHeartbeatHandler = defineHandler({
  api: shareGroupHeartbeat,
  access: [needsGroup(OPERATION_READ), checks(OPERATION_DESCRIBE, RESOURCE_TOPIC)],

  async handle(request, context): Promise<Response> {
    const names = request.subscribedTopicNames ?? [];
    if (context.permit.denied(OPERATION_DESCRIBE, RESOURCE_TOPIC, names).size > 0) {
      return failed(errorCode.TOPIC_AUTHORIZATION_FAILED, '');
    }
    try {
      const reply = await context.services.shares.groups.heartbeat({
        groupId: request.groupId,
        memberId: request.memberId,
        memberEpoch: request.memberEpoch,
        rackId: request.rackId,
        topicNames: request.subscribedTopicNames,
        clientId: context.clientId ?? '',
        clientHost: clientHost(context),
      });
      return {
        errorCode: errorCode.NONE,
        memberId: reply.memberId,
        memberEpoch: reply.memberEpoch,
        heartbeatIntervalMs: reply.heartbeatMs,
        assignment: reply.assignment && { topicPartitions: listOf(reply.assignment) },
      };
    } catch (error) {
      if (!(error instanceof GroupRefusal)) throw error;
      return failed(error.errorCode, error.message);
    }
  },

  refuse: (_request, refusal) => failed(refusal.errorCode, refusal.message),
});

function failed(code: number, message: string): Response {
  return {
    errorCode: code,
    errorMessage: message === '' ? null : message,
    memberEpoch: 0,
    heartbeatIntervalMs: 0,
    assignment: null,
  };
}
