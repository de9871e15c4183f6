/**
 * The bounds that a listener can have of its own, `listener.name.NAME.KEY`, beside those of the broker, which hold as well.
 * Read by whoever makes fronts and tells them of settings, and by whoever takes settings from people and clients.
 */
import { must } from '../base/assert.ts';
import type { BrokerConfig } from './broker-config.ts';
import { listenersOf } from './listeners.ts';

export interface ListenerBounds {
  /** Infinity: only those of the broker bound it. */
  readonly connectionsMax: number;
  /** Connections a second; as above. */
  readonly creationRateMax: number;
  /** The largest message before a login: its own, or that of the broker. */
  readonly loginBytesMax: number;
}

const CONNECTIONS = 'max.connections';
const CREATION_RATE = 'max.connection.creation.rate';
const LOGIN_BYTES = 'sasl.server.max.receive.size';

/** `name` in any case. */
export function listenerBoundsOf(config: BrokerConfig, name: string): ListenerBounds {
  return {
    connectionsMax: ownOf(config, name, CONNECTIONS),
    creationRateMax: ownOf(config, name, CREATION_RATE),
    loginBytesMax: numberOf(config, name, LOGIN_BYTES),
  };
}

/** In the order of the listeners. */
export function boundsOfListeners(config: BrokerConfig): readonly ListenerBounds[] {
  return listenersOf(config.values).map(({ name }) => listenerBoundsOf(config, name));
}

function ownOf(config: BrokerConfig, name: string, key: string): number {
  return config.isNarrowed(name, key) ? numberOf(config, name, key) : Number.POSITIVE_INFINITY;
}

function numberOf(config: BrokerConfig, name: string, key: string): number {
  const value = config.valueFor(name, '', key);
  return must(typeof value === 'number' ? value : null, 'bounds are numbers');
}

/** A sentence where nobody could come in, so that nobody could change it either; null otherwise. */
export function problemOfBounds(config: BrokerConfig): string | null {
  if (config.values[CONNECTIONS] === 0) return 'max.connections is 0, which lets nobody in; raise it';
  const listeners = listenersOf(config.values);
  if (listeners.some(({ name }) => numberOf(config, name, CONNECTIONS) > 0)) return null;
  const keys = listeners.map(({ name }) => `${name.toLowerCase()}.${CONNECTIONS}`).join(', listener.name.');
  return `listener.name.${keys}: all are 0, which lets nobody in; raise one`;
}

/**
 * As Kafka has it, 0 is for the start alone: while a broker runs no listener is closed by a bound that comes to be 0,
 * whichever of its layers was set or deleted.
 */
export function problemOfZero(before: BrokerConfig, after: BrokerConfig): string | null {
  for (const { name } of listenersOf(after.values)) {
    for (const key of [CONNECTIONS, CREATION_RATE]) {
      if (numberOf(after, name, key) !== 0 || numberOf(before, name, key) === 0) continue;
      const narrow = after.isNarrowed(name, key) ? `listener.name.${name.toLowerCase()}.${key}` : key;
      return `${narrow} would be 0, which can be given at the start only; give at least 1`;
    }
  }
  return null;
}
