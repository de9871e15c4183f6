/** `perfbroker topic create|list|describe|alter|delete`. */
import { Fault } from '../base/fault.ts';
import type { Admin } from '../client/admin.ts';
import { demand } from '../client/client.ts';
import { brokerOptions, defineCommand, jsonOption } from './command.ts';
import { withAdmin } from './open-client.ts';
import { show } from './text-table.ts';
import { propertiesOf } from './tool-properties.ts';

const INT16_MAX = 32_767;
const INT32_MAX = 2_147_483_647;

const topicName = { name: 'TOPIC', doc: 'The topic; --topic does the same.', isRequired: false, isMany: true } as const;
const topicOption = {
  topic: { kind: 'list', alias: 't', placeholder: 'TOPIC', doc: 'The topic.' },
} as const;
const configOption = {
  config: { kind: 'list', alias: 'c', placeholder: 'KEY=VALUE', doc: 'A setting of the topic.' },
} as const;

export const topicCreate = defineCommand({
  words: 'topic create',
  needsArguments: true,
  summary: 'Create topics.',
  positional: topicName,
  options: {
    ...brokerOptions,
    ...jsonOption,
    ...topicOption,
    ...configOption,
    partitions: {
      kind: 'number',
      alias: 'p',
      min: 1,
      max: INT32_MAX,
      placeholder: 'N',
      doc: 'How many partitions; the broker’s default.',
    },
    'replication-factor': {
      kind: 'number',
      alias: 'r',
      min: 1,
      max: INT16_MAX,
      placeholder: 'N',
      doc: 'How many replicas; the broker’s default.',
    },
    'if-not-exists': { kind: 'flag', doc: 'Be content with a topic that is there.' },
    'validate-only': { kind: 'flag', doc: 'Only check whether it could be created.' },
  },
  examples: ['topic create orders --partitions 8', 'topic create state --config cleanup.policy=compact'],
  run: ({ options, positionals, terminal }) =>
    withAdmin(options, terminal, async (admin) => {
      const names = namesOf(options.topic, positionals);
      const configs = Object.fromEntries(propertiesOf('--config', options.config));
      const present = options['if-not-exists'] ? await presentAmong(admin, names) : new Set<string>();
      const wanted = names.filter((name) => !present.has(name));
      const made = await admin.topics.create(
        wanted.map((name) => ({
          name,
          configs,
          ...(options.partitions === null ? {} : { partitions: options.partitions }),
          ...(options['replication-factor'] === null ? {} : { replicationFactor: options['replication-factor'] }),
        })),
        { validateOnly: options['validate-only'] },
      );
      demand(made);
      await show(
        terminal,
        options.json,
        made.map(({ name, topicId, partitions, replicationFactor }) => ({
          name,
          topicId,
          partitions,
          replicationFactor,
        })),
        [
          { heading: 'TOPIC' },
          { heading: 'PARTITIONS', isNumber: true },
          { heading: 'REPLICAS', isNumber: true },
          { heading: 'ID' },
        ],
        made.map(({ name, topicId, partitions, replicationFactor }) => [name, partitions, replicationFactor, topicId]),
      );
      return 0;
    }),
});

export const topicList = defineCommand({
  words: 'topic list',
  needsArguments: false,
  summary: 'List topics.',
  positional: null,
  options: {
    ...brokerOptions,
    ...jsonOption,
    'exclude-internal': { kind: 'flag', doc: 'Leave the broker’s own topics out.' },
    names: { kind: 'flag', alias: 'q', doc: 'Print names only.' },
  },
  examples: ['topic list', 'topic list --json'],
  run: ({ options, terminal }) =>
    withAdmin(options, terminal, async (admin) => {
      const topics = await admin.topics.list({ includeInternal: !options['exclude-internal'] });
      const sorted = topics.toSorted((one, other) => (one.name < other.name ? -1 : 1));
      if (options.names && !options.json) {
        await terminal.write(sorted.map(({ name }) => `${name}\n`).join(''));
        return 0;
      }
      await show(
        terminal,
        options.json,
        sorted.map(({ name, topicId, isInternal, partitions }) => ({
          name,
          topicId,
          isInternal,
          partitions: partitions.length,
        })),
        [
          { heading: 'TOPIC' },
          { heading: 'PARTITIONS', isNumber: true },
          { heading: 'REPLICAS', isNumber: true },
          { heading: 'INTERNAL' },
        ],
        sorted.map(({ name, partitions, isInternal }) => [
          name,
          partitions.length,
          partitions[0]?.replicas.length ?? 0,
          isInternal ? 'yes' : '',
        ]),
      );
      return 0;
    }),
});

export const topicDescribe = defineCommand({
  words: 'topic describe',
  needsArguments: false,
  summary: 'Show partitions, offsets and changed settings of topics.',
  positional: topicName,
  options: { ...brokerOptions, ...jsonOption, ...topicOption },
  examples: ['topic describe orders'],
  run: ({ options, positionals, terminal }) =>
    withAdmin(options, terminal, async (admin) => {
      const given = [...options.topic, ...positionals];
      const names = given.length > 0 ? given : (await admin.topics.list()).map(({ name }) => name);
      const rows = await describeAll(admin, names);
      if (options.json) {
        await show(terminal, true, rows, [], []);
        return 0;
      }
      for (const row of rows) {
        const configs = Object.entries(row.configs).map(([key, value]) => `${key}=${value}`);
        const settings = configs.length === 0 ? '' : `  ${configs.join(' ')}`;
        await terminal.write(`${row.name}  id ${row.topicId}  ${row.partitions.length} partitions${settings}\n`);
        await show(
          terminal,
          false,
          null,
          [
            { heading: 'PARTITION', isNumber: true },
            { heading: 'LEADER', isNumber: true },
            { heading: 'EPOCH', isNumber: true },
            { heading: 'REPLICAS' },
            { heading: 'IN SYNC' },
            { heading: 'START', isNumber: true },
            { heading: 'END', isNumber: true },
          ],
          row.partitions.map((each) => [
            each.partition,
            each.leader,
            each.leaderEpoch,
            each.replicas.join(','),
            each.inSync.join(','),
            each.startOffset,
            each.endOffset,
          ]),
        );
      }
      return 0;
    }),
});

