/** CreateAcls, versions 1 to 3: new access rules; they stand or fall one by one, and are in force everywhere when this is answered. */
import { createAcls as createAll } from '../admin/acls.ts';
import type { Refusal } from '../admin/refusal.ts';
import { refuse } from '../admin/refusal.ts';
import { areKnownCodes, OPERATION_ALTER, operationName, permissionName, resourceTypeName } from '../protocol/acl.ts';
import { errorCode } from '../protocol/errors.ts';
import { createAcls } from '../protocol/schemas/30-create-acls.ts';
import { NO_AUTHORIZER } from './29-describe-acls.ts';
import { needsCluster } from './access.ts';
import { defineHandler } from './define.ts';

export const createAclsHandler = defineHandler({
  api: createAcls,
  access: [needsCluster(OPERATION_ALTER)],
  isSound: ({ creations }) =>
    creations.every(({ resourcePatternType: patternType, ...wish }) => areKnownCodes({ ...wish, patternType })),
  subjectsOf: ({ creations }) =>
    creations.map(
      ({ resourceType, resourceName, principal, operation, permissionType }) =>
        `${permissionName(permissionType)} ${principal} ${operationName(operation)} ${resourceTypeName(resourceType)}:${resourceName}`,
    ),

  async handle({ creations }, { services }) {
    if (!services.access.isOn) return answerAll(creations, refuse(errorCode.SECURITY_DISABLED, NO_AUTHORIZER));
    const wishes = creations.map(({ resourcePatternType: patternType, ...wish }) => ({ ...wish, patternType }));
    const outcome = await createAll(services.controller, wishes);
    return { results: outcome.map(resultOf) };
  },

  refuse: ({ creations }, refusal) => answerAll(creations, refusal),
});

function answerAll(creations: readonly unknown[], refusal: Refusal) {
  return { results: creations.map(() => resultOf(refusal)) };
}

function resultOf(refusal: Refusal | null) {
  return { errorCode: refusal?.errorCode ?? errorCode.NONE, errorMessage: refusal?.message ?? null };
}
