/**
 * Consumed records as text: a format with marks, JSON, or the columns that Apache Kafka's console consumer prints for its
 * `print.*` properties.
 *
 *   %t topic   %p partition   %o offset   %T timestamp   %D date   %k key   %v value   %h headers   %% a percent sign
 */
import { Fault } from '../base/fault.ts';
import type { ConsumedRecord } from '../client/record.ts';

export type RecordFormat = (record: ConsumedRecord) => string;

const NULL = 'null';

export function jsonFormat(record: ConsumedRecord): string {
  const { topic, partition, offset, timestamp, key, value, headers } = record;
  const row = {
    topic,
    partition,
    offset,
    timestamp,
    key: key === null ? null : key.toString(),
    value: value === null ? null : value.toString(),
    headers: headers.map((header) => ({ key: header.key, value: textOf(header.value, null) })),
  };
  return `${JSON.stringify(row)}\n`;
}

/** The format's own line ends are its business: `\n` and `\t` are written as such. */
export function markedFormat(format: string): RecordFormat {
  const text = format.replace(/\\([nt\\])/g, (_whole, letter: string) => ({ n: '\n', t: '\t' })[letter] ?? '\\');
  for (const [mark] of text.matchAll(/%./gs)) {
    if (!'tpoTDkvh%'.includes(mark.slice(1))) {
      throw new Fault('PB_BAD_SETTING', `--format knows no ${mark}; it has %t %p %o %T %D %k %v %h, or is 'json'`);
    }
  }
  return (record) => text.replace(/%(.)/gs, (_whole, mark: string) => marked(mark, record));
}

function marked(mark: string, record: ConsumedRecord): string {
  switch (mark) {
    case 't':
      return record.topic;
    case 'p':
      return String(record.partition);
    case 'o':
      return String(record.offset);
    case 'T':
      return String(record.timestamp);
    case 'D':
      return record.timestamp < 0 ? '-' : new Date(record.timestamp).toISOString();
    case 'k':
      return textOf(record.key, NULL) ?? NULL;
    case 'v':
      return textOf(record.value, NULL) ?? NULL;
    case 'h':
      return record.headers.map(({ key, value }) => `${key}:${textOf(value, NULL) ?? NULL}`).join(',');
    default:
      return '%';
  }
}

export function columnsFormat(properties: ReadonlyMap<string, string>): RecordFormat {
  const prints = (what: string, fallback = false): boolean => {
    const given = properties.get(`print.${what}`);
    return given === undefined ? fallback : given.trim().toLowerCase() === 'true';
  };
  const separator = properties.get('key.separator') ?? '\t';
  const line = properties.get('line.separator') ?? '\n';
  const nullText = properties.get('null.literal') ?? NULL;
  const wants = {
    timestamp: prints('timestamp'),
    partition: prints('partition'),
    offset: prints('offset'),
    headers: prints('headers'),
    key: prints('key'),
    value: prints('value', true),
  };
  return (record) => {
    const columns: string[] = [];
    if (wants.timestamp) columns.push(`CreateTime:${record.timestamp}`);
    if (wants.partition) columns.push(`Partition:${record.partition}`);
    if (wants.offset) columns.push(`Offset:${record.offset}`);
    if (wants.headers) {
      const headers = record.headers.map(({ key, value }) => `${key}:${textOf(value, nullText) ?? nullText}`);
      columns.push(headers.length === 0 ? 'NO_HEADERS' : headers.join(properties.get('headers.separator') ?? ','));
    }
    if (wants.key) columns.push(textOf(record.key, nullText) ?? nullText);
    if (wants.value) columns.push(textOf(record.value, nullText) ?? nullText);
    return columns.join(separator) + line;
  };
}

function textOf(bytes: Uint8Array | null, ofNull: string | null): string | null {
  return bytes === null ? ofNull : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}
