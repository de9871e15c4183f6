/** ListGroups, versions 0 to 5: the groups of this broker; from version 4 on by state, from version 5 on by type. */
import { listGroups as listAll } from '../groups/group-listing.ts';
import { listGroups } from '../protocol/schemas/16-list-groups.ts';
import { defineHandler } from './define.ts';

export const listGroupsHandler = defineHandler({
  api: listGroups,
  access: [{ kind: 'guarded', resource: 'group', operation: 'describe' }],

  handle(request, { services }) {
    const filter = { states: request.statesFilter, types: request.typesFilter };
    const { errorCode, groups } = listAll(services.groups.coordinator, filter);
    return {
      errorCode,
      groups: groups.map(({ groupId, protocolType, stateName, typeName }) => ({
        groupId,
        protocolType,
        groupState: stateName,
        groupType: typeName,
      })),
    };
  },

  refuse: (_request, refusal) => ({ errorCode: refusal.errorCode, groups: [] }),
});
