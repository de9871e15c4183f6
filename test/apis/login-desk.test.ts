/** Many logins at once: nobody forgotten, nothing remembered of who is gone. */
import { expect, it } from 'vitest';
import { LoginDesk } from '../../src/apis/login-desk.ts';
import { Alarms } from '../../src/base/alarms.ts';
import { type Logger, silentLogger } from '../../src/base/logger.ts';
import type { ConnectionFacts } from '../../src/net/control-lane.ts';
import { ANONYMOUS } from '../../src/net/identity.ts';
import { encodeRequestFrame } from '../../src/protocol/frame.ts';
import { Registry } from '../../src/protocol/registry.ts';
import { saslHandshake } from '../../src/protocol/schemas/17-sasl-handshake.ts';
import { saslAuthenticate } from '../../src/protocol/schemas/36-sasl-authenticate.ts';
import { Writer } from '../../src/protocol/writer.ts';
import { REFUSED, type SaslMechanism, type SaslStep } from '../../src/security/sasl-mechanism.ts';

const LOGINS = 500;
const registry = new Registry([saslHandshake, saslAuthenticate]);

function handshake(mechanism = 'SLOW'): Uint8Array {
  const writer = new Writer(1000);
  encodeRequestFrame(saslHandshake, 1, 1, 'c', { mechanism }, writer);
  return new Uint8Array(writer.written()).subarray(4);
}

function token(): Uint8Array {
  const writer = new Writer(1000);
  encodeRequestFrame(saslAuthenticate, 2, 2, 'c', { authBytes: Buffer.from('t') }, writer);
  return new Uint8Array(writer.written()).subarray(4);
}

function deskOf(mechanisms: readonly SaslMechanism[], log: Logger = silentLogger): LoginDesk {
  const byName = new Map(mechanisms.map((mechanism) => [mechanism.name, mechanism]));
  return new LoginDesk({
    listeners: new Map([['L', { mechanisms: byName, lifetimeMaxMs: () => 0 }]]),
    flexibleSince: registry.flexibleSince,
    answer: () => Promise.resolve(null),
    answerIllegal: () => null,
    failureDelayMs: 0,
    alarms: new Alarms(() => 0),
    log,
  });
}

function factsOf(connection: number): ConnectionFacts {
  const identity = { principal: ANONYMOUS, host: '127.0.0.1', listener: 'L' };
  return { connection, peer: '127.0.0.1:1', localHost: '127.0.0.1', localPort: 9092, identity };
}

it('keeps nobody waiting for those who wait, and forgets who is gone', async () => {
  const going: (() => void)[] = [];
  const done: SaslStep = { kind: 'done', token: Buffer.alloc(0), user: 'u', expiresMs: null };
  const slow: SaslMechanism = {
    name: 'SLOW',
    begin: () => ({ take: () => new Promise<SaslStep>((resolve) => going.push(() => resolve(done))) }),
  };
  const desk = deskOf([slow, { name: 'FAST', begin: () => ({ take: () => done }) }]);
  for (let id = 0; id < LOGINS; id++) await desk.take(handshake(), factsOf(id));
  const answers = Array.from({ length: LOGINS }, (_, id) => desk.take(token(), factsOf(id)));
  await desk.take(handshake('FAST'), factsOf(LOGINS));
  expect((await desk.take(token(), factsOf(LOGINS))).login?.principal).toBe('User:u');
  for (let id = 0; id <= LOGINS; id += 2) desk.connectionClosed(id);
  for (const go of going) go();
  const replies = await Promise.all(answers);
  expect(replies.every(({ login }) => login?.principal === 'User:u')).toBe(true);
  expect(desk.rememberedCount).toBe(LOGINS / 2);
  for (let id = 1; id < LOGINS; id += 2) desk.connectionClosed(id);
  expect(desk.rememberedCount).toBe(0);
});

it('has one line for what many strangers do wrong, whatever numbers they send', async () => {
  const lines: string[] = [];
  const none: SaslMechanism = { name: 'NONE', begin: () => ({ take: () => REFUSED }) };
  const desk = deskOf([none], { ...silentLogger, warn: (line) => lines.push(line) });
  for (let key = 100; key < 200; key++) {
    const frame = Buffer.alloc(10);
    frame.writeInt16BE(key);
    frame.writeInt16BE(-1, 8);
    expect((await desk.take(frame, factsOf(key))).closes).toBe(true);
  }
  expect(lines).toEqual([expect.stringContaining('it sent API key 100 before it logged in')]);
});

it('lets in whoever has a token for longer than anybody can count', async () => {
  const step: SaslStep = { kind: 'done', token: Buffer.alloc(0), user: 'u', expiresMs: 1e16 };
  const desk = deskOf([{ name: 'LONG', begin: () => ({ take: () => step }) }]);
  await desk.take(handshake('LONG'), factsOf(1));
  expect((await desk.take(token(), factsOf(1))).login).toEqual({ principal: 'User:u', lifetimeMs: 9e12 });
});
