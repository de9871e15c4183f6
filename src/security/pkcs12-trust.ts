/**
 * Trusted certificates out of a PKCS12 file (RFC 7292), as keytool and openssl write them. Node reads such files only where they
 * hold a private key, so the walk through the file is made here; all cryptography is Node's own. Called by `tls-material`.
 *
 *   PFX ─▶ contents, of which a MAC over all vouches ─▶ safes, plain or encrypted ─▶ bags: keys, certificates
 *
 * Java marks what is trusted with an attribute. Where one is marked, those count; where none is and no key lies beside them
 * (openssl), all count; the chain of somebody's own key never does.
 */
import { createDecipheriv, createHash, createHmac, pbkdf2Sync, timingSafeEqual, X509Certificate } from 'node:crypto';
import { DerReader, type DerValue } from './der-reader.ts';

export type ReadTrust =
  | { readonly isGood: true; readonly certificates: readonly string[] }
  /** What is wrong with it, to follow its name. */
  | { readonly isGood: false; readonly problem: string };

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const OCTETS = 0x04;
const OID = 0x06;
const INSIDE = 0xa0;
/** [0] IMPLICIT OCTET STRING */
const ENCRYPTED = 0x80;

/** Object identifiers by their content in hexadecimal. */
const DATA = '2a864886f70d010701';
const ENCRYPTED_DATA = '2a864886f70d010706';
const KEY_BAGS: readonly string[] = ['2a864886f70d010c0a0101', '2a864886f70d010c0a0102'];
const CERTIFICATE_BAG = '2a864886f70d010c0a0103';
const X509 = '2a864886f70d01091601';
const JAVA_TRUST = '6086480186f966adca7b0101';
const PBES2 = '2a864886f70d01050d';
const PBKDF2 = '2a864886f70d01050c';
const PBE_3DES = '2a864886f70d010c0103';
const digests: { readonly [oid: string]: string } = {
  '2b0e03021a': 'sha1',
  '608648016503040201': 'sha256',
  '608648016503040202': 'sha384',
  '608648016503040203': 'sha512',
};
const hmacs: { readonly [oid: string]: string } = {
  '2a864886f70d0207': 'sha1',
  '2a864886f70d0209': 'sha256',
  '2a864886f70d020a': 'sha384',
  '2a864886f70d020b': 'sha512',
};
const ciphers: { readonly [oid: string]: { readonly name: string; readonly keyBytes: number } } = {
  '60864801650304012a': { name: 'aes-256-cbc', keyBytes: 32 },
  '608648016503040116': { name: 'aes-192-cbc', keyBytes: 24 },
  '608648016503040102': { name: 'aes-128-cbc', keyBytes: 16 },
  '2a864886f70d0307': { name: 'des-ede3-cbc', keyBytes: 24 },
};

/** More would only hold up the start; keytool takes 10,000. */
const ITERATIONS_MAX = 10_000_000;
const INTEGER_BYTES_MAX = 6;

/** Without a password the MAC is not looked at, as in Java. Takes as long as the file's iterations ask for. */
export function readPkcs12Trust(bytes: Uint8Array, password: string | null): ReadTrust {
  try {
    const found = new TrustFile(password).read(bytes);
    const marked = found.certificates.filter(({ isTrusted }) => isTrusted);
    const counted = marked.length > 0 || found.hasKeys ? marked : found.certificates;
    if (counted.length > 0) return { isGood: true, certificates: counted.map(({ der }) => pemOf(der)) };
    const instead = found.hasKeys ? ', only a key with its own chain' : '';
    return { isGood: false, problem: `has no trusted certificate${instead}` };
  } catch (error) {
    if (error instanceof Unreadable) return { isGood: false, problem: error.message };
    throw error;
  }
}

/** Stays in this file. */
class Unreadable extends Error {}

interface FoundCertificate {
  readonly der: Uint8Array;
  readonly isTrusted: boolean;
}

interface Found {
  hasKeys: boolean;
  readonly certificates: FoundCertificate[];
}

class TrustFile {
  private readonly password: string | null;
  private readonly found: Found = { hasKeys: false, certificates: [] };

  constructor(password: string | null) {
    this.password = password;
  }

