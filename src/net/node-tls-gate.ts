/**
 * What a connection passes through on a listener with TLS before the front sees it: the handshake, and the certificate of
 * the client. Used by the plain-Node transport, on the thread of a front of TLS.
 *
 * Bounds, because nobody has shown yet who he is: so many handshakes at one time (the oldest makes room for a new one), and
 * so long for each. Node keeps less than 100 KB for one. What goes wrong is logged by cause, a line in a while.
 */
import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import type { RateLimitedLog } from '../base/rate-limited-log.ts';
import { contextOptionsOf } from './node-tls-context.ts';
import type { Porch } from './node-transport.ts';
import { sentenceOf } from './tls-problems.ts';
import type { TlsTerms } from './tls-terms.ts';

export const HANDSHAKES_MAX = 256;
export const HANDSHAKE_MS_MAX = 10_000;

/** The principal of a certificate by the rules of the listener; null: no rule has a name for it. */
export type CertificateNaming = (certificate: Uint8Array) => string | null;

export interface TlsGateParts {
  readonly listener: string;
  readonly terms: TlsTerms;
  /** Rules of `ssl.principal.mapping.rules` as a function; null where certificates name nobody (SASL does). */
  readonly naming: ((rules: string) => CertificateNaming) | null;
  readonly log: RateLimitedLog;
}

type Enter = (socket: Socket, principal: string | null) => void;

interface Handshake {
  readonly raw: Socket;
  readonly enter: Enter;
}

export class TlsGate implements Porch {
  private readonly parts: TlsGateParts;
  private terms: TlsTerms;
  private naming: CertificateNaming | null;
  private server: Server;
  /** For the log: a socket that is gone no longer knows who its peer was. */
  private readonly peers = new WeakMap<object, string>();
  /** In the order in which they began. */
  private readonly underWay = new Map<string, Handshake>();

  /** Throws where the terms are not good. */
  constructor(parts: TlsGateParts) {
    this.parts = parts;
    this.terms = parts.terms;
    this.naming = parts.naming?.(parts.terms.mappingRules) ?? null;
    this.server = this.serverOf(parts.terms);
  }

  get handshakeCount(): number {
    return this.underWay.size;
  }

  /** From here on, for new connections. Sessions that were begun under the old terms are not resumed. */
  renew(terms: TlsTerms): void {
    this.server = this.serverOf(terms);
    this.naming = this.parts.naming?.(terms.mappingRules) ?? null;
    this.terms = terms;
  }

  take(raw: Socket, enter: Enter): void {
    const key = keyOf(raw);
    if (this.underWay.size >= HANDSHAKES_MAX) this.dropOldest();
    this.underWay.set(key, { raw, enter });
    this.peers.set(raw, `${raw.remoteAddress ?? 'somebody'}:${raw.remotePort ?? 0}`);
    raw.once('close', () => this.underWay.delete(key));
    // Before Node listens: whoever resets the connection at once must not be an error that nobody takes.
    raw.on('error', ignore);
    this.server.emit('connection', raw);
  }

  destroy(): void {
    for (const { raw } of this.underWay.values()) raw.destroy();
    this.underWay.clear();
  }

  private serverOf(terms: TlsTerms): Server {
    const server = createServer({
      ...contextOptionsOf(terms),
      requestCert: terms.clientAuth !== 'none',
      rejectUnauthorized: terms.clientAuth === 'required',
      handshakeTimeout: HANDSHAKE_MS_MAX,
    });
    server.on('secureConnection', (socket) => this.shaken(socket, terms));
    server.on('tlsClientError', (error, socket) => this.failed(error, socket));
    return server;
  }

