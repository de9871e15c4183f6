/** ListGroups, versions 0 to 5: the groups of this broker; from version 4 on by state, from version 5 on by type. */

import { listGroups as listAll } from '../groups/group-listing.ts';
import { CLUSTER_NAME, OPERATION_DESCRIBE, RESOURCE_CLUSTER, RESOURCE_GROUP } from '../protocol/acl.ts';
import { listGroups } from '../protocol/schemas/16-list-groups.ts';
import { checks } from './access.ts';
import { defineHandler } from './define.ts';

export const listGroupsHandler = defineHandler({
  api: listGroups,
  access: [checks(OPERATION_DESCRIBE, RESOURCE_CLUSTER), checks(OPERATION_DESCRIBE, RESOURCE_GROUP)],

  handle(request, { services, permit }) {
    const filter = { states: request.statesFilter, types: request.typesFilter };
    const { errorCode, groups } = listAll(services.groups.coordinator, filter);
    const seesAll = permit.mayQuietly(OPERATION_DESCRIBE, RESOURCE_CLUSTER, CLUSTER_NAME);
    const seen = groups.filter(
      ({ groupId }) => seesAll || permit.mayQuietly(OPERATION_DESCRIBE, RESOURCE_GROUP, groupId),
    );
    return {
      errorCode,
      groups: seen.map(({ groupId, protocolType, stateName, typeName }) => ({
        groupId,
        protocolType,
        groupState: stateName,
        groupType: typeName,
      })),
    };
  },

  refuse: (_request, refusal) => ({ errorCode: refusal.errorCode, groups: [] }),
});
