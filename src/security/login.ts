/**
 * The login of one connection, as Kafka's brokers lead it: a client asks for versions (once, if it likes), names a mechanism,
 * and sends tokens until it is known or refused. Anything else closes the connection. A client that is logged in comes
 * back here to log in again; then it must stay who it is and keep its mechanism (KIP-368).
 *
 *   asked ──SaslHandshake──▶ tokens ──the last token──▶ known ──SaslHandshake──▶ tokens, again
 *     └─ApiVersions─▶ handshake ──SaslHandshake──▶ ┘
 *
 * Version 0 of SaslHandshake says that tokens come bare, without a header; newer ones that they come in SaslAuthenticate.
 * Pure but for what mechanisms wait for: frames go in, answers come out; no socket, no timer. Called by `apis/login-desk`.
 */
import { isFault } from '../base/fault.ts';
import { type Api, supports } from '../protocol/api.ts';
import { decodeRequest } from '../protocol/compile.ts';
import { errorCode } from '../protocol/errors.ts';
import { encodeResponseFrame } from '../protocol/frame.ts';
import { RequestHeader } from '../protocol/header.ts';
import { Reader } from '../protocol/reader.ts';
import { saslHandshake } from '../protocol/schemas/17-sasl-handshake.ts';
import { apiVersions } from '../protocol/schemas/18-api-versions.ts';
import { saslAuthenticate } from '../protocol/schemas/36-sasl-authenticate.ts';
import { Writer } from '../protocol/writer.ts';
import { REFUSED, refusedSaying, type SaslConversation, type SaslMechanism, type SaslStep } from './sasl-mechanism.ts';

export interface LoginParts {
  /** Those of the listener, by name. */
  readonly mechanisms: ReadonlyMap<string, SaslMechanism>;
  /** How long a login is good for at most, by mechanism; 0: as long as the connection. */
  readonly lifetimeMaxMs: (mechanism: string) => number;
  /** By API key. */
  readonly flexibleSince: Int16Array;
  /** Answers an ApiVersions request; null: it cannot be answered. */
  readonly answerVersions: (frame: Uint8Array) => Promise<Uint8Array | null>;
  /** The answer that tells a client that its request has no place in a login; null: there is none. Throws PB_PROTOCOL. */
  readonly answerIllegal: (frame: Uint8Array) => Uint8Array | null;
  readonly nowMs: () => number;
}

export interface LoginStep {
  /** With its length prefix. */
  readonly answer: Uint8Array | null;
  readonly closes: boolean;
  /** Told after a pause, so that guessing takes time. */
  readonly isLate: boolean;
  readonly login: { readonly principal: string; readonly lifetimeMs: number | null } | null;
  /** For the log: why it closes, without anything that the client sent. */
  readonly why: string;
}

type State = 'asked' | 'handshake' | 'tokens' | 'known' | 'over';

const ANSWER_BYTES_MAX = 65_536;
/** A stranger's request that is longer has no answer: to read one and to answer each of its parts takes main's time. */
const ILLEGAL_BYTES_MAX = 4096;
const ERROR_CODE_AT = 8;
/** Clients count it in nanoseconds, in 64 bits. */
const LIFETIME_MS_MAX = 9_000_000_000_000;
const noBytes = new Uint8Array(0);

export class Login {
  private readonly parts: LoginParts;
  private readonly header: RequestHeader;
  private state: State = 'asked';
  private mechanism: SaslMechanism | null = null;
  private conversation: SaslConversation | null = null;
  /** Tokens come in SaslAuthenticate. */
  private isWrapped = false;
  /** Who the connection belongs to, and how it got there; null: it is the first time. */
  private known: { readonly principal: string; readonly mechanism: string } | null = null;

  constructor(parts: LoginParts) {
    this.parts = parts;
    this.header = new RequestHeader(parts.flexibleSince);
  }

