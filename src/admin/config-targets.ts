/**
 * What can have settings of its own: topics, this broker, all brokers together, groups. A target knows the texts it has
 * now, which settings there are, what is wrong with a new set, and the record that would keep it. `config-changes.ts` does
 * the rest the same way for all of them.
 */
import { must } from '../base/assert.ts';
import type { Catalog } from '../cluster/catalog.ts';
import type { CatalogRecord } from '../cluster/catalog-records.ts';
import type { SettingsCheck } from '../cluster/settings-observers.ts';
import { type BrokerConfig, settingNamed } from '../config/broker-config.ts';
import { brokerSettings } from '../config/broker-settings.ts';
import { problemOfGroup } from '../config/group-config.ts';
import { groupSettings } from '../config/group-settings.ts';
import { problemOfZero } from '../config/listener-bounds.ts';
import { listenersOf } from '../config/listeners.ts';
import { problemTogether } from '../config/load.ts';
import { isForAllBrokers, scopedKeyOf } from '../config/scoped-settings.ts';
import { type AnySetting, formatValue, readValue, type SettingTable } from '../config/settings.ts';
import { problemOfOverrides, topicValue } from '../config/topic-config.ts';
import { isTopicKey, topicSettings } from '../config/topic-settings.ts';
import { errorCode } from '../protocol/errors.ts';
import {
  RESOURCE_BROKER,
  RESOURCE_BROKER_LOGGER,
  RESOURCE_CLIENT_METRICS,
  RESOURCE_GROUP,
  RESOURCE_TOPIC,
} from '../protocol/schemas/32-describe-configs.ts';
import { type Refusal, refuse } from './refusal.ts';
import { problemOfTopicName } from './topic-names.ts';

export type ConfigTexts = { readonly [key: string]: string };

export interface ConfigTarget {
  readonly texts: ConfigTexts;
  settingOf(key: string): AnySetting | null;
  /** What holds while the target has no text for the key; lists are extended and shortened from there. */
  fallbackText(key: string): string;
  /** What is wrong with the target's name, with the new texts, or with there being no such thing; in this order. `changed`: the keys set. */
  refusalOf(next: ConfigTexts, changed: readonly string[]): Refusal | null;
  recordOf(next: ConfigTexts): CatalogRecord;
  /** Setting a key to what it is already does something all the same: files are read again. */
  isDoneAgain(changed: readonly string[]): boolean;
}

/** Groups with settings of their own; they are held in memory, and any name will do for one. */
export const CONFIGURED_GROUPS_MAX = 10_000;
const GROUP_NAME_LENGTH_MAX = 1000;

/** The target of a change, or why there is none. `groupsAdded`: by the same request, before. */
export function configTargetOf(
  catalog: Catalog,
  config: BrokerConfig,
  resourceType: number,
  name: string,
  check: SettingsCheck,
  groupsAdded: number,
): ConfigTarget | Refusal {
  switch (resourceType) {
    case RESOURCE_TOPIC:
      return topicTarget(catalog, config, name);
    case RESOURCE_BROKER:
      return name === '' ? clusterTarget(catalog, config) : brokerTarget(catalog, config, name, check);
    case RESOURCE_GROUP:
      return groupTarget(catalog, config, name, groupsAdded);
    case RESOURCE_BROKER_LOGGER:
      return refuse(
        errorCode.INVALID_REQUEST,
        'log levels cannot be changed here: the log has what is of the level info or above',
      );
    case RESOURCE_CLIENT_METRICS:
      return refuse(
        errorCode.INVALID_REQUEST,
        'this broker takes no client metrics, so there is nothing to subscribe to',
      );
    default:
      return refuse(errorCode.INVALID_REQUEST, `there are no resources of the type ${resourceType}`);
  }
}

/** The values are looked at before it is asked whether the topic exists, as Kafka's controller does. */
function topicTarget(catalog: Catalog, config: BrokerConfig, name: string): ConfigTarget {
  const topic = catalog.topicsByName.get(name);
  return {
    texts: topic?.configs ?? {},
    settingOf: (key) => settingIn(topicSettings, key),
    fallbackText: (key) => (isTopicKey(key) ? (formatValue(topicValue(key, {}, config)) ?? '') : ''),
    refusalOf: (next) =>
      refusalOfTopicName(name) ??
      refusalIf(errorCode.INVALID_CONFIG, problemOfOverrides(next, config)) ??
      refusalIf(errorCode.UNKNOWN_TOPIC_OR_PARTITION, topic === undefined ? `there is no topic '${name}'` : null),
    recordOf: (configs) => ({ kind: 'topic-configs', id: must(topic, 'a topic that is changed').id, configs }),
    isDoneAgain: () => false,
  };
}

function refusalOfTopicName(name: string): Refusal | null {
  if (name === '')
    return refuse(errorCode.INVALID_REQUEST, 'a topic needs a name; defaults of topics are set on brokers');
  return refusalIf(errorCode.INVALID_TOPIC_EXCEPTION, problemOfTopicName(name));
}

