/**
 * A topic's settings as they stand: its own texts over the broker's defaults over the defaults of the table. Used by the
 * controller (values for partitions), by CreateTopics (checks) and by DescribeConfigs (where each value comes from).
 */
import { Bug, must } from '../base/assert.ts';
import type { BrokerConfig, SettingSource } from './broker-config.ts';
import { closestWord } from './did-you-mean.ts';
import { hasValuesOf, readValue, type SettingValue } from './settings.ts';
import {
  type BrokerTwin,
  brokerChainOf,
  brokerTwins,
  isTopicKey,
  type TopicKey,
  type TopicValues,
  topicSettings,
} from './topic-settings.ts';

/** What was set on the topic itself, as text; everything else comes from the broker. */
export type TopicOverrides = { readonly [key: string]: string };

export interface TopicLayer {
  /** The topic's key, or that of the broker setting it comes from. */
  readonly key: string;
  readonly text: string;
  readonly source: 'topic' | SettingSource;
}

/** Null when all is well, else what is wrong with the first bad setting and what to do. */
export function problemOfOverrides(overrides: TopicOverrides, broker: BrokerConfig): string | null {
  for (const [key, text] of Object.entries(overrides)) {
    if (!isTopicKey(key)) {
      const close = closestWord(key, Object.keys(topicSettings));
      return `there is no topic setting '${key}'; ${close === null ? 'leave it out' : `did you mean ${close}?`}`;
    }
    const read = readValue(key, topicSettings[key], text);
    if (!read.isGood) return read.problem;
  }
  const values = topicValues(overrides, broker);
  if (values['min.compaction.lag.ms'] > values['max.compaction.lag.ms']) {
    return `min.compaction.lag.ms (${values['min.compaction.lag.ms']}) is above max.compaction.lag.ms (${values['max.compaction.lag.ms']}); lower the first or raise the second`;
  }
  return null;
}

/** All values in force. Texts were checked before they were stored; one that no longer reads falls back to the default. */
export function topicValues(overrides: TopicOverrides, broker: BrokerConfig): TopicValues {
  const values = Object.fromEntries(
    Object.keys(topicSettings).map((key) => [key, isTopicKey(key) ? topicValue(key, overrides, broker) : null]),
  );
  if (!hasValuesOf(topicSettings, values)) throw new Bug('a topic setting has no value of its type');
  return values;
}

export function topicValue(key: TopicKey, overrides: TopicOverrides, broker: BrokerConfig): SettingValue {
  const own = overrides[key];
  if (own !== undefined) {
    const read = readValue(key, topicSettings[key], own);
    if (read.isGood) return read.value;
  }
  const given = bestTwin(key, broker);
  if (given === null) return topicSettings[key].default;
  return scaled(broker.entry(given.key).value, given.times);
}

/** The first broker setting that was set; when none was, the last, which carries the default. Null: there is none. */
function bestTwin(key: TopicKey, broker: BrokerConfig): BrokerTwin | null {
  const twins = brokerTwins[key];
  return twins.find((twin) => broker.entry(twin.key).source !== 'default') ?? twins.at(-1) ?? null;
}

function scaled(value: SettingValue, times: number): SettingValue {
  if (typeof value !== 'number' || times === 1) return value;
  return value < 0 ? -1 : value * times;
}

/**
 * Where the value in force comes from, strongest first, each with the text it was given as. As in Kafka, broker settings
 * in other units (`log.retention.hours`) are named only behind one in the topic's own, and a setting that has none is not
 * listed at all: then the value is said to be the default.
 */
export function layersOfTopic(key: TopicKey, overrides: TopicOverrides, broker: BrokerConfig): readonly TopicLayer[] {
  const layers: TopicLayer[] = [];
  const own = overrides[key];
  if (own !== undefined) layers.push({ key, text: own, source: 'topic' });
  const [first] = brokerTwins[key];
  if (first === undefined || broker.layersOf(first.key).length === 0) return layers;
  for (const name of brokerChainOf(first.key)) {
    for (const layer of broker.layersOf(name)) {
      layers.push({ key: name, text: must(layer.text, 'a layer has a value'), source: layer.source });
    }
  }
  return layers;
}
