/**
 * Reads what a listener with TLS needs from the settings and the files they name, and tries it, so that what is wrong is
 * said with the setting's name and a remedy before a client meets it. Called by main, at start and to renew.
 */
import { readFileSync, statSync } from 'node:fs';
import { Fault } from '../base/fault.ts';
import type { BrokerConfig } from '../config/broker-config.ts';
import type { Listener } from '../config/listeners.ts';
import { tryTerms } from '../net/node-tls-context.ts';
import type { ClientAuth, TlsTerms, TlsVersion } from '../net/tls-terms.ts';
import { principalMapping } from './certificate-naming.ts';
import { cipherListOf } from './cipher-names.ts';
import { blocksOf, CERTIFICATE, isPrivateKey } from './pem.ts';
import { readPkcs12Trust } from './pkcs12-trust.ts';

const PRIVATE_KEY_REMEDY = 'put the private key (PRIVATE KEY or ENCRYPTED PRIVATE KEY) beside the certificate';
const STORE_BYTES_MAX = 16_777_216;
const UNDECRYPTED_KEY = 'the private key cannot be decrypted; see ssl.key.password';
const PRIVATE_KEY_RENEWAL =
  'openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD -out NEW (its encryption may be an outdated one)';

/** Throws Fault PB_BAD_SETTING. `filesOf` names what it reads. */
export function readTlsTerms(config: BrokerConfig, listener: Listener): TlsTerms {
  const settings = new ListenerTls(config, listener);
  const clientAuth = settings.clientAuth();
  const terms: TlsTerms = {
    ...settings.identity(),
    trusted: settings.trusted(clientAuth),
    clientAuth,
    ...settings.versions(),
    ciphers: settings.ciphers(),
    mappingRules: settings.text('ssl.principal.mapping.rules') ?? 'DEFAULT',
  };
  principalMapping(terms.mappingRules);
  try {
    tryTerms(terms);
  } catch (cause) {
    throw settings.bad(problemOfTrial(cause, terms, settings), cause);
  }
  return terms;
}

/** The files that the listener's terms come from. */
export function filesOf(config: BrokerConfig, { name }: Listener): readonly string[] {
  const locations = ['ssl.keystore.location', 'ssl.truststore.location'].map((key) => config.valueFor(name, '', key));
  return locations.filter((location) => typeof location === 'string');
}

function problemOfTrial(cause: unknown, { identity }: TlsTerms, settings: ListenerTls): string {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const message = cause instanceof Error ? cause.message : String(cause);
  if (/mac verify failure/i.test(message)) return 'the password of the PKCS12 file is wrong; see ssl.keystore.password';
  if (
    /bad decrypt|bad password|BAD_PASSWORD_READ|interrupted or cancelled|maybe wrong password/i.test(message + code)
  ) {
    return UNDECRYPTED_KEY;
  }
  if (/unsupported/i.test(message)) {
    // One wrong password in some two hundred makes bytes that end as decrypted ones do, and then are no key.
    if (identity.kind === 'pem') return `${UNDECRYPTED_KEY}, or, if that is right, renew it: ${PRIVATE_KEY_RENEWAL}`;
    return `it is encrypted in an outdated way; renew it: ${settings.conversion()}`;
  }
  if (/key values mismatch/i.test(message))
    return 'the private key is not that of the first certificate; put them in order';
  if (/no cipher match/i.test(message))
    return 'ssl.cipher.suites has no suite that there is; leave it out, or correct it';
  return `OpenSSL cannot use it (${message})`;
}

/** The settings of one listener, its own before those of all. */
class ListenerTls {
  private readonly config: BrokerConfig;
  private readonly listener: Listener;

  constructor(config: BrokerConfig, listener: Listener) {
    this.config = config;
    this.listener = listener;
  }

  text(key: string): string | null {
    const value = this.config.valueFor(this.listener.name, '', key);
    return typeof value === 'string' && value !== '' ? value : null;
  }

