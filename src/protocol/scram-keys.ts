/**
 * The arithmetic of SCRAM (RFC 5802, RFC 7677): from a password to the keys a broker keeps, and the proofs both sides make
 * of them. The broker never sees a password: it keeps what lets it check a proof, and make its own. Used by `security/`,
 * by the client, and where users are changed. Knows no message; those are in `scram-messages`.
 */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';

export type ScramName = 'SCRAM-SHA-256' | 'SCRAM-SHA-512';

export interface ScramMechanism {
  readonly name: ScramName;
  /** How the protocol's requests name it. */
  readonly code: number;
  readonly hash: 'sha256' | 'sha512';
  readonly hashBytes: number;
}

export const SCRAM_SHA_256: ScramMechanism = { name: 'SCRAM-SHA-256', code: 1, hash: 'sha256', hashBytes: 32 };
export const SCRAM_SHA_512: ScramMechanism = { name: 'SCRAM-SHA-512', code: 2, hash: 'sha512', hashBytes: 64 };
export const scramMechanisms: readonly ScramMechanism[] = [SCRAM_SHA_256, SCRAM_SHA_512];

/** Kafka's bounds, for both mechanisms. */
export const ITERATIONS_MIN = 4096;
export const ITERATIONS_MAX = 16_384;

/** What is kept of a password. */
export interface ScramCredential {
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly storedKey: Uint8Array;
  readonly serverKey: Uint8Array;
}

export function scramOf(name: string): ScramMechanism | null {
  return scramMechanisms.find((one) => one.name === name) ?? null;
}

export function scramOfCode(code: number): ScramMechanism | null {
  return scramMechanisms.find((one) => one.code === code) ?? null;
}

/** The slow step, off the event loop. */
export function saltPassword(
  { hash, hashBytes }: ScramMechanism,
  password: string,
  salt: Uint8Array,
  iterations: number,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    pbkdf2(Buffer.from(password, 'utf8'), salt, iterations, hashBytes, hash, (error, salted) => {
      if (error === null) resolve(salted);
      else reject(error);
    });
  });
}

export function credentialOf(
  mechanism: ScramMechanism,
  salted: { readonly password: Uint8Array; readonly salt: Uint8Array; readonly iterations: number },
): ScramCredential {
  const { salt, iterations, password } = salted;
  return {
    salt,
    iterations,
    storedKey: digest(mechanism, clientKeyOf(mechanism, password)),
    serverKey: hmac(mechanism, password, 'Server Key'),
  };
}

/** What the client sends to show that it knows the password. */
export function clientProof(mechanism: ScramMechanism, saltedPassword: Uint8Array, authMessage: string): Buffer {
  const clientKey = clientKeyOf(mechanism, saltedPassword);
  return xor(clientKey, hmac(mechanism, digest(mechanism, clientKey), authMessage));
}

/** Whether the proof was made from the password; takes as long for a wrong one. */
export function isProofGood(
  mechanism: ScramMechanism,
  { storedKey }: ScramCredential,
  authMessage: string,
  proof: Uint8Array,
): boolean {
  if (proof.length !== mechanism.hashBytes || storedKey.length !== mechanism.hashBytes) return false;
  const clientKey = xor(proof, hmac(mechanism, storedKey, authMessage));
  return timingSafeEqual(digest(mechanism, clientKey), storedKey);
}

/** What the broker sends to show that it knows the user. */
export function serverSignature(mechanism: ScramMechanism, serverKey: Uint8Array, authMessage: string): Buffer {
  return hmac(mechanism, serverKey, authMessage);
}

export function serverKeyOf(mechanism: ScramMechanism, saltedPassword: Uint8Array): Buffer {
  return hmac(mechanism, saltedPassword, 'Server Key');
}

const TEXT_SALT_CHARS = 26;
const ALPHABET = '0123456789abcdefghijklmnopqrstuvwxyz';

/** Salts look as those that Kafka's tools make: letters and digits. */
export function newSalt(): Buffer {
  return saltFrom(randomBytes(TEXT_SALT_CHARS));
}

/** The salt that these bytes stand for; at least 26 of them. */
export function saltFrom(bytes: Uint8Array): Buffer {
  let text = '';
  for (let index = 0; index < TEXT_SALT_CHARS; index++) text += ALPHABET[(bytes[index] ?? 0) % ALPHABET.length];
  return Buffer.from(text, 'latin1');
}

function clientKeyOf(mechanism: ScramMechanism, saltedPassword: Uint8Array): Buffer {
  return hmac(mechanism, saltedPassword, 'Client Key');
}

function hmac({ hash }: ScramMechanism, key: Uint8Array, text: string): Buffer {
  return createHmac(hash, key).update(text, 'utf8').digest();
}

function digest({ hash }: ScramMechanism, bytes: Uint8Array): Buffer {
  return createHash(hash).update(bytes).digest();
}

function xor(one: Uint8Array, other: Uint8Array): Buffer {
  const bytes = Buffer.alloc(one.length);
  for (let index = 0; index < one.length; index++) bytes[index] = (one[index] ?? 0) ^ (other[index] ?? 0);
  return bytes;
}
