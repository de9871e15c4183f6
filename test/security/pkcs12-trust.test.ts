/** Trusted certificates in PKCS12: as openssl writes them in its several ways, as keytool does, and hostile ones. */
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type ReadTrust, readPkcs12Trust } from '../../src/security/pkcs12-trust.ts';
import { Authority, hasOpenssl, pkcs12Trust } from '../support/certificates.ts';

const folder = mkdtempSync(join(tmpdir(), 'perfbroker-trust-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const hasKeytool = spawnSync('keytool', ['-help']).status === 0;

function read(file: string, password: string | null): ReadTrust {
  return readPkcs12Trust(readFileSync(file), password);
}

function namesIn(trust: ReadTrust): readonly string[] | string {
  return trust.isGood ? trust.certificates.map((pem) => new X509Certificate(pem).subject) : trust.problem;
}

describe.runIf(hasOpenssl)('a PKCS12 file with trusted certificates (openssl)', () => {
  const authority = hasOpenssl ? new Authority(folder) : null;
  const file = join(folder, 'authority.crt');

  it.each([
    ['as openssl writes it by itself', []],
    ['under triple DES', ['-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1']],
    ['under AES-128', ['-certpbe', 'AES-128-CBC', '-macalg', 'sha512', '-iter', '5']],
    ['not encrypted', ['-certpbe', 'NONE']],
  ])('is read %s', (_how, options) => {
    const store = pkcs12Trust(file, 'gehéim 😀', options);
    expect(namesIn(read(store, 'gehéim 😀'))).toEqual(['CN=authority']);
    expect(namesIn(read(store, 'falsch'))).toMatch(/wrong one/);
  });

  it('needs no password where nothing is encrypted, and says so where something is', () => {
    expect(namesIn(read(pkcs12Trust(file, 'geheim', ['-certpbe', 'NONE']), null))).toEqual(['CN=authority']);
    expect(namesIn(read(pkcs12Trust(file, 'geheim'), null))).toMatch(/encrypted; give its password/);
  });

  it('does not take the chain of a key for trusted', () => {
    if (authority === null) throw new Error('there is no openssl');
    const store = authority.pkcs12(authority.issue('server', '/CN=server'), 'geheim');
    expect(namesIn(read(store, 'geheim'))).toBe('has no trusted certificate, only a key with its own chain');
  });

  it.runIf(hasKeytool)('is read as keytool writes it, and only what is marked counts', () => {
    if (authority === null) throw new Error('there is no openssl');
    const store = authority.pkcs12(authority.issue('mixed', '/CN=mixed'), 'geheim');
    const other = new Authority(folder, 'other').file;
    const options = ['-keystore', store, '-storetype', 'PKCS12', '-storepass', 'geheim', '-noprompt'];
    const { status, stdout } = spawnSync('keytool', ['-importcert', '-alias', 'other', '-file', other, ...options]);
    expect([status, String(stdout)]).toEqual([0, '']);
    expect(namesIn(read(store, 'geheim'))).toEqual(['CN=other']);
  });

  it('is refused with a sentence wherever it is cut or changed', () => {
    const bytes = readFileSync(pkcs12Trust(file, 'geheim', ['-iter', '2']));
    const seen = new Set<string>();
    for (let length = 0; length < bytes.length; length++) {
      const trust = readPkcs12Trust(bytes.subarray(0, length), 'geheim');
      expect(trust.isGood, `${length} bytes`).toBe(false);
    }
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const trust = readPkcs12Trust(changed, 'geheim');
      // What the MAC does not cover may be changed without harm, such as the version.
      if (trust.isGood) expect(namesIn(trust)).toEqual(['CN=authority']);
      else seen.add(trust.problem);
    }
    expect([...seen].some((problem) => problem.includes('the file is damaged'))).toBe(true);
  });
});
