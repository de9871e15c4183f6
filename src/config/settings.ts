/**
 * What a setting is, and how its text becomes a value. The two tables `broker-settings` and `topic-settings` are made of
 * these; flags, files, environment, DescribeConfigs, CreateTopics and docs/settings.md all read the same tables.
 *
 * Must not know where a text came from (that is `load.ts`) nor who uses the value.
 */
import { Fault } from '../base/fault.ts';

export type SettingType = 'boolean' | 'string' | 'short' | 'int' | 'long' | 'double' | 'list' | 'password';
export type SettingValue = boolean | number | string | readonly string[] | null;
export type SettingScope = 'broker' | 'topic' | 'both' | 'group';
/** When a new value takes effect: at the next start, or while the broker runs; there, of one listener only (`scoped-settings`). */
export type SettingChange = 'restart' | 'live' | 'live-by-listener';

/** "No limit": what the largest 64-bit number means in Kafka's settings. Compares as one expects, and can be cloned. */
export const FOREVER = Number.POSITIVE_INFINITY;
const FOREVER_TEXT = '9223372036854775807';
const LONG_MAX = 9223372036854775807n;
const LONG_MIN = -9223372036854775808n;
const SHORT_MAX = 32_767;
const INT_MAX = 2_147_483_647;
const INT_MIN = -2_147_483_648;

export interface FlagOfSetting {
  readonly name: string;
  /** One letter, or null. */
  readonly alias: string | null;
  /** What `--help` shows in place of the value. */
  readonly placeholder: string;
}

export interface Setting<T extends SettingValue> {
  readonly type: SettingType;
  readonly default: T;
  readonly min: number;
  readonly max: number;
  /** The only texts allowed (of each item, for a list); null when any will do. */
  readonly choices: readonly string[] | null;
  /** What each text (or list item) must look like; null when anything will do. */
  readonly pattern: { readonly test: RegExp; readonly says: string } | null;
  readonly unit: string;
  readonly scope: SettingScope;
  readonly change: SettingChange;
  readonly isSensitive: boolean;
  /** Works, but is not listed: meant for tests of the broker. */
  readonly isInternal: boolean;
  readonly doc: string;
  readonly flag: FlagOfSetting | null;
  /** Other keys that mean the same setting. */
  readonly aliases: readonly string[];
  /** Values that are well-formed but that this broker can never honour, with the reason. */
  readonly refused: { readonly test: RegExp; readonly because: string } | null;
  /** The value can be null (not set). */
  readonly isOptional: boolean;
}

export type AnySetting = Setting<SettingValue>;
export type SettingTable = { readonly [key: string]: AnySetting };
export type ValuesOf<Table extends SettingTable> = {
  readonly [Key in keyof Table]: Table[Key] extends Setting<infer Value> ? Value : never;
};

type Options = Partial<Omit<AnySetting, 'type' | 'default' | 'doc' | 'isOptional'>>;

/** Every setting is created here, whole and in one order. */
function define<T extends SettingValue>(type: SettingType, fallback: T, doc: string, options: Options): Setting<T> {
  return {
    type,
    default: fallback,
    min: options.min ?? (type === 'int' ? INT_MIN : Number.NEGATIVE_INFINITY),
    max: options.max ?? (type === 'int' ? INT_MAX : Number.POSITIVE_INFINITY),
    choices: options.choices ?? null,
    pattern: options.pattern ?? null,
    unit: options.unit ?? '',
    scope: options.scope ?? 'broker',
    change: options.change ?? 'restart',
    isSensitive: options.isSensitive ?? type === 'password',
    isInternal: options.isInternal ?? false,
    doc,
    flag: options.flag ?? null,
    aliases: options.aliases ?? [],
    refused: options.refused ?? null,
    isOptional: fallback === null,
  };
}

export function boolean<D extends boolean | null>(
  fallback: D,
  doc: string,
  options: Options = {},
): Setting<boolean | D> {
  return define<boolean | D>('boolean', fallback, doc, options);
}

export function int<D extends number | null>(fallback: D, doc: string, options: Options = {}): Setting<number | D> {
  return define<number | D>('int', fallback, doc, options);
}

