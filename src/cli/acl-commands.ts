/** `perfbroker acl list|add|remove`: access rules. The options are those of Apache Kafka's own tool where it has them. */
import { Fault } from '../base/fault.ts';
import { demand } from '../client/client.ts';
import {
  type AclBinding,
  type AclFilter,
  CLUSTER_NAME,
  OPERATION_ALL,
  OPERATION_ANY,
  OPERATION_CREATE,
  OPERATION_DESCRIBE,
  OPERATION_READ,
  OPERATION_WRITE,
  operationCode,
  operationName,
  PATTERN_ANY,
  PATTERN_LITERAL,
  PATTERN_MATCH,
  PATTERN_PREFIXED,
  PERMISSION_ALLOW,
  PERMISSION_ANY,
  PERMISSION_DENY,
  patternTypeName,
  permissionName,
  RESOURCE_ANY,
  RESOURCE_CLUSTER,
  RESOURCE_DELEGATION_TOKEN,
  RESOURCE_GROUP,
  RESOURCE_TOPIC,
  RESOURCE_TRANSACTIONAL_ID,
  RESOURCE_USER,
  resourceTypeName,
  WILDCARD,
} from '../protocol/acl.ts';
import { brokerOptions, defineCommand, jsonOption } from './command.ts';
import { withAdmin } from './open-client.ts';
import { show } from './text-table.ts';

const patterns = { literal: PATTERN_LITERAL, prefixed: PATTERN_PREFIXED, match: PATTERN_MATCH, any: PATTERN_ANY };

const resourceOptions = {
  topic: { kind: 'list', alias: 't', placeholder: 'TOPIC', doc: 'A topic; * for all.' },
  group: { kind: 'list', alias: 'g', placeholder: 'GROUP', doc: 'A group; * for all.' },
  cluster: { kind: 'flag', doc: 'The cluster.' },
  'transactional-id': { kind: 'list', placeholder: 'ID', doc: 'A transactional id; * for all.' },
  'delegation-token': { kind: 'list', placeholder: 'ID', doc: 'A delegation token; * for all.' },
  'user-principal': { kind: 'list', placeholder: 'PRINCIPAL', doc: 'A user, as a resource that tokens are made for.' },
} as const;

const ruleOptions = {
  'allow-principal': {
    kind: 'list',
    placeholder: 'PRINCIPAL',
    doc: 'Who is allowed: User:alice; User:* for everybody.',
  },
  'deny-principal': { kind: 'list', placeholder: 'PRINCIPAL', doc: 'Who is denied, whatever else allows it.' },
  'allow-host': { kind: 'list', placeholder: 'ADDRESS', doc: 'From where it is allowed; all hosts if left out.' },
  'deny-host': { kind: 'list', placeholder: 'ADDRESS', doc: 'From where it is denied; all hosts if left out.' },
  operation: { kind: 'list', placeholder: 'OPERATION', doc: 'Read, Write, Describe, AlterConfigs …; All if left out.' },
} as const;

const patternOption = (doc: string, choices: readonly string[]) =>
  ({ kind: 'text', placeholder: 'TYPE', doc, choices }) as const;

interface Resources {
  readonly topic: readonly string[];
  readonly group: readonly string[];
  readonly cluster: boolean;
  readonly 'transactional-id': readonly string[];
  readonly 'delegation-token': readonly string[];
  readonly 'user-principal': readonly string[];
}

interface Rules {
  readonly 'allow-principal': readonly string[];
  readonly 'deny-principal': readonly string[];
  readonly 'allow-host': readonly string[];
  readonly 'deny-host': readonly string[];
  readonly operation: readonly string[];
}

type Resource = Pick<AclBinding, 'resourceType' | 'resourceName'>;

export const aclList = defineCommand({
  words: 'acl list',
  needsArguments: false,
  summary: 'List access rules.',
  positional: null,
  options: {
    ...brokerOptions,
    ...jsonOption,
    ...resourceOptions,
    principal: { kind: 'list', placeholder: 'PRINCIPAL', doc: 'Only rules about this principal.' },
    'resource-pattern-type': patternOption(
      'literal: rules of this very name; prefixed: of this very prefix; match: whatever applies to the name; any.',
      Object.keys(patterns),
    ),
  },
  examples: ['acl list', 'acl list --topic orders --resource-pattern-type match', 'acl list --principal User:alice'],
  run: ({ options, terminal }) =>
    withAdmin(options, terminal, async (admin) => {
      const patternType = patternOf(options['resource-pattern-type'], PATTERN_ANY);
      const principals = options.principal.length === 0 ? [null] : options.principal;
      const found: AclBinding[] = [];
      for (const resource of filteredResources(options)) {
        for (const principal of principals) {
          found.push(...(await admin.acls.describe({ ...anything, ...resource, patternType, principal })));
        }
      }
      const rows = found.map((binding) => [
        resourceTypeName(binding.resourceType),
        binding.resourceName,
        patternTypeName(binding.patternType),
        binding.principal,
        binding.host,
        operationName(binding.operation),
        permissionName(binding.permissionType),
      ]);
      const headings = ['RESOURCE', 'NAME', 'PATTERN', 'PRINCIPAL', 'HOST', 'OPERATION', 'PERMISSION'];
      const json = rows.map((row) => Object.fromEntries(headings.map((name, at) => [name.toLowerCase(), row[at]])));
      await show(
        terminal,
        options.json,
        json,
        headings.map((heading) => ({ heading })),
        rows,
      );
      return 0;
    }),
});

