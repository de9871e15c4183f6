/**
 * One broker's side of a conformance script: named connections, requests encoded and answers decoded with our schemas, and
 * a trace of everything. Scripts and generated plans run once per broker, each with a session of its own, so that ids they
 * learn from an answer are that broker's ids.
 */
import type { Api } from '../../src/protocol/api.ts';
import { decodeResponse, encodeRequest } from '../../src/protocol/compile.ts';
import { decodeResponseHeader, encodeRequestHeader } from '../../src/protocol/header.ts';
import { Reader } from '../../src/protocol/reader.ts';
import { Writer } from '../../src/protocol/writer.ts';
import type { Outcome, Trace } from './exchange.ts';
import { untilVisible } from './visibility.ts';
import { type RawOutcome, WireConnection } from './wire.ts';

const ANSWER_MS_MAX = 8_000;
const REQUEST_BYTES_MAX = 64 * 1024 * 1024;
/** Not the length of any id that clients of ours use, and the same for both brokers: member ids start with it. */
const CLIENT_ID = 'conformance';

export interface SendOptions {
  /** The connection to use; 'a' when not said. It is opened when it is first named, and again after it was closed. */
  readonly on?: string;
  readonly waitMs?: number;
  readonly clientId?: string | null;
  /** What is to happen to the frame before it leaves, and how the trace calls that. */
  readonly damage?: { readonly note: string; readonly apply: (frame: Buffer) => Uint8Array };
  /** The version in which the answer is written, where that is not the request's. */
  readonly decodeAs?: number;
  /** Silence is what is wanted (acks=0): the connection stays open. */
  readonly keepOnSilence?: boolean;
}

/** Ends a script whose answers make no sense to it; the trace up to here is compared. */
export class ScriptStop extends Error {}

interface Lane {
  connection: WireConnection | null;
  tail: Promise<unknown>;
}

export class Session {
  readonly prefix: string;
  readonly trace: Trace = { exchanges: [], failure: null };
  readonly port: number;
  readonly #lanes = new Map<string, Lane>();
  #correlationId = 0;

  constructor(port: number, prefix: string) {
    this.port = port;
    this.prefix = prefix;
  }

  /** A name of this session's own: topics, groups and transactions of other sessions stay out of its way. */
  name(word: string): string {
    return `${this.prefix}${word}`;
  }

  /** Sends and returns the answer; a closed or silent connection ends the script. */
  async send<I, D>(
    api: Api<unknown, I, D, unknown>,
    version: number,
    request: I,
    options: SendOptions = {},
  ): Promise<D> {
    const outcome = await this.attempt(api, version, request, options);
    if (outcome.kind !== 'answer') throw new ScriptStop(`${api.name} v${version}: ${outcome.kind}`);
    return outcome.body as D;
  }

  /** Sends and returns whatever became of it. */
  async attempt<I, D>(
    api: Api<unknown, I, D, unknown>,
    version: number,
    request: I,
    options: SendOptions = {},
  ): Promise<Outcome> {
    const entry = this.#enter(api.name, version, request, options);
    const correlationId = ++this.#correlationId;
    const writer = new Writer(REQUEST_BYTES_MAX);
    encodeRequestHeader(
      api,
      version,
      correlationId,
      options.clientId === undefined ? CLIENT_ID : options.clientId,
      writer,
    );
    encodeRequest(api, version, request, writer);
    const frame = options.damage?.apply(Buffer.from(writer.written())) ?? writer.written();
    const raw = await this.#through(options, (connection) =>
      connection.exchange(frame, options.waitMs ?? ANSWER_MS_MAX),
    );
    entry.outcome = decode(api, options.decodeAs ?? version, correlationId, raw);
    if (entry.outcome.kind === 'answer') await untilVisible(this.port, api.key, request, entry.outcome.body);
    return entry.outcome;
  }

  /** Sends a frame that no schema can write. What comes back is not decoded. */
  async sendFrame(title: string, frame: Uint8Array, options: SendOptions = {}): Promise<RawOutcome> {
    const entry = this.#enter(title, -1, { hex: Buffer.from(frame).toString('hex') }, options);
    const raw = await this.#through(options, (connection) =>
      connection.exchange(frame, options.waitMs ?? ANSWER_MS_MAX),
    );
    entry.outcome = raw.kind === 'answer' ? { kind: 'answer', body: { hex: raw.frame.toString('hex') } } : raw;
    return raw;
  }

  close(): void {
    for (const lane of this.#lanes.values()) lane.connection?.close();
    this.#lanes.clear();
  }

  #enter(api: string, version: number, request: unknown, options: SendOptions): { outcome: Outcome } {
    const { exchanges } = this.trace;
    const entry = {
      index: exchanges.length,
      api,
      version,
      connection: options.on ?? 'a',
      request: structuredClone(request),
      note: options.damage?.note ?? '',
      outcome: { kind: 'silent' } as Outcome,
    };
    exchanges.push(entry);
    return entry;
  }

  /** One request after the other on a connection, in the order in which they were asked for. */
  #through(options: SendOptions, run: (connection: WireConnection) => Promise<RawOutcome>): Promise<RawOutcome> {
    const name = options.on ?? 'a';
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = { connection: null, tail: Promise.resolve() };
      this.#lanes.set(name, lane);
    }
    const own = lane;
    const result = own.tail.then(async () => {
      if (own.connection === null || own.connection.isClosed) own.connection = await WireConnection.open(this.port);
      const raw = await run(own.connection);
      const isSpent = raw.kind === 'closed' || (raw.kind === 'silent' && options.keepOnSilence !== true);
      if (isSpent) {
        own.connection.close();
        own.connection = null;
      }
      return raw;
    });
    own.tail = result.catch(() => {});
    return result;
  }
}

function decode(api: Api, version: number, correlationId: number, raw: RawOutcome): Outcome {
  if (raw.kind !== 'answer') return raw;
  const reader = Reader.over(raw.frame);
  try {
    decodeResponseHeader(api, version, correlationId, reader);
    const body = decodeResponse(api, version, reader);
    if (reader.remaining > 0) return { kind: 'unreadable', reason: `${reader.remaining} bytes too many` };
    return { kind: 'answer', body };
  } catch (error) {
    return { kind: 'unreadable', reason: error instanceof Error ? error.message : String(error) };
  }
}
