/** Options of console commands: read by their description, refused in sentences. */
import { describe, expect, it } from 'vitest';
import { defineCommand } from '../../src/cli/command.ts';
import { readCommandLine } from '../../src/cli/command-line.ts';
import { renderUsage } from '../../src/cli/usage.ts';

const sample = defineCommand({
  words: 'topic create',
  needsArguments: true,
  summary: 'Makes a topic.',
  positional: { name: 'NAME', doc: 'Its name.', isRequired: false, isMany: false },
  options: {
    topic: { kind: 'text', alias: 't', placeholder: 'NAME', doc: 'Its name.' },
    partitions: { kind: 'number', min: 1, max: 100, placeholder: 'N', doc: 'How many.', isRequired: true },
    config: { kind: 'list', placeholder: 'KEY=VALUE', doc: 'A setting.' },
    acks: { kind: 'text', choices: ['0', '1', 'all'], doc: 'Who must have it.' },
    'if-not-exists': { kind: 'flag', names: ['if-absent'], doc: 'Quietly.' },
  },
  examples: ['topic create orders'],
  run: () => Promise.resolve(0),
});

const read = (...argv: string[]) => readCommandLine(sample, argv);

describe('a command line', () => {
  it('is read in every spelling', () => {
    const { options, positionals } = read(
      '-t',
      'a',
      '--partitions=3',
      '--config',
      'x=1',
      '--config=y=2',
      '--if-absent',
      'rest',
    );
    expect(options).toEqual({ topic: 'a', partitions: 3, config: ['x=1', 'y=2'], acks: null, 'if-not-exists': true });
    expect(positionals).toEqual(['rest']);
    expect(read('--partitions', '1', '--', '--odd').positionals).toEqual(['--odd']);
  });

  it.each([
    [['--partitions', '0'], 'too small; at least 1'],
    [['--partitions', '101'], 'too large; at most 100'],
    [['--partitions', 'x'], 'is not a number'],
    [['--partitions', '1.5'], '--partitions 1.5 is not a whole number'],
    [['--partitions'], 'needs a value; write --partitions N'],
    [['--partitions', '1', '--partitions', '2'], 'given twice'],
    [[], '--partitions is missing'],
    [['--partitions', '1', 'a', 'b'], "'b' is one word too many"],
    [['--partition', '1'], 'did you mean --partitions?'],
    [['--partitions', '1', '--acks', '2'], 'one of 0, 1, all'],
    [['--partitions', '1', '--if-not-exists=yes'], 'takes no value'],
    [['--zookeeper', 'z:2181'], 'write --bootstrap-server HOST:PORT'],
    [['--broker-list', 'z:9092'], 'write --bootstrap-server HOST:PORT'],
  ])('%j is refused with a remedy', (argv, says) => {
    expect(() => read(...argv)).toThrow(says);
  });

  it('asks for help before anything is missing', () => {
    expect(read('--help').wantsHelp).toBe(true);
    const usage = renderUsage(sample);
    for (const text of [
      'Usage: perfbroker topic create [NAME]',
      '-t, --topic NAME',
      'Required.',
      'One of 0, 1, all.',
    ]) {
      expect(usage).toContain(text);
    }
  });
});
