/**
 * `perfbroker consume`: prints records as they come, until told to stop. With a group it takes part in it, and Ctrl-C
 * commits what was printed; without one it reads all partitions, or the one it is told, from where it is told.
 */
import { Fault } from '../base/fault.ts';
import { type Client, demand } from '../client/client.ts';
import type { RecordConsumer } from '../client/consuming/record-consumer.ts';
import { brokerOptions, defineCommand, type OptionValue } from './command.ts';
import { timeOf } from './moments.ts';
import { openClient } from './open-client.ts';
import { columnsFormat, jsonFormat, markedFormat, type RecordFormat } from './record-output.ts';
import type { Terminal } from './terminal.ts';
import { chosenOf, propertiesOf } from './tool-properties.ts';

const consumeOptions = {
  ...brokerOptions,
  topic: { kind: 'text', alias: 't', placeholder: 'TOPIC', doc: 'The topic to read.' },
  include: { kind: 'text', names: ['whitelist'], placeholder: 'REGEX', doc: 'All topics whose names match.' },
  group: { kind: 'text', alias: 'g', placeholder: 'GROUP', doc: 'Take part in this group; its offsets are committed.' },
  'group-protocol': { kind: 'text', choices: ['classic', 'consumer'], doc: 'How the group agrees; classic.' },
  'from-beginning': {
    kind: 'flag',
    doc: 'Begin with the oldest record; a group, only where it has committed nothing.',
  },
  partition: { kind: 'number', alias: 'p', min: 0, placeholder: 'N', doc: 'Read this partition only.' },
  offset: {
    kind: 'text',
    alias: 'o',
    placeholder: 'OFFSET',
    doc: 'Begin here: a number, earliest, latest, or -N for the last N of each partition.',
  },
  time: {
    kind: 'text',
    placeholder: 'TIME',
    doc: 'Begin with the first record at or after this: 2026-01-31T12:00, milliseconds, or 5m for 5 minutes ago.',
  },
  format: {
    kind: 'text',
    placeholder: 'FORMAT',
    doc: 'What to print: json, or text with %t topic, %p partition, %o offset, %T timestamp, %D date, %k key, %v value, %h headers.',
  },
  json: { kind: 'flag', doc: 'The same as --format json.' },
  property: {
    kind: 'list',
    names: ['formatter-property'],
    placeholder: 'KEY=VALUE',
    doc: 'As Apache Kafka’s console consumer has them: print.key, print.offset, key.separator …',
  },
  'max-messages': { kind: 'number', alias: 'n', min: 1, placeholder: 'N', doc: 'End after so many records.' },
  'until-end': { kind: 'flag', alias: 'e', doc: 'End when every partition is read up to where it was at the start.' },
  'timeout-ms': { kind: 'number', min: 1, placeholder: 'MS', doc: 'End when no record comes for so long.' },
  'isolation-level': {
    kind: 'text',
    choices: ['read_uncommitted', 'read_committed'],
    doc: 'Whether records of open and aborted transactions are shown; read_uncommitted.',
  },
  'consumer-property': {
    kind: 'list',
    names: ['command-property'],
    placeholder: 'KEY=VALUE',
    doc: 'Settings under Kafka’s names: group.id, auto.offset.reset, isolation.level, group.protocol.',
  },
} as const;

export const consume = defineCommand({
  words: 'consume',
  needsArguments: true,
  summary: 'Print records of topics as they come.',
  positional: { name: 'TOPIC', doc: 'The topic; --topic does the same.', isRequired: false, isMany: false },
  options: consumeOptions,
  examples: [
    'consume orders --from-beginning',
    "consume orders --group audit --format '%p/%o %k: %v\\n'",
    'consume orders --time 10m --json',
  ],
  async run({ options, positionals, terminal }) {
    const plan = planOf(options, positionals);
    const format = formatOf(options);
    const client = openClient(options, terminal);
    try {
      return await printAll(client, plan, format, terminal);
    } finally {
      await client.close();
    }
  },
});

interface ConsumePlan {
  readonly topic: string | null;
  readonly pattern: RegExp | null;
  readonly group: string | null;
  readonly groupProtocol: 'classic' | 'consumer';
  readonly isCommitted: boolean;
  readonly reset: 'earliest' | 'latest';
  readonly partition: number | null;
  readonly start: Start;
  readonly countMax: number;
  readonly silenceMs: number | null;
  readonly endsAtEnd: boolean;
}

type Start =
  | { readonly kind: 'earliest' | 'latest' | 'committed' }
  | { readonly kind: 'offset'; readonly offset: number }
  | { readonly kind: 'last'; readonly count: number }
  | { readonly kind: 'time'; readonly timeMs: number };

