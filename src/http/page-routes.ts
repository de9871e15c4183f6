/**
 * Which page is behind which path, and what is refused before one is looked for. Hono finds the page; the page itself goes to
 * Node's response in chunks (`page-body.ts`), because streams of the web would hold more of a long one than a chunk. Called by
 * the HTTP side for every request; knows nothing of ports and sockets.
 */
import type { IncomingMessage } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { type Context, Hono } from 'hono';
import { assertNever } from '../base/assert.ts';
import type { BrokerState, BrokerView } from './broker-view.ts';
import type { Gate, Verdict } from './gate.ts';
import { writeMetrics } from './metrics-page.ts';
import { ClientGone, PageBody } from './page-body.ts';
import type { Pulse } from './pulse.ts';
import { writeStatus } from './status-page.ts';

export interface PageSource {
  readonly state: () => BrokerState;
  /** Null while the broker is not whole. */
  readonly shown: () => { readonly view: BrokerView; readonly pulse: Pulse } | null;
  /** Null: nobody is asked who he is. */
  readonly gate: () => Gate | null;
  /** Of a page that broke off for another reason than its reader. */
  readonly failed: (error: unknown) => void;
}

interface Env {
  Bindings: HttpBindings;
}

type Asked = Context<Env>;

interface Page {
  readonly type: string;
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  write(body: PageBody): Promise<void> | void;
}

/** For whoever asks, since they tell nothing. */
const OPEN_PATHS: ReadonlySet<string> = new Set(['/health', '/ready']);
const TEXT = 'text/plain; charset=utf-8';
const JSON_TEXT = 'application/json; charset=utf-8';
const METRICS_TEXT = 'text/plain; version=0.0.4; charset=utf-8';
const ALREADY_SENT = [...RESPONSE_ALREADY_SENT.headers];

export function pageRoutes(source: PageSource): Hono<Env> {
  const send = (asked: Asked, page: Page): Response => sendPage(asked, page, source.failed);
  // The path as it was sent: /metrics/../ready is no page.
  const app = new Hono<Env>({
    getPath: (_request, options) => pathOf(options?.env),
  });
  app.use(async (asked, next) => {
    const refused = refusalOf(asked.env.incoming);
    if (refused !== null) return send(asked, refused);
    const gate = OPEN_PATHS.has(asked.req.path) ? null : source.gate();
    if (gate !== null) {
      const { headers, socket } = asked.env.incoming;
      const visitor = { authorization: headers.authorization, address: socket.remoteAddress ?? '' };
      const verdict = await gate.judge(visitor);
      if (verdict !== 'welcome') return send(asked, refusedBy(verdict));
    }
    return next();
  });
  app.get('/health', (asked) => send(asked, textPage(200, JSON_TEXT, '{"status":"alive"}')));
  app.get('/ready', (asked) => send(asked, statePage(source.state(), source.state() === 'ready')));
  app.get('/metrics', (asked) => {
    const shown = source.shown();
    if (shown === null) return send(asked, statePage(source.state(), false));
    const { view, pulse } = shown;
    return send(asked, { status: 200, type: METRICS_TEXT, write: (body) => writeMetrics(view, pulse, body) });
  });
  app.get('/status', (asked) => {
    const shown = source.shown();
    if (shown === null) return send(asked, statePage(source.state(), false));
    const write = (body: PageBody): Promise<void> => writeStatus(shown.view, source.state(), body);
    return send(asked, { status: 200, type: JSON_TEXT, write });
  });
  app.notFound((asked) => send(asked, textPage(404, TEXT, 'there is /health, /ready, /metrics and /status')));
  app.onError((error, asked) => {
    source.failed(error);
    return send(asked, textPage(500, TEXT, 'this page failed; the log says why'));
  });
  return app;
}

function pathOf(env: HttpBindings | undefined): string {
  return (env?.incoming.url ?? '/').split('?', 1)[0] ?? '/';
}

/** Begins to send; the rest of the page follows by itself. */
function sendPage({ env }: Asked, page: Page, failed: (error: unknown) => void): Response {
  const { incoming, outgoing } = env;
  outgoing.statusCode = page.status;
  outgoing.setHeader('Content-Type', page.type);
  for (const [name, value] of Object.entries(page.headers ?? {})) outgoing.setHeader(name, value);
  const body = new PageBody(outgoing, incoming.method === 'HEAD');
  writeWhole(page, body).catch((error: unknown) => {
    body.abort();
    if (!(error instanceof ClientGone)) failed(error);
  });
  return new Response(null, { headers: ALREADY_SENT });
}

async function writeWhole(page: Page, body: PageBody): Promise<void> {
  await page.write(body);
  body.end();
}

function textPage(status: number, type: string, text: string, headers: Page['headers'] = {}): Page {
  return { status, type, headers, write: (body) => body.add(`${text}\n`) };
}

function statePage(state: BrokerState, isReady: boolean): Page {
  const text = `{"status":"${state}"}`;
  return isReady ? textPage(200, JSON_TEXT, text) : textPage(503, JSON_TEXT, text, { 'Retry-After': '1' });
}

function refusalOf(incoming: HttpBindings['incoming']): Page | null {
  const { method, headers } = incoming;
  if (method !== 'GET' && method !== 'HEAD') {
    const sentence = `${method ?? 'this method'} is not possible here: there is only GET and HEAD`;
    return refusal(405, sentence, { Allow: 'GET, HEAD' });
  }
  if (headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined)
    return refusal(400, 'a request here has no body');
  if (isMeant(incoming)) return null;
  return refusal(421, `the broker listens on this machine only and is not '${headers.host}': dial localhost`);
}

function refusedBy(verdict: Exclude<Verdict, 'welcome'>): Page {
  switch (verdict) {
    case 'login':
      return refusal(401, 'say who you are: a user of the broker, with the password', {
        'WWW-Authenticate': 'Basic realm="perfbroker", charset="UTF-8"',
      });
    case 'forbidden':
      return refusal(403, 'you may not see this: it takes the right to describe the cluster');
    case 'busy':
      return refusal(503, 'too many are logging in; come back in a moment', { 'Retry-After': '1' });
    default:
      return assertNever(verdict);
  }
}

/** What comes behind a request that is refused is not looked at. */
function refusal(status: number, sentence: string, headers: Page['headers'] = {}): Page {
  return textPage(status, TEXT, sentence, { ...headers, Connection: 'close' });
}

/**
 * On the loopback address only names of this machine are answered to: a web page that has its own name resolved to
 * 127.0.0.1 would otherwise read everything through the browser of whoever visits it.
 */
function isMeant({ headers, socket }: Pick<IncomingMessage, 'headers' | 'socket'>): boolean {
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
