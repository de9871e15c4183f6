/** DeleteGroups, versions 0 to 2: groups without members, with their offsets; they stand or fall one by one. */
import { deleteGroup } from '../groups/group-removal.ts';
import { deleteGroups } from '../protocol/schemas/42-delete-groups.ts';
import { defineHandler } from './define.ts';

export const deleteGroupsHandler = defineHandler({
  api: deleteGroups,
  access: [{ kind: 'guarded', resource: 'group', operation: 'delete' }],

  async handle(request, { services }) {
    const { coordinator } = services.groups;
    const results = request.groupsNames.map(async (groupId) => {
      const { shard, errorCode } = coordinator.shardOf(groupId);
      return { groupId, errorCode: shard === null ? errorCode : await deleteGroup(shard, groupId) };
    });
    return { results: await Promise.all(results) };
  },

  refuse: (request, refusal) => ({
    results: request.groupsNames.map((groupId) => ({ groupId, errorCode: refusal.errorCode })),
  }),
});
