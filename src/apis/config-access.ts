/** Who may look at or change the settings of a resource: of topics and groups by name, of everything else with the cluster. */
import type { Refusal } from '../admin/refusal.ts';
import {
  CLUSTER_NAME,
  OPERATION_ALTER_CONFIGS,
  OPERATION_DESCRIBE_CONFIGS,
  RESOURCE_CLUSTER,
  RESOURCE_GROUP,
  RESOURCE_TOPIC,
  resourceTypeName,
} from '../protocol/acl.ts';
import {
  RESOURCE_GROUP as CONFIGS_OF_GROUP,
  RESOURCE_TOPIC as CONFIGS_OF_TOPIC,
} from '../protocol/schemas/32-describe-configs.ts';
import { checks, codeOfDenial } from './access.ts';
import { type ControlContext, denial } from './define.ts';

export const describesConfigs = [
  checks(OPERATION_DESCRIBE_CONFIGS, RESOURCE_TOPIC),
  checks(OPERATION_DESCRIBE_CONFIGS, RESOURCE_GROUP),
  checks(OPERATION_DESCRIBE_CONFIGS, RESOURCE_CLUSTER),
] as const;

export const altersConfigs = [
  checks(OPERATION_ALTER_CONFIGS, RESOURCE_TOPIC),
  checks(OPERATION_ALTER_CONFIGS, RESOURCE_GROUP),
  checks(OPERATION_ALTER_CONFIGS, RESOURCE_CLUSTER),
] as const;

/** Null: allowed. */
export function denialOfConfigs(
  operation: number,
  resource: { readonly resourceType: number; readonly resourceName: string },
  { permit }: ControlContext,
): Refusal | null {
  const { resourceType, name } = ruled(resource);
  return permit.may(operation, resourceType, name) ? null : denial(codeOfDenial(resourceType));
}

function ruled({ resourceType, resourceName }: { readonly resourceType: number; readonly resourceName: string }) {
  if (resourceType === CONFIGS_OF_TOPIC) return { resourceType: RESOURCE_TOPIC, name: resourceName };
  if (resourceType === CONFIGS_OF_GROUP) return { resourceType: RESOURCE_GROUP, name: resourceName };
  return { resourceType: RESOURCE_CLUSTER, name: CLUSTER_NAME };
}

/** For the audit log: which settings of what, without their values. */
export function subjectOfConfigs(resource: {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly configs: readonly { readonly name: string }[];
}): string {
  const { resourceType, name } = ruled(resource);
  const keys = resource.configs.map((config) => config.name).join(' ');
  return `${resourceTypeName(resourceType)}:${resourceType === RESOURCE_CLUSTER ? resource.resourceName : name} (${keys})`;
}
