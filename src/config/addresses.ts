/** Hosts and ports as text: what settings say becomes an address, and an address what people read. */

export interface Address {
  readonly host: string;
  readonly port: number;
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
