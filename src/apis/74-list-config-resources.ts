/**
 * ListConfigResources, versions 0 to 1: the names of what can have settings. Version 0 only knows client metrics, of which
 * there are none here; from version 1 on the request says which types, none meaning all.
 */
import { OPERATION_DESCRIBE_CONFIGS } from '../protocol/acl.ts';
import { errorCode } from '../protocol/errors.ts';
import {
  RESOURCE_BROKER,
  RESOURCE_BROKER_LOGGER,
  RESOURCE_CLIENT_METRICS,
  RESOURCE_GROUP,
  RESOURCE_TOPIC,
} from '../protocol/schemas/32-describe-configs.ts';
import { listConfigResources } from '../protocol/schemas/74-list-config-resources.ts';
import { needsCluster } from './access.ts';
import { type ControlContext, defineHandler } from './define.ts';

const TYPES_SINCE = 1;
const allTypes = [RESOURCE_GROUP, RESOURCE_CLIENT_METRICS, RESOURCE_BROKER_LOGGER, RESOURCE_BROKER, RESOURCE_TOPIC];

export const listConfigResourcesHandler = defineHandler({
  api: listConfigResources,
  access: [needsCluster(OPERATION_DESCRIBE_CONFIGS)],

  handle(request, context) {
    const asked = context.apiVersion < TYPES_SINCE ? [RESOURCE_CLIENT_METRICS] : request.resourceTypes;
    if (asked.some((type) => !allTypes.includes(type))) {
      return { errorCode: errorCode.UNSUPPORTED_VERSION, configResources: [] };
    }
    const types = allTypes.filter((type) => asked.length === 0 || asked.includes(type));
    const configResources = types.flatMap((resourceType) =>
      namesOf(resourceType, context).map((resourceName) => ({ resourceName, resourceType })),
    );
    return { errorCode: errorCode.NONE, configResources };
  },

  refuse: (_request, refusal) => ({ errorCode: refusal.errorCode, configResources: [] }),
});

/** Of groups, those that have settings of their own. */
function namesOf(resourceType: number, { services }: ControlContext): string[] {
  const { catalog, config } = services.controller;
  switch (resourceType) {
    case RESOURCE_GROUP:
      return [...catalog.groupConfigs.keys()];
    case RESOURCE_BROKER:
      return [String(config.values['node.id'])];
    case RESOURCE_TOPIC:
      return [...catalog.topicsByName.keys()];
    default:
      return [];
  }
}
