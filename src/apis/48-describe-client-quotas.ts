/** DescribeClientQuotas, versions 0 to 1: the quotas that a filter of users, client ids and addresses means. */

import { entityParts, findQuotas } from '../admin/quotas.ts';
import { OPERATION_DESCRIBE_CONFIGS } from '../protocol/acl.ts';
import { errorCode } from '../protocol/errors.ts';
import { describeClientQuotas } from '../protocol/schemas/48-describe-client-quotas.ts';
import { needsCluster } from './access.ts';
import { defineHandler } from './define.ts';

export const describeClientQuotasHandler = defineHandler({
  api: describeClientQuotas,
  access: [needsCluster(OPERATION_DESCRIBE_CONFIGS)],

  handle(request, { services }) {
    const found = findQuotas(services.controller.catalog, request.components, request.strict);
    if ('errorCode' in found) return { errorCode: found.errorCode, errorMessage: found.message, entries: null };
    const entries = found.map(({ entity, values }) => ({
      entity: entityParts(entity),
      values: Object.entries(values).map(([key, value]) => ({ key, value })),
    }));
    return { errorCode: errorCode.NONE, errorMessage: '', entries };
  },

  refuse: (_request, { errorCode: code, message }) => ({ errorCode: code, errorMessage: message, entries: null }),
});