/** As `int`, within 16 bits. */
export function short<D extends number | null>(fallback: D, doc: string, options: Options = {}): Setting<number | D> {
  return define<number | D>('short', fallback, doc, { min: -SHORT_MAX - 1, max: SHORT_MAX, ...options });
}

export function long<D extends number | null>(fallback: D, doc: string, options: Options = {}): Setting<number | D> {
  return define<number | D>('long', fallback, doc, options);
}

export function double<D extends number | null>(fallback: D, doc: string, options: Options = {}): Setting<number | D> {
  return define<number | D>('double', fallback, doc, options);
}

export function string<D extends string | null>(fallback: D, doc: string, options: Options = {}): Setting<string | D> {
  return define<string | D>('string', fallback, doc, options);
}

/** A string that is shown to nobody. */
export function password<D extends string | null>(
  fallback: D,
  doc: string,
  options: Options = {},
): Setting<string | D> {
  return define<string | D>('password', fallback, doc, options);
}

export function list(fallback: readonly string[], doc: string, options: Options = {}): Setting<readonly string[]> {
  return define<readonly string[]>('list', fallback, doc, options);
}

export type ReadValue =
  | { readonly isGood: true; readonly value: SettingValue }
  /** A sentence without a full stop: what is wrong with which key, and what to do. */
  | { readonly isGood: false; readonly problem: string };

/** Text to value, checked against the bounds. Never throws. */
export function readValue(key: string, setting: AnySetting, text: string): ReadValue {
  const trimmed = text.trim();
  if (setting.refused?.test.test(trimmed) === true) {
    return {
      isGood: false,
      problem: `${key}=${shown(setting, trimmed)} cannot be honoured: ${setting.refused.because}`,
    };
  }
  switch (setting.type) {
    case 'boolean':
      return readBoolean(key, setting, trimmed);
    case 'short':
    case 'int':
    case 'long':
      return readInteger(key, setting, trimmed);
    case 'double':
      return readDouble(key, setting, trimmed);
    case 'list':
      return readList(key, setting, trimmed);
    case 'string':
    case 'password': {
      const problem = problemOfText(key, setting, trimmed);
      return problem === null ? { isGood: true, value: trimmed } : { isGood: false, problem };
    }
  }
}

/** As `readValue`, for the start of the process: a bad value ends it with a sentence. */
export function parseValue(key: string, setting: AnySetting, text: string, where: string): SettingValue {
  const read = readValue(key, setting, text);
  if (!read.isGood) throw new Fault('PB_BAD_SETTING', where === '' ? read.problem : `${read.problem} (${where})`);
  return read.value;
}

/** Value to the text that DescribeConfigs and the documents show; null when it is not set. */
export function formatValue(value: SettingValue): string | null {
  if (value === null) return null;
  if (typeof value === 'number') return value === FOREVER ? FOREVER_TEXT : formatNumber(value);
  if (typeof value === 'object') return value.join(',');
  return String(value);
}

/** Large and small numbers as Java writes them: 1.7E308. */
function formatNumber(value: number): string {
  return String(value).replace(/e\+?/, 'E');
}

const JAVA_PLAIN_MIN = 1e-3;
const JAVA_PLAIN_END = 1e7;

/** A value in force as DescribeConfigs tells it: those of the type double have a fraction also where it is zero. */
export function formatValueOf(setting: AnySetting, value: SettingValue): string | null {
  if (setting.type !== 'double' || typeof value !== 'number') return formatValue(value);
  const size = Math.abs(value);
  const isPlain = size === 0 || (size >= JAVA_PLAIN_MIN && size < JAVA_PLAIN_END);
  const [digits = '', exponent] = (isPlain ? String(value) : value.toExponential()).split('e');
  const fraction = digits.includes('.') ? digits : `${digits}.0`;
  return exponent === undefined ? fraction : `${fraction}E${exponent.replace('+', '')}`;
}

