/**
 * The HTTP side: tells people, probes and Prometheus how the broker is. It only ever answers GET and HEAD and changes
 * nothing. It listens from before the data folder is opened until all logs are closed, so that `/ready` can say no.
 *
 *   /health   the process lives            /ready     clients are served (503 before and after)
 *   /metrics  Prometheus text format       /status    the same in short, as JSON, for people and scripts
 *
 * Built by the broker when there is a port for it, and loaded only then. What a client can make it hold is bounded: few
 * connections, short headers, no bodies, pages in chunks.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Fault } from '../base/fault.ts';
import type { Logger } from '../base/logger.ts';
import type { Address } from '../config/addresses.ts';
import type { BrokerState, BrokerView } from './broker-view.ts';
import { writeMetrics } from './metrics-page.ts';
import { ClientGone, PageBody } from './page-body.ts';
import { Pulse } from './pulse.ts';
import { writeStatus } from './status-page.ts';

export interface HttpSideParts {
  readonly state: () => BrokerState;
  readonly limits: HttpLimits;
  readonly logger: Logger;
}

export interface HttpLimits {
  readonly connectionsMax: number;
  readonly headerBytesMax: number;
  readonly headersMax: number;
  /** For a whole request to come. */
  readonly requestWaitMs: number;
  /** Of a client that does not take what is sent. */
  readonly silenceMs: number;
  readonly keepAliveMs: number;
  /** How often it is looked who took too long. */
  readonly checkMs: number;
}

export const HTTP_LIMITS: HttpLimits = {
  connectionsMax: 64,
  headerBytesMax: 8192,
  headersMax: 64,
  requestWaitMs: 5000,
  silenceMs: 10_000,
  keepAliveMs: 5000,
  checkMs: 1000,
};

interface Page {
  readonly type: string;
  readonly status: number;
  write(body: PageBody): Promise<void> | void;
}

const TEXT = 'text/plain; charset=utf-8';
const JSON_TEXT = 'application/json; charset=utf-8';
const METRICS_TEXT = 'text/plain; version=0.0.4; charset=utf-8';

const SAFE_HEADERS: readonly (readonly [string, string])[] = [
  ['Cache-Control', 'no-store'],
  ['Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'"],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
  ['Referrer-Policy', 'no-referrer'],
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'DENY'],
];

export class HttpSide {
  private readonly parts: HttpSideParts;
  private readonly server: Server;
  private view: BrokerView | null = null;
  private pulse: Pulse | null = null;
  private connections = 0;

  constructor(parts: HttpSideParts) {
    this.parts = parts;
    const { limits } = parts;
    this.server = createServer(
      {
        maxHeaderSize: limits.headerBytesMax,
        headersTimeout: limits.requestWaitMs,
        requestTimeout: limits.requestWaitMs,
        keepAliveTimeout: limits.keepAliveMs,
        connectionsCheckingInterval: limits.checkMs,
      },
      (request, response) => this.serve(request, response),
    );
    this.server.maxConnections = limits.connectionsMax;
    this.server.maxHeadersCount = limits.headersMax;
    this.server.timeout = limits.silenceMs;
    this.server.on('connection', (socket) => {
      this.connections += 1;
      socket.once('close', () => {
        this.connections -= 1;
      });
    });
  }

  /** Where it listens; throws Fault with a sentence for people. */
  listen({ host, port }: Address): Promise<Address> {
    const { server } = this;
    return new Promise((resolve, reject) => {
      const refused = (cause: Error): void => reject(listenFault(host, port, cause));
      server.once('error', refused);
      server.listen(port, host, () => {
        server.off('error', refused);
        server.on('error', (error) => this.parts.logger.warn(`the HTTP side has trouble: ${error.message}`));
        const address = server.address();
        if (address === null || typeof address === 'string') throw new RangeError('a listening server has an address');
        resolve({ host, port: address.port });
      });
    });
  }

  get connectionCount(): number {
    return this.connections;
  }

  /** The broker is whole: there is something to tell. */
  show(view: BrokerView): void {
    this.view = view;
    this.pulse = new Pulse(view);
    this.pulse.start();
  }

  /** The broker comes apart: from now on there is only its state to tell. */
  hide(): void {
    this.pulse?.stop();
    this.view = null;
  }

