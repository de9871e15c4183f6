/**
 * Reads the options of a console command by its description. Says in one sentence what is wrong and what to write instead;
 * options of former times get a sentence of their own.
 */
import { Fault } from '../base/fault.ts';
import { closestWord } from '../config/did-you-mean.ts';
import type { Command, OptionSpec, OptionTable, OptionValue } from './command.ts';

export interface CommandLine {
  readonly options: { readonly [name: string]: OptionValue };
  readonly positionals: readonly string[];
  readonly wantsHelp: boolean;
}

const formerOptions: { readonly [name: string]: string } = {
  zookeeper: '--zookeeper is gone with ZooKeeper; write --bootstrap-server HOST:PORT with the address of a broker',
  'broker-list': '--broker-list is the former name; write --bootstrap-server HOST:PORT',
  'new-consumer': '--new-consumer is the only consumer there is; leave it out',
};

export function readCommandLine(command: Command, argv: readonly string[]): CommandLine {
  const reader = new WordReader(command, argv);
  reader.readAll();
  const { values, positionals, wantsHelp } = reader;
  if (!wantsHelp) checkWhole(command, values, positionals);
  const options: { [name: string]: OptionValue } = {};
  for (const [name, spec] of Object.entries(command.options)) options[name] = values.get(name) ?? emptyOf(spec);
  return { options, positionals, wantsHelp };
}

class WordReader {
  readonly values = new Map<string, string | number | boolean | string[]>();
  readonly positionals: string[] = [];
  wantsHelp = false;
  private readonly command: Command;
  private readonly argv: readonly string[];
  private readonly names: Map<string, string>;
  private index = 0;

  constructor(command: Command, argv: readonly string[]) {
    this.command = command;
    this.argv = argv;
    this.names = namesOf(command.options);
  }

  readAll(): void {
    for (; this.index < this.argv.length; this.index++) {
      const word = this.argv[this.index] ?? '';
      if (word === '--') {
        this.positionals.push(...this.argv.slice(this.index + 1));
        return;
      }
      if (word === '--help' || word === '-h') this.wantsHelp = true;
      else if (word.startsWith('-') && word !== '-' && !/^-\d/.test(word)) this.readOption(word);
      else this.positionals.push(word);
    }
  }

  private readOption(word: string): void {
    const equals = word.indexOf('=');
    const head = equals < 0 ? word : word.slice(0, equals);
    const attached = equals < 0 ? null : word.slice(equals + 1);
    const name = this.names.get(head);
    if (name === undefined) throw unknownOption(this.command, head, this.names.keys());
    const spec = this.command.options[name];
    if (spec === undefined) throw unknownOption(this.command, head, this.names.keys());
    if (spec.kind === 'flag') {
      if (attached !== null) throw wrong(`${head} takes no value; leave '=${attached}' out`);
      this.values.set(name, true);
      return;
    }
    const value = attached ?? this.nextWord(head, spec);
    this.put(name, spec, head, value);
  }

  private nextWord(head: string, spec: OptionSpec): string {
    this.index += 1;
    const next = this.argv[this.index];
    if (next === undefined || (next.startsWith('--') && this.names.has(next))) {
      throw wrong(`${head} needs a value; write ${head} ${spec.placeholder ?? 'VALUE'}`);
    }
    return next;
  }

  private put(name: string, spec: OptionSpec, head: string, value: string): void {
    if (spec.kind === 'list') {
      const list = this.values.get(name);
      this.values.set(name, Array.isArray(list) ? [...list, value] : [value]);
      return;
    }
    if (this.values.has(name)) throw wrong(`${head} is given twice; leave one of them out`);
    if (spec.choices !== undefined && !spec.choices.includes(value)) {
      throw wrong(`${head} ${value} is not known; one of ${spec.choices.join(', ')}`);
    }
    this.values.set(name, spec.kind === 'number' ? numberOf(head, spec, value) : value);
  }
}

function numberOf(head: string, spec: OptionSpec, text: string): number {
  const number = Number(text);
  if (text.trim() === '' || !Number.isFinite(number)) throw wrong(`${head} ${text} is not a number`);
  if (spec.hasDecimals !== true && !Number.isSafeInteger(number)) throw wrong(`${head} ${text} is not a whole number`);
  const { min, max } = spec;
  if (min !== undefined && number < min) throw wrong(`${head} ${text} is too small; at least ${min}`);
  if (max !== undefined && number > max) throw wrong(`${head} ${text} is too large; at most ${max}`);
  return number;
}

function checkWhole(command: Command, values: ReadonlyMap<string, unknown>, positionals: readonly string[]): void {
  for (const [name, spec] of Object.entries(command.options)) {
    if (spec.isRequired === true && !values.has(name)) {
      throw wrong(`--${name} is missing; write --${name} ${spec.placeholder ?? 'VALUE'}`);
    }
  }
  const { positional } = command;
  const most = positional === null ? 0 : positional.isMany ? Number.POSITIVE_INFINITY : 1;
  if (positionals.length > most) {
    throw wrong(`'${positionals[most] ?? ''}' is one word too many; see perfbroker ${command.words} --help`);
  }
  if (positional?.isRequired === true && positionals.length === 0) {
    throw wrong(`${positional.name} is missing; see perfbroker ${command.words} --help`);
  }
}

function namesOf(options: OptionTable): Map<string, string> {
  const names = new Map<string, string>();
  for (const [name, { alias, names: others = [] }] of Object.entries(options)) {
    names.set(`--${name}`, name);
    if (alias !== undefined) names.set(`-${alias}`, name);
    for (const other of others) names.set(`--${other}`, name);
  }
  return names;
}

function emptyOf({ kind }: OptionSpec): false | null | readonly string[] {
  return kind === 'flag' ? false : kind === 'list' ? [] : null;
}

function unknownOption(command: Command, head: string, known: Iterable<string>): Fault {
  const former = formerOptions[head.replace(/^-+/, '')];
  if (former !== undefined) return wrong(former);
  const close = closestWord(head, known);
  const remedy = close === null ? `see perfbroker ${command.words} --help` : `did you mean ${close}?`;
  return wrong(`perfbroker ${command.words} has no option ${head}; ${remedy}`);
}

function wrong(message: string): Fault {
  return new Fault('PB_UNKNOWN_FLAG', message);
}