  read(bytes: Uint8Array): Found {
    const pfx = whole(new DerReader(bytes).enter(SEQUENCE));
    taken(pfx, INTEGER);
    const contents = contentOf(whole(pfx.enter(SEQUENCE)), DATA);
    if (!pfx.isAtEnd && this.password !== null) checkMac(whole(pfx.enter(SEQUENCE)), contents, this.password);
    const safes = whole(new DerReader(contents).enter(SEQUENCE));
    while (!safes.isAtEnd) this.takeSafe(whole(safes.enter(SEQUENCE)));
    return this.found;
  }

  private takeSafe(safe: DerReader): void {
    const kind = idOf(taken(safe, OID));
    const inside = whole(safe.enter(INSIDE));
    if (kind === DATA) this.takeBags(taken(inside, OCTETS).content);
    else if (kind === ENCRYPTED_DATA) this.takeBags(this.decrypted(whole(inside.enter(SEQUENCE))));
    else throw new Unreadable('is encrypted for a certificate, not with a password');
  }

  private decrypted(data: DerReader): Uint8Array {
    if (this.password === null) throw new Unreadable('is encrypted; give its password in ssl.truststore.password');
    taken(data, INTEGER);
    const content = whole(data.enter(SEQUENCE));
    taken(content, OID);
    const algorithm = whole(content.enter(SEQUENCE));
    return decrypt(algorithm, taken(content, ENCRYPTED).content, this.password);
  }

  private takeBags(bytes: Uint8Array): void {
    const bags = whole(new DerReader(bytes).enter(SEQUENCE));
    while (!bags.isAtEnd) {
      const bag = whole(bags.enter(SEQUENCE));
      const kind = idOf(taken(bag, OID));
      const value = whole(bag.enter(INSIDE));
      if (KEY_BAGS.includes(kind)) this.found.hasKeys = true;
      if (kind !== CERTIFICATE_BAG) continue;
      const certificate = whole(value.enter(SEQUENCE));
      if (idOf(taken(certificate, OID)) !== X509) continue;
      const der = taken(whole(certificate.enter(INSIDE)), OCTETS).content;
      this.found.certificates.push({ der, isTrusted: isMarked(bag) });
    }
  }
}

function isMarked(bag: DerReader): boolean {
  if (bag.isAtEnd) return false;
  const attributes = whole(bag.enter(SET));
  while (!attributes.isAtEnd) {
    if (idOf(taken(whole(attributes.enter(SEQUENCE)), OID)) === JAVA_TRUST) return true;
  }
  return false;
}

// ── cryptography ────────────────────────────────────────────────────────────────────────────────────────────────────

function checkMac(mac: DerReader, contents: Uint8Array, password: string): void {
  const info = whole(mac.enter(SEQUENCE));
  const hash = known(digests, idOf(taken(whole(info.enter(SEQUENCE)), OID)), 'its MAC');
  const digest = taken(info, OCTETS).content;
  const salt = taken(mac, OCTETS).content;
  const iterations = mac.isAtEnd ? 1 : countOf(taken(mac, INTEGER));
  const key = derived(3, hash, { password, salt, iterations, keyBytes: createHash(hash).digest().length });
  const wanted = createHmac(hash, key).update(contents).digest();
  if (wanted.length === digest.length && timingSafeEqual(wanted, digest)) return;
  throw new Unreadable(
    'cannot be checked with the password in ssl.truststore.password: it is the wrong one, or the file is damaged',
  );
}

function decrypt(algorithm: DerReader, encrypted: Uint8Array, password: string): Uint8Array {
  const kind = idOf(taken(algorithm, OID));
  const parameters = whole(algorithm.enter(SEQUENCE));
  const { name, key, iv } = kind === PBES2 ? keyOfPbes2(parameters, password) : keyOfOlder(kind, parameters, password);
  try {
    const decipher = createDecipheriv(name, key, iv);
    return Buffer.concat([decipher.update(encrypted), decipher.final()]);
  } catch {
    throw new Unreadable('cannot be decrypted; see ssl.truststore.password');
  }
}

interface CipherKey {
  readonly name: string;
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
}

function keyOfPbes2(parameters: DerReader, password: string): CipherKey {
  const derivation = whole(parameters.enter(SEQUENCE));
  if (idOf(taken(derivation, OID)) !== PBKDF2) throw outdated('the way its key is made');
  const how = whole(derivation.enter(SEQUENCE));
  const salt = taken(how, OCTETS).content;
  const iterations = countOf(taken(how, INTEGER));
  how.skipIf(INTEGER);
  const hash = how.isAtEnd
    ? 'sha1'
    : known(hmacs, idOf(taken(whole(how.enter(SEQUENCE)), OID)), 'the way its key is made');
  const scheme = whole(parameters.enter(SEQUENCE));
  const { name, keyBytes } = known(ciphers, idOf(taken(scheme, OID)), 'its cipher');
  const iv = taken(scheme, OCTETS).content;
  return { name, key: pbkdf2Sync(Buffer.from(password, 'utf8'), salt, iterations, keyBytes, hash), iv };
}