export const aclAdd = defineCommand({
  words: 'acl add',
  needsArguments: true,
  summary: 'Allow or deny somebody something.',
  positional: null,
  options: {
    ...brokerOptions,
    ...resourceOptions,
    ...ruleOptions,
    'resource-pattern-type': patternOption('Whether names are whole or only how they begin.', ['literal', 'prefixed']),
    producer: { kind: 'flag', doc: 'What a producer needs: Write, Describe and Create on topics.' },
    consumer: { kind: 'flag', doc: 'What a consumer needs: Read and Describe on topics, Read on groups.' },
  },
  examples: [
    'acl add --topic orders --producer --allow-principal User:alice',
    'acl add --topic orders --group billing --consumer --allow-principal User:bob',
    'acl add --topic secret- --resource-pattern-type prefixed --deny-principal User:* --operation Read',
  ],
  run: ({ options, terminal }) =>
    withAdmin(options, terminal, async (admin) => {
      const patternType = patternOf(options['resource-pattern-type'], PATTERN_LITERAL);
      const bindings = bindingsOf(options, patternType);
      demand(await admin.acls.create(bindings));
      await terminal.write(bindings.map((binding) => `${sentenceOf(binding)}\n`).join(''));
      return 0;
    }),
});

export const aclRemove = defineCommand({
  words: 'acl remove',
  needsArguments: true,
  summary: 'Take access rules away.',
  positional: null,
  options: {
    ...brokerOptions,
    ...resourceOptions,
    ...ruleOptions,
    'resource-pattern-type': patternOption('As for acl list; literal if left out.', Object.keys(patterns)),
    all: { kind: 'flag', doc: 'All rules there are, if nothing says which.' },
  },
  examples: ['acl remove --topic orders --allow-principal User:alice', 'acl remove --topic orders'],
  run: ({ options, terminal }) =>
    withAdmin(options, terminal, async (admin) => {
      const filters = filtersOf(options, patternOf(options['resource-pattern-type'], PATTERN_LITERAL), options.all);
      const outcome = await admin.acls.delete(filters);
      demand(outcome);
      const removed = outcome.flatMap((one) => one.removed);
      await terminal.write(removed.map((binding) => `${sentenceOf(binding)}\n`).join(''));
      await terminal.write(`${removed.length} access rules removed\n`);
      return 0;
    }),
});

const anything: AclFilter = {
  resourceType: RESOURCE_ANY,
  resourceName: null,
  patternType: PATTERN_ANY,
  principal: null,
  host: null,
  operation: OPERATION_ANY,
  permissionType: PERMISSION_ANY,
};

function resourcesOf(options: Resources): Resource[] {
  const named = (resourceType: number, names: readonly string[]): Resource[] =>
    names.map((resourceName) => ({ resourceType, resourceName }));
  return [
    ...named(RESOURCE_TOPIC, options.topic),
    ...named(RESOURCE_GROUP, options.group),
    ...named(RESOURCE_CLUSTER, options.cluster ? [CLUSTER_NAME] : []),
    ...named(RESOURCE_TRANSACTIONAL_ID, options['transactional-id']),
    ...named(RESOURCE_DELEGATION_TOKEN, options['delegation-token']),
    ...named(RESOURCE_USER, options['user-principal']),
  ];
}

function filteredResources(options: Resources): readonly Pick<AclFilter, 'resourceType' | 'resourceName'>[] {
  const resources = resourcesOf(options);
  return resources.length === 0 ? [anything] : resources;
}

function patternOf(text: string | null, fallback: number): number {
  if (text === null) return fallback;
  for (const [name, code] of Object.entries(patterns)) if (name === text) return code;
  throw new Fault('PB_UNKNOWN_FLAG', `there is no pattern type '${text}'`);
}

function operationsIn(texts: readonly string[]): number[] {
  return texts.map((text) => {
    const code = operationCode(text);
    if (code !== null && code !== OPERATION_ANY) return code;
    throw new Fault(
      'PB_UNKNOWN_FLAG',
      `there is no operation '${text}'; write one such as Read, Write or AlterConfigs`,
    );
  });
}

