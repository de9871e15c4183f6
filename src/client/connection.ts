/**
 * One TCP connection to a broker: requests go out in order, answers are matched by correlation id, and versions are agreed
 * on once with ApiVersions. Used by everything in this folder. It knows frames and schemas, not topics or leaders.
 */
import type { Duplex } from 'node:stream';
import { assert } from '../base/assert.ts';
import { Fault } from '../base/fault.ts';
import type { Api } from '../protocol/api.ts';
import { decodeResponse, encodeRequest } from '../protocol/compile.ts';
import { decodeResponseHeader, encodeRequestHeader, LENGTH_PREFIX_BYTES } from '../protocol/header.ts';
import { Reader } from '../protocol/reader.ts';
import { apiVersions } from '../protocol/schemas/18-api-versions.ts';
import { Writer } from '../protocol/writer.ts';
import { checkAnswer } from './answer-error.ts';
import { type Address, type Dial, dialTcp } from './dial.ts';
import { logIn, type SaslOptions } from './sasl.ts';

export interface ConnectionOptions extends Address {
  readonly clientId?: string;
  readonly requestTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
  /** Plain TCP without it. */
  readonly dial?: Dial;
  /** Nobody is logged in without it. */
  readonly sasl?: SaslOptions;
}

/** The level of a feature that the whole cluster has agreed on. */
export interface FinalizedFeature {
  readonly name: string;
  readonly maxVersionLevel: number;
  readonly minVersionLevel: number;
}

interface Pending {
  readonly correlationId: number;
  readonly settle: (frame: Uint8Array) => void;
  readonly fail: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

const REQUEST_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;
const REQUEST_BYTES_MAX = 256 * 1024 * 1024;
/** Below 352,518,912, which is how the first bytes of a TLS alert read as a length. */
const RESPONSE_BYTES_MAX = 320 * 1024 * 1024;
const CORRELATION_ID_MAX = 2 ** 31 - 1;
const APIS_MAX = 1024;
/** Of the time a login is good for, when to log in again. */
const LOGIN_AGAIN_AT = 0.85;
const LOGIN_AGAIN_MS_MAX = 2 ** 31 - 1;

export class Connection {
  readonly host: string;
  readonly port: number;
  readonly #socket: Duplex;
  readonly #clientId: string;
  readonly #requestTimeoutMs: number;
  readonly #pending = new Map<number, Pending>();
  readonly #writer = new Writer(REQUEST_BYTES_MAX);
  readonly #brokerVersions = new Map<number, readonly [number, number]>();
  readonly #features = new Map<string, FinalizedFeature>();
  readonly #inbox = new Inbox();
  #correlationId = 0;
  #answeredCount = 0;
  #failure: Fault | null = null;
  readonly #sasl: SaslOptions | null;
  /** Requests that wait until the client has logged in again; null: it does not. */
  #held: Uint8Array[] | null = null;
  #nextLogin: NodeJS.Timeout | null = null;

  private constructor(socket: Duplex, options: ConnectionOptions) {
    this.host = options.host;
    this.port = options.port;
    this.#socket = socket;
    this.#clientId = options.clientId ?? 'perfbroker-client';
    this.#requestTimeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
    this.#sasl = options.sasl ?? null;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) => this.#fail(error.message, error));
    socket.on('close', () => this.#fail(this.#closedBecause(), null));
  }

  /** Connects, asks which versions the broker speaks, and logs in where that is wanted. */
  static async open(options: ConnectionOptions): Promise<Connection> {
    const { host, port } = options;
    const socket = await (options.dial ?? dialTcp)({ host, port }, options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS);
    const connection = new Connection(socket, options);
    try {
      await connection.#agreeOnVersions();
      if (options.sasl !== undefined) await connection.#logIn(options.sasl);
    } catch (error) {
      connection.close();
      throw error;
    }
    return connection;
  }

  get isOpen(): boolean {
    return this.#failure === null;
  }

  /** How many requests wait for their answers. */
  get inFlightCount(): number {
    return this.#pending.size;
  }

  /** Bytes that wait for the peer to take them: what is sent without an answer has no other back-pressure. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  /** Resolves when nothing waits to be sent any more, or when the connection is gone. */
  sent(): Promise<void> {
    if (!this.isOpen || this.#socket.writableLength === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        this.#socket.off('drain', done);
        this.#socket.off('close', done);
        resolve();
      };
      this.#socket.on('drain', done);
      this.#socket.on('close', done);
      if (!this.#socket.writableNeedDrain) done();
    });
  }

