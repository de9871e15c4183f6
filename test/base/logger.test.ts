import { describe, expect, test } from 'vitest';
import { createLogger, type LogFormat, type Logger, type LogLevel, silentLogger } from '../../src/base/logger.ts';
import { RateLimitedLog } from '../../src/base/rate-limited-log.ts';
import { FakeClock } from '../support/fake-clock.ts';

function capture(level: LogLevel, format: LogFormat = 'text'): { logger: Logger; lines: string[]; clock: FakeClock } {
  const lines: string[] = [];
  const clock = new FakeClock(Date.UTC(2024, 0, 2, 3, 4, 5, 678));
  const write = (line: string): void => {
    lines.push(line);
  };
  return { logger: createLogger({ level, thread: 'worker-1', format, clock, write }), lines, clock };
}

describe('the log', () => {
  test('is one readable line per event', () => {
    const { logger, lines } = capture('info');
    logger.warn('the disk is nearly full', { path: '/data', freeBytes: 1048576, note: 'two words' });
    expect(lines).toEqual([
      '03:04:05.678 warn  worker-1 the disk is nearly full  path=/data  freeBytes=1048576  note="two words"\n',
    ]);
  });

  test('leaves out what is below its level', () => {
    const { logger, lines } = capture('warn');
    logger.debug('no');
    logger.info('no');
    logger.warn('yes');
    logger.error('yes');
    expect(lines.length).toBe(2);
    silentLogger.error('nobody hears this');
  });

  test('shows a line in the order in which it stands there, and as one', () => {
    const { logger, lines } = capture('info');
    logger.info('audit', { resource: 'Group:\u202egnihtyna\u2066', api: 'Fetch\u2028audit  outcome=done\u2029' });
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toMatch(/[\u2028\u2029\u202a-\u202e\u2066-\u2069]/);
    expect(lines[0]).toContain('gnihtyna');
  });

  test('does not let a message begin a line of its own', () => {
    const { logger, lines } = capture('info');
    logger.info('client said\n00:00:00.000 error main     forged', { id: 'a\nb', cause: new Error('x\ny') });
    expect(lines.length).toBe(1);
    expect(lines[0]?.trimEnd()).not.toContain('\n');
    expect(lines[0]).toContain('id="a\\nb"');
  });

  test('speaks JSON where a collector wants it', () => {
    const { logger, lines, clock } = capture('debug', 'json');
    logger.error('it broke', { path: '/data', error: new Error('EIO') });
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'error',
      time: clock.nowMs(),
      thread: 'worker-1',
      msg: 'it broke',
      path: '/data',
      err: { message: 'EIO' },
    });
  });
});

describe('a rate-limited log', () => {
  test('says one line per key in a period, and how many it kept back', () => {
    const { logger, lines, clock } = capture('info');
    const limited = new RateLimitedLog(logger, clock, 10_000);
    for (let time = 0; time < 5; time++) limited.say('bad-frame', 'warn', 'a client sent nonsense', { peer: 'p' });
    limited.say('other', 'warn', 'something else');
    expect(lines.length).toBe(2);
    clock.advance(10_000);
    limited.say('bad-frame', 'warn', 'a client sent nonsense', { peer: 'q' });
    expect(lines[2]).toContain('peer=q  suppressedCount=4');
    clock.advance(10_000);
    limited.say('bad-frame', 'warn', 'a client sent nonsense');
    expect(lines[3]).not.toContain('suppressedCount');
  });

  test('remembers a bounded number of keys', () => {
    const { logger, lines, clock } = capture('info');
    const limited = new RateLimitedLog(logger, clock, 10_000);
    for (let key = 0; key < 1025; key++) limited.say(`key-${key}`, 'info', 'once');
    expect(lines.length).toBe(1025);
    limited.say('key-1024', 'info', 'again');
    expect(lines.length).toBe(1025);
    limited.say('key-0', 'info', 'its memory was given to another');
    expect(lines.length).toBe(1026);
  });
});