function brokerTarget(
  catalog: Catalog,
  config: BrokerConfig,
  name: string,
  check: SettingsCheck,
): ConfigTarget | Refusal {
  const nodeId = config.values['node.id'];
  if (!/^-?\d+$/.test(name))
    return refuse(errorCode.INVALID_REQUEST, `a broker is named by its number, not by '${name}'`);
  if (Number(name) !== nodeId) {
    return refuse(errorCode.INVALID_REQUEST, `this is broker ${nodeId}, not ${name}; name ${nodeId}, or none for all`);
  }
  const { brokerConfigs: broker, clusterConfigs: cluster } = catalog;
  return {
    texts: broker,
    settingOf: settingNamed,
    fallbackText: (key) => (scopedKeyOf(key) === null ? (config.withDynamic({ cluster }).entry(key).text ?? '') : ''),
    refusalOf: (next, changed) => {
      const refusal = refusalOfBroker(next, changed) ?? refusalOfScopes(config, changed);
      if (refusal !== null) return refusal;
      const together = config.withDynamic({ broker: next, cluster });
      const problem = problemOfZero(config, together) ?? problemTogether(together) ?? check(together, changed);
      return refusalIf(errorCode.INVALID_REQUEST, problem);
    },
    recordOf: (configs) => ({ kind: 'broker-configs', configs }),
    isDoneAgain: (changed) => changed.some((key) => settingNamed(key)?.change === 'live-by-listener'),
  };
}

function clusterTarget(catalog: Catalog, config: BrokerConfig): ConfigTarget {
  const { brokerConfigs: broker, clusterConfigs: cluster } = catalog;
  return {
    texts: cluster,
    settingOf: (key) => settingIn(brokerSettings, key),
    fallbackText: (key) => config.withDynamic({}).entry(key).text ?? '',
    refusalOf: (next, changed) => {
      const refusal = refusalOfAll(changed) ?? refusalOfBroker(next, changed) ?? refusalOfScopes(config, changed);
      if (refusal !== null) return refusal;
      const together = config.withDynamic({ broker, cluster: next });
      return refusalIf(errorCode.INVALID_REQUEST, problemOfZero(config, together) ?? problemTogether(together));
    },
    recordOf: (configs) => ({ kind: 'cluster-configs', configs }),
    isDoneAgain: () => false,
  };
}

function groupTarget(catalog: Catalog, config: BrokerConfig, name: string, added: number): ConfigTarget {
  return {
    texts: catalog.groupConfigs.get(name) ?? {},
    settingOf: (key) => settingIn(groupSettings, key),
    fallbackText: () => '',
    refusalOf: (next) => {
      const refusal = refusalOfGroupName(name) ?? refusalIf(errorCode.INVALID_CONFIG, problemOfGroup(next, config));
      if (refusal !== null) return refusal;
      if (catalog.groupConfigs.has(name) || catalog.groupConfigs.size + added < CONFIGURED_GROUPS_MAX) return null;
      const message = `${CONFIGURED_GROUPS_MAX} groups have settings of their own, and no more can; take some away`;
      return refuse(errorCode.POLICY_VIOLATION, message);
    },
    recordOf: (configs) => ({ kind: 'group-configs', group: name, configs }),
    isDoneAgain: () => false,
  };
}

function refusalOfGroupName(name: string): Refusal | null {
  if (name === '')
    return refuse(errorCode.INVALID_REQUEST, 'a group needs a name; defaults of groups are set on brokers');
  if (name.length <= GROUP_NAME_LENGTH_MAX) return null;
  const message = `a group with settings has a name of at most ${GROUP_NAME_LENGTH_MAX} characters; this one has ${name.length}`;
  return refuse(errorCode.INVALID_REQUEST, message);
}

/** Of the broker's settings only live ones can change, and only under their own names. */
function refusalOfBroker(next: ConfigTexts, changed: readonly string[]): Refusal | null {
  for (const key of changed) {
    const setting = settingNamed(key);
    if (setting === null) {
      return refuse(
        errorCode.INVALID_REQUEST,
        `there is no broker setting '${key}'; see docs/settings.md for the names`,
      );
    }
    if (setting.change === 'restart') {
      const message = `${key} takes effect only when the broker starts; set it there`;
      return refuse(errorCode.INVALID_REQUEST, message);
    }
    if (setting.change === 'live-by-listener' && scopedKeyOf(key) === null) {
      const message = `while the broker runs ${key} can be set for one listener only: as listener.name.NAME.${key}`;
      return refuse(errorCode.INVALID_REQUEST, message);
    }
    const text = next[key];
    const read = text === undefined ? null : readValue(key, setting, text);
    if (read !== null && !read.isGood) return refuse(errorCode.INVALID_REQUEST, read.problem);
  }
  return null;
}

/** A listener has certificates on one broker; bounds may be the same on all. */
function refusalOfAll(changed: readonly string[]): Refusal | null {
  const key = changed.find((one) => {
    const scoped = scopedKeyOf(one);
    return scoped !== null && !isForAllBrokers(scoped);
  });
  if (key === undefined) return null;
  return refuse(errorCode.INVALID_REQUEST, `${key} cannot be set for all brokers together; name one by its number`);
}

/** Who misspells a listener should hear of it. */
function refusalOfScopes(config: BrokerConfig, changed: readonly string[]): Refusal | null {
  const names = listenersOf(config.values).map((listener) => listener.name.toLowerCase());
  for (const key of changed) {
    const scoped = scopedKeyOf(key);
    if (scoped === null || names.includes(scoped.listener)) continue;
    const message = `${key} is for a listener that is not there; there are ${names.join(', ')}`;
    return refuse(errorCode.INVALID_REQUEST, message);
  }
  return null;
}

function settingIn(table: SettingTable, key: string): AnySetting | null {
  return Object.hasOwn(table, key) ? (table[key] ?? null) : null;
}

function refusalIf(code: number, problem: string | null): Refusal | null {
  return problem === null ? null : refuse(code, problem);
}
