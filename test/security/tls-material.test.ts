import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { BrokerConfig } from '../../src/config/broker-config.ts';
import { listenersOf } from '../../src/config/listeners.ts';
import { loadBrokerConfig } from '../../src/config/load.ts';
import type { TlsTerms } from '../../src/net/tls-terms.ts';
import { blocksOf } from '../../src/security/pem.ts';
import { readTlsTerms } from '../../src/security/tls-material.ts';
import { Authority, encryptedKey, hasOpenssl } from '../support/certificates.ts';

const folder = mkdtempSync(join(tmpdir(), 'perfbroker-material-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function configOf(protocol: string, settings: { readonly [key: string]: string }): BrokerConfig {
  return loadBrokerConfig({ flags: { listeners: `${protocol}://127.0.0.1:1`, ...settings } });
}

function read(settings: { readonly [key: string]: string }, protocol = 'SSL'): TlsTerms {
  const config = configOf(protocol, settings);
  const [listener] = listenersOf(config.values);
  if (listener === undefined) throw new Error('the settings name a listener');
  return readTlsTerms(config, listener);
}

it('of PEM is found in a text of beginnings without an end before anybody has to wait', () => {
  const block = '-----BEGIN A B-----\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END A B-----\n';
  expect(blocksOf(`${'-----BEGIN A-----'.repeat(20_000)}${block}-----END A-----`)).toEqual([
    { label: 'A B', text: block },
  ]);
});

describe.runIf(hasOpenssl)('what a listener with TLS needs (openssl)', () => {
  const authority = hasOpenssl ? new Authority(folder) : null;
  const issue = (name: string) => {
    if (authority === null) throw new Error('there is no openssl');
    return authority.issue(name, `/CN=${name}`);
  };
  const trust = { 'ssl.truststore.location': join(folder, 'authority.crt') };

  it('is read from one PEM file, whatever the type of the store says', () => {
    const { file } = issue('one-file');
    const terms = read({ 'ssl.keystore.location': file });
    expect(terms.identity.kind).toBe('pem');
    expect([terms.minVersion, terms.maxVersion, terms.clientAuth, terms.trusted]).toEqual([
      'TLSv1.2',
      'TLSv1.3',
      'none',
      null,
    ]);
  });

  it('is read from settings, also where they have only one line, and with an encrypted key', () => {
    const { certificateFile, keyFile } = issue('inline');
    const key = readFileSync(encryptedKey(keyFile, 'geheim'), 'utf8');
    const inline = {
      'ssl.keystore.certificate.chain': readFileSync(certificateFile, 'utf8').replaceAll('\n', ' '),
      'ssl.keystore.key': key.replaceAll('\n', '\\n'),
    };
    expect(read({ ...inline, 'ssl.key.password': 'geheim' }).identity.kind).toBe('pem');
    expect(() => read({ ...inline, 'ssl.key.password': 'falsch' })).toThrow(
      'cannot be decrypted; see ssl.key.password',
    );
    expect(() => read(inline)).toThrow('cannot be decrypted; see ssl.key.password');
    // About one in two hundred gives bytes that look decrypted.
    for (let attempt = 0; attempt < 1000; attempt++) {
      expect(() => read({ ...inline, 'ssl.key.password': `falsch${attempt}` })).toThrow(
        'cannot be decrypted; see ssl.key.password',
      );
    }
  });

  it('is read from a PKCS12 file', () => {
    const location = authority?.pkcs12(issue('packed'), 'geheim') ?? '';
    const given = { 'ssl.keystore.location': location, 'ssl.keystore.type': 'PKCS12' };
    expect(read({ ...given, 'ssl.keystore.password': 'geheim' }).identity.kind).toBe('pkcs12');
    expect(() => read({ ...given, 'ssl.keystore.password': 'falsch' })).toThrow('see ssl.keystore.password');
    const both = { 'ssl.keystore.password': 'geheim', 'ssl.key.password': 'anders' };
    expect(() => read({ ...given, ...both })).toThrow('one password for both');
  });

  it('is taken for one listener before that for all', () => {
    const { file } = issue('narrow');
    const own = { 'listener.name.ssl.ssl.keystore.location': file, 'ssl.keystore.location': '/nowhere' };
    expect(read(own).identity.kind).toBe('pem');
  });

  it('asks clients for certificates on a listener with SASL only where that listener is told to', () => {
    const given = {
      'ssl.keystore.location': issue('logins').file,
      'sasl.enabled.mechanisms': 'SCRAM-SHA-512',
      ...trust,
    };
    expect(read({ ...given, 'ssl.client.auth': 'required' }, 'SASL_SSL').clientAuth).toBe('none');
    const own = { 'listener.name.sasl_ssl.ssl.client.auth': 'required' };
    expect(read({ ...given, ...own }, 'SASL_SSL').clientAuth).toBe('required');
  });

  it('is one version of TLS, and the suites that were named', () => {
    const given = { 'ssl.keystore.location': issue('narrowed').file };
    const terms = read({
      ...given,
      'ssl.enabled.protocols': 'TLSv1.3',
      'ssl.cipher.suites': 'TLS_AES_128_GCM_SHA256',
    });
    expect([terms.minVersion, terms.maxVersion, terms.ciphers]).toEqual([
      'TLSv1.3',
      'TLSv1.3',
      'TLS_AES_128_GCM_SHA256',
    ]);
    expect(() => read({ ...given, 'ssl.cipher.suites': 'NO_SUCH' })).toThrow(
      'ssl.cipher.suites has no suite that there is',
    );
  });

  it('is refused with the setting and a remedy when something is missing or wrong', () => {
    const certificate = issue('wrong');
    const file = (name: string, content: string | Uint8Array) => {
      const path = join(folder, name);
      writeFileSync(path, content);
      return path;
    };
    const huge = file('huge.pem', '');
    truncateSync(huge, 2 ** 24 + 1);
    const own = { 'ssl.keystore.location': certificate.file };
    const cases: [{ readonly [key: string]: string }, string][] = [
      [{}, 'the listener SSL (SSL): it has no certificate; set ssl.keystore.location'],
      [{ 'ssl.keystore.key': 'x' }, 'only one of certificate and key'],
      [{ 'ssl.keystore.location': '/nowhere' }, 'ssl.keystore.location /nowhere: there is no such file'],
      [{ 'ssl.keystore.location': folder }, 'is no file of at most'],
      [{ 'ssl.keystore.location': '/dev/zero' }, 'is no file of at most'],
      [{ ...own, 'ssl.client.auth': 'required', 'ssl.truststore.location': '/dev/zero' }, 'is no file of at most'],
      [{ 'ssl.keystore.location': huge }, 'is no file of at most'],
      [{ 'ssl.keystore.location': certificate.certificateFile }, 'comes without a private key'],
      [{ 'ssl.keystore.location': certificate.keyFile }, 'has no certificate'],
      [
        { 'ssl.keystore.location': file('a.jks', Uint8Array.of(0xfe, 0xed, 0xfe, 0xed, 0, 0)) },
        'keytool -importkeystore',
      ],
      [{ 'ssl.keystore.location': file('a.txt', 'nothing') }, 'neither PEM nor PKCS12'],
      [
        {
          'ssl.keystore.location': file(
            'mixed.pem',
            readFileSync(issue('other').keyFile, 'utf8') + readFileSync(certificate.certificateFile, 'utf8'),
          ),
        },
        'not that of the first certificate',
      ],
      [
        { ...own, 'ssl.client.auth': 'required' },
        'ssl.client.auth is required, but nobody is trusted; set ssl.truststore.location',
      ],
      [
        { ...own, 'ssl.client.auth': 'required', 'ssl.truststore.location': file('t.p12', Uint8Array.of(0x30, 1, 0)) },
        'keytool -list -rfc',
      ],
      [{ ...own, 'ssl.principal.mapping.rules': 'RULE:a' }, 'ssl.principal.mapping.rules'],
    ];
    for (const [settings, sentence] of cases) expect(() => read(settings), sentence).toThrow(sentence);
  });
});
