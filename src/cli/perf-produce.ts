/**
 * `perfbroker perf produce`: how fast records can be written to a topic through the client, and how long each takes from
 * its turn to its receipt. For the broker alone there is `npm run bench:produce`, whose generator costs next to nothing.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Fault } from '../base/fault.ts';
import { CODEC_NAMES } from '../protocol/compression.ts';
import { brokerOptions, defineCommand, jsonOption } from './command.ts';
import { openClient } from './open-client.ts';
import { Pace } from './pace.ts';
import { PerfReport } from './perf-report.ts';
import { codecOf, numberOf } from './produce.ts';
import { chosenOf, propertiesOf } from './tool-properties.ts';

const REPORT_MS = 5000;
/** Of so many records one is timed: a promise for each would be most of the work. */
const TIMED_EVERY = 16;

export const perfProduce = defineCommand({
  words: 'perf produce',
  needsArguments: true,
  summary: 'Measure how fast records can be written.',
  positional: null,
  options: {
    ...brokerOptions,
    ...jsonOption,
    topic: { kind: 'text', alias: 't', placeholder: 'TOPIC', doc: 'The topic to write to.', isRequired: true },
    'num-records': { kind: 'number', alias: 'n', min: 1, placeholder: 'N', doc: 'How many records; 1,000,000.' },
    'record-size': {
      kind: 'number',
      alias: 's',
      min: 1,
      max: 100_000_000,
      placeholder: 'BYTES',
      doc: 'Bytes of each value; 1024.',
    },
    'payload-file': { kind: 'text', placeholder: 'FILE', doc: 'Take values from the lines of a file.' },
    throughput: {
      kind: 'number',
      hasDecimals: true,
      names: ['rate'],
      placeholder: 'N',
      doc: 'Records a second at the most; -1 for as many as go.',
    },
    acks: { kind: 'text', choices: ['all', '-1', '1', '0'], doc: 'Who must have a record; all.' },
    codec: {
      kind: 'text',
      alias: 'z',
      names: ['compression-type'],
      choices: CODEC_NAMES,
      placeholder: 'NAME',
      doc: 'Compression; none.',
    },
    'batch-size': { kind: 'number', min: 1, placeholder: 'BYTES', doc: 'Bytes of a batch; 65536.' },
    linger: {
      kind: 'number',
      hasDecimals: true,
      min: 0,
      placeholder: 'MS',
      doc: 'How long a record may wait for others; 5.',
    },
    'producer-props': {
      kind: 'list',
      names: ['command-property', 'producer-property'],
      placeholder: 'KEY=VALUE',
      doc: 'Settings under Kafka’s names: bootstrap.servers, acks, linger.ms, batch.size, compression.type.',
    },
  },
  examples: ['perf produce --topic speed --num-records 5000000 --record-size 1000 --codec lz4'],
  async run({ options, terminal }) {
    const given = propertiesOf('--producer-props', options['producer-props']);
    const countMax = options['num-records'] ?? 1_000_000;
    const values = payloads(options['payload-file'], options['record-size'] ?? 1024);
    const acks = options.acks ?? chosenOf(given, 'acks', ['all', '-1', '0', '1']) ?? 'all';
    const server = options['bootstrap-server'] ?? given.get('bootstrap.servers') ?? null;
    const client = openClient({ ...options, 'bootstrap-server': server }, terminal);
    try {
      const producer = client.producer({
        acks: acks === '0' ? 0 : acks === '1' ? 1 : 'all',
        compression: codecOf(options.codec ?? given.get('compression.type') ?? 'none'),
        lingerMs: options.linger ?? numberOf(given, 'linger.ms') ?? 5,
        batchBytes: options['batch-size'] ?? numberOf(given, 'batch.size') ?? 65_536,
      });
      const { build } = await import('hdr-histogram-js');
      const latencies = build({
        lowestDiscernibleValue: 1,
        highestTrackableValue: 3_600_000_000,
        numberOfSignificantValueDigits: 3,
      });
      const report = new PerfReport(terminal, options.json, REPORT_MS);
      const rate = options.throughput ?? -1;
      const pace = rate > 0 ? new Pace(rate) : null;
      let isInterrupted = false;
      const forget = terminal.onInterrupt(() => {
        isInterrupted = true;
      });
      for (let index = 0; index < countMax && !isInterrupted; index++) {
        const value = values[index % values.length] ?? EMPTY;
        const record = { topic: options.topic ?? '', value };
        await pace?.next();
        if (index % TIMED_EVERY === 0) {
          const startedMs = performance.now();
          // A record that is lost fails the flush as well, which tells of it.
          producer.send(record).then(
            () => latencies.recordValue(Math.max(1, Math.round((performance.now() - startedMs) * 1000))),
            () => undefined,
          );
        } else while (!producer.offer(record)) await producer.room();
        report.note(1, value.length);
      }
      await producer.flush();
      forget();
      await report.end(latencies);
      await producer.close();
      return 0;
    } finally {
      await client.close();
    }
  },
});

const EMPTY = Buffer.alloc(0);
const PAYLOADS = 64;

function payloads(path: string | null, bytes: number): Buffer[] {
  if (path === null)
    return Array.from({ length: PAYLOADS }, () => randomBytes(Math.ceil(bytes / 2)).toString('hex')).map((text) =>
      Buffer.from(text.slice(0, bytes)),
    );
  const lines = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '');
  if (lines.length === 0) throw new Fault('PB_BAD_SETTING', `${path} has no lines to take values from`);
  return lines.map((line) => Buffer.from(line));
}
