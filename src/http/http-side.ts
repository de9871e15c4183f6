/**
 * The HTTP side: tells people, probes and Prometheus how the broker is. It only ever answers GET and HEAD and changes
 * nothing. It listens from before the data folder is opened until all logs are closed, so that `/ready` can say no.
 *
 *   /health   the process lives            /ready     clients are served (503 before and after)
 *   /metrics  Prometheus text format       /status    the same in short, as JSON, for people and scripts
 *
 * Where others than this machine reach it, `gate.ts` asks who wants to see /metrics and /status, if the broker knows users or rules.
 * Built by the broker when there is a port for it, and loaded only then. What a client can make it hold is bounded: few
 * connections, short headers, no bodies, pages in chunks. Which page is where: `page-routes.ts`.
 */
import { createServer, type Server } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { systemClock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import type { Logger } from '../base/logger.ts';
import { RateLimitedLog } from '../base/rate-limited-log.ts';
import type { Address } from '../config/addresses.ts';
import { isLoopback } from '../config/exposure.ts';
import type { BrokerState, BrokerView } from './broker-view.ts';
import { type Doorman, Gate } from './gate.ts';
import { pageRoutes } from './page-routes.ts';
import { Pulse } from './pulse.ts';

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
  /** How late a wrong password is answered. */
  readonly failedLoginMs: number;
}

export const HTTP_LIMITS: HttpLimits = {
  connectionsMax: 64,
  headerBytesMax: 8192,
  headersMax: 64,
  requestWaitMs: 5000,
  silenceMs: 10_000,
  keepAliveMs: 5000,
  checkMs: 1000,
  failedLoginMs: 500,
};

const LOG_PERIOD_MS = 10_000;
/** Of what somebody typed as a name. */
const NAME_CHARACTERS_MAX = 64;

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
  private gate: Gate | null = null;
  private isReachedByOthers = false;
  private connections = 0;
  /** Connections whose request is being answered. */
  private readonly answered = new WeakSet<object>();

  constructor(parts: HttpSideParts) {
    this.parts = parts;
    const { limits } = parts;
    const routes = pageRoutes({
      state: parts.state,
      shown: () => this.shown(),
      gate: () => this.gate,
      failed: (error) => {
        const told = error instanceof Error ? error.stack : String(error);
        parts.logger.error(`a page of the HTTP side failed: ${told}`);
      },
    });
    // A program that embeds the broker keeps the Request and Response it has.
    const listener = getRequestListener(routes.fetch, { hostname: 'localhost', overrideGlobalObjects: false });
    this.server = createServer(
      {
        maxHeaderSize: limits.headerBytesMax,
        headersTimeout: limits.requestWaitMs,
        requestTimeout: limits.requestWaitMs,
        keepAliveTimeout: limits.keepAliveMs,
        connectionsCheckingInterval: limits.checkMs,
      },
      (request, response) => {
        const { socket } = request;
        // Node hands over all requests that came in one packet: a thousand pages would be under way, and main with them.
        if (this.answered.has(socket)) return void socket.destroy();
        this.answered.add(socket);
        response.once('close', () => this.answered.delete(socket));
        for (const [name, value] of SAFE_HEADERS) response.setHeader(name, value);
        return listener(request, response);
      },
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
    this.isReachedByOthers = !isLoopback(host);
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

  private shown(): { readonly view: BrokerView; readonly pulse: Pulse } | null {
    const { view, pulse } = this;
    return view === null || pulse === null ? null : { view, pulse };
  }

  get connectionCount(): number {
    return this.connections;
  }

  /** The broker is whole: there is something to tell, and somebody who knows to whom. */
  show(view: BrokerView, doorman: Doorman): void {
    this.gate = this.isReachedByOthers ? this.gateOf(doorman) : null;
    this.view = view;
    this.pulse = new Pulse(view);
    this.pulse.start();
  }

  /** The broker comes apart: from now on there is only its state to tell. */
  hide(): void {
    this.pulse?.stop();
    this.view = null;
  }

  private gateOf(doorman: Doorman): Gate {
    const { limits, logger } = this.parts;
    const log = new RateLimitedLog(logger, systemClock, LOG_PERIOD_MS);
    return new Gate({
      doorman,
      refusalWaitMs: limits.failedLoginMs,
      wait: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      failed: (user, address) => {
        const name = JSON.stringify(user.slice(0, NAME_CHARACTERS_MAX));
        log.say('login', 'warn', `a login on the HTTP side failed: user ${name} from ${address}`);
      },
    });
  }

  async close(): Promise<void> {
    this.hide();
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    await closed;
  }
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
