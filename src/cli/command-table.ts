/**
 * All console commands, by their words. Each is loaded when it is called, because a command must be there in a blink and
 * most of what they need is different.
 */
import type { Command } from './command.ts';

export interface CommandRow {
  readonly words: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

export const commandTable: readonly CommandRow[] = [
  {
    words: 'topic create',
    summary: 'Create topics.',
    load: async () => (await import('./topic-commands.ts')).topicCreate,
  },
  {
    words: 'topic list',
    summary: 'List topics.',
    load: async () => (await import('./topic-commands.ts')).topicList,
  },
  {
    words: 'topic describe',
    summary: 'Show partitions, offsets and changed settings of topics.',
    load: async () => (await import('./topic-commands.ts')).topicDescribe,
  },
  {
    words: 'topic alter',
    summary: 'Add partitions to topics, change their settings.',
    load: async () => (await import('./topic-commands.ts')).topicAlter,
  },
  {
    words: 'topic delete',
    summary: 'Delete topics with all their records.',
    load: async () => (await import('./topic-commands.ts')).topicDelete,
  },
  {
    words: 'produce',
    summary: 'Write lines from standard input, or a file, as records.',
    load: async () => (await import('./produce.ts')).produce,
  },
  {
    words: 'consume',
    summary: 'Print records of topics as they come.',
    load: async () => (await import('./consume.ts')).consume,
  },
  {
    words: 'group list',
    summary: 'List groups.',
    load: async () => (await import('./group-commands.ts')).groupList,
  },
  {
    words: 'group describe',
    summary: 'Show state, offsets, lag and members of groups.',
    load: async () => (await import('./group-commands.ts')).groupDescribe,
  },
  {
    words: 'group reset',
    summary: 'Move the offsets of a group without members.',
    load: async () => (await import('./group-reset.ts')).groupReset,
  },
  {
    words: 'group delete',
    summary: 'Delete groups without members, with all their offsets.',
    load: async () => (await import('./group-commands.ts')).groupDelete,
  },
  {
    words: 'config get',
    summary: 'Show settings of a topic, a group or a broker.',
    load: async () => (await import('./config-commands.ts')).configGet,
  },
  {
    words: 'config set',
    summary: 'Change settings of a topic, a group or brokers, at once.',
    load: async () => (await import('./config-commands.ts')).configSet,
  },
  {
    words: 'acl list',
    summary: 'List access rules.',
    load: async () => (await import('./acl-commands.ts')).aclList,
  },
  {
    words: 'acl add',
    summary: 'Allow or deny somebody something.',
    load: async () => (await import('./acl-commands.ts')).aclAdd,
  },
  {
    words: 'acl remove',
    summary: 'Take access rules away.',
    load: async () => (await import('./acl-commands.ts')).aclRemove,
  },
  {
    words: 'user add',
    summary: 'Add a user that logs in by SCRAM, or give it a new password.',
    load: async () => (await import('./user-commands.ts')).userAdd,
  },
  {
    words: 'user remove',
    summary: 'Remove users that log in by SCRAM.',
    load: async () => (await import('./user-commands.ts')).userRemove,
  },
  {
    words: 'user list',
    summary: 'List users that log in by SCRAM.',
    load: async () => (await import('./user-commands.ts')).userList,
  },
  {
    words: 'log dump',
    summary: 'Show and verify the batches, records and indexes of segment files.',
    load: async () => (await import('./log-dump.ts')).logDump,
  },
  {
    words: 'log verify',
    summary: 'Check every file of a data folder, and say what a start would do about what is wrong.',
    load: async () => (await import('./log-verify.ts')).logVerify,
  },
  {
    words: 'health',
    summary: 'Tell whether the broker serves: exit code 0, else 1.',
    load: async () => (await import('./health.ts')).health,
  },
  {
    words: 'perf produce',
    summary: 'Measure how fast records can be written.',
    load: async () => (await import('./perf-produce.ts')).perfProduce,
  },
  {
    words: 'perf consume',
    summary: 'Measure how fast records can be read.',
    load: async () => (await import('./perf-consume.ts')).perfConsume,
  },
  {
    words: 'completion',
    summary: 'Print a completion script for bash, zsh or fish.',
    load: async () => {
      const { completionOf } = await import('./completion.ts');
      return completionOf(() => {
        const others = commandTable.filter(({ words }) => words !== 'completion');
        return Promise.all(others.map((row) => row.load()));
      });
    },
  },
];

/** The command whose words the line begins with, and how many they are. */
export function findCommand(argv: readonly string[]): { readonly row: CommandRow; readonly wordCount: number } | null {
  for (const wordCount of [2, 1]) {
    const words = argv.slice(0, wordCount).join(' ');
    const row = argv.length < wordCount ? undefined : commandTable.find((each) => each.words === words);
    if (row !== undefined) return { row, wordCount };
  }
  return null;
}

/** The first word names commands of which the second is missing or unknown. */
export function commandsBelow(word: string): CommandRow[] {
  return commandTable.filter(({ words }) => words.startsWith(`${word} `));
}