  /** 0 where the cluster has not agreed on the feature. */
  featureLevel(name: string): number {
    return this.#features.get(name)?.maxVersionLevel ?? 0;
  }

  get features(): readonly FinalizedFeature[] {
    return [...this.#features.values()];
  }

  /** Every API the broker states, with its versions. */
  get brokerApis(): readonly (readonly [apiKey: number, minVersion: number, maxVersion: number])[] {
    return [...this.#brokerVersions].map(([key, [min, max]]) => [key, min, max]);
  }

  hasApi(api: Pick<Api, 'key'>): boolean {
    return this.#brokerVersions.has(api.key);
  }

  /** The range of versions the broker stated for an API key; null when it does not know it. */
  brokerVersionsOf(apiKey: number): readonly [number, number] | null {
    return this.#brokerVersions.get(apiKey) ?? null;
  }

  /** The newest version that both sides speak, not above `versionMax`. */
  versionOf(api: Pick<Api, 'key' | 'name' | 'versions'>, versionMax: number = Number.POSITIVE_INFINITY): number {
    const range = this.#brokerVersions.get(api.key);
    if (range === undefined) {
      throw new Fault('PB_PROTOCOL', `the broker at ${this.host}:${this.port} has no ${api.name}; use another broker`);
    }
    const version = Math.min(api.versions[1], range[1], versionMax);
    if (version >= Math.max(api.versions[0], range[0])) return version;
    throw new Fault(
      'PB_PROTOCOL',
      `${api.name}: the broker at ${this.host}:${this.port} speaks ${range[0]}-${range[1]}, we speak ${api.versions[0]}-${api.versions[1]}`,
    );
  }

  request<RequestInput, Response>(
    api: Api<unknown, RequestInput, Response, unknown>,
    body: RequestInput,
    version: number = this.versionOf(api),
    timeoutMs: number = this.#requestTimeoutMs,
  ): Promise<Response> {
    return this.#ask(api, body, version, timeoutMs, false);
  }

  #ask<RequestInput, Response>(
    api: Api<unknown, RequestInput, Response, unknown>,
    body: RequestInput,
    version: number,
    timeoutMs: number,
    isOfLogin: boolean,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const correlationId = this.#write(api, version, body, isOfLogin);
      const late = (): void => this.#fail(`${api.name} was not answered in ${timeoutMs} ms`, null);
      const timer = setTimeout(late, timeoutMs);
      const settle = (frame: Uint8Array): void => {
        try {
          const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
          const reader = new Reader(frame, view, 0, frame.length);
          decodeResponseHeader(api, version, correlationId, reader);
          resolve(decodeResponse(api, version, reader));
        } catch (error) {
          reject(error);
        }
      };
      this.#pending.set(correlationId, { correlationId, settle, fail: reject, timer });
    });
  }

  /** Sends a request that gets no answer: Produce with acks=0. */
  tell<RequestInput>(api: Api<unknown, RequestInput>, body: RequestInput, version: number = this.versionOf(api)): void {
    this.#write(api, version, body);
  }

  close(): void {
    this.#fail('this side closed the connection', null);
  }