export const topicAlter = defineCommand({
  words: 'topic alter',
  needsArguments: true,
  summary: 'Add partitions to topics, change their settings.',
  positional: topicName,
  options: {
    ...brokerOptions,
    ...topicOption,
    ...configOption,
    partitions: {
      kind: 'number',
      alias: 'p',
      min: 1,
      max: INT32_MAX,
      placeholder: 'N',
      doc: 'How many partitions it shall have in all.',
    },
    'delete-config': { kind: 'list', placeholder: 'KEY', doc: 'A setting that goes back to the broker’s default.' },
  },
  examples: ['topic alter orders --partitions 16', 'topic alter orders --config retention.ms=3600000'],
  run: ({ options, positionals, terminal }) =>
    withAdmin(options, terminal, async (admin) => {
      const names = namesOf(options.topic, positionals);
      const changes = [
        ...[...propertiesOf('--config', options.config)].map(([name, value]) => ({ name, value })),
        ...options['delete-config'].map((name) => ({ name, operation: 'delete' as const })),
      ];
      if (changes.length === 0 && options.partitions === null) {
        throw new Fault('PB_UNKNOWN_FLAG', 'nothing to change; give --partitions, --config or --delete-config');
      }
      const settings = changes.length === 0 ? [] : names.map((name) => ({ type: 'topic' as const, name, changes }));
      const total = options.partitions;
      const growths = total === null ? [] : names.map((name) => ({ name, total }));
      // Two requests: the second must not fail for what could be seen before the first.
      for (const validateOnly of [true, false]) {
        if (settings.length > 0) demand(await admin.configs.alter(settings, { validateOnly }));
        if (growths.length > 0) demand(await admin.topics.grow(growths, { validateOnly }));
      }
      await terminal.write(names.map((name) => `${name} altered\n`).join(''));
      return 0;
    }),
});

export const topicDelete = defineCommand({
  words: 'topic delete',
  needsArguments: true,
  summary: 'Delete topics with all their records.',
  positional: topicName,
  options: {
    ...brokerOptions,
    ...topicOption,
    'if-exists': { kind: 'flag', doc: 'Be content when a topic is not there.' },
  },
  examples: ['topic delete orders'],
  run: ({ options, positionals, terminal }) =>
    withAdmin(options, terminal, async (admin) => {
      const names = namesOf(options.topic, positionals);
      const present = options['if-exists'] ? await presentAmong(admin, names) : new Set(names);
      const gone = names.filter((name) => present.has(name));
      demand(await admin.topics.delete(gone));
      await terminal.write(gone.map((name) => `${name} deleted\n`).join(''));
      return 0;
    }),
});

function namesOf(options: readonly string[], positionals: readonly string[]): string[] {
  const names = [...options, ...positionals].flatMap((text) => text.split(',')).filter((name) => name !== '');
  if (names.length === 0) throw new Fault('PB_UNKNOWN_FLAG', 'the topic is missing; name it, or write --topic TOPIC');
  return [...new Set(names)];
}

async function presentAmong(admin: Admin, names: readonly string[]): Promise<Set<string>> {
  const all = new Set((await admin.topics.list()).map(({ name }) => name));
  return new Set(names.filter((name) => all.has(name)));
}

interface TopicRow {
  readonly name: string;
  readonly topicId: string;
  readonly isInternal: boolean;
  readonly configs: { readonly [key: string]: string | null };
  readonly partitions: readonly {
    readonly partition: number;
    readonly leader: number;
    readonly leaderEpoch: number;
    readonly replicas: readonly number[];
    readonly inSync: readonly number[];
    readonly startOffset: number;
    readonly endOffset: number;
  }[];
}

async function describeAll(admin: Admin, names: readonly string[]): Promise<TopicRow[]> {
  const described = await admin.topics.describe(names);
  demand(described);
  const topics = described.flatMap(({ topic }) => topic ?? []);
  const places = topics.flatMap(({ name, partitions }) =>
    partitions.map(({ partition }) => ({ topic: name, partition })),
  );
  const [starts, ends, configs] = await Promise.all([
    admin.partitionRecords.findOffsets(places.map((place) => ({ ...place, time: 'earliest' }))),
    admin.partitionRecords.findOffsets(places.map((place) => ({ ...place, time: 'latest' }))),
    admin.configs.describe(topics.map(({ name }) => ({ type: 'topic', name }))),
  ]);
  let index = 0;
  return topics.map(({ name, topicId, isInternal, partitions }) => ({
    name,
    topicId,
    isInternal,
    configs: Object.fromEntries(
      (configs.find((each) => each.name === name)?.entries ?? [])
        .filter(({ source }) => source === 'topic')
        .map((entry) => [entry.name, entry.value]),
    ),
    partitions: partitions.map((partition) => {
      const at = index++;
      return {
        partition: partition.partition,
        leader: partition.leaderId,
        leaderEpoch: partition.leaderEpoch,
        replicas: partition.replicas,
        inSync: partition.inSyncReplicas,
        startOffset: starts[at]?.offset ?? -1,
        endOffset: ends[at]?.offset ?? -1,
      };
    }),
  }));
}
