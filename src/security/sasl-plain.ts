/**
 * PLAIN (RFC 4616): name and password in one token. Users and passwords come from the settings, as Kafka takes them from
 * `user_alice="…"` in a JAAS text. Compared as keyed digests in constant time, also for a name that nobody has, so that
 * neither the length of a password nor the names of users can be measured.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import {
  NO_TOKEN,
  REFUSED,
  refusedSaying,
  type SaslConversation,
  type SaslMechanism,
  type SaslStep,
} from './sasl-mechanism.ts';

/** The length up to which RFC 4616 has names and passwords taken is 255 bytes; this is generous. */
const TOKEN_BYTES_MAX = 4096;
const WRONG = refusedSaying('Authentication failed: Invalid username or password');
const OTHER_AUTHORIZATION = refusedSaying(
  'Authentication failed: Client requested an authorization id that is different from username',
);

export class SaslPlain implements SaslMechanism {
  readonly name = 'PLAIN';
  private readonly key = randomBytes(32);
  private readonly digests = new Map<string, Buffer>();
  private readonly nobody = randomBytes(32);

  constructor(passwords: ReadonlyMap<string, string>) {
    for (const [user, password] of passwords) this.digests.set(user, this.digestOf(password));
  }

  begin(): SaslConversation {
    return { take: (token) => this.take(token) };
  }

  private take(token: Uint8Array): SaslStep {
    if (token.length > TOKEN_BYTES_MAX) return REFUSED;
    const parts = Buffer.from(token).toString('utf8').split('\0');
    const [authorizationId, user, password] = parts;
    if (parts.length !== 3 || authorizationId === undefined || user === undefined || password === undefined)
      return REFUSED;
    if (user === '' || password === '') return REFUSED;
    const isGood = timingSafeEqual(this.digestOf(password), this.digests.get(user) ?? this.nobody);
    if (!isGood || !this.digests.has(user)) return WRONG;
    if (authorizationId !== '' && authorizationId !== user) return OTHER_AUTHORIZATION;
    return { kind: 'done', token: NO_TOKEN, user, expiresMs: null };
  }

  private digestOf(password: string): Buffer {
    return createHmac('sha256', this.key).update(password, 'utf8').digest();
  }
}
