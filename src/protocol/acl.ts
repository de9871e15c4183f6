/**
 * Access rules as the protocol knows them: who (principal, host) may or may not do what (operation) to which resources (a
 * name, or all names that begin with one). Numbers are the protocol's. Used by the broker, by the client and on the command
 * line; what a set of rules means for a request is decided in `security/`.
 */
export const RESOURCE_UNKNOWN = 0;
export const RESOURCE_ANY = 1;
export const RESOURCE_TOPIC = 2;
export const RESOURCE_GROUP = 3;
export const RESOURCE_CLUSTER = 4;
export const RESOURCE_TRANSACTIONAL_ID = 5;
export const RESOURCE_DELEGATION_TOKEN = 6;
export const RESOURCE_USER = 7;

export const PATTERN_ANY = 1;
/** In filters only: whatever applies to a resource of the name. */
export const PATTERN_MATCH = 2;
export const PATTERN_LITERAL = 3;
export const PATTERN_PREFIXED = 4;

export const OPERATION_ANY = 1;
export const OPERATION_ALL = 2;
export const OPERATION_READ = 3;
export const OPERATION_WRITE = 4;
export const OPERATION_CREATE = 5;
export const OPERATION_DELETE = 6;
export const OPERATION_ALTER = 7;
export const OPERATION_DESCRIBE = 8;
export const OPERATION_CLUSTER_ACTION = 9;
export const OPERATION_DESCRIBE_CONFIGS = 10;
export const OPERATION_ALTER_CONFIGS = 11;
export const OPERATION_IDEMPOTENT_WRITE = 12;
export const OPERATION_CREATE_TOKENS = 13;
export const OPERATION_DESCRIBE_TOKENS = 14;
export const OPERATION_TWO_PHASE_COMMIT = 15;

export const PERMISSION_ANY = 1;
export const PERMISSION_DENY = 2;
export const PERMISSION_ALLOW = 3;

/** The only resource of its type. */
export const CLUSTER_NAME = 'kafka-cluster';
/** As a resource's name: all of the type. As a host: all hosts. */
export const WILDCARD = '*';
export const EVERYBODY = 'User:*';

export interface AclBinding {
  readonly resourceType: number;
  readonly resourceName: string;
  readonly patternType: number;
  readonly principal: string;
  readonly host: string;
  readonly operation: number;
  readonly permissionType: number;
}

/** All codes are the protocol's; what later versions of it may add, and 0, mean nothing here. */
export function areKnownCodes({
  resourceType,
  patternType,
  operation,
  permissionType,
}: Pick<AclBinding, 'resourceType' | 'patternType' | 'operation' | 'permissionType'>): boolean {
  return (
    resourceType >= RESOURCE_ANY &&
    resourceType <= RESOURCE_USER &&
    patternType >= PATTERN_ANY &&
    patternType <= PATTERN_PREFIXED &&
    operation >= OPERATION_ANY &&
    operation <= OPERATION_TWO_PHASE_COMMIT &&
    permissionType >= PERMISSION_ANY &&
    permissionType <= PERMISSION_ALLOW
  );
}

/** Null, or a code that means any: no condition. */
export interface AclFilter {
  readonly resourceType: number;
  readonly resourceName: string | null;
  readonly patternType: number;
  readonly principal: string | null;
  readonly host: string | null;
  readonly operation: number;
  readonly permissionType: number;
}

/** The same text for the same rule. */
export function aclKey(binding: AclBinding): string {
  const { resourceType, resourceName, patternType, principal, host, operation, permissionType } = binding;
  return JSON.stringify([resourceType, resourceName, patternType, principal, host, operation, permissionType]);
}

export function matchesFilter(filter: AclFilter, binding: AclBinding): boolean {
  if (filter.resourceType !== RESOURCE_ANY && filter.resourceType !== binding.resourceType) return false;
  if (!matchesPattern(filter, binding)) return false;
  if (filter.principal !== null && filter.principal !== binding.principal) return false;
  if (filter.host !== null && filter.host !== binding.host) return false;
  if (filter.operation !== OPERATION_ANY && filter.operation !== binding.operation) return false;
  return filter.permissionType === PERMISSION_ANY || filter.permissionType === binding.permissionType;
}

