/** `perfbroker perf consume`: how fast the records of a topic can be read through the client. */
import { demand } from '../client/client.ts';
import { brokerOptions, defineCommand, jsonOption } from './command.ts';
import { openClient } from './open-client.ts';
import { PerfReport } from './perf-report.ts';

const REPORT_MS = 5000;
const POLL_MS = 500;

export const perfConsume = defineCommand({
  words: 'perf consume',
  needsArguments: true,
  summary: 'Measure how fast records can be read.',
  positional: null,
  options: {
    ...brokerOptions,
    ...jsonOption,
    topic: { kind: 'text', alias: 't', placeholder: 'TOPIC', doc: 'The topic to read.', isRequired: true },
    'num-records': {
      kind: 'number',
      alias: 'n',
      names: ['messages'],
      min: 1,
      placeholder: 'N',
      doc: 'End after so many records; without it, when nothing comes for --timeout.',
    },
    group: { kind: 'text', alias: 'g', placeholder: 'GROUP', doc: 'Read as a member of this group.' },
    timeout: { kind: 'number', min: 1, placeholder: 'MS', doc: 'End when no record comes for so long; 10000.' },
    'fetch-size': {
      kind: 'number',
      min: 1,
      placeholder: 'BYTES',
      doc: 'Most bytes a partition gives at once; 1048576.',
    },
  },
  examples: ['perf consume --topic speed --num-records 5000000'],
  async run({ options, terminal }) {
    const topic = options.topic ?? '';
    const countMax = options['num-records'] ?? Number.POSITIVE_INFINITY;
    const silenceMs = options.timeout ?? 10_000;
    const client = openClient(options, terminal);
    try {
      const consumer = client.consumer({
        autoOffsetReset: 'earliest',
        partitionBytesMax: options['fetch-size'] ?? 1_048_576,
        ...(options.group === null ? {} : { groupId: options.group }),
      });
      if (options.group === null) {
        const described = await client.admin().topics.describe([topic]);
        demand(described);
        const partitions = described.flatMap((each) =>
          (each.topic?.partitions ?? []).map(({ partition }) => ({ topic, partition })),
        );
        const starts = await consumer.offsetsFor(partitions, 'earliest');
        consumer.assign(partitions.map((each, index) => ({ ...each, offset: starts[index]?.offset ?? 0 })));
      } else consumer.subscribe(topic);
      const stop = new AbortController();
      const forget = terminal.onInterrupt(() => stop.abort());
      const report = new PerfReport(terminal, options.json, REPORT_MS);
      let lastMs = performance.now();
      while (report.count < countMax && !stop.signal.aborted) {
        const batch = await consumer.poll({ timeoutMs: POLL_MS, signal: stop.signal });
        if (batch === null) {
          if (performance.now() - lastMs >= silenceMs) break;
          continue;
        }
        lastMs = performance.now();
        let bytes = 0;
        for (const { key, value } of batch.records) bytes += (key?.length ?? 0) + (value?.length ?? 0);
        report.note(batch.records.length, bytes);
      }
      forget();
      await report.end(null);
      await consumer.close();
      return report.count < countMax && countMax !== Number.POSITIVE_INFINITY && !stop.signal.aborted ? 1 : 0;
    } finally {
      await client.close();
    }
  },
});
