/** The HTTP side over real sockets on the loopback address, and over a broker in one thread where a page needs one. */
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { BrokerState } from '../../src/http/broker-view.ts';
import { type Doorman, NOBODY_KNOWN } from '../../src/http/gate.ts';
import { HTTP_LIMITS, type HttpLimits, HttpSide } from '../../src/http/http-side.ts';
import { startRig } from '../behaviours/behaviour-rig.ts';
import { readPrometheusText } from '../support/prometheus-text.ts';
import { batchOf, createTopic, produceTo } from '../support/simulated-deeds.ts';

interface Answer {
  readonly status: number;
  readonly headers: { readonly [name: string]: string | string[] | undefined };
  readonly text: string;
}

interface Asked {
  readonly method?: string;
  readonly headers?: { readonly [name: string]: string };
}

const sides: HttpSide[] = [];
const sockets: Socket[] = [];
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(sides.splice(0).map((side) => side.close()));
});

class Side {
  state: BrokerState = 'ready';
  readonly errors: string[] = [];
  readonly http: HttpSide;
  port = 0;

  constructor(limits: Partial<HttpLimits> = {}) {
    const logger = { ...silent, error: (message: string) => this.errors.push(message) };
    this.http = new HttpSide({ state: () => this.state, limits: { ...HTTP_LIMITS, ...limits }, logger });
    sides.push(this.http);
  }

  static async start(limits: Partial<HttpLimits> = {}, host = '127.0.0.1'): Promise<Side> {
    const side = new Side(limits);
    side.port = (await side.http.listen({ host, port: 0 })).port;
    return side;
  }

  get openCount(): number {
    return this.http.connectionCount;
  }

  get(path: string, { method = 'GET', headers = {} }: Asked = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const asked = request({ port: this.port, host: '127.0.0.1', path, method, headers, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      });
      asked.on('error', reject);
      asked.end();
    });
  }

  /** Everything the broker says to these bytes until it closes. */
  async raw(bytes: string): Promise<string> {
    const socket = await this.connect();
    let text = '';
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    socket.write(bytes);
    await once(socket, 'close');
    return text;
  }

  async connect(): Promise<Socket> {
    const socket = connect(this.port, '127.0.0.1');
    socket.on('error', () => {});
    sockets.push(socket);
    await once(socket, 'connect');
    return socket;
  }
}

describe('/health and /ready', () => {
  it('say that the process lives, and whether clients are served: not before and not after', async () => {
    const side = await Side.start();
    const seen: [BrokerState, number, number, string][] = [];
    for (const state of ['starting', 'recovering', 'ready', 'stopping'] as const) {
      side.state = state;
      const ready = await side.get('/ready');
      seen.push([state, (await side.get('/health')).status, ready.status, ready.text.trim()]);
    }
    expect(seen).toEqual([
      ['starting', 200, 503, '{"status":"starting"}'],
      ['recovering', 200, 503, '{"status":"recovering"}'],
      ['ready', 200, 200, '{"status":"ready"}'],
      ['stopping', 200, 503, '{"status":"stopping"}'],
    ]);
  });

  it('are all there is while the broker is not whole', async () => {
    const side = await Side.start();
    side.state = 'recovering';
    for (const path of ['/metrics', '/status']) {
      const { status, headers, text } = await side.get(path);
      expect([path, status, headers['retry-after'], text]).toEqual([path, 503, '1', '{"status":"recovering"}\n']);
    }
  });
});

describe('pages', () => {
  it('are whole over HTTP: /metrics for Prometheus, /status for people', async () => {
    const { broker, client } = await startRig({ wantsMetrics: true });
    await createTopic(client, 'orders', { partitions: 40 });
    const side = await Side.start();
    side.http.show(broker.view, NOBODY_KNOWN);
    const { headers, text } = await side.get('/metrics');
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(readPrometheusText(text).get('perfbroker_log_end_offset')?.samples.length).toBe(40);
    const status: unknown = JSON.parse((await side.get('/status?pretty')).text);
    expect(status).toMatchObject({
      state: 'ready',
      topicsInAll: 1,
      topics: [{ name: 'orders', partitions: 40, offsets: 0 }],
    });
    side.http.hide();
    expect((await side.get('/metrics')).status).toBe(503);
    expect(side.errors).toEqual([]);
  });

  it('have a bound on what /status lists', async () => {
    const { broker, client } = await startRig({ wantsMetrics: true });
    for (let topic = 0; topic < 130; topic++) await createTopic(client, `topic-${topic}`);
    const side = await Side.start();
    side.http.show(broker.view, NOBODY_KNOWN);
    const status: unknown = JSON.parse((await side.get('/status')).text);
    expect(status).toMatchObject({ topicsInAll: 130, topics: { length: 100 } });
  });

  it('come with headers that keep browsers from making anything of them', async () => {
    const side = await Side.start();
    for (const path of ['/health', '/nowhere']) {
      const { headers } = await side.get(path);
      expect(headers).toMatchObject({
        'cache-control': 'no-store',
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
      });
      expect(headers).not.toHaveProperty('server');
      expect(headers).not.toHaveProperty('access-control-allow-origin');
    }
  });
});

