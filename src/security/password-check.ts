/**
 * Whether a user has a password, for those who ask another way than by SASL (the pages of the HTTP side): users of PLAIN in the
 * settings, and of SCRAM in the catalog. Takes as long for a name that nobody has, and salts off the event loop.
 */
import { timingSafeEqual } from 'node:crypto';
import { credentialOf, type ScramCredential, type ScramMechanism, saltPassword } from '../protocol/scram-keys.ts';

export interface PasswordSources {
  /** Passwords by name, of all listeners with PLAIN. */
  readonly plain: readonly ReadonlyMap<string, string>[];
  readonly mechanisms: readonly ScramMechanism[];
  readonly scramOf: (mechanism: ScramMechanism, user: string) => ScramCredential | null;
  /** What a name that nobody has is checked against. */
  readonly pretended: { readonly mechanism: ScramMechanism; readonly credential: ScramCredential };
}

export async function isPasswordOf(sources: PasswordSources, user: string, password: string): Promise<boolean> {
  let isGood = false;
  for (const passwords of sources.plain) {
    const known = passwords.get(user);
    if (known !== undefined && isSameText(known, password)) isGood = true;
  }
  let looked = 0;
  for (const mechanism of sources.mechanisms) {
    const credential = sources.scramOf(mechanism, user);
    if (credential === null) continue;
    looked += 1;
    if (await isScram(mechanism, credential, password)) isGood = true;
  }
  const { mechanism, credential } = sources.pretended;
  if (looked === 0) await isScram(mechanism, credential, password);
  return isGood;
}

async function isScram(mechanism: ScramMechanism, known: ScramCredential, password: string): Promise<boolean> {
  const { salt, iterations } = known;
  const salted = await saltPassword(mechanism, password, salt, iterations);
  const { storedKey } = credentialOf(mechanism, { password: salted, salt, iterations });
  return storedKey.length === known.storedKey.length && timingSafeEqual(storedKey, known.storedKey);
}

function isSameText(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one, 'utf8'), Buffer.from(other, 'utf8')];
  return a.length === b.length && timingSafeEqual(a, b);
}