  /** On a listener with SASL only its own setting counts: there, users are those who log in. */
  clientAuth(): ClientAuth {
    const value = this.text('ssl.client.auth');
    if (this.listener.protocol === 'SASL_SSL' && !this.config.isNarrowed(this.listener.name, 'ssl.client.auth')) {
      return 'none';
    }
    return value === 'required' || value === 'requested' ? value : 'none';
  }

  identity(): Pick<TlsTerms, 'identity' | 'passphrase'> {
    const location = this.text('ssl.keystore.location');
    const chain = this.text('ssl.keystore.certificate.chain');
    const key = this.text('ssl.keystore.key');
    if (location !== null) {
      if (chain !== null || key !== null) {
        throw this.bad('ssl.keystore.location and ssl.keystore.key exclude each other; keep one of them');
      }
      return this.identityOfFile(location);
    }
    if (chain === null || key === null) {
      const given = chain === null && key === null ? 'it has no certificate' : 'it has only one of certificate and key';
      const file = 'set ssl.keystore.location to a file with certificate and key (ssl.keystore.type=PEM or PKCS12)';
      throw this.bad(`${given}; ${file}, or ssl.keystore.certificate.chain and ssl.keystore.key`);
    }
    return this.pemIdentity('ssl.keystore.certificate.chain', `${chain}\n${key}`);
  }

  private identityOfFile(location: string): Pick<TlsTerms, 'identity' | 'passphrase'> {
    const bytes = this.file('ssl.keystore.location', location);
    switch (kindOf(bytes)) {
      case 'PEM':
        return this.pemIdentity(`ssl.keystore.location ${location}`, bytes.toString('utf8'));
      case 'PKCS12': {
        const [store, key] = [this.text('ssl.keystore.password'), this.text('ssl.key.password')];
        if (store !== null && key !== null && store !== key) {
          throw this.bad(
            'ssl.key.password differs from ssl.keystore.password; a PKCS12 file has one password for both',
          );
        }
        return { identity: { kind: 'pkcs12', bytes: Uint8Array.from(bytes) }, passphrase: store ?? key };
      }
      case 'JKS':
        throw this.bad(`ssl.keystore.location ${location} is a JKS file; convert it: ${this.conversion()}`);
      case 'other':
        throw this.bad(`ssl.keystore.location ${location} is neither PEM nor PKCS12; give it one of them`);
    }
  }

  conversion(): string {
    const from = this.text('ssl.keystore.location') ?? 'keystore.jks';
    return `keytool -importkeystore -srckeystore ${from} -destkeystore ${from}.p12 -deststoretype PKCS12`;
  }

  private pemIdentity(where: string, text: string): Pick<TlsTerms, 'identity' | 'passphrase'> {
    const blocks = blocksOf(text);
    const certificates = blocks.filter(({ label }) => label === CERTIFICATE);
    const keys = blocks.filter(({ label }) => isPrivateKey(label));
    const [key] = keys;
    if (certificates.length === 0) throw this.bad(`${where} has no certificate; put one there as PEM`);
    if (key === undefined) throw this.bad(`${where} comes without a private key; ${PRIVATE_KEY_REMEDY}`);
    if (keys.length > 1)
      throw this.bad(`${where} has ${keys.length} private keys; keep the one of the first certificate`);
    const chain = certificates.map((certificate) => certificate.text).join('\n');
    return { identity: { kind: 'pem', chain, key: key.text }, passphrase: this.text('ssl.key.password') };
  }

