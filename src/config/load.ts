/**
 * Brings the settings together: flag over `--set` over environment over file over default. Called once at the start by
 * `main.ts` and by tests that embed a broker. Reads no file and no environment itself: both are passed in.
 */
import { Fault } from '../base/fault.ts';
import { BrokerConfig, isSettingName, type SettingInput, type SettingSource } from './broker-config.ts';
import { brokerKeyOf, brokerSettings } from './broker-settings.ts';
import { closestWord } from './did-you-mean.ts';
import { firstUsersOf } from './first-users.ts';
import { problemOfGroupDefaults } from './group-config.ts';
import { problemOfBounds } from './listener-bounds.ts';
import { isSasl, listenersOf } from './listeners.ts';
import { loginTermsOf } from './logins.ts';
import { parseProperties } from './properties-file.ts';
import { saslMechanismNames } from './sasl-settings.ts';
import { scopedKeyOf } from './scoped-settings.ts';
import { brokerTwins, isTopicKey, type TopicKey } from './topic-settings.ts';

export interface SettingsGiven {
  /** Setting key → text, from the flags that have a setting. */
  readonly flags: { readonly [key: string]: string };
  /** `key=value` texts of `--set`, in order. */
  readonly sets: readonly string[];
  readonly environment: { readonly [name: string]: string | undefined };
  readonly file: { readonly path: string; readonly content: string } | null;
}

export const nothingGiven: SettingsGiven = { flags: {}, sets: [], environment: {}, file: null };

const ENVIRONMENT_PREFIX = 'PERFBROKER_';
/** For the commands. */
const VARIABLE_OF_COMMANDS = 'PERFBROKER_BOOTSTRAP_SERVER';

export function loadBrokerConfig(given: Partial<SettingsGiven>): BrokerConfig {
  const all = { ...nothingGiven, ...given };
  const notices: string[] = [];
  const inputs = [
    ...Object.entries(all.flags).map(([name, text]) => readFlag(name, text)),
    ...all.sets.map(readSet),
    ...readEnvironment(all.environment, notices),
    ...(all.file === null ? [] : readFile(all.file, notices)),
  ];
  const config = new BrokerConfig(inputs, notices);
  checkTogether(config);
  notices.push(...straysOf(config));
  return config;
}

function inputOf(name: string, text: string, source: SettingSource, where: string): SettingInput {
  return { name, text, source, where };
}

/** Programs that embed the broker give settings here by their keys, so the name may be any text. */
function readFlag(name: string, text: string): SettingInput {
  if (!isSettingName(name)) throw new Fault('PB_BAD_SETTING', unknownSetting(name, 'settings'));
  const key = brokerKeyOf(name);
  const flag = key === null ? null : (brokerSettings[key]?.flag ?? null);
  return inputOf(name, text, 'flag', flag === null ? '' : `--${flag.name}`);
}

function readSet(text: string): SettingInput {
  const equals = text.indexOf('=');
  if (equals <= 0) throw new Fault('PB_BAD_SETTING', `--set ${text} has no value; write --set key=value`);
  const name = text.slice(0, equals).trim();
  if (!isSettingName(name)) throw new Fault('PB_BAD_SETTING', unknownSetting(name, `--set ${name}`));
  return inputOf(name, text.slice(equals + 1), 'set', `--set ${name}`);
}

function unknownSetting(name: string, where: string): string {
  if (isTopicKey(name)) return topicSettingGiven(name, where);
  const close = closestWord(name, Object.keys(brokerSettings));
  const remedy = close === null ? 'see docs/settings.md for the names' : `did you mean ${close}?`;
  return `${where}: there is no setting '${name}'; ${remedy}`;
}

function topicSettingGiven(name: TopicKey, where: string): string {
  const twin = brokerTwins[name][0];
  const remedy = twin === undefined ? 'set it when the topic is created' : `its default for all topics is ${twin.key}`;
  return `${where}: '${name}' is a setting of topics, not of the broker; ${remedy}`;
}

/** PERFBROKER_LOG_SEGMENT_BYTES is log.segment.bytes, PERFBROKER_PORT is what --port is. */
function environmentNames(): Map<string, string> {
  const names = new Map<string, string>();
  for (const [key, setting] of Object.entries(brokerSettings)) {
    for (const name of [key, ...setting.aliases]) names.set(environmentName(name), name);
  }
  for (const [key, setting] of Object.entries(brokerSettings)) {
    if (setting.flag !== null) names.set(environmentName(setting.flag.name), key);
  }
  return names;
}

export function environmentName(name: string): string {
  return ENVIRONMENT_PREFIX + variableOf(name.replace(/^perfbroker\./, ''));
}

const LISTENER_VARIABLE = `${ENVIRONMENT_PREFIX}LISTENER_NAME_`;

/**
 * PERFBROKER_LISTENER_NAME_OUTSIDE_SSL_KEYSTORE_LOCATION is listener.name.outside.ssl.keystore.location. Read from its end: the
 * longest key, then a mechanism, then the listener, whose name may have underscores and nothing else that a variable cannot have.
 */
