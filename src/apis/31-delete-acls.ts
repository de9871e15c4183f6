/** DeleteAcls, versions 1 to 3: takes away the access rules that filters mean, and tells which those were. */
import { deleteAcls as deleteAll } from '../admin/acls.ts';
import type { Refusal } from '../admin/refusal.ts';
import { refuse } from '../admin/refusal.ts';
import { areKnownCodes, OPERATION_ALTER, resourceTypeName } from '../protocol/acl.ts';
import { errorCode } from '../protocol/errors.ts';
import { deleteAcls } from '../protocol/schemas/31-delete-acls.ts';
import { filterOf, NO_AUTHORIZER } from './29-describe-acls.ts';
import { needsCluster } from './access.ts';
import { defineHandler } from './define.ts';

export const deleteAclsHandler = defineHandler({
  api: deleteAcls,
  access: [needsCluster(OPERATION_ALTER)],
  isSound: ({ filters }) => filters.every((filter) => areKnownCodes(filterOf(filter))),
  subjectsOf: ({ filters }) =>
    filters.map(
      ({ resourceTypeFilter, resourceNameFilter, principalFilter }) =>
        `${principalFilter ?? '*'} ${resourceTypeName(resourceTypeFilter)}:${resourceNameFilter ?? '*'}`,
    ),

  async handle({ filters }, { services }) {
    if (!services.access.isOn) return answerAll(filters, refuse(errorCode.SECURITY_DISABLED, NO_AUTHORIZER));
    const outcome = await deleteAll(services.controller, filters.map(filterOf));
    return {
      filterResults: outcome.map((one) => {
        const matchingAcls = one.map((binding) => ({ errorCode: errorCode.NONE, errorMessage: null, ...binding }));
        return { errorCode: errorCode.NONE, errorMessage: null, matchingAcls };
      }),
    };
  },

  refuse: ({ filters }, refusal) => answerAll(filters, refusal),
});

function answerAll(filters: readonly unknown[], refusal: Refusal) {
  return { filterResults: filters.map(() => refusedFilter(refusal)) };
}

function refusedFilter({ errorCode: code, message }: Refusal) {
  return { errorCode: code, errorMessage: message, matchingAcls: [] };
}
