/**
 * Settings that a listener has of its own, as Kafka spells them:
 *
 *   listener.name.LISTENER.KEY                 listener.name.LISTENER.MECHANISM.KEY               MECHANISM.KEY
 *
 * The narrowest that is given counts; behind them stands the plain key. Type, bounds and secrecy are those of the plain key.
 * The listener's name is in small letters, as the mechanism's.
 */
import { saslMechanismNames } from './sasl-settings.ts';

export interface ScopedKey {
  /** '' for all listeners. */
  readonly listener: string;
  /** '' for all mechanisms. */
  readonly mechanism: string;
  /** The plain key. */
  readonly key: string;
}

const LISTENER_PREFIX = 'listener.name.';
const ofListeners = [/^ssl\./, /^sasl\./, /^connections\.max\.reauth\.ms$/];
/** Bounds that add to those of the broker; alone among the keys of listeners they can be set for all brokers together. */
const boundsOfListeners: ReadonlySet<string> = new Set(['max.connections', 'max.connection.creation.rate']);
const ofMechanisms = [/^sasl\.(?:jaas\.config|oauthbearer\.)/, /^connections\.max\.reauth\.ms$/];

/** Null: no such scope, or the key cannot be narrowed. Whether there is such a key is the caller's question. */
export function scopedKeyOf(name: string): ScopedKey | null {
  if (!name.startsWith(LISTENER_PREFIX)) return mechanismKeyOf('', name);
  const dot = name.indexOf('.', LISTENER_PREFIX.length);
  if (dot <= LISTENER_PREFIX.length) return null;
  const listener = name.slice(LISTENER_PREFIX.length, dot).toLowerCase();
  const rest = name.slice(dot + 1);
  const isOfListeners = boundsOfListeners.has(rest) || ofListeners.some((pattern) => pattern.test(rest));
  return isOfListeners ? { listener, mechanism: '', key: rest } : mechanismKeyOf(listener, rest);
}

function mechanismKeyOf(listener: string, name: string): ScopedKey | null {
  const dot = name.indexOf('.');
  const mechanism = name.slice(0, Math.max(0, dot));
  const key = name.slice(dot + 1);
  if (!saslMechanismNames.some((known) => known.toLowerCase() === mechanism)) return null;
  return ofMechanisms.some((pattern) => pattern.test(key)) ? { listener, mechanism, key } : null;
}

/** Such a key can be given for all brokers together. */
export function isForAllBrokers({ key }: ScopedKey): boolean {
  return boundsOfListeners.has(key);
}

export function scopeText({ listener, mechanism, key }: ScopedKey): string {
  return `${listener}/${mechanism}/${key}`;
}

/** Where a value is looked for, narrowest first; the plain key is not among them. */
export function scopesOf(listener: string, mechanism: string, key: string): readonly string[] {
  const lower = { listener: listener.toLowerCase(), mechanism: mechanism.toLowerCase(), key };
  const scopes = [lower, { ...lower, mechanism: '' }, { ...lower, listener: '' }];
  return [...new Set(scopes.filter((scope) => scope.listener !== '' || scope.mechanism !== '').map(scopeText))];
}
