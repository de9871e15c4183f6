/**
 * The built broker with TLS listeners beside plain ones, as a person starts it: on every way to the kernel, with a front of
 * its own for TLS, certificates that are renewed while it runs, and secrets that are told to nobody.
 */
import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { Kafka, logLevel } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { Connection } from '../../src/client/connection.ts';
import type { Dial } from '../../src/client/dial.ts';
import { metadata } from '../../src/protocol/schemas/03-metadata.ts';
import { describeConfigs } from '../../src/protocol/schemas/32-describe-configs.ts';
import { incrementalAlterConfigs } from '../../src/protocol/schemas/44-incremental-alter-configs.ts';
import { Authority, encryptedKey, hasOpenssl } from '../support/certificates.ts';
import { Spawned, temporaryFolder } from './spawned.ts';

const HOST = '127.0.0.1';
const paths = process.platform === 'linux' ? ['uring', 'epoll', 'node'] : ['node'];
const WAIT_MS = 20_000;
const RECORDS = 2000;

function dialWith(options: ConnectionOptions): Dial {
  return async ({ port }) => {
    const socket = connect({ host: HOST, port, ...options });
    await once(socket, 'secureConnect');
    return socket;
  };
}

function settings(values: { readonly [key: string]: string }): string[] {
  return Object.entries(values).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
}

async function portOf(broker: Spawned, name: string): Promise<number> {
  await broker.port();
  const found = new RegExp(`listening on +${name}://127\\.0\\.0\\.1:(\\d+)`).exec(broker.output);
  return Number(found?.[1]);
}

/** The name in the certificate that a new connection gets; null when there is none. */
async function nameAt(port: number): Promise<string | null> {
  const socket: TLSSocket = connect({ host: HOST, port, rejectUnauthorized: false });
  try {
    await once(socket, 'secureConnect');
    return String(socket.getPeerCertificate().subject.CN);
  } catch {
    return null;
  } finally {
    socket.destroy();
  }
}

