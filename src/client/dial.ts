/**
 * Opens the byte stream to a broker. `Connection` takes a `Dial` and does not know what is behind it: plain TCP here,
 * and whatever wraps a socket (TLS, a tunnel, a test's own pipe) where somebody passes in another one.
 */
import { connect } from 'node:net';
import type { Duplex } from 'node:stream';
import { Fault } from '../base/fault.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Resolves with a stream that is ready for bytes; must give up after `timeoutMs`. */
export type Dial = (address: Address, timeoutMs: number) => Promise<Duplex>;

/** Parses `host:port,host:port`; IPv6 addresses stand in brackets. A missing port is Kafka's usual one. */
export function addressesOf(text: string): Address[] {
  return text.split(',').map((part) => {
    const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d+))?$/.exec(part.trim());
    const host = match?.[1] ?? match?.[2] ?? '';
    const port = Number(match?.[3] ?? PORT_DEFAULT);
    if (host === '' || port < 1 || port > 65_535) {
      throw new Fault('PB_BAD_ADDRESS', `'${part}' is not host:port; write it like localhost:9092`);
    }
    return { host, port };
  });
}

const PORT_DEFAULT = 9092;

export function dialTcp({ host, port }: Address, timeoutMs: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true });
    const refuse = (what: string, cause: unknown): void => {
      clearTimeout(timer);
      socket.destroy();
      const message = `no connection to ${host}:${port}: ${what}; is a broker running there?`;
      reject(new Fault('PB_CONNECTION', message, { cause }));
    };
    const timer = setTimeout(() => refuse(`nothing within ${timeoutMs} ms`, null), timeoutMs);
    socket.once('error', (error) => refuse(error.message, error));
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeAllListeners('error');
      resolve(socket);
    });
  });
}
