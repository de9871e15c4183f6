/** Opens a TLS stream to a broker: a `Dial` for those that listen with SSL or SASL_SSL. */
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect } from 'node:tls';
import { Fault } from '../base/fault.ts';
import type { Dial } from './dial.ts';

export interface TlsOptions {
  /** Certificates of those whose word counts, in PEM; left out: those that Node trusts. */
  readonly ca?: string | Buffer;
  /** What the client shows: certificate chain and key in PEM, or both in PKCS#12. */
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  readonly pfx?: Buffer;
  readonly passphrase?: string;
  /** Whether the certificate must name the host that was dialled; true if it is left out. */
  readonly checksHost?: boolean;
  /** The oldest version that is taken; TLSv1.2 if it is left out. */
  readonly versionMin?: 'TLSv1.2' | 'TLSv1.3';
}

export function dialTls(options: TlsOptions): Dial {
  const { ca, cert, key, pfx, passphrase, checksHost = true, versionMin = 'TLSv1.2' } = options;
  const fixed: ConnectionOptions = {
    minVersion: versionMin,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(pfx === undefined ? {} : { pfx }),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(checksHost ? {} : { checkServerIdentity: () => undefined }),
  };
  return ({ host, port }, timeoutMs) =>
    new Promise<Duplex>((resolve, reject) => {
      const servername = /^[\d.]+$|:/.test(host) ? {} : { servername: host };
      const socket = connect({ ...fixed, ...servername, host, port });
      const refuse = (what: string, cause: unknown): void => {
        clearTimeout(timer);
        socket.destroy();
        reject(new Fault('PB_CONNECTION', `no TLS connection to ${host}:${port}: ${what}`, { cause }));
      };
      const timer = setTimeout(() => refuse(`nothing within ${timeoutMs} ms`, null), timeoutMs);
      socket.setNoDelay(true);
      socket.once('error', (error) => refuse(error.message, error));
      socket.once('secureConnect', () => {
        clearTimeout(timer);
        socket.removeAllListeners('error');
        resolve(socket);
      });
    });
}