async function until(what: () => Promise<boolean> | boolean): Promise<void> {
  const endMs = Date.now() + WAIT_MS;
  while (!(await what())) {
    if (Date.now() > endMs) throw new Error('it did not come true in time');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe.runIf(hasOpenssl)('TLS beside plain listeners (openssl)', () => {
  it.each(paths)('serves both on --io %s, with the same logs', { timeout: 60_000 }, async (io) => {
    const folder = temporaryFolder();
    const authority = new Authority(folder);
    const tls = settings({
      listeners: `PLAINTEXT://${HOST}:0,SSL://${HOST}:0`,
      'ssl.keystore.location': authority.issue('server', '/CN=localhost').file,
    });
    const threads = ['--fronts', '2', '--workers', '1', '--io', io];
    const broker = new Spawned(['--data', join(folder, 'data'), ...threads, ...tls]);
    const [plain, secured] = [await portOf(broker, 'PLAINTEXT'), await portOf(broker, 'SSL')];
    expect(broker.output).toMatch(/threads +2 fronts, 1 front for TLS, 1 worker\n/);
    const at = (port: number, ssl: { ca: string[] } | false) => {
      return new Kafka({ brokers: [`${HOST}:${port}`], ssl, logLevel: logLevel.NOTHING });
    };
    const clients = { plain: at(plain, false), secured: at(secured, { ca: [authority.pem] }) };
    const wanted = Array.from({ length: RECORDS }, (_, index) => `${index} ${'x'.repeat(500)}`);
    const producer = clients.secured.producer();
    await producer.connect();
    await producer.send({ topic: 'shared', messages: wanted.map((value) => ({ value })) });
    await producer.disconnect();
    for (const [name, kafka] of Object.entries(clients)) {
      const values: string[] = [];
      const consumer = kafka.consumer({ groupId: name, maxWaitTimeInMs: 100 });
      await consumer.connect();
      await consumer.subscribe({ topic: 'shared', fromBeginning: true });
      await consumer.run({ eachMessage: async ({ message }) => void values.push(String(message.value)) });
      await until(() => values.length >= RECORDS);
      await consumer.disconnect();
      expect(values.length === RECORDS && values.every((value, index) => value === wanted[index]), name).toBe(true);
    }
    const ended = await broker.stop('SIGTERM');
    expect([ended.code, ended.stderr]).toEqual([0, '']);
  });

  it('gives new connections a renewed certificate, and keeps the old one when the new one is broken', {
    timeout: 60_000,
  }, async () => {
    const folder = temporaryFolder();
    const authority = new Authority(folder);
    const file = join(folder, 'keystore.pem');
    copyFileSync(authority.issue('first', '/CN=first').file, file);
    const tls = settings({
      listeners: `SSL://${HOST}:0`,
      'ssl.keystore.location': file,
      'perfbroker.tls.reload.interval.ms': '100',
    });
    const broker = new Spawned(['--data', join(folder, 'data'), ...tls]);
    const port = await portOf(broker, 'SSL');
    const lasting = await Connection.open({ host: HOST, port, dial: dialWith({ ca: authority.pem }) });
    expect(await nameAt(port)).toBe('first');
    copyFileSync(authority.issue('second', '/CN=second').file, file);
    await until(async () => (await nameAt(port)) === 'second');
    writeFileSync(file, '-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n');
    await until(() => broker.output.includes('the certificate before goes on'));
    expect(await nameAt(port)).toBe('second');
    copyFileSync(authority.issue('third', '/CN=third').file, file);
    broker.kill('SIGHUP');
    await until(async () => (await nameAt(port)) === 'third');
    // Whoever was connected stays so.
    expect((await lasting.request(metadata, { topics: [] })).brokers).toHaveLength(1);
    lasting.close();
    const ended = await broker.stop('SIGTERM');
    expect(ended.code).toBe(0);
    expect(ended.stdout).toContain('its certificate expires in');
  });

  it('changes the certificate of a listener when a client sets it, and keeps that over a kill', {
    timeout: 60_000,
  }, async () => {
    const folder = temporaryFolder();
    const authority = new Authority(folder);
    const certificate = (name: string) => authority.issue(name, `/CN=${name}`);
    const file = join(folder, 'changing.pem');
    const tls = settings({
      listeners: `SSL://${HOST}:0`,
      'ssl.keystore.location': certificate('first').file,
      'perfbroker.tls.reload.interval.ms': '3600000',
    });
    const start = () => new Spawned(['--data', join(folder, 'data'), ...tls]);
    let broker = start();
    let port = await portOf(broker, 'SSL');
    const [SET, DELETE] = [0, 1];
    const alter = async (key: string, value: string | null, resourceName = '1') => {
      const connection = await Connection.open({ host: HOST, port, dial: dialWith({ ca: authority.pem }) });
      const configs = [{ name: key, configOperation: value === null ? DELETE : SET, value }];
      const resources = [{ resourceType: 4, resourceName, configs }];
      const answer = await connection.request(incrementalAlterConfigs, { resources, validateOnly: false });
      connection.close();
      return answer.responses[0];
    };
    const ofListener = 'listener.name.ssl.ssl.keystore.location';
    copyFileSync(certificate('second').file, file);
    expect(await alter(ofListener, file)).toMatchObject({ errorCode: 0 });
    await until(async () => (await nameAt(port)) === 'second');
    // The same name again: what is in the file now.
    copyFileSync(certificate('third').file, file);
    expect(await alter(ofListener, file)).toMatchObject({ errorCode: 0 });
    await until(async () => (await nameAt(port)) === 'third');
    const refusals = [
      [ofListener, join(folder, 'missing.pem'), '1', 'there is no such file'],
      [ofListener, certificate('bare').certificateFile, '1', 'comes without a private key'],
      ['ssl.keystore.location', file, '1', 'for one listener only'],
      [ofListener, file, '', 'cannot be set for all brokers'],
      ['listener.name.outside.ssl.keystore.location', file, '1', 'a listener that is not there; there are ssl'],
      ['listener.name.ssl.ssl.client.auth', 'required', '1', 'only when the broker starts'],
      ['listener.name.ssl.sasl.jaas.config', 'secret', '1', 'only when the broker starts'],
    ] as const;
    for (const [key, value, broker, said] of refusals) {
      const answer = await alter(key, value, broker);
      expect([answer?.errorCode, answer?.errorMessage]).toEqual([42, expect.stringContaining(said)]);
    }
    expect(await nameAt(port)).toBe('third');
    broker.kill('SIGKILL');
    await broker.ended;
    broker = start();
    port = await portOf(broker, 'SSL');
    expect(await nameAt(port)).toBe('third');
    expect(await alter(ofListener, null)).toMatchObject({ errorCode: 0 });
    await until(async () => (await nameAt(port)) === 'first');
    expect((await broker.stop('SIGTERM')).code).toBe(0);
  });

  it('spreads connections over several fronts for TLS, and each of them serves', { timeout: 60_000 }, async () => {
    const folder = temporaryFolder();
    const authority = new Authority(folder);
    const tls = settings({
      listeners: `PLAINTEXT://${HOST}:0,SSL://${HOST}:0`,
      'ssl.keystore.location': authority.issue('server', '/CN=localhost').file,
      'perfbroker.tls.fronts': '2',
      'listener.name.ssl.max.connections': '64',
    });
    const broker = new Spawned(['--data', join(folder, 'data'), '--http-port', '0', '--workers', '1', ...tls]);
    const port = await portOf(broker, 'SSL');
    expect(broker.output).toMatch(/threads +1 front, 2 fronts for TLS, 1 worker\n/);
    const page = `${/http:\/\/127\.0\.0\.1:\d+/.exec(broker.output)?.[0]}/metrics`;
    const openAt = async (front: number) => {
      const text = await (await fetch(page)).text();
      return Number(new RegExp(`perfbroker_connections\\{front="${front}"\\} (\\d+)`).exec(text)?.[1]);
    };
    const open: Connection[] = [];
    await expect(Connection.open({ host: HOST, port })).rejects.toThrow();
    // The kernel chooses; that it chooses one of the two all the time is out of the question.
    for (let round = 0; round < 4; round++) {
      const dial = dialWith({ ca: authority.pem });
      const opening = Array.from({ length: 16 }, () => Connection.open({ host: HOST, port, dial }));
      open.push(...(await Promise.all(opening)));
    }
    const ask = (connection: Connection) => connection.request(metadata, { topics: [] });
    for (const { brokers } of await Promise.all(open.map(ask))) expect(brokers).toHaveLength(1);
    expect((await openAt(1)) + (await openAt(2))).toBe(open.length);
    expect([(await openAt(1)) > 0, (await openAt(2)) > 0]).toEqual([true, true]);
    // As many as the listener may have, whichever front serves them; who fails to shake hands is none of them.
    let isIn = false;
    const late = Connection.open({ host: HOST, port, dial: dialWith({ ca: authority.pem }) });
    late.then(
      () => (isIn = true),
      () => undefined,
    );
    await until(() => broker.output.includes('raise listener.name.ssl.max.connections'));
    const plain = await Connection.open({ host: HOST, port: await portOf(broker, 'PLAINTEXT') });
    expect((await ask(plain)).brokers).toHaveLength(1);
    expect(isIn).toBe(false);
    open.pop()?.close();
    open.push(plain, await late);
    expect(await (await fetch(page)).text()).toContain('listener_connections{listener="SSL"} 64\n');
    for (const connection of open) connection.close();
    const ended = await broker.stop('SIGTERM');
    const others = ended.stderr.split('\n').filter((line) => !/does not speak TLS|raise listener/.test(line));
    expect([ended.code, others]).toEqual([0, ['']]);
  });

  it('tells nobody its passwords and keys', { timeout: 60_000 }, async () => {
    const folder = temporaryFolder();
    const authority = new Authority(folder);
    const { certificateFile, keyFile } = authority.issue('server', '/CN=localhost');
    const key = readFileSync(encryptedKey(keyFile, 'geheimnis'), 'utf8');
    const tls = {
      'ssl.keystore.certificate.chain': readFileSync(certificateFile, 'utf8'),
      'ssl.keystore.key': key,
      'ssl.key.password': 'geheimnis',
    };
    const broker = new Spawned(['--data', join(folder, 'data'), ...settings({ listeners: `SSL://${HOST}:0`, ...tls })]);
    const port = await portOf(broker, 'SSL');
    const connection = await Connection.open({ host: HOST, port, dial: dialWith({ ca: authority.pem }) });
    const resources = [{ resourceType: 4, resourceName: '1', configurationKeys: null }];
    const answer = await connection.request(describeConfigs, { resources, includeSynonyms: true });
    connection.close();
    const configs = answer.results[0]?.configs ?? [];
    for (const name of Object.keys(tls)) {
      expect(configs.find((config) => config.name === name)).toMatchObject({ value: null, isSensitive: true });
    }
    const line = key.split('\n')[1] ?? '';
    for (const secret of ['geheimnis', line]) {
      expect(JSON.stringify(answer).includes(secret)).toBe(false);
      expect(broker.output.includes(secret)).toBe(false);
    }
    expect((await broker.stop('SIGTERM')).code).toBe(0);
  });

  it('does not start with a listener that has no certificate', { timeout: 30_000 }, async () => {
    const ended = await new Spawned(['--data', temporaryFolder(), ...settings({ listeners: `SSL://${HOST}:0` })]).ended;
    expect(ended.code).toBe(1);
    expect(ended.stderr).toMatch(
      /^perfbroker: the listener SSL \(SSL\): it has no certificate; set ssl\.keystore\.location .+\n$/,
    );
  });
});