function matchesPattern({ patternType, resourceName: name }: AclFilter, binding: AclBinding): boolean {
  const isAnyType = patternType === PATTERN_ANY || patternType === PATTERN_MATCH;
  if (!isAnyType && patternType !== binding.patternType) return false;
  if (name === null) return true;
  if (patternType !== PATTERN_MATCH) return name === binding.resourceName;
  if (binding.patternType === PATTERN_PREFIXED) return name.startsWith(binding.resourceName);
  return name === binding.resourceName || binding.resourceName === WILDCARD;
}

const resourceNames = ['Unknown', 'Any', 'Topic', 'Group', 'Cluster', 'TransactionalId', 'DelegationToken', 'User'];
const patternNames = ['Unknown', 'Any', 'Match', 'Literal', 'Prefixed'];
const permissionNames = ['Unknown', 'Any', 'Deny', 'Allow'];
const operationNames = [
  'Unknown',
  'Any',
  'All',
  'Read',
  'Write',
  'Create',
  'Delete',
  'Alter',
  'Describe',
  'ClusterAction',
  'DescribeConfigs',
  'AlterConfigs',
  'IdempotentWrite',
  'CreateTokens',
  'DescribeTokens',
  'TwoPhaseCommit',
];

function nameIn(names: readonly string[], code: number): string {
  return names[code] ?? `Unknown(${code})`;
}

export function resourceTypeName(code: number): string {
  return nameIn(resourceNames, code);
}

export function patternTypeName(code: number): string {
  return nameIn(patternNames, code);
}

export function operationName(code: number): string {
  return nameIn(operationNames, code);
}

export function permissionName(code: number): string {
  return nameIn(permissionNames, code);
}

/** Read without regard to case, hyphens and underlines, so that `describe-configs` is found as well. Null: no such name. */
function codeIn(names: readonly string[], text: string): number | null {
  const wanted = plain(text);
  const code = names.findIndex((name) => plain(name) === wanted);
  return code <= 0 ? null : code;
}

function plain(text: string): string {
  return text.replace(/[-_]/g, '').toLowerCase();
}

export function operationCode(text: string): number | null {
  return codeIn(operationNames, text);
}

function bitsOf(operations: readonly number[]): number {
  return operations.reduce((bits, code) => bits | (1 << code), 0);
}

/** Every operation that a rule can be about. */
export const EVERY_OPERATION = 0xfff8;

const operationsByType: { readonly [resourceType: number]: number | undefined } = {
  [RESOURCE_TOPIC]: bitsOf([
    OPERATION_READ,
    OPERATION_WRITE,
    OPERATION_CREATE,
    OPERATION_DESCRIBE,
    OPERATION_DELETE,
    OPERATION_ALTER,
    OPERATION_DESCRIBE_CONFIGS,
    OPERATION_ALTER_CONFIGS,
  ]),
  [RESOURCE_GROUP]: bitsOf([
    OPERATION_READ,
    OPERATION_DESCRIBE,
    OPERATION_DELETE,
    OPERATION_DESCRIBE_CONFIGS,
    OPERATION_ALTER_CONFIGS,
  ]),
  [RESOURCE_CLUSTER]: bitsOf([
    OPERATION_CREATE,
    OPERATION_CLUSTER_ACTION,
    OPERATION_DESCRIBE_CONFIGS,
    OPERATION_ALTER_CONFIGS,
    OPERATION_IDEMPOTENT_WRITE,
    OPERATION_ALTER,
    OPERATION_DESCRIBE,
  ]),
  [RESOURCE_TRANSACTIONAL_ID]: bitsOf([OPERATION_DESCRIBE, OPERATION_WRITE, OPERATION_TWO_PHASE_COMMIT]),
  [RESOURCE_DELEGATION_TOKEN]: bitsOf([OPERATION_DESCRIBE]),
  [RESOURCE_USER]: bitsOf([OPERATION_CREATE_TOKENS, OPERATION_DESCRIBE_TOKENS]),
};

/** What can be done to a resource of the type, as the bit field in which the protocol reports it. */
export function operationsOf(resourceType: number): number {
  return operationsByType[resourceType] ?? 0;
}
