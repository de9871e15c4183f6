/** DescribeAcls, versions 1 to 3: the access rules that a filter means. Without an authorizer there are none to speak of. */
import { findAcls } from '../admin/acls.ts';
import type { AclBinding, AclFilter } from '../protocol/acl.ts';
import { areKnownCodes, OPERATION_DESCRIBE } from '../protocol/acl.ts';
import type { ElementOf, RequestOf, ResponseInputOf } from '../protocol/api.ts';
import { errorCode } from '../protocol/errors.ts';
import { describeAcls } from '../protocol/schemas/29-describe-acls.ts';
import { needsCluster } from './access.ts';
import { defineHandler } from './define.ts';

type Resource = ElementOf<ResponseInputOf<typeof describeAcls>['resources']>;
type WireFilter = RequestOf<typeof describeAcls>;

export const NO_AUTHORIZER = 'no authorizer is switched on; set authorizer.class.name';

export const describeAclsHandler = defineHandler({
  api: describeAcls,
  access: [needsCluster(OPERATION_DESCRIBE)],
  isSound: (request) => areKnownCodes(filterOf(request)),

  handle(request, { services }) {
    if (!services.access.isOn) return refused(errorCode.SECURITY_DISABLED, NO_AUTHORIZER);
    const found = findAcls(services.controller.catalog, filterOf(request));
    return { errorCode: errorCode.NONE, errorMessage: null, resources: byResource(found) };
  },

  refuse: (_request, refusal) => refused(refusal.errorCode, refusal.message),
});

function refused(code: number, message: string) {
  return { errorCode: code, errorMessage: message, resources: [] };
}

export function filterOf(filter: WireFilter): AclFilter {
  return {
    resourceType: filter.resourceTypeFilter,
    resourceName: filter.resourceNameFilter,
    patternType: filter.patternTypeFilter,
    principal: filter.principalFilter,
    host: filter.hostFilter,
    operation: filter.operation,
    permissionType: filter.permissionType,
  };
}

function byResource(bindings: readonly AclBinding[]): Resource[] {
  const resources = new Map<string, Resource & { readonly acls: ElementOf<Resource['acls']>[] }>();
  for (const { resourceType, resourceName, patternType, principal, host, operation, permissionType } of bindings) {
    const key = JSON.stringify([resourceType, resourceName, patternType]);
    const resource = resources.get(key) ?? { resourceType, resourceName, patternType, acls: [] };
    resources.set(key, resource);
    resource.acls.push({ principal, host, operation, permissionType });
  }
  return [...resources.values()];
}
