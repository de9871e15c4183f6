/**
 * OAUTHBEARER (RFC 7628): the client sends a token (a JWT) that somebody else has signed. What is asked of one is what
 * Kafka's own validator asks: a good signature by one of the keys, not expired, issued at some time, for the right audience
 * and from the right issuer where those are set, and a name in it. Signatures by a shared secret, or none, are refused
 * whatever the keys: whoever could choose the algorithm could sign with a public key.
 *
 * A refusal takes two steps, as the RFC has it: the broker says what is wrong in JSON, the client sends a single 0x01.
 */
import { errors, type JWTPayload, jwtVerify } from 'jose';
import { Turns } from '../base/turns.ts';
import type { OauthTerms } from '../config/logins.ts';
import { NO_TOKEN, REFUSED, type SaslConversation, type SaslMechanism, type SaslStep } from './sasl-mechanism.ts';
import type { KeySet, SigningKeys } from './signing-keys.ts';

export interface OauthParts {
  readonly terms: OauthTerms;
  readonly keys: SigningKeys;
  readonly nowMs: () => number;
}

/** Signatures by a private key, all of them. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
const TOKEN_BYTES_MAX = 65_536;
/** Signatures checked at one time: it is done by threads that also write to the disk. */
const CHECKS_MAX = 64;
const BLANK_MAX = 0x20;
const KVSEP = '\u0001';
const INVALID = JSON.stringify({ status: 'invalid_token' });
const SASL_NAME = /^a=((?:[\x20-\x2b\x2d-\x3c\x3e-\x7e]|=2C|=3D)+)$/;
const BEARER = /^auth=bearer +([-_.a-zA-Z0-9]+)$/i;
const EXTENSION = /^[A-Za-z]+=[\x20-\x7e\t\r\n]+$/;

export class SaslOauth implements SaslMechanism {
  readonly name = 'OAUTHBEARER';
  private readonly parts: OauthParts;
  private readonly checks = new Turns(CHECKS_MAX);

  constructor(parts: OauthParts) {
    this.parts = parts;
  }

  begin(): SaslConversation {
    return new OauthConversation(this.parts, this.checks);
  }
}

class OauthConversation implements SaslConversation {
  private readonly parts: OauthParts;
  /** Why the token was refused; the client was told that it was, and has to say that it heard. */
  private problem: string | null = null;
  private readonly checks: Turns;

  constructor(parts: OauthParts, checks: Turns) {
    this.parts = parts;
    this.checks = checks;
  }

  async take(token: Uint8Array): Promise<SaslStep> {
    if (this.problem !== null) return { kind: 'refused', message: INVALID, reason: this.problem };
    const message = token.length > TOKEN_BYTES_MAX ? null : parseFirst(Buffer.from(token).toString('latin1'));
    if (message === null) return REFUSED;
    const verified = await this.verified(message.token);
    if (typeof verified === 'string') {
      this.problem = `the token is not accepted: ${verified}`;
      return { kind: 'challenge', token: Buffer.from(INVALID, 'utf8') };
    }
    const { user, expiresMs } = verified;
    if (message.authorizationId === '' || message.authorizationId === user)
      return { kind: 'done', token: NO_TOKEN, user, expiresMs };
    const sentence =
      'Authentication failed: Client requested an authorization id that is different from the name in the token';
    return { kind: 'refused', message: sentence, reason: null };
  }

  /** A string says why not. */
  private async verified(token: string): Promise<{ readonly user: string; readonly expiresMs: number } | string> {
    const keys = await this.parts.keys.current(false);
    if (keys === null) return 'there are no keys to check it with';
    try {
      return this.claimsOf(await this.checks.take(() => this.payload(token, keys)));
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) return problemOf(error);
    }
    const fresh = await this.parts.keys.current(true);
    if (fresh === null || fresh === keys) return 'it is signed with a key that is not among those that are known';
    try {
      return this.claimsOf(await this.checks.take(() => this.payload(token, fresh)));
    } catch (error) {
      return problemOf(error);
    }
  }

  private async payload(token: string, keys: KeySet): Promise<JWTPayload> {
    const { audiences, issuer, skewSeconds } = this.parts.terms;
    const options = {
      algorithms: ALGORITHMS,
      clockTolerance: skewSeconds,
      currentDate: new Date(this.parts.nowMs()),
      requiredClaims: ['exp', 'iat'],
      ...(audiences.length === 0 ? {} : { audience: [...audiences] }),
      ...(issuer === null ? {} : { issuer }),
    };
    try {
      return (await jwtVerify(token, keys, options)).payload;
    } catch (error) {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
      for await (const key of error) {
        try {
          return (await jwtVerify(token, key, options)).payload;
        } catch (problem) {
          if (!(problem instanceof errors.JWSSignatureVerificationFailed)) throw problem;
        }
      }
      throw new errors.JWSSignatureVerificationFailed();
    }
  }

  private claimsOf(payload: JWTPayload): { readonly user: string; readonly expiresMs: number } | string {
    const { userClaim, scopeClaim } = this.parts.terms;
    const claim = payload[userClaim];
    const user = typeof claim === 'string' ? trimmed(claim) : '';
    if (user === '') return `its claim ${userClaim} holds no name`;
    const scope = payload[scopeClaim];
    const isScope = scope === undefined || typeof scope === 'string' || isTexts(scope);
    if (!isScope) return `its claim ${scopeClaim} holds no scopes`;
    if (typeof payload.exp !== 'number' || typeof payload.iat !== 'number') return 'it has no time';
    return { user, expiresMs: payload.exp * 1000 };
  }
}

/** As Java does it: what JavaScript takes for blanks besides makes another name, which somebody else may have. */
function trimmed(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && text.charCodeAt(from) <= BLANK_MAX) from += 1;
  while (to > from && text.charCodeAt(to - 1) <= BLANK_MAX) to -= 1;
  return text.slice(from, to);
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

/** The sentences of the package name claims and keys, never what is in them; but one repeats what a header demands. */
function problemOf(error: unknown): string {
  if (error instanceof errors.JOSENotSupported) return 'its header asks for something that there is not';
  if (error instanceof errors.JOSEError) return error.message;
  return 'it cannot be read';
}

/** `n,[a=authzid],^Aauth=Bearer token^A[key=value^A…]^A`; null: it is something else. */
function parseFirst(text: string): { readonly authorizationId: string; readonly token: string } | null {
  if (!text.startsWith('n,') || !text.endsWith(`${KVSEP}${KVSEP}`)) return null;
  const comma = text.indexOf(`,${KVSEP}`, 1);
  if (comma < 0) return null;
  const authzid = text.slice(2, comma);
  const name = authzid === '' ? '' : SASL_NAME.exec(authzid)?.[1];
  if (name === undefined) return null;
  const pairs = text.slice(comma + 2, -2).split(KVSEP);
  const [auth, ...extensions] = [...pairs].sort((one, other) => Number(isAuth(other)) - Number(isAuth(one)));
  const token = BEARER.exec(auth ?? '')?.[1];
  if (token === undefined || !extensions.every((one) => EXTENSION.test(one) && !isAuth(one))) return null;
  return { authorizationId: name.replaceAll('=2C', ',').replaceAll('=3D', '='), token };
}

function isAuth(pair: string): boolean {
  return pair.startsWith('auth=');
}
