/** What the settings say about logins on one listener, checked: which mechanisms, with which users, how long. */
import { Fault } from '../base/fault.ts';
import type { BrokerConfig } from './broker-config.ts';
import { readJaas, usersOf } from './jaas.ts';

export interface OauthTerms {
  readonly keysUrl: string;
  readonly keysRefreshMs: number;
  readonly retryMs: number;
  readonly retryMaxMs: number;
  readonly audiences: readonly string[];
  readonly issuer: string | null;
  readonly skewSeconds: number;
  readonly scopeClaim: string;
  readonly userClaim: string;
}

export interface LoginTerms {
  readonly listener: string;
  /** In the order of the setting. */
  readonly mechanisms: readonly string[];
  /** Of PLAIN: passwords by name. */
  readonly users: ReadonlyMap<string, string>;
  readonly oauth: OauthTerms | null;
  /** By mechanism; 0: as long as the connection. */
  readonly lifetimeMaxMs: ReadonlyMap<string, number>;
}

/** Throws Fault PB_BAD_SETTING with a sentence that repeats no secret. */
export function loginTermsOf(config: BrokerConfig, listener: string): LoginTerms {
  const mechanisms = listOf(config.valueFor(listener, '', 'sasl.enabled.mechanisms'));
  if (mechanisms.length === 0) {
    const remedy = 'write SCRAM-SHA-512, or others of PLAIN, SCRAM-SHA-256, OAUTHBEARER';
    throw bad(`clients of the listener ${listener} have to log in, but sasl.enabled.mechanisms is empty; ${remedy}`);
  }
  const lifetimes = mechanisms.map((mechanism) => {
    const value = config.valueFor(listener, mechanism, 'connections.max.reauth.ms');
    return [mechanism, typeof value === 'number' ? value : 0] as const;
  });
  return {
    listener,
    mechanisms,
    users: mechanisms.includes('PLAIN') ? plainUsers(config, listener) : new Map(),
    oauth: mechanisms.includes('OAUTHBEARER') ? oauthTerms(config, listener) : null,
    lifetimeMaxMs: new Map(lifetimes),
  };
}

function plainUsers(config: BrokerConfig, listener: string): ReadonlyMap<string, string> {
  const key = `listener.name.${listener.toLowerCase()}.plain.sasl.jaas.config`;
  const text = config.valueFor(listener, 'PLAIN', 'sasl.jaas.config');
  if (typeof text !== 'string') {
    const example = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_NAME="PASSWORD";';
    throw bad(`the listener ${listener} has PLAIN but no users; write ${key}=${example}`);
  }
  const read = readJaas(text);
  if (!read.isGood) throw bad(`sasl.jaas.config for PLAIN on the listener ${listener} ${read.problem}`);
  if (read.entry.module !== 'PlainLoginModule') {
    throw bad(`sasl.jaas.config for PLAIN on the listener ${listener} must name PlainLoginModule`);
  }
  return usersOf(read.entry);
}

function oauthTerms(config: BrokerConfig, listener: string): OauthTerms {
  const of = (key: string) => config.valueFor(listener, 'OAUTHBEARER', `sasl.oauthbearer.${key}`);
  const keysUrl = of('jwks.endpoint.url');
  if (typeof keysUrl !== 'string' || !URL.canParse(keysUrl)) {
    const remedy = 'name where the keys are that tokens are signed with';
    throw bad(`the listener ${listener} has OAUTHBEARER but no sasl.oauthbearer.jwks.endpoint.url; ${remedy}`);
  }
  const issuer = of('expected.issuer');
  return {
    keysUrl,
    keysRefreshMs: numberOf(of('jwks.endpoint.refresh.ms')),
    retryMs: numberOf(of('jwks.endpoint.retry.backoff.ms')),
    retryMaxMs: numberOf(of('jwks.endpoint.retry.backoff.max.ms')),
    audiences: listOf(of('expected.audience')),
    issuer: typeof issuer === 'string' ? issuer : null,
    skewSeconds: numberOf(of('clock.skew.seconds')),
    scopeClaim: String(of('scope.claim.name')),
    userClaim: String(of('sub.claim.name')),
  };
}

function listOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}

function bad(message: string): Fault {
  return new Fault('PB_BAD_SETTING', message);
}
