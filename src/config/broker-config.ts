/**
 * The broker's settings as they stand: typed values for the code, and for each key its text and where it came from, for
 * DescribeConfigs. Immutable; `withDynamic` gives a new one. Made by `load.ts`.
 */
import { Bug, must } from '../base/assert.ts';
import { type BrokerValues, brokerKeyOf, brokerSettings, ownBrokerSettings } from './broker-settings.ts';
import { scopedKeyOf, scopesOf, scopeText } from './scoped-settings.ts';
import { type AnySetting, formatValue, hasValuesOf, parseValue, readValue, type SettingValue } from './settings.ts';

/**
 * Strongest first. Dynamic values were set by a client while the broker ran, for this broker or for all brokers of the
 * cluster; they are kept in the catalog.
 */
export const settingSources = ['dynamic', 'dynamic-cluster', 'flag', 'set', 'environment', 'file', 'default'] as const;
export type SettingSource = (typeof settingSources)[number];

export interface SettingInput {
  /** A key, one of its aliases, or a key for one listener (`scoped-settings`). */
  readonly name: string;
  readonly text: string;
  readonly source: SettingSource;
  /** For people: `--port`, `PERFBROKER_PORT`, `server.properties line 3`. */
  readonly where: string;
}

/** What clients have set while brokers ran: key → text. */
export interface DynamicTexts {
  readonly broker: { readonly [key: string]: string };
  readonly cluster: { readonly [key: string]: string };
}

export interface SettingEntry {
  readonly key: string;
  readonly value: SettingValue;
  /** Null: not set, and no default. */
  readonly text: string | null;
  readonly source: SettingSource;
}

export class BrokerConfig {
  readonly values: BrokerValues;
  /** Things worth a line in the log, none of which stops the start. */
  readonly notices: readonly string[];
  private readonly inputs: readonly SettingInput[];
  private readonly entries: ReadonlyMap<string, SettingEntry>;
  private readonly scoped: ReadonlyMap<string, SettingValue>;

  /** Every input names a known setting (`isSettingName`); the strongest source wins, and within one source the last one. */
  constructor(inputs: readonly SettingInput[], notices: readonly string[]) {
    this.inputs = inputs;
    this.notices = notices;
    this.entries = entriesOf(inputs.filter(({ name }) => brokerKeyOf(name) !== null));
    this.scoped = scopedOf(inputs);
    const values = Object.fromEntries(Object.keys(ownBrokerSettings).map((key) => [key, this.entry(key).value]));
    if (!hasValuesOf(ownBrokerSettings, values)) throw new Bug('a broker setting has no value of its type');
    this.values = values;
  }

  entry(key: string): SettingEntry {
    return must(this.entries.get(key), 'every broker setting has an entry');
  }

  /** What counts for a listener, and for one of its mechanisms ('' for all): the narrowest that was given. */
  valueFor(listener: string, mechanism: string, key: string): SettingValue {
    for (const scope of scopesOf(listener, mechanism, key)) {
      const value = this.scoped.get(scope);
      if (value !== undefined) return value;
    }
    return this.entry(key).value;
  }

  /** The key was given for this listener, not only for all. */
  isNarrowed(listener: string, key: string): boolean {
    return scopesOf(listener, '', key).some((scope) => this.scoped.has(scope));
  }

  /** Every value given for the key, strongest first, the default (if any) at the end. */
  layersOf(key: string): readonly SettingEntry[] {
    const setting = must(brokerSettings[key], 'layers are asked for known settings');
    const layers: SettingEntry[] = [];
    for (const source of settingSources) {
      const input = this.inputs.findLast((given) => given.source === source && brokerKeyOf(given.name) === key);
      if (input === undefined) continue;
      layers.push(entryOf(key, input));
    }
    if (setting.default !== null) {
      layers.push({ key, value: setting.default, text: formatValue(setting.default), source: 'default' });
    }
    return layers;
  }

