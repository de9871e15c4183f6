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
    words: 'log dump',
    summary: 'Show and verify the batches, records and indexes of segment files.',
    load: async () => (await import('./log-dump.ts')).logDump,
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
