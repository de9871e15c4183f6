/** Listeners with TLS on the plain-Node transport, with clients of `node:tls`: who is let in under which name, and who is not. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect as connectPlain, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/base/logger.ts';
import { RateLimitedLog } from '../../src/base/rate-limited-log.ts';
import { loadBrokerConfig } from '../../src/config/load.ts';
import { HANDSHAKES_MAX, TlsGate } from '../../src/net/node-tls-gate.ts';
import { NodeTransport } from '../../src/net/node-transport.ts';
import type { TlsTerms } from '../../src/net/tls-terms.ts';
import { DONE_ACCEPT, DONE_RECEIVE, DONE_SEND } from '../../src/net/transport.ts';
import { certificateNaming } from '../../src/security/certificate-naming.ts';
import { readTlsTerms } from '../../src/security/tls-material.ts';
import { Authority, type Certificate, hasOpenssl } from '../support/certificates.ts';
import { plainMemory } from '../support/plain-memory.ts';

const HOST = '127.0.0.1';
const ECHO_BYTES = 4_000_000;
const folder = mkdtempSync(join(tmpdir(), 'perfbroker-gate-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const LISTENER = { name: 'SSL', protocol: 'SSL', address: { host: HOST, port: 0 }, advertised: null } as const;

function termsOf(settings: { readonly [key: string]: string }): TlsTerms {
  return readTlsTerms(loadBrokerConfig({ flags: { listeners: `SSL://${HOST}:1`, ...settings } }), LISTENER);
}

/** A transport with one listener, and what it logged. */
class Rig {
  readonly lines: string[] = [];
  readonly transport = new NodeTransport();
  readonly gate: TlsGate;
  readonly clients: Socket[] = [];
  port = 0;
  private readonly seen: number[][] = [];
  private waiting: (() => void) | null = null;

  constructor(terms: TlsTerms) {
    const logger = { ...silentLogger, warn: (message: string) => void this.lines.push(message) };
    const log = new RateLimitedLog(logger, { nowMs: () => 0 }, 1);
    this.gate = new TlsGate({ listener: 'SSL', terms, naming: certificateNaming, log });
  }

  async start(): Promise<this> {
    const bound = await this.transport.prepare({ host: HOST, port: 0 }, 512, { kind: 'alone' }, this.gate);
    this.port = bound.port;
    this.transport.onActivity = () => {
      const { completions } = this.transport;
      for (let count = this.transport.poll(0); count > 0; count = this.transport.poll(0)) {
        for (let index = 0; index < count; index++) {
          this.seen.push([completions.kinds[index]!, completions.sockets[index]!, completions.results[index]!]);
        }
      }
      this.waiting?.();
    };
    return this;
  }

  async next(kind: number): Promise<{ socket: number; result: number }> {
    for (;;) {
      const index = this.seen.findIndex((done) => done[0] === kind);
      const [found] = index < 0 ? [] : this.seen.splice(index, 1);
      if (found !== undefined) return { socket: found[1]!, result: found[2]! };
      await new Promise<void>((resolve) => {
        this.waiting = resolve;
      });
    }
  }

  client(options: ConnectionOptions = {}): TLSSocket {
    const socket = connect({
      host: HOST,
      port: this.port,
      ca: readFileSync(join(folder, 'authority.crt')),
      ...options,
    });
    socket.on('error', () => {});
    this.clients.push(socket);
    return socket;
  }

  /** The principal of a client that is let in; undefined when it is closed. */
  async principal(options: ConnectionOptions = {}): Promise<string | null | undefined> {
    const client = this.client(options);
    const closed = new Promise<undefined>((resolve) => client.once('close', () => resolve(undefined)));
    const accepted = this.next(DONE_ACCEPT).then(({ socket }) => this.transport.principalOf(socket));
    return Promise.race([accepted, closed]);
  }

  stop(): void {
    for (const client of this.clients) client.destroy();
    this.transport.destroy();
  }
}

