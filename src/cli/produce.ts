/** `perfbroker produce`: every line of standard input, or of a file, becomes a record. */
import { createReadStream } from 'node:fs';
import { Fault, isFault } from '../base/fault.ts';
import type { RecordProducer } from '../client/producing/record-producer.ts';
import { CODEC_NAMES } from '../protocol/compression.ts';
import { brokerOptions, defineCommand } from './command.ts';
import { openClient } from './open-client.ts';
import { Pace } from './pace.ts';
import { type RecordInputOptions, recordOf } from './record-input.ts';
import type { Terminal } from './terminal.ts';
import { linesOf } from './text-lines.ts';
import { chosenOf, isTrue, propertiesOf } from './tool-properties.ts';

const TAB = '\t';

export const produce = defineCommand({
  words: 'produce',
  needsArguments: true,
  summary: 'Write lines from standard input, or a file, as records.',
  positional: { name: 'TOPIC', doc: 'The topic; --topic does the same.', isRequired: false, isMany: false },
  options: {
    ...brokerOptions,
    topic: { kind: 'text', alias: 't', placeholder: 'TOPIC', doc: 'The topic to write to.' },
    'key-separator': {
      kind: 'text',
      alias: 'k',
      placeholder: 'TEXT',
      doc: 'What stands between key and value of a line.',
    },
    header: { kind: 'list', alias: 'H', placeholder: 'KEY=VALUE', doc: 'A header of every record.' },
    'headers-delimiter': {
      kind: 'text',
      placeholder: 'TEXT',
      doc: 'Lines begin with headers (KEY:VALUE,KEY:VALUE) that end with this text.',
    },
    json: { kind: 'flag', doc: 'Lines are JSON objects: key, value, headers, partition, timestamp.' },
    partition: { kind: 'number', alias: 'p', min: 0, placeholder: 'N', doc: 'Write to this partition.' },
    acks: {
      kind: 'text',
      names: ['request-required-acks'],
      choices: ['all', '-1', '1', '0'],
      doc: 'Who must have a record before it counts as written; all.',
    },
    codec: {
      kind: 'text',
      alias: 'z',
      names: ['compression-codec', 'compression-type'],
      placeholder: 'NAME',
      choices: CODEC_NAMES,
      doc: 'Compression of batches; none.',
    },
    rate: { kind: 'number', hasDecimals: true, min: 0.001, placeholder: 'N', doc: 'Records a second at the most.' },
    'batch-size': {
      kind: 'number',
      names: ['max-partition-memory-bytes'],
      min: 1,
      placeholder: 'BYTES',
      doc: 'Bytes of a batch before it is sent.',
    },
    linger: {
      kind: 'number',
      hasDecimals: true,
      names: ['timeout'],
      min: 0,
      placeholder: 'MS',
      doc: 'How long a record may wait for others.',
    },
    'null-marker': { kind: 'text', placeholder: 'TEXT', doc: 'A key or value of exactly this text is null.' },
    lenient: { kind: 'flag', doc: 'Take lines without a key separator as values without a key.' },
    file: { kind: 'text', alias: 'f', placeholder: 'FILE', doc: 'Read lines from here instead of standard input.' },
    property: {
      kind: 'list',
      names: ['reader-property'],
      placeholder: 'KEY=VALUE',
      doc: 'Settings as Apache Kafka’s console producer has them: parse.key, key.separator, parse.headers, null.marker …',
    },
    'producer-property': {
      kind: 'list',
      names: ['command-property'],
      placeholder: 'KEY=VALUE',
      doc: 'Settings of the producer under Kafka’s names: acks, linger.ms, batch.size, compression.type.',
    },
    sync: { kind: 'flag', doc: 'Wait for each record before the next.' },
    quiet: { kind: 'flag', alias: 'q', doc: 'Say nothing when all went well.' },
  },
  examples: ['produce orders < orders.txt', "produce orders --key-separator : --codec zstd <<< 'key:value'"],
  async run({ options, positionals, terminal }) {
    const topic = options.topic ?? positionals[0];
    if (topic === undefined) throw new Fault('PB_UNKNOWN_FLAG', 'the topic is missing; write perfbroker produce TOPIC');
    const given = propertiesOf('--producer-property', options['producer-property']);
    const acks = options.acks ?? chosenOf(given, 'acks', ['all', '-1', '0', '1']) ?? 'all';
    const producerOptions = {
      acks: acks === '0' ? (0 as const) : acks === '1' ? (1 as const) : ('all' as const),
      compression: codecOf(options.codec ?? given.get('compression.type') ?? 'none'),
      lingerMs: options.linger ?? numberOf(given, 'linger.ms') ?? 5,
      batchBytes: options['batch-size'] ?? numberOf(given, 'batch.size') ?? 65_536,
    };
    const input = options.file === null ? terminal.input() : createReadStream(options.file);
    const rules = inputRules(topic, options);
    const client = openClient(options, terminal);
    try {
      const producer = client.producer(producerOptions);
      const count = await writeAll(producer, input, rules, { rate: options.rate, isSync: options.sync, terminal });
      await producer.close();
      if (!options.quiet && terminal.isForPerson) terminal.warn(`${count} records written to ${topic}`);
      return 0;
    } finally {
      await client.close();
    }
  },
});