  trusted(clientAuth: ClientAuth): readonly string[] | null {
    if (clientAuth === 'none') return null;
    const inline = this.text('ssl.truststore.certificates');
    const location = this.text('ssl.truststore.location');
    if (inline !== null && location !== null) {
      throw this.bad('ssl.truststore.location and ssl.truststore.certificates exclude each other; keep one of them');
    }
    if (inline === null && location === null) {
      const remedy = 'set ssl.truststore.location to a PEM file with the certificates of those who vouch for clients';
      throw this.bad(`ssl.client.auth is ${clientAuth}, but nobody is trusted; ${remedy}`);
    }
    const where = location === null ? 'ssl.truststore.certificates' : `ssl.truststore.location ${location}`;
    return location === null ? this.pemTrust(where, inline ?? '') : this.trustFile(where, location);
  }

  private trustFile(where: string, location: string): readonly string[] {
    const bytes = this.file('ssl.truststore.location', location);
    const command = `keytool -list -rfc -keystore ${location} > ${location}.pem`;
    switch (kindOf(bytes)) {
      case 'PEM':
        return this.pemTrust(where, bytes.toString('utf8'));
      case 'PKCS12': {
        const read = readPkcs12Trust(bytes, this.text('ssl.truststore.password'));
        if (read.isGood) return read.certificates;
        throw this.bad(`${where} ${read.problem}; correct that, or convert it to PEM: ${command}`);
      }
      case 'JKS':
        throw this.bad(`${where} is a JKS file; convert it: ${command}`);
      case 'other':
        throw this.bad(`${where} is neither PEM nor PKCS12; give it one of them`);
    }
  }

  private pemTrust(where: string, text: string): readonly string[] {
    const certificates = blocksOf(text).filter(({ label }) => label === CERTIFICATE);
    if (certificates.length === 0) throw this.bad(`${where} has no certificate; put at least one there as PEM`);
    return certificates.map((certificate) => certificate.text);
  }

  versions(): { readonly minVersion: TlsVersion; readonly maxVersion: TlsVersion } {
    const value = this.config.valueFor(this.listener.name, '', 'ssl.enabled.protocols');
    const enabled = Array.isArray(value) ? value : [];
    if (enabled.length === 0) throw this.bad('ssl.enabled.protocols is empty; name TLSv1.3, TLSv1.2, or both');
    return {
      minVersion: enabled.includes('TLSv1.2') ? 'TLSv1.2' : 'TLSv1.3',
      maxVersion: enabled.includes('TLSv1.3') ? 'TLSv1.3' : 'TLSv1.2',
    };
  }

  ciphers(): string | null {
    const value = this.config.valueFor(this.listener.name, '', 'ssl.cipher.suites');
    return Array.isArray(value) && value.length > 0 ? cipherListOf(value) : null;
  }

  bad(what: string, cause: unknown = null): Fault {
    const { name, protocol } = this.listener;
    const message = `the listener ${name} (${protocol}): ${what}`;
    // What OpenSSL says may hold a piece of what it read.
    return new Fault('PB_BAD_SETTING', message, cause === null ? {} : { cause: String(cause) });
  }

  /** Clients may name it while the broker runs: what has no end, or is not there yet, would keep main for good. */
  private file(key: string, location: string): Buffer {
    try {
      const stat = statSync(location);
      if (stat.isFile() && stat.size <= STORE_BYTES_MAX) return readFileSync(location);
    } catch (cause) {
      const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
      const remedy =
        code === 'ENOENT' ? 'there is no such file; correct the path' : `it cannot be read (${code}); check its rights`;
      throw this.bad(`${key} ${location}: ${remedy}`);
    }
    throw this.bad(`${key} ${location} is no file of at most ${STORE_BYTES_MAX} bytes; give it one with certificates`);
  }
}

type StoreKind = 'PEM' | 'PKCS12' | 'JKS' | 'other';

/** By what is in it: the setting of the kind is often left at Java's default, and Java reads PKCS12 as JKS as well. */
function kindOf(bytes: Buffer): StoreKind {
  if (bytes.length >= 4 && bytes.readUInt32BE(0) === 0xfeed_feed) return 'JKS';
  if (bytes.includes('-----BEGIN ')) return 'PEM';
  return bytes[0] === 0x30 ? 'PKCS12' : 'other';
}
