/** Why a handshake failed, in words for the log: what OpenSSL says is seldom what a person needs to know. */
import type { ClientAuth } from './tls-terms.ts';

export interface HandshakeProblem {
  /** Lines of one cause are counted together. */
  readonly cause: string;
  readonly sentence: string;
}

const PLAINTEXT_CODES: ReadonlySet<string> = new Set([
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_HTTP_REQUEST',
  'ERR_SSL_HTTPS_PROXY_REQUEST',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_RECORD_TOO_SMALL',
  'ERR_SSL_UNKNOWN_PROTOCOL',
]);

export function sentenceOf(error: Error, authorizationError: unknown, clientAuth: ClientAuth): HandshakeProblem {
  const code = 'code' in error ? String(error.code) : '';
  if (PLAINTEXT_CODES.has(code)) {
    const remedy = 'give the client security.protocol=SSL (or SASL_SSL), or another port';
    return { cause: 'plaintext', sentence: `it does not speak TLS; ${remedy}` };
  }
  if (authorizationError !== undefined && authorizationError !== null) {
    return { cause: 'certificate', sentence: `its certificate is not good: ${String(authorizationError)}` };
  }
  // Health checks and scanners come and go.
  if (code === 'ECONNRESET') return { cause: 'gone', sentence: 'it left during the handshake' };
  if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') {
    return { cause: 'slow', sentence: 'its handshake took too long' };
  }
  if (code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE') {
    return { cause: 'no-certificate', sentence: `it has shown no certificate, and ssl.client.auth is ${clientAuth}` };
  }
  if (code === 'ERR_SSL_UNSUPPORTED_PROTOCOL') {
    return { cause: 'version', sentence: 'it speaks no version of TLS that ssl.enabled.protocols allows' };
  }
  if (code === 'ERR_SSL_NO_SHARED_CIPHER') {
    return { cause: 'cipher', sentence: 'it has no cipher suite in common with the broker; see ssl.cipher.suites' };
  }
  if (code.startsWith('ERR_SSL_') && code.includes('ALERT')) {
    const alert = code.slice('ERR_SSL_'.length).toLowerCase().replaceAll('_', ' ');
    return { cause: 'alert', sentence: `it ended the handshake (${alert}); does it trust the broker's certificate?` };
  }
  return { cause: 'other', sentence: `the handshake failed (${code === '' ? error.message : code})` };
}