  /** A frame without its length prefix. One at a time. */
  async take(frame: Uint8Array): Promise<LoginStep> {
    if (this.state === 'over') return this.close('it was closed already');
    if (this.state === 'known') {
      this.state = 'handshake';
      this.isWrapped = false;
    }
    try {
      if (this.state !== 'tokens') return await this.takeRequest(frame);
      return this.isWrapped ? await this.takeWrapped(frame) : await this.takeBare(frame);
    } catch (error) {
      if (!isFault(error)) throw error;
      return this.close(error.message);
    }
  }

  // ── before tokens ─────────────────────────────────────────────────────────────────────────────────────────────────

  private async takeRequest(frame: Uint8Array): Promise<LoginStep> {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    const isWhole = this.header.parse(frame, view, 0, frame.length);
    const { apiKey, apiVersion, correlationId, bodyAt } = this.header;
    if (frame.length < 4 || (!isWhole && apiKey !== apiVersions.key)) return this.close('what it sent is no request');
    if (apiKey === apiVersions.key) return await this.takeVersions(frame);
    if (apiKey !== saslHandshake.key) return this.close(`it sent API key ${apiKey} before it logged in`);
    if (!supports(saslHandshake, apiVersion)) return this.close(`there is no version ${apiVersion} of SaslHandshake`);
    const { mechanism } = decodeRequest(saslHandshake, apiVersion, new Reader(frame, view, bodyAt, frame.length));
    return this.takeHandshake(mechanism, apiVersion, correlationId);
  }

  private async takeVersions(frame: Uint8Array): Promise<LoginStep> {
    if (this.state !== 'asked') return this.close('it asked for versions again');
    const answer = await this.parts.answerVersions(frame);
    if (answer === null) return this.close('its ApiVersions request is broken');
    // After an error it may ask again, in another version.
    if (new DataView(answer.buffer, answer.byteOffset).getInt16(ERROR_CODE_AT) === errorCode.NONE)
      this.state = 'handshake';
    return goOn(answer);
  }

  private takeHandshake(name: string, version: number, correlationId: number): LoginStep {
    const { mechanisms } = this.parts;
    const mechanism = mechanisms.get(name);
    const code = mechanism === undefined ? errorCode.UNSUPPORTED_SASL_MECHANISM : errorCode.NONE;
    const body = { errorCode: code, mechanisms: [...mechanisms.keys()] };
    const answer = encode(saslHandshake, version, correlationId, body);
    if (mechanism === undefined) return this.fail(answer, 'it asked for a mechanism that is not enabled');
    this.isWrapped = version > 0;
    this.mechanism = mechanism;
    this.conversation = mechanism.begin();
    this.state = 'tokens';
    return goOn(answer);
  }

  // ── tokens ────────────────────────────────────────────────────────────────────────────────────────────────────────

  private async takeWrapped(frame: Uint8Array): Promise<LoginStep> {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    if (!this.header.parse(frame, view, 0, frame.length)) return this.close('what it sent is no request');
    const { apiKey, apiVersion, correlationId, bodyAt } = this.header;
    if (apiKey !== saslAuthenticate.key) {
      const answer = frame.length > ILLEGAL_BYTES_MAX ? null : this.parts.answerIllegal(frame);
      return this.fail(answer, `it sent API key ${apiKey} while it logged in`);
    }
    if (!supports(saslAuthenticate, apiVersion))
      return this.close(`there is no version ${apiVersion} of SaslAuthenticate`);
    const { authBytes } = decodeRequest(saslAuthenticate, apiVersion, new Reader(frame, view, bodyAt, frame.length));
    const step = this.checked(await this.step(authBytes));
    const answerWith = (code: number, message: string | null, token: Uint8Array, lifetimeMs: number): Uint8Array =>
      encode(saslAuthenticate, apiVersion, correlationId, {
        errorCode: code,
        errorMessage: message,
        authBytes: token,
        sessionLifetimeMs: lifetimeMs,
      });
    if (step.kind === 'challenge') return goOn(answerWith(errorCode.NONE, null, step.token, 0));
    if (step.kind === 'refused') {
      const message = this.sentenceOf(step.message);
      return this.fail(answerWith(errorCode.SASL_AUTHENTICATION_FAILED, message, noBytes, 0), step.reason ?? message);
    }
    const login = this.finish(step);
    return { ...goOn(answerWith(errorCode.NONE, null, step.token, login.lifetimeMs ?? 0)), login };
  }

