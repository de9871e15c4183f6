/**
 * Runs a console command from its command line: finds it, reads its options, turns faults into one sentence and exit code
 * 1. `main.ts` asks `isCommand` first, since without a command the broker starts.
 */
import { Fault, isFault } from '../base/fault.ts';
import { closestWord } from '../config/did-you-mean.ts';
import type { Command, CommandServices } from './command.ts';
import { type CommandLine, readCommandLine } from './command-line.ts';
import { type CommandRow, commandsBelow, commandTable, findCommand } from './command-table.ts';
import type { Terminal } from './terminal.ts';
import { renderOverview, renderUsage } from './usage.ts';

/** The broker's own flags begin with a dash; a bare word is meant for a command. */
export function isCommand(argv: readonly string[]): boolean {
  const first = argv[0];
  return first !== undefined && !first.startsWith('-');
}

export async function runCommand(
  argv: readonly string[],
  terminal: Terminal,
  services: CommandServices,
): Promise<number> {
  try {
    const found = findCommand(argv);
    if (found === null) return await showWhatThereIs(argv, terminal);
    const command = await found.row.load();
    return await runOne(command, argv.slice(found.wordCount), terminal, services);
  } catch (error) {
    if (!isFault(error)) throw error;
    terminal.warn(`perfbroker: ${error.message}`);
    return 1;
  }
}

async function runOne(
  command: Command,
  argv: readonly string[],
  terminal: Terminal,
  services: CommandServices,
): Promise<number> {
  if (argv.length === 0 && command.needsArguments) {
    terminal.warn(renderUsage(command));
    return 1;
  }
  const read = attempt(command, argv);
  if (isFault(read)) {
    terminal.warn(`perfbroker: ${read.message}`);
    return command.misuseCode ?? 1;
  }
  const { options, positionals, wantsHelp } = read;
  if (wantsHelp) {
    await terminal.write(renderUsage(command));
    return 0;
  }
  return command.run({ options, positionals, terminal, services });
}

function attempt(command: Command, argv: readonly string[]): CommandLine | Fault {
  try {
    return readCommandLine(command, argv);
  } catch (error) {
    if (isFault(error)) return error;
    throw error;
  }
}

async function showWhatThereIs(argv: readonly string[], terminal: Terminal): Promise<number> {
  const [first = '', second] = argv;
  const below = commandsBelow(first);
  const wantsHelp = second === '--help' || second === '-h' || first === 'help';
  if (below.length === 0 && first !== 'help') throw unknownCommand(first, commandTable);
  if (second !== undefined && !wantsHelp) throw unknownCommand(`${first} ${second}`, below);
  const title = first === 'help' ? 'Commands of perfbroker; without one the broker starts.' : `perfbroker ${first}`;
  const text = renderOverview(title, first === 'help' ? commandTable : below);
  if (!wantsHelp) {
    terminal.warn(text);
    return 1;
  }
  await terminal.write(text);
  return 0;
}

function unknownCommand(words: string, among: readonly CommandRow[]): Fault {
  const close = closestWord(
    words,
    among.map((row) => row.words),
  );
  const remedy = close === null ? 'see perfbroker help' : `did you mean perfbroker ${close}?`;
  return new Fault('PB_UNKNOWN_FLAG', `there is no command '${words}'; ${remedy}`);
}
