import { describe, expect, it } from 'vitest';
import { renderHelp } from '../../src/cli/help.ts';
import { renderStartScreen, type StartFacts } from '../../src/cli/start-screen.ts';
import { brokerSettings } from '../../src/config/broker-settings.ts';

const facts: StartFacts = {
  version: '0.1.0',
  listeners: [{ name: 'PLAINTEXT', protocol: 'PLAINTEXT', address: { host: '0.0.0.0', port: 9092 }, advertised: null }],
  http: null,
  dataFolder: '/srv/data',
  ioPath: 'epoll',
  ioReason: 'io_uring is not permitted in this container',
  fronts: 1,
  tlsFronts: 0,
  workers: 3,
  durability: 'page-cache',
  flushWindowMs: 1000,
  topics: 1,
  partitions: 64,
  newTopicPartitions: 1,
  startedInMs: 41.6,
  hasRules: false,
  warnings: [],
  notices: ['the disk is nearly full'],
};

describe('the start screen', () => {
  it('says where it listens, how it works and how to try it, on one screen without colour', () => {
    const screen = renderStartScreen(facts, false);
    expect(screen).toContain('perfbroker 0.1.0 ready in 42 ms');
    expect(screen).toMatch(/listening on +0\.0\.0\.0:9092/);
    expect(screen).toContain('/srv/data (1 topic, 64 partitions)');
    expect(screen).toContain('epoll (io_uring is not permitted in this container)');
    expect(screen).toContain('1 front, 3 workers');
    expect(screen).toContain('note the disk is nearly full');
    expect(screen).toContain('kcat -b localhost:9092 -t hello -P');
    expect(screen.includes('\u001b')).toBe(false);
    expect(screen.split('\n').length).toBeLessThanOrEqual(24);
  });

  it('names the advertised address to try, and colours only when told to', () => {
    const [plain] = facts.listeners;
    if (plain === undefined) throw new Error('the facts name a listener');
    const listener = { ...plain, advertised: { host: 'k', port: 1 }, address: { host: '::1', port: 2 } };
    const screen = renderStartScreen({ ...facts, listeners: [listener] }, true);
    expect(screen).toContain('[::1]:2');
    expect(screen).toContain('kcat -b k:1');
    expect(screen.includes('\u001b[1m')).toBe(true);
  });
});

describe('the start screen of several listeners', () => {
  it('names each with its protocol where the name does not say it, and tries a plain one', () => {
    const at = (name: string, protocol: string, port: number) => {
      return { name, protocol, address: { host: '127.0.0.1', port }, advertised: null };
    };
    const listeners = [at('SSL', 'SSL', 1), at('INSIDE', 'SASL_PLAINTEXT', 2), at('PLAINTEXT', 'PLAINTEXT', 3)];
    const screen = renderStartScreen({ ...facts, listeners, tlsFronts: 1 }, false);
    expect(screen).toMatch(
      /listening on +SSL:\/\/127\.0\.0\.1:1\n +listening on +INSIDE:\/\/127\.0\.0\.1:2 \(SASL_PLAINTEXT\)\n/,
    );
    expect(screen).toMatch(/threads +1 front, 1 front for TLS, 3 workers\n/);
    expect(screen).toContain('kcat -b 127.0.0.1:3');
  });
});

describe('the help', () => {
  it('names every flag with its default, on lines of at most 110 characters', () => {
    const help = renderHelp();
    for (const { flag } of Object.values(brokerSettings)) {
      if (flag !== null) expect(help).toContain(`--${flag.name} ${flag.placeholder}`);
    }
    for (const name of ['--config FILE', '--set KEY=VALUE', '--help', '--version', '[9092]', '[./data]']) {
      expect(help).toContain(name);
    }
    for (const line of help.split('\n')) expect(line.length, line).toBeLessThanOrEqual(110);
  });
});
