/**
 * What a console command is: its words, its options as data, and what it does. Parsing, usage texts and shell completion
 * all read the same description, so that no option can work and be missing from the help.
 */
import type { DataChecker } from './data-checker.ts';
import type { Terminal } from './terminal.ts';

export interface OptionSpec {
  /** `text` and `number` take a value, `list` may be given several times, `flag` takes none. */
  readonly kind: 'text' | 'number' | 'list' | 'flag';
  readonly doc: string;
  /** What usage shows in place of the value. */
  readonly placeholder?: string;
  /** One letter. */
  readonly alias?: string;
  /** Other names for the same, such as those of Apache Kafka's tools. */
  readonly names?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  /** Of a number: it may have decimals. */
  readonly hasDecimals?: boolean;
  readonly choices?: readonly string[];
  readonly isRequired?: boolean;
}

export type OptionTable = { readonly [name: string]: OptionSpec };

export type OptionValues<Table extends OptionTable> = {
  readonly [Name in keyof Table]: Table[Name]['kind'] extends 'flag'
    ? boolean
    : Table[Name]['kind'] extends 'list'
      ? readonly string[]
      : Table[Name]['kind'] extends 'number'
        ? number | null
        : string | null;
};

export interface PositionalSpec {
  readonly name: string;
  readonly doc: string;
  readonly isRequired: boolean;
  readonly isMany: boolean;
}

export type OptionValue = string | number | boolean | readonly string[] | null;

export interface CommandInput<Options = { readonly [name: string]: OptionValue }> {
  readonly options: Options;
  readonly positionals: readonly string[];
  readonly terminal: Terminal;
  readonly services: CommandServices;
}

/** What commands need from rooms that they do not see; the program hands it in. */
export interface CommandServices {
  readonly checkData: DataChecker;
}

export interface CommandDefinition<Table extends OptionTable> {
  /** "topic create". */
  readonly words: string;
  readonly summary: string;
  readonly options: Table;
  readonly positional: PositionalSpec | null;
  readonly examples: readonly string[];
  /** Means nothing without arguments: bare it shows how it is used. */
  readonly needsArguments: boolean;
  /** Exit code for a command line that is wrong; 1 unless that says something else. */
  readonly misuseCode?: number;
  /** The exit code. Throws Fault with a sentence for people. */
  run(input: CommandInput<OptionValues<Table>>): Promise<number>;
}

/** As tables hold it: the types of the options stay inside. */
export interface Command extends Omit<CommandDefinition<OptionTable>, 'run'> {
  run(input: CommandInput): Promise<number>;
}

export function defineCommand<const Table extends OptionTable>(definition: CommandDefinition<Table>): Command {
  return {
    ...definition,
    // The command line was read by this very table.
    run: (input) => definition.run({ ...input, options: input.options as OptionValues<Table> }),
  };
}

/** Options of every command that talks to a broker. */
export const brokerOptions = {
  'bootstrap-server': {
    kind: 'text',
    alias: 'b',
    names: ['bootstrap-servers', 'broker'],
    placeholder: 'HOST:PORT',
    doc: 'The broker to talk to; PERFBROKER_BOOTSTRAP_SERVER in the environment, else localhost:9092.',
  },
  'command-config': {
    kind: 'text',
    names: ['config-file'],
    placeholder: 'FILE',
    doc: 'Client settings from a .properties file (bootstrap.servers, client.id, security.protocol, sasl.*, ssl.*).',
  },
} as const satisfies OptionTable;

export const jsonOption = {
  json: { kind: 'flag', doc: 'Print JSON instead of text.' },
} as const satisfies OptionTable;