  /** Everything that was given for one listener or mechanism: name → what was given, strongest first. */
  scopedLayers(): ReadonlyMap<string, readonly SettingEntry[]> {
    const layers = new Map<string, SettingEntry[]>();
    for (const source of settingSources) {
      for (const { name, text } of this.inputs.filter((input) => input.source === source)) {
        const scoped = brokerKeyOf(name) === null ? scopedKeyOf(name) : null;
        if (scoped === null) continue;
        const setting = must(brokerSettings[scoped.key], 'a scope is one of a known setting');
        const entry = { key: name, value: parseValue(name, setting, text, ''), text: text.trim(), source };
        layers.set(name, [...(layers.get(name) ?? []).filter((layer) => layer.source !== source), entry]);
      }
    }
    return layers;
  }

  /** The same settings under other dynamic values (which were checked when they were set). */
  withDynamic(texts: Partial<DynamicTexts>): BrokerConfig {
    const kept = this.inputs.filter((input) => input.source !== 'dynamic' && input.source !== 'dynamic-cluster');
    const dynamic = [
      ...dynamicInputs(texts.broker ?? {}, 'dynamic'),
      ...dynamicInputs(texts.cluster ?? {}, 'dynamic-cluster'),
    ];
    return new BrokerConfig([...dynamic, ...kept], this.notices);
  }
}

function dynamicInputs(texts: DynamicTexts['broker'], source: SettingSource): SettingInput[] {
  return Object.entries(texts)
    .filter(([name, text]) => isGoodSetting(name, text))
    .map(([name, text]) => ({ name, text, source, where: 'set by a client' }));
}

function isGoodSetting(name: string, text: string): boolean {
  const setting = settingNamed(name);
  return setting !== null && readValue(name, setting, text).isGood;
}

/** That of a key, or of a key for one listener or mechanism; null: there is none. */
export function settingNamed(name: string): AnySetting | null {
  const key = Object.hasOwn(brokerSettings, name) ? name : (scopedKeyOf(name)?.key ?? name);
  return Object.hasOwn(brokerSettings, key) ? (brokerSettings[key] ?? null) : null;
}

function entryOf(key: string, input: SettingInput): SettingEntry {
  const setting = must(brokerSettings[key], 'inputs name known settings');
  const where = input.where === '' ? '' : `from ${input.where}`;
  return { key, value: parseValue(key, setting, input.text, where), text: input.text.trim(), source: input.source };
}

/** Both are asked for by whoever reads names from outside. */
export function isSettingName(name: string): boolean {
  return brokerKeyOf(name) !== null || isScopedName(name);
}

function isScopedName(name: string): boolean {
  const scoped = scopedKeyOf(name);
  return scoped !== null && Object.hasOwn(brokerSettings, scoped.key);
}

function scopedOf(inputs: readonly SettingInput[]): Map<string, SettingValue> {
  const values = new Map<string, SettingValue>();
  for (const source of settingSources.toReversed()) {
    for (const { name, text, where } of inputs.filter((input) => input.source === source)) {
      const scoped = brokerKeyOf(name) === null ? scopedKeyOf(name) : null;
      if (scoped === null) continue;
      const setting = must(brokerSettings[scoped.key], 'a scope is one of a known setting');
      values.set(scopeText(scoped), parseValue(name, setting, text, where === '' ? '' : `from ${where}`));
    }
  }
  return values;
}

function entriesOf(inputs: readonly SettingInput[]): Map<string, SettingEntry> {
  const entries = new Map<string, SettingEntry>();
  for (const [key, setting] of Object.entries(brokerSettings)) {
    entries.set(key, { key, value: setting.default, text: formatValue(setting.default), source: 'default' });
  }
  for (const source of settingSources.toReversed()) {
    for (const input of inputs) {
      if (input.source !== source) continue;
      const key = must(brokerKeyOf(input.name), 'inputs name known settings');
      entries.set(key, entryOf(key, input));
    }
  }
  return entries;
}
