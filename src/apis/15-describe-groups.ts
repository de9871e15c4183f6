/**
 * DescribeGroups, versions 0 to 6: groups that speak the classic protocol. One that is not there is Dead and no error up
 * to version 5, GROUP_ID_NOT_FOUND from version 6 on.
 */

import { onceByName } from '../base/once.ts';
import { describeClassicGroup } from '../groups/group-listing.ts';
import { OPERATION_DESCRIBE, RESOURCE_GROUP } from '../protocol/acl.ts';
import { errorCode } from '../protocol/errors.ts';
import { OPERATIONS_NOT_ASKED } from '../protocol/schemas/03-metadata.ts';
import { describeGroups } from '../protocol/schemas/15-describe-groups.ts';
import { checks } from './access.ts';
import { defineHandler } from './define.ts';

const NOT_FOUND_SINCE = 6;

export const describeGroupsHandler = defineHandler({
  api: describeGroups,
  access: [checks(OPERATION_DESCRIBE, RESOURCE_GROUP)],

  handle(request, { apiVersion, services, permit }) {
    return {
      groups: request.groups.map(
        onceByName((groupId) => {
          if (!permit.may(OPERATION_DESCRIBE, RESOURCE_GROUP, groupId)) {
            return refused(groupId, errorCode.GROUP_AUTHORIZATION_FAILED, null);
          }
          const group = describeClassicGroup(services.groups.coordinator, groupId);
          const isMissing = group.errorCode === errorCode.GROUP_ID_NOT_FOUND;
          const told = isMissing && apiVersion < NOT_FOUND_SINCE ? errorCode.NONE : group.errorCode;
          return {
            ...group,
            groupId,
            errorCode: told,
            errorMessage: told === errorCode.GROUP_ID_NOT_FOUND ? `Group ${groupId} not found.` : null,
            authorizedOperations:
              request.includeAuthorizedOperations && told === errorCode.NONE
                ? permit.operations(RESOURCE_GROUP, groupId)
                : OPERATIONS_NOT_ASKED,
          };
        }),
      ),
    };
  },

  refuse: (request, refusal) => ({
    groups: request.groups.map((groupId) => refused(groupId, refusal.errorCode, refusal.message)),
  }),
});

function refused(groupId: string, code: number, errorMessage: string | null) {
  return {
    errorCode: code,
    errorMessage,
    groupId,
    groupState: '',
    protocolType: '',
    protocolData: '',
    members: [],
  };
}
