/**
 * Kafka's listeners: several places where the broker listens, each with a name of its own, a security protocol, and the
 * address that its clients are told. Read once at start from the settings; whoever has to know by which door a client came
 * knows it by the listener's name.
 */
import { Fault } from '../base/fault.ts';
import { type Address, splitHostPort } from './addresses.ts';
import type { BrokerValues } from './broker-settings.ts';

export const securityProtocols = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const;
export type SecurityProtocol = (typeof securityProtocols)[number];

export interface Listener {
  /** In capitals, as Kafka has it. */
  readonly name: string;
  readonly protocol: SecurityProtocol;
  readonly address: Address;
  /** Told to its clients; null: the address that each of them dialled. */
  readonly advertised: Address | null;
}

/** In `server.properties` of KRaft; such a listener is for Kafka's controllers, and is left aside. */
const CONTROLLER = 'CONTROLLER';
export const LISTENERS_MAX = 16;
const PORT_MAX = 65_535;

export function isTls(protocol: SecurityProtocol): boolean {
  return protocol === 'SSL' || protocol === 'SASL_SSL';
}

export function isSasl(protocol: SecurityProtocol): boolean {
  return protocol === 'SASL_PLAINTEXT' || protocol === 'SASL_SSL';
}

/** Throws Fault PB_BAD_SETTING with a sentence that names the setting and the remedy. */
export function listenersOf(values: BrokerValues): readonly Listener[] {
  const protocols = protocolMap(values['listener.security.protocol.map']);
  const aside = new Set([CONTROLLER, ...values['controller.listener.names'].map(nameOf)]);
  const given = namedAddresses('listeners', values.listeners, aside);
  if (given.length === 0) {
    throw bad('listeners names no listener; write one such as PLAINTEXT://127.0.0.1:9092');
  }
  if (given.length > LISTENERS_MAX) {
    throw bad(`listeners names ${given.length} listeners; at most ${LISTENERS_MAX} are possible, leave some out`);
  }
  const advertised = advertisedOf(values, given, aside);
  const listeners = given.map(({ name, address }, index) => ({
    name,
    protocol: protocolOf(name, protocols),
    address: index === 0 ? replaced(values, address) : checkedPort('listeners', listening(address)),
    advertised: advertised.get(name) ?? null,
  }));
  refuseSamePort(listeners);
  checkBetweenBrokers(values, listeners);
  return listeners;
}

interface NamedAddress {
  readonly name: string;
  readonly address: Address;
}

function namedAddresses(key: string, texts: readonly string[], aside: ReadonlySet<string>): readonly NamedAddress[] {
  const found: NamedAddress[] = [];
  for (const text of texts) {
    const [name = '', address = ''] = text.split('://');
    if (aside.has(nameOf(name))) continue;
    found.push({ name: nameOf(name), address: splitHostPort(address) });
  }
  const names = found.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return found;
  const remedy = 'give each a name of its own, and map it in listener.security.protocol.map';
  throw bad(`${key} has more than one listener with the name ${twice}; ${remedy}`);
}

function nameOf(text: string): string {
  return text.toUpperCase();
}

function protocolMap(pairs: readonly string[]): ReadonlyMap<string, SecurityProtocol> {
  const map = new Map<string, SecurityProtocol>();
  for (const pair of pairs) {
    const colon = pair.lastIndexOf(':');
    const [name, protocol] = [nameOf(pair.slice(0, colon)), nameOf(pair.slice(colon + 1))];
    if (!isProtocol(protocol)) {
      const choice = securityProtocols.join(', ');
      throw bad(`listener.security.protocol.map: there is no protocol '${protocol}'; choose one of ${choice}`);
    }
    if (map.has(name)) {
      throw bad(`listener.security.protocol.map names the listener ${name} more than once; keep one of them`);
    }
    map.set(name, protocol);
  }
  return map;
}

function isProtocol(text: string): text is SecurityProtocol {
  return securityProtocols.some((protocol) => protocol === text);
}

function protocolOf(name: string, map: ReadonlyMap<string, SecurityProtocol>): SecurityProtocol {
  const protocol = map.get(name);
  if (protocol !== undefined) return protocol;
  const remedy = `add ${name}:PLAINTEXT, or with another of ${securityProtocols.join(', ')}`;
  throw bad(`the listener ${name} has no protocol in listener.security.protocol.map; ${remedy}`);
}

/** `--host` and `--port` replace what the first listener says. */
function replaced(values: BrokerValues, first: Address): Address {
  const host = values['host.name'] ?? listening(first).host;
  return checkedPort('listeners', { host, port: values.port ?? first.port });
}

function listening({ host, port }: Address): Address {
  return { host: host === '' ? '0.0.0.0' : host, port };
}

function advertisedOf(
  values: BrokerValues,
  given: readonly NamedAddress[],
  aside: ReadonlySet<string>,
): ReadonlyMap<string, Address> {
  const told = new Map<string, Address>();
  for (const { name, address } of namedAddresses('advertised.listeners', values['advertised.listeners'], aside)) {
    if (!given.some((listener) => listener.name === name)) {
      const names = given.map((listener) => listener.name).join(', ');
      throw bad(
        `advertised.listeners names ${name}, which is none of the listeners (${names}); add it there or leave it out`,
      );
    }
    told.set(name, checkedAdvertised('advertised.listeners', address));
  }
  const [first] = given;
  if (values['perfbroker.advertise'] !== null && first !== undefined) {
    told.set(first.name, checkedAdvertised('perfbroker.advertise', splitHostPort(values['perfbroker.advertise'])));
  }
  return told;
}

/** An IPv4 and an IPv6 address may share a port, as in Kafka; a broker that takes any free port shares none. */
function refuseSamePort(listeners: readonly Listener[]): void {
  for (const [index, listener] of listeners.entries()) {
    const { port, host } = listener.address;
    if (port === 0) continue;
    const same = listeners
      .slice(0, index)
      .find(({ address }) => address.port === port && isIpv6(address.host) === isIpv6(host));
    if (same === undefined) continue;
    throw bad(`listeners gives the port ${port} to ${same.name} and to ${listener.name}; give each a port of its own`);
  }
}

function isIpv6(host: string): boolean {
  return host.includes(':');
}

/** There are no other brokers yet, but a name that leads nowhere is a mistake that Kafka finds, too. */
function checkBetweenBrokers(values: BrokerValues, listeners: readonly Listener[]): void {
  const name = values['inter.broker.listener.name'];
  if (name === null) return;
  if (values['security.inter.broker.protocol'] !== null) {
    throw bad('inter.broker.listener.name and security.inter.broker.protocol exclude each other; keep one of them');
  }
  if (listeners.some((listener) => listener.name === nameOf(name))) return;
  const names = listeners.map((listener) => listener.name).join(', ');
  throw bad(`inter.broker.listener.name is ${name}, which is none of the listeners; choose one of ${names}`);
}

function checkedPort(key: string, address: Address): Address {
  if (address.port <= PORT_MAX) return address;
  throw bad(`${key} has the port ${address.port} but ports end at ${PORT_MAX}; choose a lower one`);
}

function checkedAdvertised(key: string, address: Address): Address {
  if (address.host === '' || address.host === '0.0.0.0' || address.host === '::') {
    throw bad(`${key} has the address '${address.host}', which no client can dial; name a host clients reach`);
  }
  if (address.port === 0) {
    throw bad(`${key} has the port 0, which no client can dial; name the port clients reach`);
  }
  return checkedPort(key, { host: address.host, port: address.port });
}

function bad(message: string): Fault {
  return new Fault('PB_BAD_SETTING', message);
}