function planOf(
  options: { readonly [name in keyof typeof consumeOptions]: OptionValue },
  positionals: readonly string[],
): ConsumePlan {
  const text = (name: keyof typeof consumeOptions): string | null => {
    const value = options[name];
    return typeof value === 'string' ? value : null;
  };
  const number = (name: keyof typeof consumeOptions): number | null => {
    const value = options[name];
    return typeof value === 'number' ? value : null;
  };
  const pairs = options['consumer-property'];
  const given = propertiesOf('--consumer-property', Array.isArray(pairs) ? pairs.map(String) : []);
  const topic = text('topic') ?? positionals[0] ?? null;
  const include = text('include');
  if ((topic === null) === (include === null)) {
    throw new Fault(
      'PB_UNKNOWN_FLAG',
      'name a topic (perfbroker consume TOPIC) or give a pattern with --include, one of them',
    );
  }
  const group = text('group') ?? given.get('group.id') ?? null;
  const start = startOf(text('offset'), text('time'), options['from-beginning'] === true, group !== null);
  const partition = number('partition');
  if (group !== null && (partition !== null || (start.kind !== 'committed' && start.kind !== 'earliest'))) {
    throw new Fault(
      'PB_UNKNOWN_FLAG',
      `a group decides who reads which partition from where; leave --group out, or move the group with perfbroker group reset`,
    );
  }
  if (group !== null && options['until-end'] === true) {
    throw new Fault(
      'PB_UNKNOWN_FLAG',
      'others of the group may read the end, so --until-end does not go with --group; write --timeout-ms or --max-messages',
    );
  }
  const reset = chosenOf(given, 'auto.offset.reset', ['earliest', 'latest']);
  const isEarliest = options['from-beginning'] === true || reset === 'earliest';
  const protocol = text('group-protocol') ?? chosenOf(given, 'group.protocol', ['classic', 'consumer']);
  const isolation =
    text('isolation-level') ?? chosenOf(given, 'isolation.level', ['read_uncommitted', 'read_committed']);
  return {
    topic,
    pattern: include === null ? null : patternOf(include),
    group,
    groupProtocol: protocol === 'consumer' ? 'consumer' : 'classic',
    isCommitted: isolation === 'read_committed',
    reset: isEarliest ? 'earliest' : 'latest',
    partition,
    start,
    countMax: number('max-messages') ?? Number.POSITIVE_INFINITY,
    silenceMs: number('timeout-ms'),
    endsAtEnd: options['until-end'] === true,
  };
}

function startOf(offset: string | null, time: string | null, isFromBeginning: boolean, hasGroup: boolean): Start {
  const wishes = [offset !== null, time !== null, isFromBeginning].filter((isGiven) => isGiven).length;
  if (wishes > 1)
    throw new Fault('PB_UNKNOWN_FLAG', '--from-beginning, --offset and --time exclude each other; keep one');
  if (time !== null) return { kind: 'time', timeMs: timeOf(time, Date.now()) };
  if (isFromBeginning) return { kind: 'earliest' };
  if (offset === null) return { kind: hasGroup ? 'committed' : 'latest' };
  if (offset === 'earliest' || offset === 'beginning') return { kind: 'earliest' };
  if (offset === 'latest' || offset === 'end') return { kind: 'latest' };
  if (/^\d{1,15}$/.test(offset)) return { kind: 'offset', offset: Number(offset) };
  if (/^-\d{1,15}$/.test(offset)) return { kind: 'last', count: -Number(offset) };
  throw new Fault('PB_BAD_SETTING', `--offset ${offset} is none; write a number, earliest, latest, or -N`);
}

function patternOf(text: string): RegExp {
  try {
    return new RegExp(`^(?:${text})$`);
  } catch (cause) {
    throw new Fault('PB_BAD_SETTING', `--include ${text} is no regular expression`, { cause });
  }
}

function formatOf(options: {
  readonly format: string | null;
  readonly json: boolean;
  readonly property: readonly string[];
}): RecordFormat {
  if (options.json || options.format === 'json') return jsonFormat;
  if (options.format !== null)
    return markedFormat(options.format.endsWith('\\n') ? options.format : `${options.format}\\n`);
  return columnsFormat(propertiesOf('--property', options.property));
}

async function printAll(client: Client, plan: ConsumePlan, format: RecordFormat, terminal: Terminal): Promise<number> {
  const consumer = client.consumer({
    ...(plan.group === null ? {} : { groupId: plan.group, groupProtocol: plan.groupProtocol, autoCommit: false }),
    autoOffsetReset: plan.reset,
    isolation: plan.isCommitted ? 'read_committed' : 'read_uncommitted',
  });
  const stop = new AbortController();
  const forget = terminal.onInterrupt(() => stop.abort());
  try {
    const ends = await begin(client, consumer, plan);
    await new Printer(consumer, plan, format, terminal, ends).run(stop.signal);
    if (plan.group !== null) await consumer.commit();
  } finally {
    forget();
    await consumer.close();
  }
  return 0;
}