describe('what is not asked for well', () => {
  it('has no page, no other method, and no body', async () => {
    const side = await Side.start();
    expect((await side.get('/')).status).toBe(404);
    expect((await side.get('/metrics/../ready')).status).toBe(404);
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE']) {
      const { status, headers } = await side.get('/ready', { method });
      expect([method, status, headers['allow'], headers['connection']]).toEqual([method, 405, 'GET, HEAD', 'close']);
    }
    const withBody = await side.get('/ready', { headers: { 'content-length': '0' } });
    expect(withBody.status).toBe(400);
  });

  it('gets its headers and no body for HEAD', async () => {
    const side = await Side.start();
    const { status, text, headers } = await side.get('/health', { method: 'HEAD' });
    expect([status, text, headers['content-type']]).toEqual([200, '', 'application/json; charset=utf-8']);
  });

  it('is refused when a web page had its own name resolved to this machine', async () => {
    const side = await Side.start();
    const statusFor = async (host: string): Promise<number> =>
      (await side.get('/health', { headers: { host } })).status;
    for (const host of ['localhost', 'LOCALHOST:9000', '127.0.0.1', '[::1]:80', 'broker.localhost']) {
      expect([host, await statusFor(host)]).toEqual([host, 200]);
    }
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:80']) {
      expect([host, await statusFor(host)]).toEqual([host, 421]);
    }
  });

  it('is answered with 400 and closed when it is no HTTP, and with 431 when its headers do not end', async () => {
    const side = await Side.start();
    expect(await side.raw('hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
    expect(await side.raw('GET /health HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n')).toMatch(
      /^HTTP\/1\.1 400 /,
    );
    const flood = `GET /health HTTP/1.1\r\nHost: localhost\r\n${'X-Fill: yes\r\n'.repeat(2000)}`;
    expect(await side.raw(flood)).toMatch(/^HTTP\/1\.1 431 /);
    expect((await side.get('/health')).status).toBe(200);
  });

  it('is one at a time: a connection that sends more before the answer is closed', async () => {
    const side = await Side.start();
    const request = 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n';
    const text = await side.raw(request.repeat(1000));
    expect(text.split('HTTP/1.1 ').length).toBeLessThanOrEqual(2);

    const socket = await side.connect();
    for (let round = 0; round < 3; round++) {
      socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
      const [answer] = await once(socket, 'data');
      expect(String(answer)).toContain('HTTP/1.1 200');
    }
  });

  it('takes a bounded number of connections, and others again when those are gone', async () => {
    const side = await Side.start();
    const idle: Socket[] = [];
    for (let count = 0; count < 64; count++) idle.push(await side.connect());
    await expect(side.get('/health')).rejects.toThrow();
    for (const socket of idle) socket.destroy();
    let status = 0;
    while (status !== 200)
      status = await side.get('/health').then(
        (answer) => answer.status,
        () => 0,
      );
  });
});

describe('a client that is slow', () => {
  it('with its request, or with taking a long page, is let go, and others are served meanwhile', async () => {
    const { broker, client } = await startRig({ wantsMetrics: true });
    const topic = await createTopic(client, 'orders', { partitions: 2000 });
    for (let partition = 0; partition < 2000; partition++) await produceTo(client, topic, batchOf(), { partition });
    const side = await Side.start({ requestWaitMs: 1000, checkMs: 10, silenceMs: 1500 });
    side.http.show(broker.view, NOBODY_KNOWN);
    const sender = await side.connect();
    const senderGone = once(sender, 'close');
    sender.resume();
    sender.write('GET /health HTTP/1.1\r\nHost: local');
    const reader = await side.connect();
    const readerGone = once(reader, 'close');
    reader.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(reader, 'readable');
    expect((await side.get('/health')).status).toBe(200);
    await senderGone;
    let taken = 0;
    // The broker has given up: what lies in the sockets comes, and then the end, before the page is whole.
    while (side.openCount > 0) await new Promise((resolve) => setImmediate(resolve));
    reader.on('data', (chunk: Buffer) => {
      taken += chunk.length;
    });
    await readerGone;
    expect(taken).toBeLessThan((await side.get('/metrics')).text.length);
    expect(side.errors).toEqual([]);
  });
});

describe('a port', () => {
  it('that is taken is named with the flag that chooses another', async () => {
    const side = await Side.start();
    const other = new Side();
    await expect(other.http.listen({ host: '127.0.0.1', port: side.port })).rejects.toThrow(
      `the HTTP port ${side.port} is taken by another process; choose one with --http-port`,
    );
  });
});