  async close(): Promise<void> {
    this.hide();
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    await closed;
  }

  private serve(request: IncomingMessage, response: ServerResponse): void {
    for (const [name, value] of SAFE_HEADERS) response.setHeader(name, value);
    const page = this.pageFor(request, response);
    response.statusCode = page.status;
    response.setHeader('Content-Type', page.type);
    const body = new PageBody(response, request.method === 'HEAD');
    this.write(page, body).catch((error: unknown) => {
      body.abort();
      if (error instanceof ClientGone) return;
      this.parts.logger.error(
        `a page of the HTTP side failed: ${error instanceof Error ? error.stack : String(error)}`,
      );
    });
  }

  private async write(page: Page, body: PageBody): Promise<void> {
    await page.write(body);
    body.end();
  }

  private pageFor(request: IncomingMessage, response: ServerResponse): Page {
    const { method, headers } = request;
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      return refusal(response, 405, `${method ?? 'this method'} is not possible here: there is only GET and HEAD`);
    }
    if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined) {
      return refusal(response, 400, 'a request here has no body');
    }
    if (!isMeant(request)) {
      return refusal(
        response,
        421,
        `the broker listens on this machine only and is not '${headers.host}': dial localhost`,
      );
    }
    const path = (request.url ?? '').split('?', 1)[0];
    switch (path) {
      case '/health':
        return { status: 200, type: JSON_TEXT, write: (body) => body.add('{"status":"alive"}\n') };
      case '/ready':
        return this.readyPage(response);
      case '/metrics':
        return this.viewPage(response, METRICS_TEXT, (view, pulse, body) => writeMetrics(view, pulse, body));
      case '/status':
        return this.viewPage(response, JSON_TEXT, (view, _pulse, body) => writeStatus(view, this.parts.state(), body));
      default:
        return {
          status: 404,
          type: TEXT,
          write: (body) => body.add('there is /health, /ready, /metrics and /status\n'),
        };
    }
  }

  private readyPage(response: ServerResponse): Page {
    const state = this.parts.state();
    const status = state === 'ready' ? 200 : 503;
    if (status === 503) response.setHeader('Retry-After', '1');
    return { status, type: JSON_TEXT, write: (body) => body.add(`{"status":"${state}"}\n`) };
  }

  private viewPage(
    response: ServerResponse,
    type: string,
    write: (view: BrokerView, pulse: Pulse, body: PageBody) => Promise<void>,
  ): Page {
    const { view, pulse } = this;
    if (view !== null && pulse !== null) return { status: 200, type, write: (body) => write(view, pulse, body) };
    response.setHeader('Retry-After', '1');
    return { status: 503, type: JSON_TEXT, write: (body) => body.add(`{"status":"${this.parts.state()}"}\n`) };
  }
}

/** What comes behind a request that is refused is not looked at. */
function refusal(response: ServerResponse, status: number, sentence: string): Page {
  response.setHeader('Connection', 'close');
  return { status, type: TEXT, write: (body) => body.add(`${sentence}\n`) };
}

/**
 * On the loopback address only names of this machine are answered to: a web page that has its own name resolved to
 * 127.0.0.1 would otherwise read everything through the browser of whoever visits it.
 */
function isMeant({ headers, socket }: IncomingMessage): boolean {
  const local = socket.localAddress ?? '';
  if (!isLoopback(local)) return true;
  const host = (headers.host ?? '')
    .replace(/:\d+$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .toLowerCase();
  return host === '' || host === 'localhost' || host.endsWith('.localhost') || isNumeric(host);
}

/** An address, not a name: no web page can claim it. */
function isNumeric(host: string): boolean {
  return /^[\d.]+$/.test(host) || host.includes(':');
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.');
}

function listenFault(host: string, port: number, cause: Error): Fault {
  const code = 'code' in cause ? cause.code : '';
  if (code === 'EADDRINUSE') {
    return new Fault(
      'PB_PORT_TAKEN',
      `the HTTP port ${port} is taken by another process; choose one with --http-port`,
      {
        cause,
      },
    );
  }
  const advice = 'choose others with --http-host and --http-port';
  return new Fault('PB_BAD_ADDRESS', `the HTTP side cannot listen on ${host}:${port} (${String(code)}); ${advice}`, {
    cause,
  });
}
