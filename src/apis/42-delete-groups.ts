/** DeleteGroups, versions 0 to 2: groups without members, with their offsets; they stand or fall one by one. */

import { deleteGroup } from '../groups/group-removal.ts';
import { OPERATION_DELETE, RESOURCE_GROUP } from '../protocol/acl.ts';
import { errorCode } from '../protocol/errors.ts';
import { deleteGroups } from '../protocol/schemas/42-delete-groups.ts';
import { checks } from './access.ts';
import { defineHandler } from './define.ts';

export const deleteGroupsHandler = defineHandler({
  api: deleteGroups,
  access: [checks(OPERATION_DELETE, RESOURCE_GROUP)],
  subjectsOf: ({ groupsNames }) => groupsNames,

  async handle(request, { services, permit }) {
    const { coordinator } = services.groups;
    const denied = permit.denied(OPERATION_DELETE, RESOURCE_GROUP, request.groupsNames);
    const results = request.groupsNames.map(async (groupId) => {
      if (denied.has(groupId)) return { groupId, errorCode: errorCode.GROUP_AUTHORIZATION_FAILED };
      const { shard, errorCode: code } = coordinator.shardOf(groupId);
      return { groupId, errorCode: shard === null ? code : await deleteGroup(shard, groupId) };
    });
    return { results: await Promise.all(results) };
  },

  refuse: (request, refusal) => ({
    results: request.groupsNames.map((groupId) => ({ groupId, errorCode: refusal.errorCode })),
  }),
});