describe('an HTTP side that others reach', () => {
  /** bob may not, carol is none of ours; whoever comes from 127.0.0.1 without a name may, where `anonymous` says so. */
  const doormanOf = (what: {
    readonly users?: boolean;
    readonly rules?: boolean;
    readonly anonymous?: boolean;
  }): Doorman => ({
    hasUsers: what.users ?? true,
    hasRules: what.rules ?? true,
    isPassword: (user, password) => Promise.resolve(['alice', 'bob'].includes(user) && password === `${user}:secret`),
    mayDescribeCluster: (principal, host) => {
      expect(host).toBe('127.0.0.1');
      return principal === 'User:alice' || (principal === 'User:ANONYMOUS' && what.anonymous === true);
    },
  });
  const basic = (user: string, password: string) => ({
    headers: { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` },
  });
  const start = async (doorman: Doorman, limits: Partial<HttpLimits> = {}): Promise<Side> => {
    const { broker } = await startRig({ wantsMetrics: true });
    const side = await Side.start({ failedLoginMs: 5, ...limits }, '0.0.0.0');
    side.http.show(broker.view, doorman);
    return side;
  };

  it('asks for a user who may describe the cluster, but not for what tells nothing', async () => {
    const side = await start(doormanOf({}));
    for (const path of ['/metrics', '/status', '/nothing', '/', '//metrics', '/health/..', '/%6detrics']) {
      const bare = await side.get(path);
      expect([path, bare.status, bare.headers['www-authenticate']]).toEqual([
        path,
        401,
        'Basic realm="perfbroker", charset="UTF-8"',
      ]);
      expect((await side.get(path, basic('bob', 'bob:secret'))).status).toBe(403);
      expect((await side.get(path, basic('alice', 'wrong'))).status).toBe(401);
      expect((await side.get(path, basic('carol', 'carol:secret'))).status).toBe(401);
    }
    for (const path of ['/metrics', '/status'])
      expect((await side.get(path, basic('alice', 'alice:secret'))).status).toBe(200);
    for (const path of ['/health', '/ready']) expect((await side.get(path)).status).toBe(200);
  });

  it('takes nothing for a login that is none', async () => {
    const side = await start(doormanOf({}));
    const encoded = Buffer.from('alice:alice:secret').toString('base64');
    for (const authorization of [
      'Basic',
      'Basic ',
      `Bearer ${encoded}`,
      `Basic ${encoded} x`,
      'Basic OmFsaWNl',
      'Basic %%%',
      `Basic ${'A'.repeat(6000)}`,
    ])
      expect([authorization, (await side.get('/status', { headers: { authorization } })).status]).toEqual([
        authorization,
        401,
      ]);
    expect((await side.get('/status', { headers: { authorization: `bASIC  ${encoded}` } })).status).toBe(200);
  });

  it('without rules takes every user, without users whom the rules let in without a name, without both everybody', async () => {
    const users = await start(doormanOf({ rules: false }));
    expect([
      (await users.get('/status')).status,
      (await users.get('/status', basic('bob', 'bob:secret'))).status,
    ]).toEqual([401, 200]);
    const rules = await start(doormanOf({ users: false, anonymous: true }));
    expect((await rules.get('/status')).status).toBe(200);
    const closed = await start(doormanOf({ users: false }));
    expect((await closed.get('/status')).status).toBe(401);
    const open = await start(NOBODY_KNOWN);
    expect((await open.get('/status')).status).toBe(200);
  });

  it('asks nobody on the loopback address', async () => {
    const { broker } = await startRig({ wantsMetrics: true });
    const side = await Side.start();
    side.http.show(broker.view, doormanOf({}));
    expect((await side.get('/metrics')).status).toBe(200);
  });
});

describe('every path and method', () => {
  const METHODS = ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'LOCK', 'SEARCH'];
  const PATHS = ['/', '/health', '/ready', '/metrics', '/status', '/nothing'];

  it('changes nothing: there is GET and HEAD, and a page that is read says the same again', async () => {
    const { broker, client } = await startRig({ wantsMetrics: true });
    await createTopic(client, 'orders');
    const side = await Side.start();
    side.http.show(broker.view, NOBODY_KNOWN);
    const told = async () => JSON.parse((await side.get('/status')).text).topics;
    const before = await told();
    for (const path of PATHS) {
      for (const method of METHODS) {
        const { status, headers } = await side.get(path, { method });
        expect([path, method, status, headers['allow']]).toEqual([path, method, 405, 'GET, HEAD']);
      }
      for (const method of ['GET', 'HEAD']) {
        const { status, headers, text } = await side.get(path, { method });
        expect([path, method, [200, 404].includes(status)]).toEqual([path, method, true]);
        if (method === 'HEAD') expect(text).toBe('');
        expect(headers).toMatchObject({
          'cache-control': 'no-store',
          'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
          'x-content-type-options': 'nosniff',
        });
        for (const banner of ['server', 'x-powered-by', 'via']) expect(headers[banner]).toBe(undefined);
      }
    }
    expect(await told()).toEqual(before);
    expect(side.errors).toEqual([]);
  });
});