  #write<RequestInput>(
    api: Api<unknown, RequestInput>,
    version: number,
    body: RequestInput,
    isOfLogin = false,
  ): number {
    if (this.#failure !== null) throw this.#failure;
    this.#correlationId = this.#correlationId === CORRELATION_ID_MAX ? 1 : this.#correlationId + 1;
    const writer = this.#writer;
    writer.reset();
    const lengthAt = writer.beginLength();
    encodeRequestHeader(api, version, this.#correlationId, this.#clientId, writer);
    encodeRequest(api, version, body, writer);
    writer.endLength(lengthAt);
    const bytes = new Uint8Array(writer.written());
    if (this.#held === null || isOfLogin) this.#socket.write(bytes);
    else this.#held.push(bytes);
    return this.#correlationId;
  }

  async #agreeOnVersions(): Promise<void> {
    const answer = await this.request(
      apiVersions,
      { clientSoftwareName: 'perfbroker', clientSoftwareVersion: '0' },
      Math.min(apiVersions.versions[1], 3),
    );
    checkAnswer(answer.errorCode, 'ApiVersions');
    if (answer.apiKeys.length > APIS_MAX)
      throw new Fault('PB_PROTOCOL', 'ApiVersions names more APIs than there can be');
    for (const feature of answer.finalizedFeatures.slice(0, APIS_MAX)) this.#features.set(feature.name, feature);
    for (const { apiKey, minVersion, maxVersion } of answer.apiKeys) {
      this.#brokerVersions.set(apiKey, [minVersion, maxVersion]);
    }
  }

  /** Other requests wait meanwhile: a broker takes nothing else in between. */
  async #logIn(sasl: SaslOptions): Promise<void> {
    this.#held = [];
    const lifetimeMs = await logIn(
      (api, body) => this.#ask(api, body, this.versionOf(api), this.#requestTimeoutMs, true),
      sasl,
    );
    for (const bytes of this.#held) this.#socket.write(bytes);
    this.#held = null;
    if (lifetimeMs > 0) this.#logInAgainIn(Math.min(lifetimeMs * LOGIN_AGAIN_AT, LOGIN_AGAIN_MS_MAX));
  }

  #logInAgainIn(delayMs: number): void {
    this.#nextLogin = setTimeout(() => {
      if (this.#failure !== null || this.#sasl === null) return;
      this.#logIn(this.#sasl).catch((error: unknown) => {
        this.#fail(error instanceof Error ? error.message : String(error), error);
      });
    }, delayMs);
    this.#nextLogin.unref();
  }

  /** A broker that lets only users in answers ApiVersions, and closes at whatever comes next. */
  #closedBecause(): string {
    const isStranger = this.#sasl === null && this.#answeredCount === 1 && this.#pending.size > 0;
    const closed = 'the connection was closed by the broker';
    return isStranger ? `${closed}; it may want a login (sasl.mechanism, --command-config)` : closed;
  }

  #receive(chunk: Uint8Array): void {
    this.#inbox.add(chunk);
    try {
      for (let frame = this.#inbox.take(); frame !== null; frame = this.#inbox.take()) this.#settle(frame);
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error), error);
    }
  }

  #settle(frame: Uint8Array): void {
    const correlationId = new DataView(frame.buffer, frame.byteOffset, frame.byteLength).getInt32(0);
    const pending = this.#pending.get(correlationId);
    if (pending === undefined)
      throw new Fault('PB_PROTOCOL', `an answer came for request ${correlationId}, which waits for none`);
    this.#pending.delete(correlationId);
    clearTimeout(pending.timer);
    this.#answeredCount += 1;
    pending.settle(frame);
  }

  #fail(what: string, cause: unknown): void {
    if (this.#failure !== null) return;
    this.#failure = new Fault('PB_CONNECTION', `connection to ${this.host}:${this.port}: ${what}`, { cause });
    this.#socket.destroy();
    if (this.#nextLogin !== null) clearTimeout(this.#nextLogin);
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer);
      pending.fail(this.#failure);
    }
    this.#pending.clear();
  }
}

/** Puts frames together from the chunks a socket gives. */
export class Inbox {
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  add(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }

  /** The next whole frame without its length prefix, or null until more has come. */
  take(): Uint8Array | null {
    if (this.#bytes < LENGTH_PREFIX_BYTES) return null;
    const length = this.#peekLength();
    if (length < 4 || length > RESPONSE_BYTES_MAX) {
      throw new Fault('PB_PROTOCOL', `an answer states ${length} bytes; is this a Kafka port without TLS?`);
    }
    if (this.#bytes < LENGTH_PREFIX_BYTES + length) return null;
    const whole = this.#join();
    const end = LENGTH_PREFIX_BYTES + length;
    this.#chunks = end < whole.length ? [whole.subarray(end)] : [];
    this.#bytes = whole.length - end;
    return whole.subarray(LENGTH_PREFIX_BYTES, end);
  }

  #peekLength(): number {
    const first = this.#chunks[0];
    const head = first !== undefined && first.length >= LENGTH_PREFIX_BYTES ? first : this.#join();
    assert(head.length >= LENGTH_PREFIX_BYTES, 'the length prefix is there');
    return new DataView(head.buffer, head.byteOffset, head.byteLength).getInt32(0);
  }

  #join(): Uint8Array {
    const [first] = this.#chunks;
    if (this.#chunks.length === 1 && first !== undefined) return first;
    const whole = Buffer.concat(this.#chunks, this.#bytes);
    this.#chunks = [whole];
    return whole;
  }
}