function scopedNameOf(variable: string): string | null {
  const isOfListener = variable.startsWith(LISTENER_VARIABLE);
  const rest = variable.slice(isOfListener ? LISTENER_VARIABLE.length : ENVIRONMENT_PREFIX.length);
  const keys = Object.keys(brokerSettings).filter((key) => rest.endsWith(`_${variableOf(key)}`));
  for (const key of keys.sort((one, other) => other.length - one.length)) {
    const before = rest.slice(0, rest.length - variableOf(key).length - 1);
    for (const name of scopedNames(before, key, isOfListener)) if (isSettingName(name)) return name;
  }
  return null;
}

/** What the words before a key may mean, the narrower first. */
function scopedNames(before: string, key: string, isOfListener: boolean): readonly string[] {
  const names: string[] = [];
  for (const mechanism of saslMechanismNames) {
    const word = variableOf(mechanism);
    const narrow = `${mechanism.toLowerCase()}.${key}`;
    if (!isOfListener && before === word) names.push(narrow);
    if (isOfListener && before.endsWith(`_${word}`)) {
      names.push(`listener.name.${before.slice(0, -word.length - 1).toLowerCase()}.${narrow}`);
    }
  }
  if (isOfListener && before !== '') names.push(`listener.name.${before.toLowerCase()}.${key}`);
  return names;
}

function variableOf(name: string): string {
  return name.replaceAll(/[.-]/g, '_').toUpperCase();
}

/** An unknown variable is only worth a notice: environments carry names that others chose. */
function readEnvironment(environment: SettingsGiven['environment'], notices: string[]): SettingInput[] {
  const names = environmentNames();
  const inputs: SettingInput[] = [];
  for (const [variable, text] of Object.entries(environment)) {
    if (!variable.startsWith(ENVIRONMENT_PREFIX) || text === undefined || variable === VARIABLE_OF_COMMANDS) continue;
    const name = names.get(variable) ?? scopedNameOf(variable);
    if (name !== null) {
      inputs.push(inputOf(name, text, 'environment', variable));
      continue;
    }
    const close = closestWord(variable, names.keys());
    notices.push(`${variable} names no setting and is left aside${close === null ? '' : `; did you mean ${close}?`}`);
  }
  return inputs;
}

/** Files written for Kafka hold settings that mean nothing here: they are left aside with a notice, as Kafka does. */
function readFile(file: { readonly path: string; readonly content: string }, notices: string[]): SettingInput[] {
  const inputs: SettingInput[] = [];
  const aside: string[] = [];
  for (const property of parseProperties(file.content)) {
    const where = `${file.path} line ${property.line}`;
    if (isSettingName(property.key)) inputs.push(inputOf(property.key, property.value, 'file', where));
    else if (isTopicKey(property.key)) notices.push(`${topicSettingGiven(property.key, where)}; left aside`);
    else aside.push(property.key);
  }
  if (aside.length > 0) {
    notices.push(`${file.path} has settings that this broker does not know and leaves aside: ${aside.join(', ')}`);
  }
  return inputs;
}

/** A bound of a listener that is not there bounds nothing. Kafka's controllers have listeners that are left aside. */
function straysOf(config: BrokerConfig): readonly string[] {
  const names = listenersOf(config.values).map(({ name }) => name.toLowerCase());
  const aside = ['controller', ...config.values['controller.listener.names'].map((name) => name.toLowerCase())];
  const known = new Set(['', ...names, ...aside]);
  return [...config.scopedLayers().keys()]
    .filter((key) => !known.has(scopedKeyOf(key)?.listener ?? ''))
    .map((key) => `${key} is for a listener that is not there and does nothing; there are ${names.join(', ')}`);
}

/** What no single setting can tell about itself. */
function checkTogether(config: BrokerConfig): void {
  const { values } = config;
  for (const { name, protocol } of listenersOf(values)) if (isSasl(protocol)) loginTermsOf(config, name);
  if (values['perfbroker.add.scram'] !== null) firstUsersOf(values['perfbroker.add.scram']);
  if (values['log.dirs'].length !== 1 || values['log.dirs'][0] === '') {
    const given = values['log.dirs'].length === 0 ? 'none' : values['log.dirs'].join(', ');
    throw new Fault('PB_BAD_SETTING', `log.dirs must name one data folder but names ${given}; choose one with --data`);
  }
  const problem = problemTogether(config) ?? problemOfGroupDefaults(config);
  if (problem !== null) throw new Fault('PB_BAD_SETTING', problem);
}

/** The same for what may change while the broker runs: a sentence, or null. */
export function problemTogether(config: BrokerConfig): string | null {
  const closed = problemOfBounds(config);
  if (closed !== null) return closed;
  if (config.values['max.connections.per.ip'] === 0 && config.values['max.connections.per.ip.overrides'] === '') {
    return 'max.connections.per.ip is 0, which lets nobody in; raise it, or name addresses in max.connections.per.ip.overrides';
  }
  const messageBytes = config.entry('message.max.bytes').value;
  const requestBytes = config.values['socket.request.max.bytes'];
  if (typeof messageBytes !== 'number' || messageBytes <= requestBytes) return null;
  return `message.max.bytes is ${messageBytes}, more than socket.request.max.bytes (${requestBytes}) lets in; lower the first or raise the second`;
}
