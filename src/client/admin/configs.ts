/** Settings of topics, brokers and groups: describe with their sources, change one by one, list who can have any. */

import {
  CONFIG_TYPE_UNKNOWN,
  describeConfigs,
  RESOURCE_BROKER,
  RESOURCE_BROKER_LOGGER,
  RESOURCE_CLIENT_METRICS,
  RESOURCE_GROUP,
  RESOURCE_TOPIC,
} from '../../protocol/schemas/32-describe-configs.ts';
import { incrementalAlterConfigs } from '../../protocol/schemas/44-incremental-alter-configs.ts';
import { listConfigResources } from '../../protocol/schemas/74-list-config-resources.ts';
import { checkAnswer } from '../answer-error.ts';
import type { Connection } from '../connection.ts';
import { type AdminRequests, errorOf, type Outcome } from './admin-requests.ts';
import type { ChangeOptions } from './topics.ts';

const RESOURCE_TYPES = {
  topic: RESOURCE_TOPIC,
  broker: RESOURCE_BROKER,
  'broker-logger': RESOURCE_BROKER_LOGGER,
  'client-metrics': RESOURCE_CLIENT_METRICS,
  group: RESOURCE_GROUP,
} as const;
export type ConfigResourceType = keyof typeof RESOURCE_TYPES;

export interface ConfigResource {
  readonly type: ConfigResourceType;
  /** A topic, a group, a broker id; an empty broker id stands for the default of all brokers. */
  readonly name: string;
}

const SOURCES = [
  'unknown',
  'topic',
  'broker',
  'default-broker',
  'static-broker',
  'default',
  'broker-logger',
  'client-metrics',
  'group',
] as const;
export type ConfigSource = (typeof SOURCES)[number];

const VALUE_TYPES = [
  'unknown',
  'boolean',
  'string',
  'int',
  'short',
  'long',
  'double',
  'list',
  'class',
  'password',
] as const;
export type ConfigValueType = (typeof VALUE_TYPES)[number];

export interface ConfigEntry {
  readonly name: string;
  /** Null for a secret. */
  readonly value: string | null;
  readonly source: ConfigSource;
  readonly isReadOnly: boolean;
  readonly isSensitive: boolean;
  readonly type: ConfigValueType;
  readonly documentation: string | null;
  readonly synonyms: readonly { readonly name: string; readonly value: string | null; readonly source: ConfigSource }[];
}

export interface DescribedConfigs extends Outcome, ConfigResource {
  readonly entries: readonly ConfigEntry[];
}

const OPERATIONS = { set: 0, delete: 1, append: 2, subtract: 3 } as const;

export interface ConfigChange {
  readonly name: string;
  /** 'append' and 'subtract' change lists; 'delete' takes the setting back. */
  readonly operation?: keyof typeof OPERATIONS;
  readonly value?: string | null;
}

export interface ConfigOutcome extends Outcome, ConfigResource {}

export interface DescribeConfigsOptions {
  readonly names?: readonly string[];
  readonly includeSynonyms?: boolean;
  readonly includeDocumentation?: boolean;
}

export class ConfigAdmin {
  readonly #requests: AdminRequests;

  constructor(requests: AdminRequests) {
    this.#requests = requests;
  }

  async describe(
    resources: readonly ConfigResource[],
    options: DescribeConfigsOptions = {},
  ): Promise<DescribedConfigs[]> {
    const described = await this.#byBroker(resources, 'describing settings', async (connection, some) => {
      const answer = await connection.request(describeConfigs, {
        resources: some.map(({ type, name }) => ({
          resourceType: RESOURCE_TYPES[type],
          resourceName: name,
          configurationKeys: options.names ?? null,
        })),
        includeSynonyms: options.includeSynonyms === true,
        includeDocumentation: options.includeDocumentation === true,
      });
      return answer.results;
    });
    return described.map((one) => ({
      ...resourceOf(one.resourceType, one.resourceName),
      error: errorOf(one.errorCode, `describing settings of ${one.resourceName}`, one.errorMessage),
      entries: one.configs.map((config) => ({
        name: config.name,
        value: config.value,
        source: sourceOf(config.configSource),
        isReadOnly: config.readOnly,
        isSensitive: config.isSensitive,
        type: VALUE_TYPES[config.configType] ?? VALUE_TYPES[CONFIG_TYPE_UNKNOWN],
        documentation: config.documentation,
        synonyms: config.synonyms.map(({ name, value, source }) => ({ name, value, source: sourceOf(source) })),
      })),
    }));
  }

  /** What is not named stays as it is. */
  async alter(
    changes: readonly (ConfigResource & { readonly changes: readonly ConfigChange[] })[],
    options: ChangeOptions = {},
  ): Promise<ConfigOutcome[]> {
    const altered = await this.#byBroker(changes, 'changing settings', async (connection, some) => {
      const answer = await connection.request(incrementalAlterConfigs, {
        resources: some.map(({ type, name, changes: ofResource }) => ({
          resourceType: RESOURCE_TYPES[type],
          resourceName: name,
          configs: ofResource.map((change) => ({
            name: change.name,
            configOperation: OPERATIONS[change.operation ?? 'set'],
            value: change.value ?? null,
          })),
        })),
        validateOnly: options.validateOnly === true,
      });
      return answer.responses;
    });
    return altered.map(({ resourceType, resourceName, errorCode: code, errorMessage }) => ({
      ...resourceOf(resourceType, resourceName),
      error: errorOf(code, `changing settings of ${resourceName === '' ? 'all brokers' : resourceName}`, errorMessage),
    }));
  }

  /** Who has settings of these types; without any, of all types. */
  async listResources(types: readonly ConfigResourceType[] = []): Promise<ConfigResource[]> {
    const answer = await this.#requests.toAny('listing resources', async (connection) => {
      const resourceTypes = types.map((type) => RESOURCE_TYPES[type]);
      const listed = await connection.request(listConfigResources, { resourceTypes });
      checkAnswer(listed.errorCode, 'listing resources with settings');
      return listed;
    });
    return answer.configResources.map(({ resourceType, resourceName }) => resourceOf(resourceType, resourceName));
  }

  /** A broker's own settings are asked of that broker, everything else of any. */
  async #byBroker<R extends ConfigResource, T>(
    resources: readonly R[],
    what: string,
    ask: (connection: Connection, some: readonly R[]) => Promise<readonly T[]>,
  ): Promise<T[]> {
    const byNode = new Map<number | null, R[]>();
    for (const resource of resources) {
      const isBrokers = (resource.type === 'broker' || resource.type === 'broker-logger') && resource.name !== '';
      const node = isBrokers && Number.isInteger(Number(resource.name)) ? Number(resource.name) : null;
      byNode.set(node, [...(byNode.get(node) ?? []), resource]);
    }
    const answers = await Promise.all(
      [...byNode].map(([node, some]) =>
        node === null
          ? this.#requests.toAny(what, (connection) => ask(connection, some))
          : this.#requests.toNode(what, node, (connection) => ask(connection, some)),
      ),
    );
    return answers.flat();
  }
}

function resourceOf(resourceType: number, name: string): ConfigResource {
  for (const type of ['topic', 'broker', 'broker-logger', 'client-metrics', 'group'] as const)
    if (RESOURCE_TYPES[type] === resourceType) return { type, name };
  return { type: 'topic', name };
}

function sourceOf(source: number): ConfigSource {
  return SOURCES[source] ?? 'unknown';
}
