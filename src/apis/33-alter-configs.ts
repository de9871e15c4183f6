/**
 * AlterConfigs, versions 0 to 2: replaces all settings of a resource at once; what is not in the request goes away. Old
 * clients use it; IncrementalAlterConfigs changes single settings.
 */
import { changeConfigs, EDIT_SET } from '../admin/config-changes.ts';
import { alterConfigs } from '../protocol/schemas/33-alter-configs.ts';
import { answerOfConfigChange } from './44-incremental-alter-configs.ts';
import { defineHandler } from './define.ts';

export const alterConfigsHandler = defineHandler({
  api: alterConfigs,
  access: [
    { kind: 'guarded', resource: 'topic', operation: 'alter-configs' },
    { kind: 'guarded', resource: 'cluster', operation: 'alter-configs' },
  ],

  async handle(request, { services }) {
    const changes = request.resources.map(({ resourceType, resourceName, configs }) => ({
      resourceType,
      resourceName,
      edits: configs.map(({ name, value }) => ({ key: name, operation: EDIT_SET, value })),
      replacesAll: true,
    }));
    const refusals = await changeConfigs(services.controller, changes, { isOnlyCheck: request.validateOnly });
    return { responses: changes.map((change, index) => answerOfConfigChange(change, refusals[index] ?? null)) };
  },

  refuse: (request, refusal) => ({ responses: request.resources.map((one) => answerOfConfigChange(one, refusal)) }),
});
