/**
 * Turns the settings about addresses into two plain addresses: where to listen, and what to tell clients (null: the
 * address each client dialled). Kafka's listener grammar in its simple form, one PLAINTEXT listener.
 */
import { Fault } from '../base/fault.ts';
import type { BrokerValues } from './broker-settings.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Addresses {
  readonly listen: Address;
  readonly advertised: Address | null;
}

export function addressesOf(values: BrokerValues): Addresses {
  const first = onlyListener('listeners', values.listeners);
  const listen = {
    host: values['host.name'] ?? (first.host === '' ? '0.0.0.0' : first.host),
    port: checkedPort('listeners', values.port ?? first.port),
  };
  if (values['perfbroker.advertise'] !== null) {
    return {
      listen,
      advertised: checkedAdvertised('perfbroker.advertise', splitHostPort(values['perfbroker.advertise'])),
    };
  }
  if (values['advertised.listeners'].length === 0) return { listen, advertised: null };
  return {
    listen,
    advertised: checkedAdvertised(
      'advertised.listeners',
      onlyListener('advertised.listeners', values['advertised.listeners']),
    ),
  };
}

/** "[::1]:9092" and "host:9092" alike, brackets taken off. */
export function splitHostPort(text: string): Address {
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, colon).replace(/^\[(.*)\]$/, '$1');
  return { host, port: Number(text.slice(colon + 1)) };
}

/** The other way round, as it is printed: an IPv6 address gets its brackets. */
export function joinHostPort(address: Address): string {
  return `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
}

/** KRaft's server.properties also name a CONTROLLER listener, which is of no use here and is left aside. */
function onlyListener(key: string, listeners: readonly string[]): Address {
  const useful = listeners.filter((listener) => !listener.startsWith('CONTROLLER://'));
  const [first] = useful;
  if (first === undefined) {
    throw new Fault('PB_BAD_SETTING', `${key} names no listener; write one such as PLAINTEXT://127.0.0.1:9092`);
  }
  if (useful.length > 1) {
    throw new Fault(
      'PB_BAD_SETTING',
      `${key} names ${useful.length} listeners but one is supported; keep one of ${useful.join(', ')}`,
    );
  }
  const [name, address] = first.split('://');
  if (name !== 'PLAINTEXT' || address === undefined) {
    throw new Fault(
      'PB_BAD_SETTING',
      `${key} asks for '${first}' but only PLAINTEXT:// listeners are supported; write PLAINTEXT://host:port`,
    );
  }
  return splitHostPort(address);
}

function checkedPort(key: string, port: number): number {
  if (port <= 65_535) return port;
  throw new Fault('PB_BAD_SETTING', `${key} has the port ${port} but ports end at 65535; choose a lower one`);
}

function checkedAdvertised(key: string, address: Address): Address {
  if (address.host === '' || address.host === '0.0.0.0' || address.host === '::') {
    throw new Fault(
      'PB_BAD_SETTING',
      `${key} has the address '${address.host}', which no client can dial; name a host clients reach`,
    );
  }
  if (address.port === 0) {
    throw new Fault('PB_BAD_SETTING', `${key} has the port 0, which no client can dial; name the port clients reach`);
  }
  return { host: address.host, port: checkedPort(key, address.port) };
}
