/** The terms of a listener with TLS as Node's own options. */
import { constants } from 'node:crypto';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import type { TlsTerms } from './tls-terms.ts';

export function contextOptionsOf(terms: TlsTerms): SecureContextOptions {
  const { identity, passphrase, trusted, ciphers, minVersion, maxVersion } = terms;
  const checksChain = identity.kind === 'pkcs12' && trusted !== null;
  return {
    ...(identity.kind === 'pem'
      ? { cert: identity.chain, key: identity.key }
      : { pfx: Buffer.from(identity.bytes.buffer, identity.bytes.byteOffset, identity.bytes.length) }),
    ...(passphrase === null ? {} : { passphrase }),
    // An empty list trusts nobody; without one Node trusts everybody that browsers trust.
    ca: trusted === null ? [] : [...trusted],
    ...(ciphers === null ? {} : { ciphers }),
    minVersion,
    maxVersion,
    // Whoever wants another handshake opens another connection, as Kafka has it. A ticket keeps the client's certificate
    // without those that were sent along, which `node-tls-gate` asks for where a PKCS12 file is the broker's identity.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | (checksChain ? constants.SSL_OP_NO_TICKET : 0),
  };
}

/** Throws what OpenSSL says when it cannot work with them. */
export function tryTerms(terms: TlsTerms): void {
  createSecureContext(contextOptionsOf(terms));
}
