/**
 * A group's settings as they stand: its own texts over the broker's defaults over the defaults of the table. Coordinators
 * read `groupValues` when they need one; IncrementalAlterConfigs checks with `problemOfGroup`; DescribeConfigs shows the
 * layers.
 */
import { Bug } from '../base/assert.ts';
import type { BrokerConfig, SettingSource } from './broker-config.ts';
import {
  type GroupKey,
  type GroupTwin,
  type GroupValues,
  groupSettings,
  groupTwins,
  isGroupKey,
} from './group-settings.ts';
import { formatValue, hasValuesOf, readValue, type SettingValue } from './settings.ts';

/** What was set on the group itself, as text. */
export type GroupOverrides = { readonly [key: string]: string };

export interface GroupLayer {
  readonly key: string;
  readonly text: string;
  readonly source: 'group' | SettingSource;
}

const NO_STREAMS = 'this broker has no streams groups; leave the setting out';

/** Null when all is well, else what is wrong with the first bad setting and what to do. */
export function problemOfGroup(overrides: GroupOverrides, broker: BrokerConfig): string | null {
  for (const [key, text] of Object.entries(overrides)) {
    if (!isGroupKey(key)) {
      return key.startsWith('streams.')
        ? `${key} cannot be honoured: ${NO_STREAMS}`
        : `there is no group setting '${key}'; leave it out`;
    }
    const read = readValue(key, groupSettings[key], text);
    if (!read.isGood) return read.problem;
    const problem = problemOfBounds(key, read.value, broker);
    if (problem !== null) return problem;
  }
  const values = groupValues(overrides, broker);
  return (
    problemOfPair(values, 'consumer.session.timeout.ms', 'consumer.heartbeat.interval.ms') ??
    problemOfPair(values, 'share.session.timeout.ms', 'share.heartbeat.interval.ms')
  );
}

/** The broker's own defaults and bounds, which Kafka holds against each other when it starts; null: they go together. */
export function problemOfGroupDefaults(broker: BrokerConfig): string | null {
  for (const twin of Object.values(groupTwins)) {
    if (twin === null) continue;
    const { key, minKey, maxKey } = twin;
    const problem =
      problemOfOrder(broker, maxKey, minKey) ??
      problemOfOrder(broker, key, minKey) ??
      problemOfOrder(broker, maxKey, key);
    if (problem !== null) return problem;
  }
  const values = groupValues({}, broker);
  return (
    problemOfPair(values, 'consumer.session.timeout.ms', 'consumer.heartbeat.interval.ms', 'group.') ??
    problemOfPair(values, 'share.session.timeout.ms', 'share.heartbeat.interval.ms', 'group.')
  );
}

function problemOfOrder(broker: BrokerConfig, upper: GroupTwin['minKey'], lower: GroupTwin['minKey']): string | null {
  const [most, least] = [numberAt(upper, broker), numberAt(lower, broker)];
  if (most === null || least === null || most >= least) return null;
  return `${upper} (${most}) is below ${lower} (${least}); raise the first or lower the second`;
}

/** All values in force. Broker bounds may have changed since a text was stored: the value is kept within them. */
export function groupValues(overrides: GroupOverrides, broker: BrokerConfig): GroupValues {
  const values = Object.fromEntries(
    Object.keys(groupSettings).map((key) => [key, isGroupKey(key) ? groupValue(key, overrides, broker) : null]),
  );
  if (!hasValuesOf(groupSettings, values)) throw new Bug('a group setting has no value of its type');
  return values;
}

/** Where the value in force comes from, strongest first. */
export function layersOfGroup(key: GroupKey, overrides: GroupOverrides, broker: BrokerConfig): readonly GroupLayer[] {
  const layers: GroupLayer[] = [];
  const own = overrides[key];
  if (own !== undefined) layers.push({ key, text: own, source: 'group' });
  const twin = groupTwins[key];
  if (twin === null) {
    layers.push({ key, text: formatValue(groupSettings[key].default) ?? '', source: 'default' });
    return layers;
  }
  for (const { key: twinKey, text, source } of broker.layersOf(twin.key)) {
    layers.push({ key: twinKey, text: text ?? '', source });
  }
  return layers;
}

function groupValue(key: GroupKey, overrides: GroupOverrides, broker: BrokerConfig): SettingValue {
  const twin = groupTwins[key];
  const own = overrides[key];
  const read = own === undefined ? null : readValue(key, groupSettings[key], own);
  if (read?.isGood === true) return typeof read.value === 'number' ? within(twin, read.value, broker) : read.value;
  if (twin === null) return groupSettings[key].default;
  const value = broker.values[twin.key];
  return typeof value === 'number' ? within(twin, value, broker) : value;
}

function within(twin: GroupTwin | null, value: number, broker: BrokerConfig): number {
  const least = numberAt(twin?.minKey ?? null, broker) ?? value;
  const most = numberAt(twin?.maxKey ?? null, broker) ?? value;
  return Math.max(least, Math.min(most, value));
}

function problemOfBounds(key: GroupKey, value: SettingValue, broker: BrokerConfig): string | null {
  const twin = groupTwins[key];
  if (twin === null || typeof value !== 'number') return null;
  const least = numberAt(twin.minKey, broker);
  if (least !== null && value < least) return `${key} is ${value} but must be at least ${least}, see ${twin.minKey}`;
  const most = numberAt(twin.maxKey, broker);
  if (most !== null && value > most) return `${key} is ${value} but must be at most ${most}, see ${twin.maxKey}`;
  return null;
}

function problemOfPair(values: GroupValues, longer: GroupKey, shorter: GroupKey, prefix = ''): string | null {
  const [long, short] = [values[longer], values[shorter]];
  if (typeof long !== 'number' || typeof short !== 'number' || long > short) return null;
  return `${prefix}${longer} (${long}) must be above ${prefix}${shorter} (${short}); raise the first or lower the second`;
}

function numberAt(key: GroupTwin['minKey'], broker: BrokerConfig): number | null {
  if (key === null) return null;
  const value = broker.values[key];
  return typeof value === 'number' ? value : null;
}
