/**
 * AlterConfigs, versions 0 to 2: replaces all settings of a resource at once; what is not in the request goes away. Old
 * clients use it; IncrementalAlterConfigs changes single settings.
 */

import { changeConfigs, EDIT_SET } from '../admin/config-changes.ts';
import { OPERATION_ALTER_CONFIGS } from '../protocol/acl.ts';
import { alterConfigs } from '../protocol/schemas/33-alter-configs.ts';
import { answerOfConfigChange } from './44-incremental-alter-configs.ts';
import { altersConfigs, denialOfConfigs, subjectOfConfigs } from './config-access.ts';
import { defineHandler } from './define.ts';

export const alterConfigsHandler = defineHandler({
  api: alterConfigs,
  access: altersConfigs,
  subjectsOf: ({ resources }) => resources.map(subjectOfConfigs),

  async handle(request, context) {
    const { services } = context;
    const denials = request.resources.map((one) => denialOfConfigs(OPERATION_ALTER_CONFIGS, one, context));
    const allowed = request.resources.filter((_, index) => denials[index] === null);
    const changes = allowed.map(({ resourceType, resourceName, configs }) => ({
      resourceType,
      resourceName,
      edits: configs.map(({ name, value }) => ({ key: name, operation: EDIT_SET, value })),
      replacesAll: true,
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