  private shaken(socket: TLSSocket, terms: TlsTerms): void {
    const key = keyOf(socket);
    const handshake = this.underWay.get(key);
    this.underWay.delete(key);
    if (handshake === undefined) {
      socket.destroy();
      return;
    }
    const certificate = terms.clientAuth === 'none' ? undefined : socket.getPeerX509Certificate();
    if (certificate === undefined) {
      handshake.enter(socket, null);
      return;
    }
    const problem = socket.authorized ? problemOfAnchor(certificate, terms) : String(socket.authorizationError);
    if (problem !== null) {
      this.refuse(socket, 'certificate', `its certificate is not good: ${problem}`);
      return;
    }
    if (this.naming === null) {
      handshake.enter(socket, null);
      return;
    }
    const name = this.naming(certificate.raw);
    if (name === null)
      this.refuse(socket, 'naming', 'no rule of ssl.principal.mapping.rules has a name for its certificate');
    else handshake.enter(socket, name);
  }

  private failed(error: Error, socket: TLSSocket): void {
    const key = keyOf(socket);
    this.underWay.delete(key);
    const { cause, sentence } = sentenceOf(error, socket.authorizationError, this.terms.clientAuth);
    this.refuse(socket, cause, sentence);
  }

  private refuse(socket: TLSSocket, cause: string, sentence: string): void {
    const { log, listener } = this.parts;
    const peer = this.peers.get(beneath(socket)) ?? `${socket.remoteAddress ?? 'somebody'}:${socket.remotePort ?? 0}`;
    log.say(`tls-${cause}`, cause === 'gone' ? 'debug' : 'warn', `listener ${listener} closed ${peer}: ${sentence}`);
    socket.destroy();
  }

  private dropOldest(): void {
    for (const [key, { raw }] of this.underWay) {
      this.underWay.delete(key);
      const { log, listener } = this.parts;
      const what = `listener ${listener} closed a handshake to begin another: ${HANDSHAKES_MAX} are under way`;
      log.say('tls-handshakes-max', 'warn', what);
      raw.destroy();
      return;
    }
  }
}

function ignore(): void {}

/** The socket that TLS runs over, where Node shows it. */
function beneath(socket: TLSSocket): object {
  const raw: unknown = Reflect.get(socket, '_parent');
  return typeof raw === 'object' && raw !== null ? raw : socket;
}

/** Of the TCP connection beneath, which the raw socket and the one of TLS over it have in common. */
function keyOf(socket: Socket): string {
  return `${socket.remoteAddress ?? ''} ${socket.remotePort ?? 0} ${socket.localAddress ?? ''} ${socket.localPort ?? 0}`;
}

/** Certificates of a client that are looked at. */
const CHAIN_MAX = 16;

/**
 * Node trusts whoever lies in a PKCS12 file beside the broker's own certificate; here only those of the truststore vouch
 * for clients, directly or by authorities that the client sent along. What it sent need not belong together, so every
 * step is checked. A sentence, or null.
 */
function problemOfAnchor(certificate: X509Certificate, { identity, trusted }: TlsTerms): string | null {
  if (identity.kind === 'pem') return null;
  const anchors = (trusted ?? []).map((pem) => new X509Certificate(pem));
  const authorities = sentWith(certificate).filter(({ ca }) => ca);
  const seen = new Set<X509Certificate>();
  for (let current: X509Certificate | undefined = certificate; current !== undefined; ) {
    const lower: X509Certificate = current;
    if (anchors.some((anchor) => isVouchedBy(lower, anchor))) return null;
    seen.add(lower);
    current = authorities.find((authority) => !seen.has(authority) && isIssuedBy(lower, authority));
  }
  return 'nobody in the truststore vouches for it';
}

/** In the order in which the client sent them, which is what Node calls issuers. */
function sentWith(certificate: X509Certificate): readonly X509Certificate[] {
  const sent: X509Certificate[] = [];
  for (let next = certificate.issuerCertificate; next !== undefined && sent.length < CHAIN_MAX; ) {
    sent.push(next);
    next = next.issuerCertificate;
  }
  return sent;
}

function isVouchedBy(certificate: X509Certificate, anchor: X509Certificate): boolean {
  return certificate.fingerprint256 === anchor.fingerprint256 || isIssuedBy(certificate, anchor);
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}