/** Where each partition ends now, by "topic-partition"; empty unless reading ends there. */
async function begin(client: Client, consumer: RecordConsumer, plan: ConsumePlan): Promise<Map<string, number>> {
  const ends = new Map<string, number>();
  if (plan.group !== null) {
    consumer.subscribe(plan.pattern ?? plan.topic ?? '');
    return ends;
  }
  const admin = client.admin();
  const names = plan.topic === null ? (await admin.topics.list()).map(({ name }) => name) : [plan.topic];
  const wanted = names.filter((name) => plan.pattern === null || plan.pattern.test(name));
  const described = await admin.topics.describe(wanted);
  demand(described);
  const partitions = described.flatMap(({ name, topic }) =>
    (topic?.partitions ?? []).map(({ partition }) => ({ topic: name, partition })),
  );
  const chosen =
    plan.partition === null ? partitions : partitions.filter(({ partition }) => partition === plan.partition);
  if (chosen.length === 0) {
    const what = plan.topic ?? String(plan.pattern);
    const which = plan.partition === null ? 'has no partitions' : `has no partition ${plan.partition}`;
    throw new Fault('PB_BAD_SETTING', `${what} ${which}; see perfbroker topic describe`);
  }
  const [starts, latest] = await Promise.all([
    startsOf(consumer, chosen, plan.start),
    consumer.offsetsFor(chosen, 'latest'),
  ]);
  consumer.assign(chosen.map((each, index) => ({ ...each, offset: starts[index] ?? 0 })));
  if (plan.endsAtEnd) for (const { topic, partition, offset } of latest) ends.set(`${topic}-${partition}`, offset);
  return ends;
}

async function startsOf(
  consumer: RecordConsumer,
  partitions: readonly { readonly topic: string; readonly partition: number }[],
  start: Start,
): Promise<number[]> {
  if (start.kind === 'offset') return partitions.map(() => start.offset);
  const earliest = (await consumer.offsetsFor(partitions, 'earliest')).map(({ offset }) => offset);
  if (start.kind === 'earliest' || start.kind === 'committed') return earliest;
  const latest = (await consumer.offsetsFor(partitions, 'latest')).map(({ offset }) => offset);
  if (start.kind === 'last') return latest.map((end, index) => Math.max(earliest[index] ?? 0, end - start.count));
  if (start.kind !== 'time') return latest;
  const found = await consumer.offsetsFor(partitions, start.timeMs);
  return found.map(({ offset }, index) => (offset < 0 ? (latest[index] ?? 0) : offset));
}

class Printer {
  private readonly consumer: RecordConsumer;
  private readonly plan: ConsumePlan;
  private readonly format: RecordFormat;
  private readonly terminal: Terminal;
  private readonly ends: Map<string, number>;
  private count = 0;
  /** The first record of the last batch that was left out; -1: there is none. */
  private notPrinted = -1;

  constructor(
    consumer: RecordConsumer,
    plan: ConsumePlan,
    format: RecordFormat,
    terminal: Terminal,
    ends: Map<string, number>,
  ) {
    this.consumer = consumer;
    this.plan = plan;
    this.format = format;
    this.terminal = terminal;
    this.ends = ends;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { plan, consumer } = this;
    const { endsAtEnd } = plan;
    if (endsAtEnd) await this.dropEmpty();
    let silentSinceMs = performance.now();
    let committedMs = silentSinceMs;
    while (!signal.aborted && this.count < plan.countMax && !(endsAtEnd && this.ends.size === 0)) {
      const batch = await consumer.poll({ timeoutMs: Math.min(plan.silenceMs ?? POLL_MS, POLL_MS), signal });
      const nowMs = performance.now();
      if (batch === null) {
        if (plan.silenceMs !== null && nowMs - silentSinceMs >= plan.silenceMs) return;
        continue;
      }
      silentSinceMs = nowMs;
      const place = `${batch.topic}-${batch.partition}`;
      await this.print(batch.records, this.ends.get(place) ?? Number.POSITIVE_INFINITY);
      // What is not printed must not be committed.
      if (plan.group !== null && this.notPrinted >= 0) consumer.seek(batch, this.notPrinted);
      if (batch.nextOffset >= (this.ends.get(place) ?? Number.POSITIVE_INFINITY)) this.ends.delete(place);
      if (plan.group !== null && nowMs - committedMs >= COMMIT_MS) {
        await consumer.commit();
        committedMs = nowMs;
      }
    }
  }

  private async dropEmpty(): Promise<void> {
    for (const each of this.consumer.assignment()) {
      const place = `${each.topic}-${each.partition}`;
      if ((await this.consumer.position(each)) >= (this.ends.get(place) ?? 0)) this.ends.delete(place);
    }
  }

  private async print(records: readonly Parameters<RecordFormat>[0][], end: number): Promise<void> {
    let text = '';
    for (const record of records) {
      if (this.count === this.plan.countMax || record.offset >= end) {
        this.notPrinted = record.offset;
        break;
      }
      text += this.format(record);
      this.count += 1;
    }
    if (text !== '') await this.terminal.write(text);
  }
}

const POLL_MS = 500;
const COMMIT_MS = 5000;
