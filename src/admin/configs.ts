/**
 * What DescribeConfigs and CreateTopics tell about settings: value, type, where it comes from, and what else was given
 * for it. Values are always texts; those of sensitive settings stay here.
 */
import { must } from '../base/assert.ts';
import type { Catalog, CatalogTopic } from '../cluster/catalog.ts';
import { type BrokerConfig, type SettingSource, settingNamed } from '../config/broker-config.ts';
import { brokerSettings } from '../config/broker-settings.ts';
import { groupValues, layersOfGroup } from '../config/group-config.ts';
import { groupSettings, isGroupKey } from '../config/group-settings.ts';
import { scopedKeyOf } from '../config/scoped-settings.ts';
import { type AnySetting, formatValueOf, type SettingType } from '../config/settings.ts';
import { layersOfTopic, topicValue } from '../config/topic-config.ts';
import { brokerChainOf, isTopicKey, topicSettings } from '../config/topic-settings.ts';
import { errorCode } from '../protocol/errors.ts';
import {
  CONFIG_TYPE_BOOLEAN,
  CONFIG_TYPE_DOUBLE,
  CONFIG_TYPE_INT,
  CONFIG_TYPE_LIST,
  CONFIG_TYPE_LONG,
  CONFIG_TYPE_PASSWORD,
  CONFIG_TYPE_SHORT,
  CONFIG_TYPE_STRING,
  RESOURCE_BROKER,
  RESOURCE_BROKER_LOGGER,
  RESOURCE_CLIENT_METRICS,
  RESOURCE_GROUP,
  RESOURCE_TOPIC,
  SOURCE_DEFAULT,
  SOURCE_DYNAMIC_BROKER,
  SOURCE_DYNAMIC_DEFAULT_BROKER,
  SOURCE_DYNAMIC_TOPIC,
  SOURCE_GROUP,
  SOURCE_STATIC_BROKER,
} from '../protocol/schemas/32-describe-configs.ts';
import { type Refusal, refuse } from './refusal.ts';
import { problemOfTopicName } from './topic-names.ts';

const typeCodes: { readonly [Type in SettingType]: number } = {
  boolean: CONFIG_TYPE_BOOLEAN,
  string: CONFIG_TYPE_STRING,
  short: CONFIG_TYPE_SHORT,
  int: CONFIG_TYPE_INT,
  long: CONFIG_TYPE_LONG,
  double: CONFIG_TYPE_DOUBLE,
  list: CONFIG_TYPE_LIST,
  password: CONFIG_TYPE_PASSWORD,
};

export interface ConfigSynonym {
  readonly name: string;
  readonly value: string | null;
  readonly source: number;
}

export interface DescribedConfig {
  readonly name: string;
  readonly value: string | null;
  readonly isReadOnly: boolean;
  readonly source: number;
  readonly isSensitive: boolean;
  readonly synonyms: readonly ConfigSynonym[];
  readonly type: number;
  readonly documentation: string;
}

export interface ConfigWish {
  readonly resourceType: number;
  readonly resourceName: string;
}

export type ConfigAnswer =
  | { readonly refusal: Refusal; readonly configs: readonly [] }
  | { readonly refusal: null; readonly configs: readonly DescribedConfig[] };

/** The same text for resources of which the same is told: any name will do for a group. */
export function likenessOf(catalog: Catalog, { resourceType, resourceName }: ConfigWish): string {
  if (resourceType === RESOURCE_GROUP && resourceName !== '') {
    return `${resourceType} of ${JSON.stringify(catalog.groupConfigs.get(resourceName) ?? {})}`;
  }
  const topic = resourceType === RESOURCE_TOPIC ? catalog.topicsByName.get(resourceName) : undefined;
  return topic === undefined
    ? `${resourceType}: ${resourceName}`
    : `${resourceType} of ${JSON.stringify(topic.configs)}`;
}

export function describeConfigs(catalog: Catalog, config: BrokerConfig, wish: ConfigWish): ConfigAnswer {
  switch (wish.resourceType) {
    case RESOURCE_TOPIC:
      return describeTopic(catalog, config, wish);
    case RESOURCE_BROKER:
      return describeBroker(catalog, config, wish);
    case RESOURCE_GROUP:
      return describeGroup(catalog, config, wish);
    case RESOURCE_BROKER_LOGGER:
      return refused(
        errorCode.INVALID_REQUEST,
        'log levels are not kept as settings here: the log has what is of the level info or above',
      );
    case RESOURCE_CLIENT_METRICS:
      return refused(errorCode.INVALID_REQUEST, 'this broker takes no client metrics, so there are no subscriptions');
    default:
      return refused(errorCode.INVALID_REQUEST, `there are no resources of the type ${wish.resourceType}`);
  }
}

/** One such resource spoils the whole request, as it does in Kafka. */
export function isConfigResourceType(type: number): boolean {
  return resourceTypes.has(type);
}

const resourceTypes: ReadonlySet<number> = new Set([
  RESOURCE_TOPIC,
  RESOURCE_BROKER,
  RESOURCE_BROKER_LOGGER,
  RESOURCE_CLIENT_METRICS,
  RESOURCE_GROUP,
]);

function refused(code: number, message: string): ConfigAnswer {
  return { refusal: refuse(code, message), configs: [] };
}

function describeTopic(catalog: Catalog, config: BrokerConfig, wish: ConfigWish): ConfigAnswer {
  const topic = catalog.topicsByName.get(wish.resourceName);
  if (topic !== undefined) return { refusal: null, configs: describeTopicConfigs(topic, config) };
  const problem = problemOfTopicName(wish.resourceName);
  if (problem !== null) return refused(errorCode.INVALID_TOPIC_EXCEPTION, problem);
  return refused(errorCode.UNKNOWN_TOPIC_OR_PARTITION, `there is no topic '${wish.resourceName}'`);
}

