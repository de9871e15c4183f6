/**
 * Somebody else's clients on listeners with TLS: librdkafka (from Python, and kcat) and Apache Kafka's own tools in Java, shown
 * by certificates (SSL, where rules make users of them) and by logins (SASL_SSL). Access rules are on, so that whoever gets
 * anything done was taken for the user it is.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, createClient, demand } from '../../src/client/client.ts';
import { Authority, type Certificate, hasOpenssl, pkcs12Trust } from '../support/certificates.ts';
import { BrokerProcess, projectRoot } from './broker-process.ts';
import { clientsCache, describeInstalled } from './foreign-client.ts';
import { javaFolder } from './kafka-process.ts';
import { ToolRunner } from './tool-runner.ts';

const python = join(clientsCache, 'python', 'bin', 'python');
const program = join(projectRoot, 'test', 'clients', 'python', 'sasl.py');
const kcat = ['/usr/bin/kcat', '/usr/local/bin/kcat'].find((path) => existsSync(path)) ?? '/usr/bin/kcat';
const TIMEOUT_MS = 120_000;
const plainUsers = ['admin', 'bob', 'carol'].map((name) => `user_${name}="${name}-secret"`).join(' ');
const JAAS = `org.apache.kafka.common.security.plain.PlainLoginModule required ${plainUsers};`;
const topics = ['orders', 'of-alice', 'of-dora', 'of-alice-java', 'of-dora-java'];
const STORE_PASSWORD = 'of-the-store';
/** What the user may do, each on names that begin with it. */
const rules = [
  ['User:alice', ['--topic', 'of-alice', '--producer']],
  ['User:alice', ['--topic', 'of-alice', '--group', 'of-', '--consumer']],
  ['User:bob', ['--topic', 'orders', '--producer']],
  ['User:carol', ['--topic', 'orders', '--group', 'carols', '--consumer']],
  ['User:dora', ['--topic', 'of-dora', '--producer']],
  ['User:dora', ['--topic', 'of-dora', '--group', 'of-', '--consumer']],
] as const;

interface Ran {
  readonly code: number;
  readonly printed: string;
  readonly complained: string;
}

type Settings = { readonly [key: string]: string };

async function run(file: string, parameters: readonly string[], input = ''): Promise<Ran> {
  const child = spawn(file, [...parameters], { stdio: ['pipe', 'pipe', 'pipe'] });
  const said = { printed: '', complained: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.printed += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said.complained += chunk.toString()));
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  return { code: Number(code), ...said };
}