function keyOfOlder(kind: string, parameters: DerReader, password: string): CipherKey {
  if (kind !== PBE_3DES) throw outdated('its cipher');
  const salt = taken(parameters, OCTETS).content;
  const iterations = countOf(taken(parameters, INTEGER));
  const key = derived(1, 'sha1', { password, salt, iterations, keyBytes: 24 });
  const iv = derived(2, 'sha1', { password, salt, iterations, keyBytes: 8 });
  return { name: 'des-ede3-cbc', key, iv };
}

interface Derivation {
  readonly password: string;
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly keyBytes: number;
}

/** RFC 7292, appendix B.2; `purpose` is 1 for a key, 2 for an initial vector, 3 for a MAC. */
function derived(purpose: number, hash: string, { password, salt, iterations, keyBytes }: Derivation): Buffer {
  const blockBytes = hash === 'sha384' || hash === 'sha512' ? 128 : 64;
  const text = Buffer.from(`${password}\0`, 'utf16le').swap16();
  const mixed = Buffer.concat([repeated(salt, blockBytes), repeated(text, blockBytes)]);
  const label = Buffer.alloc(blockBytes, purpose);
  const parts: Buffer[] = [];
  for (let bytes = 0; bytes < keyBytes; bytes += parts.at(-1)?.length ?? keyBytes) {
    let part = createHash(hash).update(label).update(mixed).digest();
    for (let round = 1; round < iterations; round++) part = createHash(hash).update(part).digest();
    parts.push(part);
    addToEach(mixed, repeated(part, blockBytes).subarray(0, blockBytes));
  }
  return Buffer.concat(parts).subarray(0, keyBytes);
}

/** To whole blocks, at least one where there is anything. */
function repeated(bytes: Uint8Array, blockBytes: number): Buffer {
  return bytes.length === 0 ? Buffer.alloc(0) : Buffer.alloc(Math.ceil(bytes.length / blockBytes) * blockBytes, bytes);
}

/** Each block of `mixed` grows by `addend` and one, as a large number that overflows. */
function addToEach(mixed: Buffer, addend: Buffer): void {
  for (let block = 0; block < mixed.length; block += addend.length) {
    let carry = 1;
    for (let index = addend.length - 1; index >= 0; index--) {
      const sum = (mixed[block + index] ?? 0) + (addend[index] ?? 0) + carry;
      mixed[block + index] = sum & 0xff;
      carry = sum >> 8;
    }
  }
}

// ── the walk ────────────────────────────────────────────────────────────────────────────────────────────────────────

function contentOf(info: DerReader, wanted: string): Uint8Array {
  if (idOf(taken(info, OID)) !== wanted) throw new Unreadable('is signed with a key, not with a password');
  return taken(whole(info.enter(INSIDE)), OCTETS).content;
}

function whole(reader: DerReader | null): DerReader {
  if (reader === null) throw new Unreadable('is not a whole PKCS12 file');
  return reader;
}

function taken(reader: DerReader, tag: number): DerValue {
  const value = reader.take();
  if (value === null || value.tag !== tag) throw new Unreadable('is not a whole PKCS12 file');
  return value;
}

function idOf({ content }: DerValue): string {
  return Buffer.from(content).toString('hex');
}

function countOf({ content }: DerValue): number {
  const count = content.length <= INTEGER_BYTES_MAX ? Number.parseInt(Buffer.from(content).toString('hex'), 16) : 0;
  if (count >= 1 && count <= ITERATIONS_MAX) return count;
  throw new Unreadable(`asks for a number of iterations that is not between 1 and ${ITERATIONS_MAX}`);
}

function known<T>(table: { readonly [id: string]: T }, id: string, what: string): T {
  const value = table[id];
  if (value === undefined) throw outdated(what);
  return value;
}

function outdated(what: string): Unreadable {
  return new Unreadable(`cannot be read: ${what} is outdated or unknown`);
}

function pemOf(der: Uint8Array): string {
  try {
    return new X509Certificate(der).toString();
  } catch {
    throw new Unreadable('has a certificate that is none');
  }
}