/** The empty name stands for all brokers together: what was set for all of them while they ran. */
function describeBroker(catalog: Catalog, config: BrokerConfig, wish: ConfigWish): ConfigAnswer {
  const nodeId = String(config.values['node.id']);
  if (wish.resourceName === '') {
    return { refusal: null, configs: describeClusterConfigs(catalog.clusterConfigs) };
  }
  if (wish.resourceName === nodeId) return { refusal: null, configs: describeBrokerConfigs(config) };
  const message = `this is broker ${nodeId}, not '${wish.resourceName}'; ask that one, or leave the name empty for the cluster`;
  return refused(errorCode.INVALID_REQUEST, message);
}

/** Groups need not exist: the settings are those it would have. */
function describeGroup(catalog: Catalog, config: BrokerConfig, wish: ConfigWish): ConfigAnswer {
  const { resourceName } = wish;
  if (resourceName === '') return refused(errorCode.INVALID_REQUEST, 'a group needs a name');
  const overrides = catalog.groupConfigs.get(resourceName) ?? {};
  const values = groupValues(overrides, config);
  const described: DescribedConfig[] = [];
  for (const [key, setting] of Object.entries(groupSettings)) {
    if (!isGroupKey(key)) continue;
    const synonyms = layersOfGroup(key, overrides, config).map((layer) => ({
      name: layer.key,
      value: layer.text,
      source: layer.source === 'group' ? SOURCE_GROUP : sourceCode(layer.source),
    }));
    described.push(describedConfig(key, setting, formatValueOf(setting, values[key]), synonyms, false));
  }
  return { refusal: null, configs: described };
}

/** Every setting of a topic, by name; also for one that does not exist yet. */
export function describeTopicConfigs(topic: Pick<CatalogTopic, 'configs'>, config: BrokerConfig): DescribedConfig[] {
  const described: DescribedConfig[] = [];
  for (const [key, setting] of Object.entries(topicSettings)) {
    if (!isTopicKey(key) || setting.isInternal) continue;
    const layers = layersOfTopic(key, topic.configs, config);
    const synonyms = layers.map((layer) => ({
      name: layer.key,
      value: layer.text,
      source: layer.source === 'topic' ? SOURCE_DYNAMIC_TOPIC : sourceCode(layer.source),
    }));
    described.push(
      describedConfig(key, setting, formatValueOf(setting, topicValue(key, topic.configs, config)), synonyms, false),
    );
  }
  return described;
}

/** Those of one listener are told as read-only, which Kafka does with every name that is not in its list of what may change. */
function describeBrokerConfigs(config: BrokerConfig): DescribedConfig[] {
  const described: DescribedConfig[] = [];
  for (const [key, setting] of Object.entries(brokerSettings)) {
    if (setting.isInternal) continue;
    const own = config.layersOf(key);
    const layers = own.length === 0 ? [] : brokerChainOf(key).flatMap((name) => config.layersOf(name));
    const synonyms = layers.map((layer) => ({ name: layer.key, value: layer.text, source: sourceCode(layer.source) }));
    const value = formatValueOf(setting, config.entry(key).value);
    described.push(describedConfig(key, setting, value, synonyms, setting.change === 'restart'));
  }
  for (const [name, layers] of config.scopedLayers()) {
    const { key, listener } = must(scopedKeyOf(name), 'what was given has a scope');
    const setting = must(settingNamed(name), 'what was given is known');
    const plain = listener === '' ? [] : config.layersOf(key);
    const synonyms = [...layers, ...plain].map((layer) => ({
      name: layer.key,
      value: layer.text,
      source: sourceCode(layer.source),
    }));
    const value = formatValueOf(setting, layers[0]?.value ?? null);
    described.push(describedConfig(name, setting, value, synonyms, true));
  }
  return described.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function describeClusterConfigs(texts: { readonly [key: string]: string }): DescribedConfig[] {
  const described: DescribedConfig[] = [];
  for (const [key, text] of Object.entries(texts)) {
    const setting = settingNamed(key);
    if (setting === null) continue;
    const synonyms = [{ name: key, value: text, source: SOURCE_DYNAMIC_DEFAULT_BROKER }];
    described.push(describedConfig(key, setting, text, synonyms, scopedKeyOf(key) !== null));
  }
  return described;
}

/** The source is that of the strongest synonym. */
function describedConfig(
  name: string,
  setting: AnySetting,
  value: string | null,
  synonyms: readonly ConfigSynonym[],
  isReadOnly: boolean,
): DescribedConfig {
  const hidden = setting.isSensitive ? synonyms.map((synonym) => ({ ...synonym, value: null })) : synonyms;
  return {
    name,
    value: setting.isSensitive ? null : value,
    isReadOnly,
    source: synonyms[0]?.source ?? SOURCE_DEFAULT,
    isSensitive: setting.isSensitive,
    synonyms: hidden,
    type: typeCodes[setting.type],
    documentation: setting.doc,
  };
}

function sourceCode(source: SettingSource): number {
  if (source === 'default') return SOURCE_DEFAULT;
  if (source === 'dynamic-cluster') return SOURCE_DYNAMIC_DEFAULT_BROKER;
  return source === 'dynamic' ? SOURCE_DYNAMIC_BROKER : SOURCE_STATIC_BROKER;
}

/** Those of the keys that there are; null, and none, ask for all. */
export function chosen<Config extends { readonly name: string }>(
  configs: readonly Config[],
  keys: readonly string[] | null,
): readonly Config[] {
  if (keys === null || keys.length === 0) return configs;
  const wanted = new Set(keys);
  return configs.filter((config) => wanted.has(config.name));
}