describe.runIf(hasOpenssl)('clients on listeners with TLS (openssl)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'perfbroker-tls-clients-'));
  const authority = hasOpenssl ? new Authority(folder) : null;
  let broker: BrokerProcess;
  let admin: Client;
  let saslAddress = '';
  let alice: Certificate;
  let stranger: Certificate;

  const ca = { 'ssl.ca.location': join(folder, 'authority.crt') };
  const shown = ({ certificateFile, keyFile }: Certificate): Settings => ({
    'bootstrap.servers': broker.address,
    'security.protocol': 'SSL',
    ...ca,
    'ssl.certificate.location': certificateFile,
    'ssl.key.location': keyFile,
  });
  const login = (mechanism: string, user: string): Settings => ({
    'bootstrap.servers': saslAddress,
    'security.protocol': 'SASL_SSL',
    ...ca,
    'sasl.mechanism': mechanism,
    'sasl.username': user,
    'sasl.password': `${user}-secret`,
  });

  beforeAll(async () => {
    if (authority === null) return;
    const server = authority.issue('server', '/CN=localhost');
    alice = authority.issue('alice', '/C=DE/O=Org/CN=ALICE');
    stranger = authority.issue('eve', '/C=DE/O=Org/CN=eve');
    const settings = [
      'listeners=SSL://127.0.0.1:9092,SASL_SSL://127.0.0.1:0',
      `ssl.keystore.location=${authority.pkcs12(server, STORE_PASSWORD)}`,
      `ssl.keystore.password=${STORE_PASSWORD}`,
      'ssl.client.auth=required',
      `ssl.truststore.location=${pkcs12Trust(authority.file, STORE_PASSWORD)}`,
      `ssl.truststore.password=${STORE_PASSWORD}`,
      'ssl.principal.mapping.rules=RULE:^CN=([A-Za-z]+),.*$/$1/L,DEFAULT',
      'sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
      `listener.name.sasl_ssl.plain.sasl.jaas.config=${JAAS}`,
      'authorizer.class.name=acl',
      'super.users=User:admin',
      'offsets.topic.num.partitions=4',
    ];
    writeFileSync(join(folder, 'server.properties'), settings.join('\n'));
    broker = await BrokerProcess.start({ arguments: ['--config', join(folder, 'server.properties')] });
    saslAddress = `127.0.0.1:${/listening on +SASL_SSL:\/\/127\.0\.0\.1:(\d+)/.exec(broker.output)?.[1]}`;
    const sasl = { mechanism: 'PLAIN', username: 'admin', password: 'admin-secret' } as const;
    admin = createClient({ brokers: saslAddress, tls: { ca: authority.pem }, sasl });
    const config = join(folder, 'admin.properties');
    const lines = [`ssl.ca.location=${authority.file}`, 'security.protocol=SASL_SSL', 'sasl.mechanism=PLAIN'];
    writeFileSync(config, [...lines, 'sasl.username=admin', 'sasl.password=admin-secret'].join('\n'));
    const own = admin.admin();
    for (const mechanism of ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)
      demand(await own.users.put([{ name: 'dora', password: 'dora-secret', mechanism }]));
    for (const name of topics) await own.createTopic({ name, partitions: 1 });
    await own.close();
    const main = join(projectRoot, 'dist', 'src', 'main.js');
    for (const [principal, what] of rules) {
      const whom = ['--resource-pattern-type', 'prefixed', '--allow-principal', principal];
      const added = await run(process.execPath, [
        main,
        ...['acl', 'add', '-b', saslAddress, '--command-config', config],
        ...what,
        ...whom,
      ]);
      expect([added.code, added.complained]).toEqual([0, '']);
    }
  }, TIMEOUT_MS);

  afterAll(async () => {
    await admin?.close();
    await broker?.dispose();
    rmSync(folder, { recursive: true, force: true });
  });

  describeInstalled('librdkafka', [python, join(clientsCache, 'python.installed')], () => {
    const librdkafka = async (topic: string, settings: Settings): Promise<unknown> => {
      const { printed, complained } = await run(python, [program, topic, '200', '0.1'], JSON.stringify(settings));
      const last = printed.trim().split('\n').at(-1);
      return last === undefined || last === '' ? complained : JSON.parse(last);
    };
    const good = { errors: [], sent: 200, read: 200 };

    it('writes and reads as the user that a rule makes of its certificate', { timeout: TIMEOUT_MS }, async () => {
      expect(await librdkafka('of-alice', shown(alice))).toEqual(good);
    });

    it('writes and reads as the user that logged in over TLS', { timeout: TIMEOUT_MS }, async () => {
      expect(await librdkafka('of-dora', login('SCRAM-SHA-512', 'dora'))).toEqual(good);
    });

    it('may do nothing that its certificate or login has no rule for', { timeout: TIMEOUT_MS }, async () => {
      const refused = { errors: ['TOPIC_AUTHORIZATION_FAILED'], sent: 0, read: 0 };
      expect(await librdkafka('of-alice', shown(stranger))).toEqual(refused);
      expect(await librdkafka('of-alice', login('SCRAM-SHA-256', 'dora'))).toEqual(refused);
    });
  });

  describeInstalled('kcat', [kcat], () => {
    const settled = (settings: Settings) =>
      Object.entries(settings).flatMap(([key, value]) => ['-X', `${key}=${value}`]);
    const write = (settings: Settings, topic: string, text: string) =>
      run(kcat, ['-P', '-t', topic, ...settled({ ...settings, 'message.timeout.ms': '20000' })], text);
    const read = (settings: Settings, ...more: string[]) =>
      run(kcat, ['-C', '-e', '-q', ...settled(settings), ...more]);

    it('lets one user write, another read, and neither do what the other may', { timeout: TIMEOUT_MS }, async () => {
      // SCRAM of librdkafka before 2.6.1, as many systems have it for kcat, is refused by Kafka since 4.0, and here.
      const [bob, carol] = [login('PLAIN', 'bob'), login('PLAIN', 'carol')];
      const whole = ['-t', 'orders', '-o', 'beginning'];
      expect(await write(bob, 'orders', 'one\ntwo\n')).toEqual({ code: 0, printed: '', complained: '' });
      expect((await read(carol, ...whole)).printed).toBe('one\ntwo\n');
      expect((await write(carol, 'orders', 'three\n')).complained).toContain('Topic authorization failed');
      expect((await read(bob, ...whole)).complained).toContain('Topic authorization failed');
      expect((await read(bob, '-G', 'carols', 'orders')).complained).toMatch(
        /Group authorization failed|not allowed on this group/,
      );
      expect((await read(carol, ...whole)).printed).toBe('one\ntwo\n');
      expect(broker.output).toMatch(/outcome=denied +principal=User:bob .*operation=Read .*listener=SASL_SSL/);
    });

    it('is not let in without a certificate, or with one of somebody else', { timeout: TIMEOUT_MS }, async () => {
      const other = new Authority(folder, 'other').issue('alice-of-other', '/C=DE/O=Org/CN=ALICE');
      const { 'ssl.certificate.location': _certificate, 'ssl.key.location': _key, ...without } = shown(alice);
      for (const settings of [without, shown(other)]) {
        const { code, complained } = await write({ ...settings, 'message.timeout.ms': '2000' }, 'of-alice', 'no\n');
        expect(code, complained).not.toBe(0);
      }
      expect((await read(shown(alice), '-t', 'of-alice', '-o', 'beginning')).printed).not.toContain('no');
    });
  });

  /** As an administrator does it with Kafka's own tool; PLAIN may do it, since it is a super user. */
  async function changeCertificate(
    tools: ToolRunner,
    file: (name: string, address: string, lines: readonly string[]) => readonly string[],
  ): Promise<void> {
    const module = 'org.apache.kafka.common.security.plain.PlainLoginModule';
    const asAdmin = file('java-admin.properties', saslAddress, [
      'security.protocol=SASL_SSL',
      'sasl.mechanism=PLAIN',
      `sasl.jaas.config=${module} required username="admin" password="admin-secret";`,
    ]);
    const next = authority?.issue('next', '/CN=next').file;
    const entity = ['--entity-type', 'brokers', '--entity-name', '1'];
    const key = 'listener.name.ssl.ssl.keystore';
    const alter = (location: string) => {
      const settings = `${key}.location=${location},${key}.type=PEM`;
      return tools.run('configs', [...asAdmin, '--alter', '--add-config', settings, ...entity]);
    };
    const wrong = await alter(join(folder, 'nothing.pem'));
    expect(wrong.printed + wrong.complained).toMatch(/InvalidRequestException.*there is no such file/s);
    expect((await alter(next ?? '')).printed).toContain('Completed updating config for broker 1');
    const described = await tools.run('configs', [...asAdmin, '--describe', ...entity]);
    expect(described.printed).toContain(`${key}.location=${next}`);
    expect(broker.output).toContain('listener SSL: new connections get the certificate as it is now');
  }

  describeInstalled("Apache Kafka's tools", [join(javaFolder, 'lib')], () => {
    it('write and read over SSL and over SASL_SSL', { timeout: TIMEOUT_MS }, async () => {
      const file = (name: string, address: string, lines: readonly string[]) => {
        const trust = ['ssl.truststore.type=PEM', `ssl.truststore.location=${ca['ssl.ca.location']}`];
        writeFileSync(join(folder, name), [...trust, ...lines].join('\n'));
        return ['--bootstrap-server', address, '--command-config', join(folder, name)];
      };
      const module = 'org.apache.kafka.common.security.scram.ScramLoginModule';
      const asAlice = file('alice.properties', broker.address, [
        'security.protocol=SSL',
        'ssl.keystore.type=PEM',
        `ssl.keystore.location=${alice.file}`,
      ]);
      const asDora = file('dora.properties', saslAddress, [
        'security.protocol=SASL_SSL',
        'sasl.mechanism=SCRAM-SHA-256',
        `sasl.jaas.config=${module} required username="dora" password="dora-secret";`,
      ]);
      const tools = new ToolRunner();
      try {
        for (const [topic, options] of Object.entries({ 'of-alice-java': asAlice, 'of-dora-java': asDora })) {
          const lines = Array.from({ length: 500 }, (_, index) => `${index} ${'x'.repeat(200)}\n`).join('');
          const sent = await tools.run('console-producer', ['--topic', topic, ...options], lines);
          expect([sent.code, sent.complained.includes('ERROR')], sent.complained).toEqual([0, false]);
          const most = ['--from-beginning', '--max-messages', '500', '--timeout-ms', '30000', '--group', topic];
          const { printed } = await tools.run('console-consumer', ['--topic', topic, ...most, ...options]);
          expect(printed === lines, topic).toBe(true);
        }
        const one = ['--num-records', '1', '--record-size', '10', '--throughput', '10'];
        const refused = await tools.run('producer-perf-test', ['--topic', 'of-alice-java', ...one, ...asDora]);
        expect(refused.printed + refused.complained).toMatch(/TopicAuthorizationException|Not authorized/);
        await changeCertificate(tools, file);
      } finally {
        await tools.stop();
      }
    });
  });
});