  private async takeBare(frame: Uint8Array): Promise<LoginStep> {
    const step = this.checked(await this.step(frame));
    if (step.kind === 'refused') return this.fail(null, step.reason ?? this.sentenceOf(step.message));
    const answer = Buffer.alloc(4 + step.token.length);
    answer.writeInt32BE(step.token.length);
    answer.set(step.token, 4);
    return step.kind === 'challenge' ? goOn(answer) : { ...goOn(answer), login: this.finish(step) };
  }

  private step(token: Uint8Array): SaslStep | Promise<SaslStep> {
    const { known, mechanism, conversation } = this;
    if (conversation === null || mechanism === null) return REFUSED;
    if (known === null || known.mechanism === mechanism.name) return conversation.take(token);
    const message = `SASL mechanism '${mechanism.name}' requested by client is not supported for re-authentication of mechanism '${known.mechanism}'`;
    return refusedSaying(message);
  }

  /** Whoever logs in again stays who it is. */
  private checked(step: SaslStep): SaslStep {
    if (step.kind !== 'done' || this.known === null || this.known.principal === principalOf(step.user)) return step;
    const [before, after] = [this.known.principal, principalOf(step.user)].map((one) => one.replace(':', '.'));
    return refusedSaying(`Cannot change principals during re-authentication from ${before}: ${after}`);
  }

  private finish(step: Extract<SaslStep, { kind: 'done' }>): NonNullable<LoginStep['login']> {
    const name = this.mechanism?.name ?? '';
    const principal = principalOf(step.user);
    this.known = { principal, mechanism: name };
    this.conversation = null;
    this.state = 'known';
    const mostMs = this.parts.lifetimeMaxMs(name);
    const leftMs = step.expiresMs === null ? null : Math.max(0, Math.floor(step.expiresMs - this.parts.nowMs()));
    const lifetimeMs = mostMs > 0 ? Math.min(mostMs, leftMs ?? mostMs) : leftMs;
    return { principal, lifetimeMs: lifetimeMs === null ? null : Math.min(lifetimeMs, LIFETIME_MS_MAX) };
  }

  private sentenceOf(message: string | null): string {
    if (message !== null) return message;
    const what = this.known === null ? 'authentication' : 're-authentication';
    return `Authentication failed during ${what} due to invalid credentials with SASL mechanism ${this.mechanism?.name ?? ''}`;
  }

  /** Not kept to the protocol: closed at once, there is no layout in which the client would read an error. */
  private close(why: string): LoginStep {
    this.end();
    return { answer: null, closes: true, isLate: false, login: null, why };
  }

  private fail(answer: Uint8Array | null, why: string): LoginStep {
    this.end();
    return { answer, closes: true, isLate: true, login: null, why };
  }

  private end(): void {
    this.state = 'over';
    this.conversation = null;
  }
}

function principalOf(user: string): string {
  return `User:${user}`;
}

function goOn(answer: Uint8Array): LoginStep {
  return { answer, closes: false, isLate: false, login: null, why: '' };
}

function encode<I>(
  api: Api<unknown, unknown, unknown, I>,
  version: number,
  correlationId: number,
  body: I,
): Uint8Array {
  const writer = new Writer(ANSWER_BYTES_MAX, 256);
  encodeResponseFrame(api, version, correlationId, body, writer);
  return writer.written();
}