describe.runIf(hasOpenssl)('a listener with TLS (openssl)', () => {
  const rigs: Rig[] = [];
  const authority = hasOpenssl ? new Authority(folder) : null;
  const issue = (name: string, subject: string): Certificate => {
    if (authority === null) throw new Error('there is no openssl');
    return authority.issue(name, subject);
  };
  const keysOf = ({ certificateFile, keyFile }: Certificate): ConnectionOptions => {
    return { cert: readFileSync(certificateFile), key: readFileSync(keyFile) };
  };
  const trust = { 'ssl.truststore.location': join(folder, 'authority.crt') };
  const server = hasOpenssl ? { 'ssl.keystore.location': issue('server', '/CN=localhost').file } : {};
  const rigOf = (settings: { readonly [key: string]: string } = {}): Promise<Rig> => {
    const rig = new Rig(termsOf({ ...server, ...settings }));
    rigs.push(rig);
    return rig.start();
  };

  afterEach(() => {
    for (const rig of rigs.splice(0)) rig.stop();
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('carries bytes in both directions with %s', async (version) => {
    const rig = await rigOf();
    const client = rig.client({ minVersion: version, maxVersion: version });
    const { socket } = await rig.next(DONE_ACCEPT);
    const sent = randomBytes(ECHO_BYTES);
    const memory = plainMemory(1_000_000);
    client.end(sent);
    const received: Buffer[] = [];
    client.on('data', (chunk) => received.push(chunk));
    for (;;) {
      rig.transport.receive(socket, memory, 0, memory.bytes.length);
      const { result } = await rig.next(DONE_RECEIVE);
      expect(result).toBeGreaterThanOrEqual(0);
      if (result === 0) break;
      rig.transport.send(socket, memory, 0, result, false);
      expect((await rig.next(DONE_SEND)).result).toBe(result);
    }
    const ended = once(client, 'end');
    rig.transport.close(socket);
    await ended;
    expect(Buffer.concat(received).equals(sent)).toBe(true);
  });

  it('lets everybody in without a name where it asks for no certificate', async () => {
    const rig = await rigOf();
    expect(await rig.principal()).toBe(null);
    expect(await rig.principal(keysOf(issue('unasked', '/CN=unasked')))).toBe(null);
  });

  it('takes the name of a certificate where it asks for one, and does without where there is none', async () => {
    const rig = await rigOf({ ...trust, 'ssl.client.auth': 'requested' });
    expect(await rig.principal(keysOf(issue('alice', '/C=DE/CN=alice')))).toBe('User:CN=alice,C=DE');
    expect(await rig.principal()).toBe(null);
  });

  it.each(['required', 'requested'])('closes whoever is not trusted where one is %s, and says why', async (auth) => {
    const rig = await rigOf({ ...trust, 'ssl.client.auth': auth });
    const stranger = new Authority(folder, `stranger-${auth}`).issue('mallory', '/CN=alice');
    expect(await rig.principal(keysOf(stranger))).toBe(undefined);
    expect(rig.lines.join()).toMatch(/^listener SSL closed 127\.0\.0\.1:\d+: its certificate is not good: /);
  });

  it('closes whoever has none where one is required', async () => {
    const rig = await rigOf({ ...trust, 'ssl.client.auth': 'required' });
    expect(await rig.principal()).toBe(undefined);
    expect(rig.lines.join()).toContain('it has shown no certificate, and ssl.client.auth is required');
    expect(await rig.principal(keysOf(issue('bob', '/CN=bob')))).toBe('User:CN=bob');
  });

  it('gives names by its rules, and closes whom they have no name for', async () => {
    const rules = { 'ssl.principal.mapping.rules': 'RULE:^CN=([a-z]+),O=Org$/$1/U' };
    const rig = await rigOf({ ...trust, 'ssl.client.auth': 'required', ...rules });
    expect(await rig.principal(keysOf(issue('carol', '/O=Org/CN=carol')))).toBe('User:CAROL');
    expect(await rig.principal(keysOf(issue('dave', '/O=Other/CN=dave')))).toBe(undefined);
    expect(rig.lines.join()).toContain('no rule of ssl.principal.mapping.rules');
  });

  it('does not trust clients because of who signed its own PKCS12 file', async () => {
    const other = new Authority(folder, 'truststore');
    const location = authority?.pkcs12(issue('packed', '/CN=localhost'), 'geheim') ?? '';
    const store = { 'ssl.keystore.location': location, 'ssl.keystore.password': 'geheim' };
    const rig = await rigOf({ ...store, 'ssl.client.auth': 'required', 'ssl.truststore.location': other.file });
    expect(await rig.principal(keysOf(issue('eve', '/CN=eve')))).toBe(undefined);
    expect(rig.lines.join()).toContain('nobody in the truststore vouches for it');
    expect(await rig.principal(keysOf(other.issue('frank', '/CN=frank')))).toBe('User:CN=frank');
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'with a PKCS12 file and %s looks at all that a client sends',
    async (version) => {
      const other = new Authority(folder, `above-${version}`);
      const between = new Authority(folder, `between-${version}`, other);
      const location = authority?.pkcs12(issue(`packed-${version}`, '/CN=localhost'), 'geheim') ?? '';
      const store = { 'ssl.keystore.location': location, 'ssl.keystore.password': 'geheim' };
      const rig = await rigOf({ ...store, 'ssl.client.auth': 'required', 'ssl.truststore.location': other.file });
      const sending = (own: Certificate, more: readonly Authority[]): ConnectionOptions => {
        const { cert, key } = keysOf(own);
        return { cert: `${String(cert)}${more.map(({ pem }) => pem).join('')}`, key, maxVersion: version };
      };
      const grace = between.issue(`grace-${version}`, '/CN=grace');
      expect(await rig.principal(sending(grace, [between]))).toBe('User:CN=grace');
      expect(await rig.principal(sending(grace, [authority ?? other, between, other]))).toBe('User:CN=grace');
      // Whose certificate they send along did not sign theirs.
      const eve = issue(`eve-${version}`, '/CN=eve');
      expect(await rig.principal(sending(eve, [other]))).toBe(undefined);
      expect(await rig.principal(sending(eve, [between, other]))).toBe(undefined);
    },
  );

  it('with a PKCS12 file asks again who vouches for a client that comes back', async () => {
    const other = new Authority(folder, 'above');
    const between = new Authority(folder, 'between', other);
    const location = authority?.pkcs12(issue('packed-again', '/CN=localhost'), 'geheim') ?? '';
    const store = { 'ssl.keystore.location': location, 'ssl.keystore.password': 'geheim' };
    const rig = await rigOf({ ...store, 'ssl.client.auth': 'required', 'ssl.truststore.location': other.file });
    const { cert, key } = keysOf(between.issue('heidi', '/CN=heidi'));
    const options = { cert: `${String(cert)}${between.pem}`, key, maxVersion: 'TLSv1.2' } as const;
    const before = rig.client(options);
    await once(before, 'secureConnect');
    await rig.next(DONE_ACCEPT);
    const session = before.getSession();
    expect(await rig.principal({ ...options, ...(session === undefined ? {} : { session }) })).toBe('User:CN=heidi');
  });

  it('says what is the matter when somebody does not speak TLS, or not its version', async () => {
    const rig = await rigOf({ 'ssl.enabled.protocols': 'TLSv1.3' });
    for (const bytes of [Buffer.from('GET / HTTP/1.1\r\n\r\n'), Buffer.from('000000230012000400000001000b', 'hex')]) {
      const client = connectPlain(rig.port, HOST);
      rig.clients.push(client);
      client.on('error', () => {});
      client.write(bytes);
      client.resume();
      await once(client, 'close');
    }
    expect(rig.lines).toHaveLength(1);
    expect(rig.lines[0]).toContain('it does not speak TLS; give the client security.protocol=SSL');
    expect(await rig.principal({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' })).toBe(undefined);
    expect(rig.lines[1]).toContain('ssl.enabled.protocols');
  });

  it('has another certificate for new connections when it was renewed, and resumes nothing from before', async () => {
    const rig = await rigOf();
    const before = rig.client();
    const session = new Promise<Buffer>((resolve) => before.once('session', resolve));
    await rig.next(DONE_ACCEPT);
    rig.gate.renew(termsOf({ 'ssl.keystore.location': issue('renewed', '/CN=renewed').file }));
    const after = rig.client({ session: await session, checkServerIdentity: () => undefined });
    await once(after, 'secureConnect');
    const { socket } = await rig.next(DONE_ACCEPT);
    expect(after.isSessionReused()).toBe(false);
    expect(after.getPeerCertificate().subject.CN).toBe('renewed');
    expect(before.destroyed).toBe(false);
    rig.transport.close(socket);
  });

  it('bounds handshakes: the oldest makes room', async () => {
    const rig = await rigOf();
    const first = connectPlain(rig.port, HOST);
    first.on('error', () => {});
    rig.clients.push(first);
    await once(first, 'connect');
    while (rig.gate.handshakeCount < 1) await new Promise(setImmediate);
    for (let count = 1; count <= HANDSHAKES_MAX; count++) rig.clients.push(connectPlain(rig.port, HOST));
    first.resume();
    await once(first, 'close');
    while (rig.gate.handshakeCount < HANDSHAKES_MAX) await new Promise(setImmediate);
    expect(rig.gate.handshakeCount).toBe(HANDSHAKES_MAX);
    expect(await rig.principal()).toBe(null);
    expect(rig.lines[0]).toContain('256 are under way');
  });
});
