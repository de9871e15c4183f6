/**
 * LeaveGroup, versions 0 to 5: up to version 2 one member goes and the error stands at the top; later there are many, each
 * with an error of its own, and static ones may be named by their instance id alone.
 */
import { OPERATION_READ } from '../protocol/acl.ts';
import { errorCode } from '../protocol/errors.ts';
import { leaveGroup } from '../protocol/schemas/13-leave-group.ts';
import { needsGroup } from './access.ts';
import { defineHandler } from './define.ts';

const MANY_SINCE = 3;

export const leaveGroupHandler = defineHandler({
  api: leaveGroup,
  access: [needsGroup(OPERATION_READ)],

  async handle(request, { apiVersion, services }) {
    const { groupId } = request;
    if (groupId === '') return { errorCode: errorCode.INVALID_GROUP_ID, members: [] };
    const found = services.groups.coordinator.shardOf(groupId);
    if (found.shard === null) return { errorCode: found.errorCode, members: [] };
    const members =
      apiVersion < MANY_SINCE
        ? [{ memberId: request.memberId, instanceId: null }]
        : request.members.map(({ memberId, groupInstanceId }) => ({ memberId, instanceId: groupInstanceId }));
    const codes = await services.groups.members.leave(found.shard, groupId, { members });
    // Nobody is a member of a group that is not there.
    const codeOf = (index: number): number =>
      codes === null ? errorCode.UNKNOWN_MEMBER_ID : (codes[index] ?? errorCode.NONE);
    if (apiVersion < MANY_SINCE) return { errorCode: codeOf(0), members: [] };
    return {
      errorCode: errorCode.NONE,
      members: members.map(({ memberId, instanceId }, index) => ({
        memberId,
        groupInstanceId: instanceId,
        errorCode: codeOf(index),
      })),
    };
  },

  refuse: (_request, refusal) => ({ errorCode: refusal.errorCode, members: [] }),
});
