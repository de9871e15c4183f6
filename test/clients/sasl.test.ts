/**
 * Logins of somebody else's clients: librdkafka by every mechanism there is, refused ones, logging in again while it works,
 * and Apache Kafka's own tools, which make the users. Our command line is the third.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { Connection } from '../../src/client/connection.ts';
import { metadata } from '../../src/protocol/schemas/03-metadata.ts';
import { BrokerProcess, projectRoot } from './broker-process.ts';
import { clientsCache, describeInstalled } from './foreign-client.ts';
import { javaFolder } from './kafka-process.ts';
import { ToolRunner } from './tool-runner.ts';

const python = join(clientsCache, 'python', 'bin', 'python');
const program = join(projectRoot, 'test', 'clients', 'python', 'sasl.py');
const TIMEOUT_MS = 120_000;
const JAAS = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_admin="admin-secret";';

const folder = mkdtempSync(join(tmpdir(), 'perfbroker-sasl-'));
let broker: BrokerProcess;
let token = '';
let stale = '';

beforeAll(async () => {
  const pair = await generateKeyPair('RS256', { extractable: true });
  writeFileSync(
    join(folder, 'keys.json'),
    JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'one' }] }),
  );
  const sign = (lifetime: string) =>
    new SignJWT({ scope: 'all' })
      .setProtectedHeader({ alg: 'RS256', kid: 'one' })
      .setSubject('dora')
      .setAudience('perfbroker')
      .setIssuedAt()
      .setExpirationTime(lifetime)
      .sign(pair.privateKey);
  token = await sign('1h');
  stale = await sign('-1h');
  const settings = [
    'listeners=SASL_PLAINTEXT://127.0.0.1:9092',
    'sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    `listener.name.sasl_plaintext.plain.sasl.jaas.config=${JAAS}`,
    'connections.max.reauth.ms=3000',
    `sasl.oauthbearer.jwks.endpoint.url=${pathToFileURL(join(folder, 'keys.json')).href}`,
    'sasl.oauthbearer.expected.audience=perfbroker',
  ];
  writeFileSync(join(folder, 'server.properties'), settings.join('\n'));
  writeFileSync(join(folder, 'first.txt'), 'first-secret\n');
  broker = await BrokerProcess.start({
    arguments: [
      '--config',
      join(folder, 'server.properties'),
      '--add-scram',
      `SCRAM-SHA-512=[name=first,password-file=${join(folder, 'first.txt')}]`,
    ],
  });
  const admin = client('admin', 'admin-secret').admin();
  await admin.users.put([
    { name: 'alice', password: 'alice-secret', mechanism: 'SCRAM-SHA-256' },
    { name: 'bob', password: 'bob=secret,with"all', mechanism: 'SCRAM-SHA-512', iterations: 8192 },
  ]);
  await admin.close();
}, TIMEOUT_MS);
afterAll(async () => {
  await broker.dispose();
  rmSync(folder, { recursive: true, force: true });
});

function client(username: string, password: string) {
  return createClient({ brokers: broker.address, sasl: { mechanism: 'PLAIN', username, password } });
}

interface Said {
  readonly errors: readonly string[];
  readonly sent: number;
  readonly read: number;
}

async function run(
  file: string,
  parameters: readonly string[],
  input: string,
): Promise<{ code: number; text: string; output: string }> {
  const child = spawn(file, [...parameters], { stdio: ['pipe', 'pipe', 'pipe'] });
  let text = '';
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { code: Number(code), text, output };
}

async function librdkafka(topic: string, seconds: number, login: { readonly [key: string]: string }): Promise<Said> {
  const settings = { 'bootstrap.servers': broker.address, 'security.protocol': 'SASL_PLAINTEXT', ...login };
  const { code, text, output } = await run(python, [program, topic, '200', String(seconds)], JSON.stringify(settings));
  expect(code, text).toBe(0);
  return JSON.parse(output);
}

describeInstalled('logins of librdkafka', [python, join(clientsCache, 'python.installed')], () => {
  const scram = (mechanism: string, user: string, password: string) => ({
    'sasl.mechanism': mechanism,
    'sasl.username': user,
    'sasl.password': password,
  });
  const good = { errors: [], sent: 200, read: 200 };

  it('works by every mechanism', { timeout: TIMEOUT_MS }, async () => {
    const logins = {
      plain: scram('PLAIN', 'admin', 'admin-secret'),
      sha256: scram('SCRAM-SHA-256', 'alice', 'alice-secret'),
      sha512: scram('SCRAM-SHA-512', 'bob', 'bob=secret,with"all'),
      first: scram('SCRAM-SHA-512', 'first', 'first-secret'),
      token: { 'sasl.mechanism': 'OAUTHBEARER', token },
    };
    for (const [topic, login] of Object.entries(logins))
      expect(await librdkafka(topic, 0.1, login), topic).toEqual(good);
  });

  it('goes on when it has to log in again', { timeout: TIMEOUT_MS }, async () => {
    expect(await librdkafka('again', 9, scram('SCRAM-SHA-256', 'alice', 'alice-secret'))).toEqual(good);
  });

  it('learns that it was refused, and why nobody else does', { timeout: TIMEOUT_MS }, async () => {
    const wrong = [
      scram('PLAIN', 'admin', 'wrong'),
      scram('PLAIN', 'nobody', 'admin-secret'),
      scram('SCRAM-SHA-256', 'alice', 'wrong'),
      scram('SCRAM-SHA-256', 'nobody', 'alice-secret'),
      scram('SCRAM-SHA-512', 'alice', 'alice-secret'),
      { 'sasl.mechanism': 'OAUTHBEARER', token: stale },
    ];
    for (const login of wrong) {
      const { errors, sent } = await librdkafka('refused', 0.1, login);
      expect(sent).toBe(0);
      expect(errors).toContain('_AUTHENTICATION');
    }
    for (const secret of ['admin-secret', 'alice-secret', 'wrong', token, stale])
      expect(broker.output).not.toContain(secret);
    expect(broker.output).toContain('did not log in');
  });
});

describeInstalled("logins of Apache Kafka's tools", [join(javaFolder, 'lib')], () => {
  it('make users, who then come in, and take them away again', { timeout: TIMEOUT_MS }, async () => {
    const file = (name: string, mechanism: string, module: string, user: string, password: string) => {
      const path = join(folder, name);
      const jaas = `org.apache.kafka.common.security.${module} required username="${user}" password="${password}";`;
      writeFileSync(path, `security.protocol=SASL_PLAINTEXT\nsasl.mechanism=${mechanism}\nsasl.jaas.config=${jaas}\n`);
      return ['--bootstrap-server', broker.address, '--command-config', path];
    };
    const asAdmin = file('admin.properties', 'PLAIN', 'plain.PlainLoginModule', 'admin', 'admin-secret');
    const asCarol = file('carol.properties', 'SCRAM-SHA-512', 'scram.ScramLoginModule', 'carol', 'carol-secret');
    const tools = new ToolRunner();
    try {
      const entity = ['--entity-type', 'users', '--entity-name', 'carol'];
      const add = 'SCRAM-SHA-512=[iterations=8192,password=carol-secret]';
      const added = await tools.run('configs', [...asAdmin, '--alter', '--add-config', add, ...entity]);
      expect(added.printed).toContain('Completed updating config for user carol');
      const described = await tools.run('configs', [...asAdmin, '--describe', ...entity]);
      expect(described.printed).toContain('SCRAM-SHA-512=iterations=8192');
      const created = await tools.run('topics', [...asCarol, '--create', '--topic', 'of-carol', '--partitions', '1']);
      expect(created.printed).toContain('Created topic of-carol');
      // Six seconds, of which each login is good for three.
      const load = ['--topic', 'of-carol', '--num-records', '60', '--record-size', '10', '--throughput', '10'];
      const sent = await tools.run('producer-perf-test', [...load, ...asCarol]);
      expect(sent.printed).toMatch(/60 records sent/);
      expect(broker.output).not.toContain('its login has expired');
      await tools.run('configs', [...asAdmin, '--alter', '--delete-config', 'SCRAM-SHA-512', ...entity]);
      const refused = await tools.run('topics', [...asCarol, '--list']);
      expect(refused.printed + refused.complained).toMatch(/SaslAuthenticationException|Authentication failed/);
    } finally {
      await tools.stop();
    }
  });
});

it('our own command line makes users and logs in as one', { timeout: TIMEOUT_MS }, async () => {
  const main = join(projectRoot, 'dist', 'src', 'main.js');
  const config = (name: string, lines: readonly string[]) => {
    const path = join(folder, name);
    writeFileSync(path, ['security.protocol=SASL_PLAINTEXT', ...lines].join('\n'));
    return ['-b', broker.address, '--command-config', path];
  };
  const asAdmin = config('cli-admin.properties', [
    'sasl.mechanism=PLAIN',
    'sasl.username=admin',
    'sasl.password=admin-secret',
  ]);
  const asErin = config('cli-erin.properties', [
    'sasl.mechanism=SCRAM-SHA-512',
    'sasl.username=erin',
    'sasl.password=erin-secret',
  ]);
  writeFileSync(join(folder, 'token'), token);
  const asDora = config('cli-dora.properties', [
    'sasl.mechanism=OAUTHBEARER',
    `sasl.oauthbearer.token.endpoint.url=${pathToFileURL(join(folder, 'token')).href}`,
  ]);
  const cli = (parameters: readonly string[], input = '') => run(process.execPath, [main, ...parameters], input);
  expect(await cli(['user', 'add', 'erin', ...asAdmin], 'erin-secret\n')).toMatchObject({ code: 0 });
  expect((await cli(['topic', 'create', 'of-erin', ...asErin])).code).toBe(0);
  expect((await cli(['topic', 'list', ...asDora])).text).toContain('of-erin');
  expect((await cli(['user', 'list', ...asErin])).text).toMatch(/erin\s+SCRAM-SHA-512 \(4096\)/);
  expect((await cli(['user', 'remove', 'erin', ...asAdmin])).code).toBe(0);
  const plain = await Connection.open({ host: '127.0.0.1', port: broker.port });
  await expect(plain.request(metadata, { topics: [], allowAutoTopicCreation: false })).rejects.toThrow(
    /may want a login/,
  );
  const refused = await cli(['topic', 'list', ...asErin]);
  expect(refused.code).not.toBe(0);
  expect(refused.text).toContain('SASL_AUTHENTICATION_FAILED');
  expect(refused.text).not.toContain('erin-secret');
});

it('our own client logs in again while it works', { timeout: TIMEOUT_MS }, async () => {
  const login = { mechanism: 'SCRAM-SHA-512', username: 'first', password: 'first-secret' } as const;
  const own = createClient({ brokers: broker.address, sasl: login });
  const producer = own.producer();
  const offsets: number[] = [];
  // Six seconds, of which each login is good for three; several records are on their way at any time.
  for (let index = 0; index < 120; index++) {
    const sent = [0, 1, 2].map((part) => producer.send({ topic: 'of-own', value: `${index}-${part}` }));
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (const one of sent) offsets.push((await one).offset);
  }
  await own.close();
  expect(offsets).toEqual(Array.from({ length: 360 }, (_, index) => index));
  expect(broker.output).not.toContain('its login has expired');
});
