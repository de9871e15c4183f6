/**
 * ConsumerGroupDescribe, versions 0 and 1: state, epochs and members of groups of the newer protocol, with what each member
 * has (or was told to give up and did not yet) and what it is to have. From version 1 on it tells which protocol a member
 * speaks.
 */

import { onceByName } from '../base/once.ts';
import { type Assignment, type HeldPartitions, listOf } from '../groups/assignment.ts';
import type { ConsumerGroup } from '../groups/consumer-group.ts';
import type { ConsumerMember } from '../groups/consumer-member.ts';
import { preferredAssignor } from '../groups/target-assignment.ts';
import { OPERATION_DESCRIBE, RESOURCE_GROUP, RESOURCE_TOPIC } from '../protocol/acl.ts';
import type { ElementOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { OPERATIONS_NOT_ASKED } from '../protocol/schemas/03-metadata.ts';
import { consumerGroupDescribe } from '../protocol/schemas/69-consumer-group-describe.ts';
import { checks } from './access.ts';
import { type ControlServices, defineHandler } from './define.ts';

type Described = ElementOf<ResponseInputOf<typeof consumerGroupDescribe>['groups']>;
type Member = ElementOf<Described['members']>;

const CLASSIC_MEMBER = 0;
const CONSUMER_MEMBER = 1;

export const consumerGroupDescribeHandler = defineHandler({
  api: consumerGroupDescribe,
  access: [checks(OPERATION_DESCRIBE, RESOURCE_GROUP), checks(OPERATION_DESCRIBE, RESOURCE_TOPIC)],

  async handle(request, { services, permit }) {
    const describeOnce = onceByName(async (groupId) => {
      if (!permit.may(OPERATION_DESCRIBE, RESOURCE_GROUP, groupId)) {
        return refused(groupId, errorCode.GROUP_AUTHORIZATION_FAILED, null);
      }
      const described = await describe(groupId, services);
      if (described.errorCode !== errorCode.NONE) return described;
      if (permit.denied(OPERATION_DESCRIBE, RESOURCE_TOPIC, topicsOf(described)).size > 0) {
        return refused(groupId, errorCode.TOPIC_AUTHORIZATION_FAILED, HIDDEN_TOPICS);
      }
      const { includeAuthorizedOperations: isAsked } = request;
      return {
        ...described,
        authorizedOperations: isAsked ? permit.operations(RESOURCE_GROUP, groupId) : OPERATIONS_NOT_ASKED,
      };
    });
    return { groups: await Promise.all(request.groupIds.map(describeOnce)) };
  },

  refuse: (request, refusal) => ({
    groups: request.groupIds.map((groupId) => refused(groupId, refusal.errorCode, refusal.message)),
  }),
});

const HIDDEN_TOPICS = 'The group has described topic(s) that the client is not authorized to describe.';

function topicsOf({ members }: Described): string[] {
  return members.flatMap(({ assignment, targetAssignment }) =>
    [assignment, targetAssignment].flatMap(({ topicPartitions }) => topicPartitions.map(({ topicName }) => topicName)),
  );
}

async function describe(groupId: string, { groups, controller }: ControlServices): Promise<Described> {
  if (groupId === '') return refused(groupId, errorCode.INVALID_GROUP_ID, null);
  const { shard, errorCode: code } = groups.coordinator.shardOf(groupId);
  if (shard === null) return refused(groupId, code, null);
  const group = await groups.consumer.groupOf(shard, groupId);
  if (group === null) {
    const isThere = shard.groups.has(groupId);
    const message = isThere ? `Group ${groupId} is not a consumer group.` : `Group ${groupId} not found.`;
    return refused(groupId, errorCode.GROUP_ID_NOT_FOUND, message);
  }
  const nameOf = (topicId: string) => controller.catalog.topicsById.get(topicId)?.name ?? null;
  return {
    errorCode: errorCode.NONE,
    groupId,
    groupState: group.stateName,
    groupEpoch: group.epoch,
    assignmentEpoch: group.assignmentEpoch,
    assignorName: preferredAssignor(group.members.values()) ?? groups.consumer.defaultAssignorName,
    members: [...group.members.values()].map((member) => memberOf(group, member, nameOf)),
  };
}

type NameOf = (topicId: string) => string | null;

function memberOf(group: ConsumerGroup, { id, metadata, current }: ConsumerMember, nameOf: NameOf): Member {
  return {
    memberId: id,
    instanceId: metadata.instanceId,
    rackId: metadata.rackId,
    memberEpoch: current.epoch,
    clientId: metadata.clientId,
    clientHost: metadata.clientHost,
    subscribedTopicNames: metadata.topicNames,
    subscribedTopicRegex: metadata.topicPattern,
    assignment: named(joined(current.assigned, current.pendingRevocation), nameOf),
    targetAssignment: named(group.targetOf(id), nameOf),
    memberType: metadata.classic === null ? CONSUMER_MEMBER : CLASSIC_MEMBER,
  };
}

function joined(one: HeldPartitions, other: HeldPartitions): Assignment {
  const all = new Map<string, Set<number>>();
  for (const held of [one, other]) {
    for (const [topicId, partitions] of held) {
      all.set(topicId, new Set([...(all.get(topicId) ?? []), ...partitions.keys()]));
    }
  }
  return all;
}

/** Topics that are gone meanwhile are left out. */
function named(assignment: Assignment, nameOf: NameOf): Member['assignment'] {
  const topicPartitions = listOf(assignment).flatMap(({ topicId, partitions }) => {
    const topicName = nameOf(topicId);
    return topicName === null ? [] : [{ topicId, topicName, partitions }];
  });
  return { topicPartitions };
}

function refused(groupId: string, code: number, message: string | null): Described {
  return {
    errorCode: code,
    errorMessage: message,
    groupId,
    groupState: '',
    groupEpoch: 0,
    assignmentEpoch: 0,
    assignorName: '',
    members: [],
  };
}
