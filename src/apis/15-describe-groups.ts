/**
 * DescribeGroups, versions 0 to 6: groups that speak the classic protocol. One that is not there is Dead and no error up
 * to version 5, GROUP_ID_NOT_FOUND from version 6 on.
 */
import { GROUP_OPERATIONS } from '../admin/operations.ts';
import { describeClassicGroup } from '../groups/group-listing.ts';
import { errorCode } from '../protocol/errors.ts';
import { OPERATIONS_NOT_ASKED } from '../protocol/schemas/03-metadata.ts';
import { describeGroups } from '../protocol/schemas/15-describe-groups.ts';
import { defineHandler } from './define.ts';

const NOT_FOUND_SINCE = 6;

export const describeGroupsHandler = defineHandler({
  api: describeGroups,
  access: [{ kind: 'guarded', resource: 'group', operation: 'describe' }],

  handle(request, { apiVersion, services }) {
    const authorizedOperations = request.includeAuthorizedOperations ? GROUP_OPERATIONS : OPERATIONS_NOT_ASKED;
    return {
      groups: request.groups.map((groupId) => {
        const group = describeClassicGroup(services.groups.coordinator, groupId);
        const isMissing = group.errorCode === errorCode.GROUP_ID_NOT_FOUND;
        const told = isMissing && apiVersion < NOT_FOUND_SINCE ? errorCode.NONE : group.errorCode;
        return {
          ...group,
          groupId,
          errorCode: told,
          errorMessage: told === errorCode.GROUP_ID_NOT_FOUND ? `Group ${groupId} not found.` : null,
          authorizedOperations: told === errorCode.NONE ? authorizedOperations : OPERATIONS_NOT_ASKED,
        };
      }),
    };
  },

  refuse: (request, refusal) => ({
    groups: request.groups.map((groupId) => ({
      errorCode: refusal.errorCode,
      errorMessage: refusal.message,
      groupId,
      groupState: '',
      protocolType: '',
      protocolData: '',
      members: [],
    })),
  }),
});
