/**
 * Reads the command line of the broker. Flags and their letters come from the settings table, so a flag is never written
 * down twice. Gives texts only; `config/load.ts` checks the values.
 */
import { parseArgs } from 'node:util';
import { Fault } from '../base/fault.ts';
import { brokerSettings } from '../config/broker-settings.ts';
import { closestWord } from '../config/did-you-mean.ts';

export type BrokerArguments =
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | { readonly kind: 'settings' }
  | {
      readonly kind: 'run';
      /** Setting key → text. */
      readonly flags: { readonly [key: string]: string };
      readonly sets: readonly string[];
      readonly configPath: string | null;
    };

/** `argv` without the program's name. Throws Fault PB_UNKNOWN_FLAG. */
export function readBrokerArguments(argv: readonly string[]): BrokerArguments {
  const keyOfFlag = new Map<string, string>();
  for (const [key, setting] of Object.entries(brokerSettings)) {
    if (setting.flag !== null) keyOfFlag.set(setting.flag.name, key);
  }
  checkFlags(argv, keyOfFlag);
  const { values } = parseArgs({
    args: joined(argv),
    options: optionsOf(),
    strict: true,
    allowPositionals: false,
  });
  const { help, version, settings, set, config } = values;
  if (help === true) return { kind: 'help' };
  if (version === true) return { kind: 'version' };
  if (settings === true) return { kind: 'settings' };
  const flags: { [key: string]: string } = {};
  for (const [name, key] of keyOfFlag) {
    const text = values[name];
    if (typeof text === 'string') flags[key] = text;
  }
  const sets = Array.isArray(set) ? set.filter((text) => typeof text === 'string') : [];
  return { kind: 'run', flags, sets, configPath: typeof config === 'string' ? config : null };
}

interface OptionShape {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
}

function optionsOf(): { [name: string]: OptionShape } {
  const options: { [name: string]: OptionShape } = {
    config: { type: 'string', short: 'c' },
    set: { type: 'string', short: 's', multiple: true },
    help: { type: 'boolean', short: 'h' },
    version: { type: 'boolean', short: 'v' },
    settings: { type: 'boolean' },
  };
  for (const setting of Object.values(brokerSettings)) {
    if (setting.flag === null) continue;
    const { name, alias } = setting.flag;
    options[name] = alias === null ? { type: 'string' } : { type: 'string', short: alias };
  }
  return options;
}

/** Says in our words what `parseArgs` would say in its own. */
function checkFlags(argv: readonly string[], keyOfFlag: ReadonlyMap<string, string>): void {
  const long = new Map(Object.entries(optionsOf()));
  const short = new Map([...long].flatMap(([name, shape]) => (shape.short === undefined ? [] : [[shape.short, name]])));
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? '';
    const [head = '', value] = splitOnce(word);
    const name = head.startsWith('--') ? head.slice(2) : (short.get(head.slice(1, 2)) ?? '');
    if (!head.startsWith('-') || head === '--') throw strayWord(word);
    const shape = long.get(name);
    if (shape === undefined) throw unknownFlag(head, long.keys());
    const isAttached = value !== undefined || (!head.startsWith('--') && head.length > 2);
    if (shape.type === 'boolean') {
      if (value !== undefined) throw new Fault('PB_UNKNOWN_FLAG', `${head} takes no value; leave '=${value}' out`);
      continue;
    }
    if (isAttached) continue;
    index++;
    const next = argv[index];
    if (next === undefined || isFlagLike(next)) {
      const key = keyOfFlag.get(name);
      const placeholder =
        (key === undefined ? null : brokerSettings[key]?.flag?.placeholder) ?? (name === 'set' ? 'key=value' : 'FILE');
      throw new Fault('PB_UNKNOWN_FLAG', `${head} needs a value; write ${head} ${placeholder}`);
    }
  }
}

/** "--port -5" and "-p -5" become "--port=-5", so that the value and not the parser decides what a minus means. */
function joined(argv: readonly string[]): string[] {
  const options = optionsOf();
  const long = new Map(
    Object.entries(options).flatMap(([name, { short, type }]) => {
      if (type !== 'string') return [];
      return short === undefined
        ? [[`--${name}`, name]]
        : [
            [`--${name}`, name],
            [`-${short}`, name],
          ];
    }),
  );
  const args: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? '';
    const name = long.get(word);
    if (name === undefined) args.push(word);
    else args.push(`--${name}=${argv[++index] ?? ''}`);
  }
  return args;
}

function splitOnce(word: string): [string, string | undefined] {
  const equals = word.indexOf('=');
  return equals < 0 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
}

/** A negative number is a value. */
function isFlagLike(word: string): boolean {
  return word.startsWith('-') && !/^-\d/.test(word);
}

function strayWord(word: string): Fault {
  return new Fault(
    'PB_UNKNOWN_FLAG',
    `'${word}' stands alone on the command line; flags begin with --, see perfbroker --help`,
  );
}

function unknownFlag(head: string, known: Iterable<string>): Fault {
  const close = closestWord(head.replace(/^-+/, ''), known);
  const remedy = close === null ? 'see perfbroker --help' : `did you mean --${close}?`;
  return new Fault('PB_UNKNOWN_FLAG', `there is no flag ${head}; ${remedy}`);
}
