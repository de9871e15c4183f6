/**
 * IncrementalAlterConfigs, versions 0 to 1: sets and deletes single settings of topics, brokers and groups, and adds to or
 * takes from those that are lists. Each resource has an error of its own; the others are changed.
 */

import { changeConfigs } from '../admin/config-changes.ts';
import type { Refusal } from '../admin/refusal.ts';
import { OPERATION_ALTER_CONFIGS } from '../protocol/acl.ts';
import { errorCode } from '../protocol/errors.ts';
import { incrementalAlterConfigs } from '../protocol/schemas/44-incremental-alter-configs.ts';
import { altersConfigs, denialOfConfigs, subjectOfConfigs } from './config-access.ts';
import { defineHandler } from './define.ts';

export const incrementalAlterConfigsHandler = defineHandler({
  api: incrementalAlterConfigs,
  access: altersConfigs,
  subjectsOf: ({ resources }) => resources.map(subjectOfConfigs),

  async handle(request, context) {
    const { services } = context;
    const denials = request.resources.map((one) => denialOfConfigs(OPERATION_ALTER_CONFIGS, one, context));
    const allowed = request.resources.filter((_, index) => denials[index] === null);
    const changes = allowed.map(({ resourceType, resourceName, configs }) => ({
      resourceType,
      resourceName,
      edits: configs.map(({ name, configOperation, value }) => ({ key: name, operation: configOperation, value })),
      replacesAll: false,
    }));
    const refusals = await changeConfigs(services.controller, changes, { isOnlyCheck: request.validateOnly });
    let next = 0;
    return {
      responses: request.resources.map((one, index) =>
        answerOfConfigChange(one, denials[index] ?? refusals[next++] ?? null),
      ),
    };
  },

  refuse: (request, refusal) => ({ responses: request.resources.map((one) => answerOfConfigChange(one, refusal)) }),
});

export function answerOfConfigChange(
  { resourceType, resourceName }: { readonly resourceType: number; readonly resourceName: string },
  refusal: Refusal | null,
): { errorCode: number; errorMessage: string | null; resourceType: number; resourceName: string } {
  return {
    errorCode: refusal?.errorCode ?? errorCode.NONE,
    errorMessage: refusal?.message ?? null,
    resourceType,
    resourceName,
  };
}
