/**
 * `perfbroker health`: is the broker of this machine serving? For health checks of containers and supervisors, which want an
 * exit code and have no curl. Asks the HTTP side for `/ready`, or, with --bootstrap-server, opens a connection as clients do.
 */
import { get } from 'node:http';
import { must } from '../base/assert.ts';
import { Fault } from '../base/fault.ts';
import { Connection } from '../client/connection.ts';
import { addressesOf } from '../client/dial.ts';
import { defineCommand } from './command.ts';

const URL_DEFAULT = 'http://127.0.0.1:9644/ready';
const WAIT_MS_DEFAULT = 3000;
/** What /ready says is shorter. */
const ANSWER_CHARACTERS_MAX = 1000;
const OK = 200;

export const health = defineCommand({
  words: 'health',
  needsArguments: false,
  summary: 'Tell whether the broker serves: exit code 0, else 1.',
  positional: null,
  options: {
    url: {
      kind: 'text',
      placeholder: 'URL',
      doc: `The page of the HTTP side that says so; ${URL_DEFAULT} unless given.`,
    },
    'bootstrap-server': {
      kind: 'text',
      alias: 'b',
      placeholder: 'HOST:PORT',
      doc: 'Ask a plain listener instead, as a client does.',
    },
    'timeout-ms': {
      kind: 'number',
      min: 1,
      max: 600_000,
      placeholder: 'MS',
      doc: `How long to wait; ${WAIT_MS_DEFAULT} unless given.`,
    },
  },
  examples: ['health', 'health --url http://127.0.0.1:9000/ready', 'health -b localhost:9092'],
  async run({ options, terminal }) {
    const waitMs = options['timeout-ms'] ?? WAIT_MS_DEFAULT;
    const address = options['bootstrap-server'];
    const told =
      address === null ? await askPage(options.url ?? URL_DEFAULT, waitMs) : await askListener(address, waitMs);
    await terminal.write(`${told}\n`);
    return 0;
  },
});

async function askListener(address: string, waitMs: number): Promise<string> {
  const [place] = addressesOf(address);
  const connection = await Connection.open({
    ...must(place, 'a text without an address is refused'),
    connectTimeoutMs: waitMs,
    requestTimeoutMs: waitMs,
  });
  await connection.close();
  return 'the broker answers';
}

function askPage(url: string, waitMs: number): Promise<string> {
  const unwell = (what: string, cause?: unknown): Fault =>
    new Fault('PB_CONNECTION', `${url} ${what}; is the broker running, with --http-port?`, { cause });
  return new Promise((resolve, reject) => {
    if (!/^http:\/\//.test(url) || !URL.canParse(url))
      throw new Fault('PB_BAD_SETTING', `'${url}' is no address of a page; write http://…`);
    const asked = get(url, { agent: false, signal: AbortSignal.timeout(waitMs) }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text = (text + piece).slice(0, ANSWER_CHARACTERS_MAX);
      });
      response.on('error', (cause) => reject(unwell('broke off', cause)));
      response.on('end', () => {
        if (response.statusCode === OK) resolve(text.trim());
        else reject(unwell(`answers ${response.statusCode} ${text.trim()}`));
      });
    });
    asked.on('error', (cause) => reject(unwell(`does not answer within ${waitMs} ms (${reasonOf(cause)})`, cause)));
  });
}

function reasonOf(cause: Error): string {
  return 'code' in cause ? String(cause.code) : cause.name;
}
