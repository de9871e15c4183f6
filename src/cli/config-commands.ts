/** `perfbroker config get|set`: settings of topics, groups and brokers. */
import { Fault } from '../base/fault.ts';
import { type ConfigResource, demand } from '../client/client.ts';
import { brokerOptions, defineCommand, jsonOption } from './command.ts';
import { withAdmin } from './open-client.ts';
import { show } from './text-table.ts';
import { propertiesOf } from './tool-properties.ts';

const resourceOptions = {
  topic: { kind: 'text', alias: 't', placeholder: 'TOPIC', doc: 'Settings of this topic.' },
  group: { kind: 'text', alias: 'g', placeholder: 'GROUP', doc: 'Settings of this group.' },
  'broker-id': { kind: 'text', placeholder: 'N', doc: 'Settings of this broker.' },
  'all-brokers': { kind: 'flag', doc: 'Settings that hold for every broker of the cluster.' },
} as const;

interface ResourceChoice {
  readonly topic: string | null;
  readonly group: string | null;
  readonly 'broker-id': string | null;
  readonly 'all-brokers': boolean;
}

export const configGet = defineCommand({
  words: 'config get',
  needsArguments: true,
  summary: 'Show settings of a topic, a group or a broker.',
  positional: { name: 'KEY', doc: 'Only these settings.', isRequired: false, isMany: true },
  options: {
    ...brokerOptions,
    ...jsonOption,
    ...resourceOptions,
    all: { kind: 'flag', alias: 'a', doc: 'Also those that have their default.' },
    doc: { kind: 'flag', doc: 'With what each setting does.' },
  },
  examples: ['config get --topic orders', 'config get --topic orders retention.ms', 'config get --broker-id 1 --all'],
  run: ({ options, positionals, terminal }) =>
    withAdmin(options, terminal, async (admin) => {
      const described = await admin.configs.describe([resourceOf(options)], {
        ...(positionals.length === 0 ? {} : { names: positionals }),
        includeDocumentation: options.doc,
      });
      demand(described);
      const entries = described.flatMap((each) => each.entries);
      const shown = entries
        .filter(({ source }) => options.all || positionals.length > 0 || !isDefault(source))
        .toSorted((one, other) => (one.name < other.name ? -1 : 1));
      await show(
        terminal,
        options.json,
        shown.map(({ name, value, source, isReadOnly, isSensitive, documentation }) => ({
          name,
          value,
          source,
          isReadOnly,
          isSensitive,
          ...(options.doc ? { documentation } : {}),
        })),
        [
          { heading: 'SETTING' },
          { heading: 'VALUE' },
          { heading: 'FROM' },
          ...(options.doc ? [{ heading: 'WHAT IT DOES' }] : []),
        ],
        shown.map(({ name, value, source, isSensitive, documentation }) => [
          name,
          isSensitive ? '(hidden)' : value,
          source,
          ...(options.doc ? [documentation ?? ''] : []),
        ]),
      );
      return 0;
    }),
});

export const configSet = defineCommand({
  words: 'config set',
  needsArguments: true,
  summary: 'Change settings of a topic, a group or brokers, at once.',
  positional: {
    name: 'KEY=VALUE',
    doc: 'A setting; KEY= with --delete or --append works on lists.',
    isRequired: false,
    isMany: true,
  },
  options: {
    ...brokerOptions,
    ...resourceOptions,
    delete: { kind: 'list', placeholder: 'KEY', doc: 'A setting that goes back to its default.' },
    append: { kind: 'list', placeholder: 'KEY=VALUE', doc: 'Adds to a setting that is a list.' },
    subtract: { kind: 'list', placeholder: 'KEY=VALUE', doc: 'Takes from a setting that is a list.' },
    'validate-only': { kind: 'flag', doc: 'Only check whether it could be changed.' },
  },
  examples: ['config set --topic orders retention.ms=3600000', 'config set --all-brokers log.retention.ms=86400000'],
  run: ({ options, positionals, terminal }) =>
    withAdmin(options, terminal, async (admin) => {
      const pairs = (option: string, texts: readonly string[], operation: 'set' | 'append' | 'subtract') =>
        [...propertiesOf(option, texts)].map(([name, value]) => ({ name, value, operation }));
      const changes = [
        ...pairs('config set', positionals, 'set'),
        ...pairs('--append', options.append, 'append'),
        ...pairs('--subtract', options.subtract, 'subtract'),
        ...options.delete.map((name) => ({ name, operation: 'delete' as const })),
      ];
      if (changes.length === 0)
        throw new Fault('PB_UNKNOWN_FLAG', 'nothing to change; write KEY=VALUE, or --delete KEY');
      const resource = resourceOf(options);
      demand(await admin.configs.alter([{ ...resource, changes }], { validateOnly: options['validate-only'] }));
      const what = resource.name === '' ? 'all brokers' : `${resource.type} ${resource.name}`;
      await terminal.write(options['validate-only'] ? `${what} could be changed so\n` : `${what} changed\n`);
      return 0;
    }),
});

function resourceOf(choice: ResourceChoice): ConfigResource {
  const chosen: ConfigResource[] = [];
  if (choice.topic !== null) chosen.push({ type: 'topic', name: choice.topic });
  if (choice.group !== null) chosen.push({ type: 'group', name: choice.group });
  if (choice['broker-id'] !== null) chosen.push({ type: 'broker', name: choice['broker-id'] });
  if (choice['all-brokers']) chosen.push({ type: 'broker', name: '' });
  const [only] = chosen;
  if (only === undefined || chosen.length > 1) {
    throw new Fault('PB_UNKNOWN_FLAG', 'say whose settings: one of --topic, --group, --broker-id, --all-brokers');
  }
  return only;
}

function isDefault(source: string): boolean {
  return source === 'default' || source === 'static-broker';
}
