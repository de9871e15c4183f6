/**
 * SCRAM-SHA-256 and SCRAM-SHA-512 on the broker's side (RFC 5802): the client proves that it knows the password, and
 * the broker that it knows the user, without the password on the wire or here.
 *
 *   client first ──▶ salt and iterations ──▶ client final with its proof ──▶ the broker's signature
 *
 * A name that nobody has gets a salt as well, the same one each time, and is refused where a wrong password is.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import {
  ITERATIONS_MIN,
  isProofGood,
  type ScramCredential,
  type ScramMechanism,
  saltFrom,
  serverSignature,
} from '../protocol/scram-keys.ts';
import {
  authMessageOf,
  type ClientFirst,
  parseClientFinal,
  parseClientFirst,
  serverFirst,
} from '../protocol/scram-messages.ts';
import { REFUSED, refusedSaying, type SaslConversation, type SaslMechanism, type SaslStep } from './sasl-mechanism.ts';

export interface ScramParts {
  readonly mechanism: ScramMechanism;
  readonly credentialOf: (user: string) => ScramCredential | null;
  /** Secret, and the same after a restart: salts of names that nobody has come from it. */
  readonly pretenceKey: () => Uint8Array;
  /** The broker's part of the nonce; left out: random. */
  readonly nonce?: () => string;
}

const MESSAGE_BYTES_MAX = 4096;
const NONCE_BYTES = 24;
const OTHER_AUTHORIZATION = refusedSaying(
  'Authentication failed: Client requested an authorization id that is different from username',
);

/** A reason that people can do something about: the client is told what everybody is told. */
const OTHER_NONCE: SaslStep = {
  kind: 'refused',
  message: null,
  reason: 'its nonce is another than the one it was sent, as that of librdkafka before 2.6.1; a newer one is needed',
};

export class SaslScram implements SaslMechanism {
  readonly name: string;
  private readonly parts: ScramParts;

  constructor(parts: ScramParts) {
    this.name = parts.mechanism.name;
    this.parts = parts;
  }

  begin(): SaslConversation {
    return new ScramConversation(this.parts);
  }
}

interface Begun {
  readonly first: ClientFirst;
  readonly credential: ScramCredential;
  /** Whether there is such a user at all. */
  readonly isReal: boolean;
  readonly nonce: string;
  readonly serverFirst: string;
}

class ScramConversation implements SaslConversation {
  private readonly parts: ScramParts;
  private begun: Begun | null = null;
  private isOver = false;

  constructor(parts: ScramParts) {
    this.parts = parts;
  }

  take(token: Uint8Array): SaslStep {
    if (this.isOver || token.length > MESSAGE_BYTES_MAX) return this.end(REFUSED);
    const message = Buffer.from(token).toString('utf8');
    return this.begun === null ? this.takeFirst(message) : this.takeFinal(message, this.begun);
  }

  private takeFirst(message: string): SaslStep {
    const first = parseClientFirst(message);
    // A delegation token is no user, and there are none.
    if (first === null || first.isToken) return this.end(REFUSED);
    if (first.authorizationId !== '' && first.authorizationId !== first.user) return this.end(OTHER_AUTHORIZATION);
    const known = this.parts.credentialOf(first.user);
    const credential = known ?? this.pretendedOf(first.user);
    const nonce = first.nonce + (this.parts.nonce?.() ?? randomBytes(NONCE_BYTES).toString('base64url'));
    const { salt, iterations } = credential;
    const text = serverFirst({ nonce, salt: Buffer.from(salt), iterations });
    this.begun = { first, credential, isReal: known !== null, nonce, serverFirst: text };
    return { kind: 'challenge', token: Buffer.from(text, 'utf8') };
  }

  private takeFinal(message: string, begun: Begun): SaslStep {
    const final = parseClientFinal(message);
    if (final === null) return this.end(REFUSED);
    if (!isSame(final.nonce, begun.nonce)) return this.end(OTHER_NONCE);
    if (!final.channelBinding.equals(Buffer.from(begun.first.header, 'utf8'))) return this.end(REFUSED);
    const { mechanism } = this.parts;
    const authMessage = authMessageOf(begun.first.bare, begun.serverFirst, final.withoutProof);
    const isGood = isProofGood(mechanism, begun.credential, authMessage, final.proof);
    if (!isGood || !begun.isReal) return this.end(REFUSED);
    const signature = serverSignature(mechanism, begun.credential.serverKey, authMessage);
    const token = Buffer.from(`v=${signature.toString('base64')}`, 'utf8');
    return this.end({ kind: 'done', token, user: begun.first.user, expiresMs: null });
  }

  private pretendedOf(user: string): ScramCredential {
    const { mechanism, pretenceKey } = this.parts;
    const make = (what: string): Buffer =>
      createHmac('sha512', pretenceKey()).update(`${mechanism.name} ${what} ${user}`, 'utf8').digest();
    return {
      salt: saltFrom(make('salt')),
      iterations: ITERATIONS_MIN,
      storedKey: make('stored key').subarray(0, mechanism.hashBytes),
      serverKey: make('server key').subarray(0, mechanism.hashBytes),
    };
  }

  private end(step: SaslStep): SaslStep {
    this.isOver = true;
    this.begun = null;
    return step;
  }
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one, 'utf8'), Buffer.from(other, 'utf8')];
  return a.length === b.length && timingSafeEqual(a, b);
}