interface InputChoices {
  readonly partition: number | null;
  readonly 'key-separator': string | null;
  readonly 'headers-delimiter': string | null;
  readonly header: readonly string[];
  readonly 'null-marker': string | null;
  readonly json: boolean;
  readonly lenient: boolean;
  readonly property: readonly string[];
}

/** Kafka's properties say the same as the options; an option wins. */
function inputRules(topic: string, options: InputChoices): RecordInputOptions {
  const given = propertiesOf('--property', options.property);
  const keySeparator = isTrue(given, 'parse.key') ? (given.get('key.separator') ?? TAB) : null;
  const headersDelimiter = isTrue(given, 'parse.headers') ? (given.get('headers.delimiter') ?? TAB) : null;
  return {
    topic,
    partition: options.partition,
    keySeparator: options['key-separator'] ?? keySeparator,
    headersDelimiter: options['headers-delimiter'] ?? headersDelimiter,
    headersSeparator: given.get('headers.separator') ?? ',',
    headerKeySeparator: given.get('headers.key.separator') ?? ':',
    headers: options.header,
    nullMarker: options['null-marker'] ?? given.get('null.marker') ?? null,
    isJson: options.json,
    isLenient: options.lenient || isTrue(given, 'ignore.error'),
  };
}

async function writeAll(
  producer: RecordProducer,
  input: AsyncIterable<Uint8Array>,
  rules: RecordInputOptions,
  options: { readonly rate: number | null; readonly isSync: boolean; readonly terminal: Terminal },
): Promise<number> {
  const pace = options.rate === null ? null : new Pace(options.rate);
  let isInterrupted = false;
  const forget = options.terminal.onInterrupt(() => {
    isInterrupted = true;
  });
  let count = 0;
  try {
    for await (const line of linesOf(input)) {
      if (isInterrupted) break;
      const record = recordOf(line, count + 1, rules);
      await pace?.next();
      if (options.isSync) await producer.send(record);
      else while (!producer.offer(record)) await producer.room();
      count += 1;
    }
  } catch (error) {
    // What was read before the mistake is written all the same.
    await producer.flush();
    if (isFault(error) && count > 0) options.terminal.warn(`${count} records before it were written`);
    throw error;
  } finally {
    forget();
  }
  await producer.flush();
  return count;
}

export function numberOf(properties: ReadonlyMap<string, string>, key: string): number | null {
  const text = properties.get(key);
  if (text === undefined) return null;
  const number = Number(text);
  if (!Number.isFinite(number) || number < 0) throw new Fault('PB_BAD_SETTING', `${key}=${text} is not a number`);
  return number;
}

type CodecName = (typeof CODEC_NAMES)[number];

export function codecOf(name: string): CodecName {
  const found = CODEC_NAMES.find((each) => each === name);
  if (found === undefined)
    throw new Fault('PB_BAD_SETTING', `there is no codec ${name}; one of ${CODEC_NAMES.join(', ')}`);
  return found;
}
