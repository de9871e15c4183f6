/**
 * Logins over TLS (SASL_SSL), on every way to the kernel: the broker is shown by its certificate, the client by its password,
 * and next to them clients of a plain listener go on as ever.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { Authority, hasOpenssl } from '../support/certificates.ts';
import { Spawned, temporaryFolder } from './spawned.ts';

const HOST = '127.0.0.1';
const PASSWORD = 'a-secret-of-the-test';
const paths = process.platform === 'linux' ? ['uring', 'epoll', 'node'] : ['node'];
const RECORDS = 200;

describe.runIf(hasOpenssl)('logins over TLS (openssl)', () => {
  it.each(paths)('let users in and nobody else on --io %s', { timeout: 60_000 }, async (io) => {
    const folder = temporaryFolder();
    const authority = new Authority(folder);
    const settings = [
      `listeners=PLAINTEXT://${HOST}:0,SASL_SSL://${HOST}:0`,
      `ssl.keystore.location=${authority.issue('server', '/CN=localhost').file}`,
      'listener.name.sasl_ssl.sasl.enabled.mechanisms=SCRAM-SHA-512',
      'connections.max.reauth.ms=1500',
    ].flatMap((text) => ['--set', text]);
    writeFileSync(join(folder, 'password'), `${PASSWORD}\n`);
    const first = `SCRAM-SHA-512=[name=admin,password-file=${join(folder, 'password')}]`;
    const broker = new Spawned(['--data', join(folder, 'data'), '--io', io, '--add-scram', first, ...settings]);
    await broker.port();
    const port = Number(/listening on +SASL_SSL:\/\/127\.0\.0\.1:(\d+)/.exec(broker.output)?.[1]);
    const brokers = `${HOST}:${port}`;
    const tls = { ca: authority.pem };
    const client = (password: string) =>
      createClient({ brokers, tls, sasl: { mechanism: 'SCRAM-SHA-512', username: 'admin', password } });

    const own = client(PASSWORD);
    const producer = own.producer();
    const offsets: number[] = [];
    // Longer than a login is good for.
    for (let index = 0; index < RECORDS; index++) {
      offsets.push((await producer.send({ topic: 'kept', value: String(index) })).offset);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await own.close();
    expect(offsets).toEqual(Array.from({ length: RECORDS }, (_, index) => index));

    const sasl = { mechanism: 'scram-sha-512', username: 'admin', password: PASSWORD } as const;
    const kafkajs = new Kafka({
      brokers: [brokers],
      ssl: { ca: [authority.pem] },
      sasl,
      // Its own ten seconds would have it log in again with every request, which is refused, as in Kafka.
      reauthenticationThreshold: 200,
      logLevel: logLevel.NOTHING,
    });
    const admin = kafkajs.admin();
    await admin.connect();
    expect(await admin.listTopics()).toContain('kept');
    await admin.disconnect();

    const wrong = client('wrong');
    await expect(wrong.admin().topics.list()).rejects.toMatchObject({ errorName: 'SASL_AUTHENTICATION_FAILED' });
    await wrong.close();
    const unknown = createClient({
      brokers,
      tls: true,
      sasl: { mechanism: 'SCRAM-SHA-512', username: 'admin', password: PASSWORD },
    });
    await expect(unknown.admin({ timeoutMs: 500 }).topics.list()).rejects.toThrow(/certificate/);
    await unknown.close();
    expect(broker.output).not.toContain(PASSWORD);
    expect((await broker.stop('SIGTERM')).code).toBe(0);
  });
});
