import { describe, expect, it } from 'vitest';
import { readBrokerArguments } from '../../src/cli/broker-arguments.ts';
import { loadBrokerConfig } from '../../src/config/load.ts';

describe('the command line', () => {
  it('turns flags into settings, in every way they are written', () => {
    const read = readBrokerArguments([
      '--port',
      '9',
      '-d',
      'x',
      '--partitions=64',
      '-w3',
      '--set',
      'a=1',
      '-s',
      'b=2',
      '-c',
      'f',
    ]);
    expect(read).toEqual({
      kind: 'run',
      flags: { port: '9', 'log.dirs': 'x', 'num.partitions': '64', 'perfbroker.workers': '3' },
      sets: ['a=1', 'b=2'],
      configPath: 'f',
    });
    expect(readBrokerArguments([])).toEqual({ kind: 'run', flags: {}, sets: [], configPath: null });
    expect(readBrokerArguments(['-h']).kind).toBe('help');
    expect(readBrokerArguments(['--version']).kind).toBe('version');
    expect(readBrokerArguments(['--settings']).kind).toBe('settings');
  });

  it('feeds the settings', () => {
    const read = readBrokerArguments(['--io', 'epoll', '--durability', 'fsync', '--advertise', 'h:1', '--host', '::1']);
    if (read.kind !== 'run') throw new Error('it is to run');
    expect(loadBrokerConfig(read).values).toMatchObject({
      'perfbroker.io': 'epoll',
      'perfbroker.durability': 'fsync',
      'perfbroker.advertise': 'h:1',
      'host.name': '::1',
    });
  });

  it('says what is wrong and what to write instead', () => {
    const problem = (...argv: string[]): string => {
      try {
        readBrokerArguments(argv);
        return '';
      } catch (error) {
        return error instanceof Error ? error.message : '';
      }
    };
    expect(problem('--prot', '1')).toBe('there is no flag --prot; did you mean --port?');
    expect(problem('--xyzzyx')).toBe('there is no flag --xyzzyx; see perfbroker --help');
    expect(problem('--port')).toBe('--port needs a value; write --port PORT');
    expect(problem('--port', '--host', 'x')).toBe('--port needs a value; write --port PORT');
    expect(problem('--set')).toBe('--set needs a value; write --set key=value');
    expect(problem('9092')).toContain("'9092' stands alone");
    expect(problem('--help=yes')).toBe("--help takes no value; leave '=yes' out");
    expect(problem('-z')).toContain('there is no flag -z');
  });

  it('hands a negative number over as a value, for the settings to refuse', () => {
    const read = readBrokerArguments(['--port', '-5']);
    if (read.kind !== 'run') throw new Error('it is to run');
    expect(() => loadBrokerConfig(read)).toThrow("port is '-5' but must be a whole number, between 0 and 65535");
    expect(readBrokerArguments(['-w', '-5'])).toMatchObject({ flags: { 'perfbroker.workers': '-5' } });
  });
});