/** "at least 1", "between 1 and 9", "one of a, b" or '' when everything of the type will do. */
export function describeBounds(setting: AnySetting): string {
  if (setting.choices !== null) {
    return `${setting.type === 'list' ? 'any of' : 'one of'} ${setting.choices.join(', ')}`;
  }
  if (setting.pattern !== null) return setting.pattern.says;
  const isIntDefault = setting.type === 'int';
  const hasMin = Number.isFinite(setting.min) && !(isIntDefault && setting.min === INT_MIN);
  const hasMax = Number.isFinite(setting.max) && !(isIntDefault && setting.max === INT_MAX);
  if (hasMin && hasMax) return `between ${setting.min} and ${setting.max}`;
  if (hasMin) return `at least ${setting.min}`;
  if (hasMax) return `at most ${setting.max}`;
  return '';
}

/** Whether `values` holds, for every key of the table, a value of that setting's type. */
export function hasValuesOf<Table extends SettingTable>(table: Table, values: object): values is ValuesOf<Table> {
  const held = new Map<string, unknown>(Object.entries(values));
  return Object.entries(table).every(([key, setting]) => fits(setting, held.get(key)));
}

function fits(setting: AnySetting, value: unknown): boolean {
  if (value === null) return setting.isOptional;
  switch (setting.type) {
    case 'boolean':
      return typeof value === 'boolean';
    case 'short':
    case 'int':
    case 'long':
    case 'double':
      return typeof value === 'number';
    case 'list':
      return Array.isArray(value);
    case 'string':
    case 'password':
      return typeof value === 'string';
  }
}

function shown(setting: AnySetting, text: string): string {
  return setting.isSensitive ? '(hidden)' : text;
}

function bad(key: string, setting: AnySetting, text: string, wanted: string): ReadValue {
  const unit = setting.unit === '' ? '' : ` (${setting.unit})`;
  return {
    isGood: false,
    problem: `${key} is '${shown(setting, text)}' but must be ${wanted}${unit}; give it such a value`,
  };
}

function readBoolean(key: string, setting: AnySetting, text: string): ReadValue {
  const lower = text.toLowerCase();
  if (lower === 'true') return { isGood: true, value: true };
  if (lower === 'false') return { isGood: true, value: false };
  return bad(key, setting, text, 'true or false');
}

function readInteger(key: string, setting: AnySetting, text: string): ReadValue {
  const bounds = describeBounds(setting);
  const wanted = bounds === '' ? 'a whole number' : `a whole number, ${bounds}`;
  if (!/^[+-]?\d{1,19}$/.test(text)) return bad(key, setting, text, wanted);
  const whole = BigInt(text.startsWith('+') ? text.slice(1) : text);
  if (whole > LONG_MAX || whole < LONG_MIN) return bad(key, setting, text, `${wanted}, of at most 64 bits`);
  const value = Number(whole);
  if (setting.type === 'int' && (value > INT_MAX || value < INT_MIN)) {
    return bad(
      key,
      setting,
      text,
      bounds === '' ? `${wanted}, at most ${INT_MAX}` : `${wanted} and at most ${INT_MAX}`,
    );
  }
  const isChoice = setting.choices === null || setting.choices.includes(String(value));
  if (!isChoice || value < setting.min || value > setting.max) return bad(key, setting, text, wanted);
  return { isGood: true, value: value > Number.MAX_SAFE_INTEGER ? FOREVER : value };
}

function readDouble(key: string, setting: AnySetting, text: string): ReadValue {
  const bounds = describeBounds(setting);
  const wanted = bounds === '' ? 'a number' : `a number ${bounds}`;
  const value = text === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(value) || value < setting.min || value > setting.max) return bad(key, setting, text, wanted);
  return { isGood: true, value };
}

function readList(key: string, setting: AnySetting, text: string): ReadValue {
  const items = text === '' ? [] : text.split(',').map((item) => item.trim());
  for (const item of items) {
    const problem = problemOfText(key, setting, item);
    if (problem !== null) return { isGood: false, problem };
  }
  // What is named twice counts once.
  return { isGood: true, value: [...new Set(items)] };
}

function problemOfText(key: string, setting: AnySetting, text: string): string | null {
  const isChoice = setting.choices === null || setting.choices.includes(text);
  const isMatch = setting.pattern === null || setting.pattern.test.test(text);
  if (isChoice && isMatch) return null;
  const wanted = bad(key, setting, text, describeBounds(setting));
  return wanted.isGood ? null : wanted.problem;
}
