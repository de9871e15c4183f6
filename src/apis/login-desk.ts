/**
 * Where connections that have to log in speak to: keeps the login of each, gives it the mechanisms of its listener, and
 * answers failures late. Main's control ports call it with whatever such a client sent. It composes; what a login is stands
 * in `security/login`.
 *
 * Whoever has to wait (for the keys of tokens, which others hold) keeps nobody else waiting.
 */
import type { Alarms } from '../base/alarms.ts';
import { must } from '../base/assert.ts';
import type { Logger } from '../base/logger.ts';
import { RateLimitedLog } from '../base/rate-limited-log.ts';
import type { ConnectionFacts } from '../net/control-lane.ts';
import type { LoginReply } from '../net/control-port.ts';
import { Login, type LoginStep } from '../security/login.ts';
import type { SaslMechanism } from '../security/sasl-mechanism.ts';

export interface ListenerLogins {
  readonly mechanisms: ReadonlyMap<string, SaslMechanism>;
  readonly lifetimeMaxMs: (mechanism: string) => number;
}

export interface LoginDeskParts {
  /** By name; those without SASL are not in it. */
  readonly listeners: ReadonlyMap<string, ListenerLogins>;
  readonly flexibleSince: Int16Array;
  /** ApiVersions is answered as to anybody. */
  readonly answer: (frame: Uint8Array, connection: ConnectionFacts) => Promise<Uint8Array | null>;
  readonly answerIllegal: (frame: Uint8Array, connection: ConnectionFacts) => Uint8Array | null;
  readonly failureDelayMs: number;
  readonly alarms: Alarms;
  readonly log: Logger;
}

const LOG_PERIOD_MS = 10_000;

export class LoginDesk {
  private readonly parts: LoginDeskParts;
  private readonly logins = new Map<number, Login>();
  private readonly log: RateLimitedLog;
  /** Since the start. */
  readonly counts = { done: 0, failed: 0 };

  constructor(parts: LoginDeskParts) {
    this.parts = parts;
    this.log = new RateLimitedLog(parts.log, { nowMs: () => parts.alarms.nowMs() }, LOG_PERIOD_MS);
  }

  /** Connections whose logins are known. */
  get rememberedCount(): number {
    return this.logins.size;
  }

  async take(frame: Uint8Array, connection: ConnectionFacts): Promise<LoginReply> {
    const step = await this.loginOf(connection).take(frame);
    if (step.login !== null) this.counts.done += 1;
    if (step.closes) await this.refused(step, connection);
    return { answer: step.answer, closes: step.closes, login: step.login };
  }

  connectionClosed(connection: number): void {
    this.logins.delete(connection);
  }

  private async refused({ why, isLate }: LoginStep, { peer, identity, connection }: ConnectionFacts): Promise<void> {
    this.logins.delete(connection);
    this.counts.failed += 1;
    this.log.say(
      // A client chooses the keys and versions that it sends: they make no line a new one.
      `login ${why.replaceAll(/-?\d+/g, '')}`,
      'warn',
      `closed ${peer} (listener ${identity.listener}), which did not log in: ${why}`,
    );
    const { alarms, failureDelayMs } = this.parts;
    if (!isLate || failureDelayMs === 0) return;
    await new Promise<void>((resolve) => {
      alarms.set(alarms.nowMs() + failureDelayMs, resolve);
    });
  }

  private loginOf(facts: ConnectionFacts): Login {
    const known = this.logins.get(facts.connection);
    if (known !== undefined) return known;
    const { flexibleSince, answer, answerIllegal, alarms } = this.parts;
    const { mechanisms, lifetimeMaxMs } = must(
      this.parts.listeners.get(facts.identity.listener),
      'only listeners with SASL send clients here',
    );
    const login = new Login({
      mechanisms,
      lifetimeMaxMs,
      flexibleSince,
      answerVersions: (frame) => answer(frame, facts),
      answerIllegal: (frame) => answerIllegal(frame, facts),
      nowMs: () => alarms.nowMs(),
    });
    this.logins.set(facts.connection, login);
    return login;
  }
}
