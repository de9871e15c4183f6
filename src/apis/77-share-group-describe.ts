/** ShareGroupDescribe, version 1 (KIP-932): state, members and assignments of share groups. */

import { onceByName } from '../base/once.ts';
import { type Assignment, listOf } from '../groups/assignment.ts';
import { GroupRefusal } from '../groups/group-refusal.ts';
import { SHARE_ASSIGNOR } from '../groups/share-assignor.ts';
import type { ShareGroup, ShareMember } from '../groups/share-group.ts';
import { OPERATION_DESCRIBE, RESOURCE_GROUP, RESOURCE_TOPIC } from '../protocol/acl.ts';
import type { ElementOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { shareGroupDescribe } from '../protocol/schemas/77-share-group-describe.ts';
import { checks } from './access.ts';
import { defineHandler } from './define.ts';
import type { ShareServices } from './share-services.ts';

type GroupAnswer = ElementOf<ResponseInputOf<typeof shareGroupDescribe>['groups']>;
type MemberAnswer = ElementOf<GroupAnswer['members']>;

export const shareGroupDescribeHandler = defineHandler({
  api: shareGroupDescribe,
  access: [checks(OPERATION_DESCRIBE, RESOURCE_GROUP), checks(OPERATION_DESCRIBE, RESOURCE_TOPIC)],

  async handle(request, { services, permit }) {
    const describeOnce = onceByName(async (groupId): Promise<GroupAnswer> => {
      if (!permit.may(OPERATION_DESCRIBE, RESOURCE_GROUP, groupId)) {
        return failed(groupId, errorCode.GROUP_AUTHORIZATION_FAILED, '');
      }
      const answer = await describe(services.shares, groupId);
      const topics = answer.members.flatMap(({ assignment }) =>
        assignment.topicPartitions.map(({ topicName }) => topicName),
      );
      if (permit.denied(OPERATION_DESCRIBE, RESOURCE_TOPIC, topics).size > 0) {
        return failed(groupId, errorCode.TOPIC_AUTHORIZATION_FAILED, HIDDEN_TOPICS);
      }
      const isAsked = request.includeAuthorizedOperations && answer.errorCode === errorCode.NONE;
      return isAsked ? { ...answer, authorizedOperations: permit.operations(RESOURCE_GROUP, groupId) } : answer;
    });
    const groups: GroupAnswer[] = [];
    for (const groupId of request.groupIds) groups.push(await describeOnce(groupId));
    return { groups };
  },

  refuse: (request, refusal) => ({
    groups: request.groupIds.map((groupId) => failed(groupId, refusal.errorCode, refusal.message)),
  }),
});

const HIDDEN_TOPICS = 'The group has described topic(s) that the client is not authorized to describe.';

async function describe(shares: ShareServices, groupId: string): Promise<GroupAnswer> {
  if (groupId === '') return failed(groupId, errorCode.INVALID_GROUP_ID, 'A group has a name.');
  try {
    await shares.groups.settled(groupId);
    const group = shares.groups.find(groupId);
    if (group === null) return failed(groupId, errorCode.GROUP_ID_NOT_FOUND, `There is no group ${groupId}.`);
    return answerOf(group, shares);
  } catch (error) {
    if (!(error instanceof GroupRefusal)) throw error;
    return failed(groupId, error.errorCode, error.message);
  }
}

function answerOf(group: ShareGroup, shares: ShareServices): GroupAnswer {
  return {
    errorCode: errorCode.NONE,
    groupId: group.groupId,
    groupState: group.stateName,
    groupEpoch: group.epoch,
    assignmentEpoch: group.assignmentEpoch,
    assignorName: SHARE_ASSIGNOR,
    members: [...group.members.values()].map((member) => memberOf(member, shares)),
  };
}

function memberOf({ id, metadata, current }: ShareMember, shares: ShareServices): MemberAnswer {
  return {
    memberId: id,
    rackId: metadata.rackId,
    memberEpoch: current.epoch,
    clientId: metadata.clientId,
    clientHost: metadata.clientHost,
    subscribedTopicNames: [...metadata.topicNames],
    assignment: { topicPartitions: partitionsOf(current.assigned, shares) },
  };
}

/** Topics that are no more have no name to be told. */
function partitionsOf(assignment: Assignment, { topics }: ShareServices) {
  return listOf(assignment).flatMap(({ topicId, partitions }) => {
    const topicName = topics.nameOf(topicId);
    return topicName === null ? [] : [{ topicId, topicName, partitions }];
  });
}

function failed(groupId: string, code: number, message: string): GroupAnswer {
  return {
    errorCode: code,
    errorMessage: message === '' ? null : message,
    groupId,
    groupState: '',
    groupEpoch: 0,
    assignmentEpoch: 0,
    assignorName: '',
    members: [],
  };
}
