/**
 * ConsumerGroupHeartbeat, versions 0 and 1 (KIP-848): with epoch 0 a member joins, with -1 it leaves, with -2 a static
 * member leaves for a while, with any other it tells that it is there and what it has. The answer says at which epoch the
 * member is, and what it is to have when that is news. From version 1 on members make their ids themselves and may read
 * topics by a regular expression.
 */

import { listOf } from '../groups/assignment.ts';
import { OPERATION_DESCRIBE, OPERATION_READ, RESOURCE_TOPIC } from '../protocol/acl.ts';
import type { RequestOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { consumerGroupHeartbeat } from '../protocol/schemas/68-consumer-group-heartbeat.ts';
import { checks, needsGroup } from './access.ts';
import { type ControlContext, clientHost, defineHandler } from './define.ts';

type Request = RequestOf<typeof consumerGroupHeartbeat>;

export const consumerGroupHeartbeatHandler = defineHandler({
  api: consumerGroupHeartbeat,
  access: [needsGroup(OPERATION_READ), checks(OPERATION_DESCRIBE, RESOURCE_TOPIC)],

  async handle(request, context) {
    const { groups } = context.services;
    const names = request.subscribedTopicNames ?? [];
    if (context.permit.denied(OPERATION_DESCRIBE, RESOURCE_TOPIC, names).size > 0) {
      return refused(errorCode.TOPIC_AUTHORIZATION_FAILED, null);
    }
    const { shard, errorCode: code } = groups.coordinator.shardOf(request.groupId);
    if (shard === null) return refused(code, null);
    const reply = await groups.consumer.heartbeat(shard, commandOf(request, context), context.apiVersion);
    if (reply.answer === null) return refused(reply.errorCode, reply.errorMessage);
    const { memberId, memberEpoch, assignment } = reply.answer;
    return {
      errorCode: errorCode.NONE,
      memberId,
      memberEpoch,
      heartbeatIntervalMs: reply.heartbeatIntervalMs,
      assignment: assignment === null ? null : { topicPartitions: listOf(assignment) },
    };
  },

  refuse: (_request, refusal) => refused(refusal.errorCode, refusal.message),
});

function commandOf(request: Request, context: ControlContext) {
  return {
    groupId: request.groupId,
    memberId: request.memberId,
    memberEpoch: request.memberEpoch,
    instanceId: request.instanceId,
    rackId: request.rackId,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs,
    topicNames: request.subscribedTopicNames,
    topicPattern: request.subscribedTopicRegex,
    assignorName: request.serverAssignor,
    owned: request.topicPartitions,
    clientId: context.clientId ?? '',
    clientHost: clientHost(context),
    seesTopic: context.permit.isGuarded
      ? (name: string) => context.permit.mayQuietly(OPERATION_DESCRIBE, RESOURCE_TOPIC, name)
      : null,
  };
}

function refused(code: number, message: string | null) {
  return { errorCode: code, errorMessage: message, memberEpoch: 0, heartbeatIntervalMs: 0 };
}
