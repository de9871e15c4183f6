/**
 * Lines of text become records: the whole line as value, a key before a separator, headers before that, or one JSON object
 * a line. The settings of Apache Kafka's console producer (`--property parse.key=true`) mean the same here.
 */
import { Fault } from '../base/fault.ts';
import type { ProducerRecord } from '../client/record.ts';

export interface RecordInputOptions {
  readonly topic: string;
  readonly partition: number | null;
  /** Null: lines have no keys. */
  readonly keySeparator: string | null;
  /** Null: lines have no headers of their own. */
  readonly headersDelimiter: string | null;
  readonly headersSeparator: string;
  readonly headerKeySeparator: string;
  /** Headers of every record, `key=value`. */
  readonly headers: readonly string[];
  /** A key or value of this text is null. */
  readonly nullMarker: string | null;
  readonly isJson: boolean;
  /** A line without a separator is a value without a key, not a mistake. */
  readonly isLenient: boolean;
}

interface Header {
  readonly key: string;
  readonly value: string | null;
}

/** What a line says; throws Fault with the number of the line. */
export function recordOf(line: Buffer, number: number, options: RecordInputOptions): ProducerRecord {
  const fixed = options.headers.map((text) => headerOf(text, '=', () => `--header ${text} is not KEY=VALUE`));
  if (options.isJson) return jsonRecord(line.toString(), number, options, fixed);
  let text = line.toString();
  const headers = [...fixed];
  if (options.headersDelimiter !== null) {
    const end = text.indexOf(options.headersDelimiter);
    if (end < 0 && !options.isLenient) throw missing(number, 'headers', options.headersDelimiter);
    if (end > 0 && text.slice(0, end) !== options.nullMarker)
      headers.push(...headersOf(text.slice(0, end), number, options));
    if (end >= 0) text = text.slice(end + options.headersDelimiter.length);
  }
  let key: string | null = null;
  if (options.keySeparator !== null) {
    const end = text.indexOf(options.keySeparator);
    if (end < 0 && !options.isLenient) throw missing(number, 'key', options.keySeparator);
    if (end >= 0) {
      key = text.slice(0, end);
      text = text.slice(end + options.keySeparator.length);
    }
  }
  const isBare = options.keySeparator === null && options.headersDelimiter === null && options.nullMarker === null;
  return {
    topic: options.topic,
    ...(options.partition === null ? {} : { partition: options.partition }),
    key: key !== null && key === options.nullMarker ? null : key,
    // The bytes as they came, where nothing was cut off: they need not be text.
    value: isBare ? Buffer.from(line) : text === options.nullMarker ? null : text,
    ...(headers.length === 0 ? {} : { headers }),
  };
}

function headersOf(text: string, number: number, options: RecordInputOptions): Header[] {
  return text
    .split(options.headersSeparator)
    .map((part) =>
      headerOf(
        part,
        options.headerKeySeparator,
        () => `line ${number}: '${part}' is no header; write KEY${options.headerKeySeparator}VALUE`,
      ),
    )
    .map(({ key, value }) => ({ key, value: value === options.nullMarker ? null : value }));
}

function headerOf(text: string, separator: string, complaint: () => string): Header {
  const at = text.indexOf(separator);
  if (at <= 0) throw new Fault('PB_BAD_SETTING', complaint());
  return { key: text.slice(0, at), value: text.slice(at + separator.length) };
}

function jsonRecord(
  text: string,
  number: number,
  options: RecordInputOptions,
  fixed: readonly Header[],
): ProducerRecord {
  const fields = jsonObject(text, number);
  const own = fields['headers'];
  const headers = [...fixed, ...(own === undefined ? [] : jsonHeaders(own, number))];
  const partition = fields['partition'] ?? options.partition ?? undefined;
  if (partition !== undefined && !Number.isInteger(partition)) throw notJson(number, 'its partition is not a number');
  const { timestamp } = fields;
  if (timestamp !== undefined && !isMoment(timestamp)) {
    throw notJson(number, 'its timestamp is no whole number of milliseconds since 1970');
  }
  return {
    topic: options.topic,
    ...(typeof partition === 'number' ? { partition } : {}),
    key: jsonText(fields['key']),
    value: jsonText(fields['value']),
    ...(timestamp === undefined ? {} : { timestamp }),
    ...(headers.length === 0 ? {} : { headers }),
  };
}

function isMoment(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function jsonObject(text: string, number: number): { readonly [name: string]: unknown } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw notJson(number, 'it cannot be parsed');
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw notJson(number, 'it is no object');
  return Object.fromEntries(Object.entries(parsed));
}

/** An object of texts, or a list of `{ key, value }` as the consumer prints it. */
function jsonHeaders(value: unknown, number: number): Header[] {
  if (typeof value !== 'object' || value === null) throw notJson(number, 'its headers are no object');
  if (!Array.isArray(value)) return Object.entries(value).map(([key, inner]) => ({ key, value: jsonText(inner) }));
  return value.map((each: unknown) => {
    if (typeof each !== 'object' || each === null || !('key' in each) || typeof each.key !== 'string') {
      throw notJson(number, 'a header has no key');
    }
    return { key: each.key, value: jsonText('value' in each ? each.value : null) };
  });
}

/** Texts are taken as they are, everything else as its JSON. */
function jsonText(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function missing(number: number, what: string, separator: string): Fault {
  return new Fault(
    'PB_BAD_SETTING',
    `line ${number} has no ${what}: there is no ${JSON.stringify(separator)} in it; --lenient takes it without`,
  );
}

function notJson(number: number, why: string): Fault {
  return new Fault('PB_BAD_SETTING', `line ${number} is no JSON record: ${why}; write {"key": ..., "value": ...}`);
}