interface Grantee {
  readonly principal: string;
  readonly host: string;
  readonly permissionType: number;
}

/** A host without a principal would be left aside: the rule would say less than was asked for, and take away more. */
function granteesOf(options: Rules): Grantee[] {
  for (const kind of ['allow', 'deny'] as const) {
    if (options[`${kind}-host`].length === 0 || options[`${kind}-principal`].length > 0) continue;
    throw new Fault('PB_UNKNOWN_FLAG', `--${kind}-host says from where, not who; write --${kind}-principal as well`);
  }
  const each = (principals: readonly string[], hosts: readonly string[], permissionType: number): Grantee[] =>
    principals.flatMap((principal) =>
      (hosts.length === 0 ? [WILDCARD] : hosts).map((host) => ({ principal, host, permissionType })),
    );
  return [
    ...each(options['allow-principal'], options['allow-host'], PERMISSION_ALLOW),
    ...each(options['deny-principal'], options['deny-host'], PERMISSION_DENY),
  ];
}

type Wish = Resources & Rules & { readonly producer: boolean; readonly consumer: boolean };

function bindingsOf(options: Wish, patternType: number): AclBinding[] {
  const resources = resourcesOf(options);
  const grantees = granteesOf(options);
  if (resources.length === 0)
    throw new Fault('PB_UNKNOWN_FLAG', 'the rule is about nothing; write --topic, --group, …');
  if (grantees.length === 0) throw new Fault('PB_UNKNOWN_FLAG', 'the rule is about nobody; write --allow-principal');
  return resources.flatMap((resource) => {
    const operations = operationsFor(options, resource.resourceType);
    if (operations.length === 0) {
      const what = `${resourceTypeName(resource.resourceType)} ${resource.resourceName}`;
      throw new Fault('PB_UNKNOWN_FLAG', `--producer or --consumer needs nothing of ${what}; leave that out`);
    }
    return operations.flatMap((operation) =>
      grantees.map((grantee) => ({ ...resource, ...grantee, operation, patternType })),
    );
  });
}

/** Producers and consumers are sets of operations; beside them others can be named. */
function operationsFor(options: Wish, resourceType: number): number[] {
  const operations = operationsIn(options.operation);
  if (!options.producer && !options.consumer) return operations.length === 0 ? [OPERATION_ALL] : operations;
  const add = (...more: readonly number[]) => operations.push(...more.filter((one) => !operations.includes(one)));
  if (resourceType === RESOURCE_TOPIC && options.producer) add(OPERATION_WRITE, OPERATION_DESCRIBE, OPERATION_CREATE);
  if (resourceType === RESOURCE_TOPIC && options.consumer) add(OPERATION_READ, OPERATION_DESCRIBE);
  if (resourceType === RESOURCE_GROUP && options.consumer) add(OPERATION_READ);
  if (resourceType === RESOURCE_TRANSACTIONAL_ID && options.producer) add(OPERATION_WRITE, OPERATION_DESCRIBE);
  return operations;
}

function filtersOf(options: Resources & Rules, patternType: number, isAll: boolean): AclFilter[] {
  const resources = resourcesOf(options);
  const grantees = granteesOf(options);
  const operations = operationsIn(options.operation);
  if (resources.length === 0 && grantees.length === 0 && operations.length === 0) {
    if (isAll) return [anything];
    throw new Fault(
      'PB_UNKNOWN_FLAG',
      'nothing says which rules to remove; name a resource or a principal, or write --all',
    );
  }
  // Where no resource is named, the pattern of a name means nothing.
  const named = resources.length === 0 ? [anything] : resources.map((one) => ({ ...anything, ...one, patternType }));
  return named.flatMap((resource) =>
    (operations.length === 0 ? [OPERATION_ANY] : operations).flatMap((operation) => {
      if (grantees.length === 0) return [{ ...resource, operation }];
      return grantees.map(({ principal, host, permissionType }) => {
        const isAnyHost = host === WILDCARD;
        return { ...resource, operation, principal, host: isAnyHost ? null : host, permissionType };
      });
    }),
  );
}

function sentenceOf(binding: AclBinding): string {
  const { resourceType, resourceName, patternType, principal, host, operation, permissionType } = binding;
  const verb = permissionType === PERMISSION_ALLOW ? 'may' : 'must not';
  const where = host === WILDCARD ? '' : ` from ${host}`;
  const what = patternType === PATTERN_PREFIXED ? `${resourceName}…` : resourceName;
  return `${principal}${where} ${verb} ${operationName(operation)} ${resourceTypeName(resourceType)} ${what}`;
}
