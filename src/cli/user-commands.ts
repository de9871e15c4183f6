/** `perfbroker user add|remove|list`: users that log in by SCRAM. Passwords come from a file or from standard input. */
import { readFileSync } from 'node:fs';
import { Fault } from '../base/fault.ts';
import { demand } from '../client/client.ts';
import { type ScramName, scramMechanisms } from '../protocol/scram-keys.ts';
import { brokerOptions, defineCommand, jsonOption } from './command.ts';
import { withAdmin } from './open-client.ts';
import type { Terminal } from './terminal.ts';
import { linesOf } from './text-lines.ts';
import { show } from './text-table.ts';

const mechanismOption = {
  mechanism: {
    kind: 'text',
    alias: 'm',
    placeholder: 'NAME',
    choices: scramMechanisms.map(({ name }) => name),
    doc: 'How the user logs in: SCRAM-SHA-256 or SCRAM-SHA-512.',
  },
} as const;

const MECHANISM_DEFAULT: ScramName = 'SCRAM-SHA-512';
const userName = { name: 'USER', doc: 'Name of the user.', isRequired: true, isMany: true } as const;

export const userAdd = defineCommand({
  words: 'user add',
  needsArguments: true,
  summary: 'Add a user that logs in by SCRAM, or give it a new password.',
  positional: { ...userName, isMany: false },
  options: {
    ...brokerOptions,
    ...mechanismOption,
    'password-file': {
      kind: 'text',
      placeholder: 'FILE',
      doc: 'First line is the password; without it the password is typed, unseen, or the first line of standard input.',
    },
    password: {
      kind: 'text',
      placeholder: 'TEXT',
      doc: 'The password itself; everybody on this machine can read it in the list of processes.',
    },
    iterations: { kind: 'number', min: 4096, max: 16_384, doc: 'Rounds of hashing, 4096 if left out.' },
  },
  examples: ['user add alice < password.txt', 'user add alice --password-file password.txt --mechanism SCRAM-SHA-256'],
  run: async ({ options, positionals, terminal }) => {
    const [name = ''] = positionals;
    const mechanism = mechanismOf(options.mechanism) ?? MECHANISM_DEFAULT;
    const password = options.password ?? (await passwordFrom(options['password-file'], terminal));
    return await withAdmin(options, terminal, async (admin) => {
      const { iterations } = options;
      demand(await admin.users.put([{ name, password, mechanism, ...(iterations === null ? {} : { iterations }) }]));
      await terminal.write(`${name} can log in by ${mechanism}\n`);
      return 0;
    });
  },
});

export const userRemove = defineCommand({
  words: 'user remove',
  needsArguments: true,
  summary: 'Remove users that log in by SCRAM.',
  positional: userName,
  options: { ...brokerOptions, ...mechanismOption },
  examples: ['user remove alice', 'user remove alice --mechanism SCRAM-SHA-256'],
  run: ({ options, positionals, terminal }) =>
    withAdmin(options, terminal, async (admin) => {
      const only = mechanismOf(options.mechanism);
      for (const user of await admin.users.describe(positionals)) {
        demand([user]);
        const mechanisms = user.mechanisms.flatMap(({ mechanism }) => mechanismOf(mechanism) ?? []);
        // One at a time: a request may name a user once.
        for (const mechanism of only === null ? mechanisms : [only])
          demand(await admin.users.remove([{ name: user.name, mechanism }]));
        await terminal.write(`${user.name} removed\n`);
      }
      return 0;
    }),
});

export const userList = defineCommand({
  words: 'user list',
  needsArguments: false,
  summary: 'List users that log in by SCRAM.',
  positional: null,
  options: { ...brokerOptions, ...jsonOption },
  examples: ['user list', 'user list --json'],
  run: ({ options, terminal }) =>
    withAdmin(options, terminal, async (admin) => {
      const users = (await admin.users.describe()).toSorted((one, other) => (one.name < other.name ? -1 : 1));
      await show(
        terminal,
        options.json,
        users.map(({ name, mechanisms }) => ({ name, mechanisms })),
        [{ heading: 'USER' }, { heading: 'MECHANISMS' }],
        users.map(({ name, mechanisms }) => [
          name,
          mechanisms.map(({ mechanism, iterations }) => `${mechanism} (${iterations})`).join(', '),
        ]),
      );
      return 0;
    }),
});

function mechanismOf(text: string | null): ScramName | null {
  return scramMechanisms.find(({ name }) => name === text)?.name ?? null;
}

async function passwordFrom(path: string | null, terminal: Terminal): Promise<string> {
  const [line = ''] = path === null ? [await firstLine(terminal)] : fileText(path).split(/\r?\n/);
  if (line !== '') return line;
  throw new Fault(
    'PB_BAD_SETTING',
    'the password is empty; write it to standard input, or into a file for --password-file',
  );
}

async function firstLine(terminal: Terminal): Promise<string> {
  if (terminal.inputIsPerson) return await typedTwice(terminal);
  for await (const line of linesOf(terminal.input())) return line.toString('utf8');
  return '';
}

/** Nobody sees what is typed, so it is typed twice. */
async function typedTwice(terminal: Terminal): Promise<string> {
  const typed = await terminal.secrets(['Password: ', 'The same again: ']);
  if (typed === null) throw new Fault('PB_BAD_SETTING', 'no password was given; nothing changed');
  const [password = '', again = ''] = typed;
  if (again === password) return password;
  throw new Fault('PB_BAD_SETTING', 'the two passwords differ, so nothing changed; type the same one twice');
}

function fileText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new Fault('PB_BAD_SETTING', `${path} cannot be read; check the path and its rights`, { cause });
  }
}
