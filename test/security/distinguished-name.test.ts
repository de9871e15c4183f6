/** Certificates of openssl; the expected names are those that Java's `X500Principal.getName()` printed for the same subjects. */
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { subjectOf } from '../../src/security/distinguished-name.ts';
import { Authority, hasOpenssl } from '../support/certificates.ts';

const folder = mkdtempSync(join(tmpdir(), 'perfbroker-names-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.runIf(process.env['CI'] === 'true')('openssl is there in CI, so that nothing about certificates is skipped', () => {
  expect(hasOpenssl).toBe(true);
});

describe.runIf(hasOpenssl)('the subject of a certificate (openssl)', () => {
  const authority = hasOpenssl ? new Authority(folder) : null;
  const derOf = (subject: string): Uint8Array => {
    const certificate = authority?.issue('name', subject);
    return new X509Certificate(readFileSync(certificate?.certificateFile ?? '')).raw;
  };

  it.each([
    ['/CN=plain', 'CN=plain'],
    ['/C=DE/ST=Bad en/L=Stadt/O=Firma, GmbH/OU=a', 'OU=a,O=Firma\\, GmbH,L=Stadt,ST=Bad en,C=DE'],
    ['/DC=org/DC=example/UID=alice/CN= lead and trail ', 'CN=\\ lead and trail\\ ,UID=alice,DC=example,DC=org'],
    ['/emailAddress=a@b.c/CN=mail', 'CN=mail,1.2.840.113549.1.9.1=#16056140622e63'],
    [
      '/serialNumber=12/title=Dr/GN=A/SN=B/CN=#hash',
      'CN=\\#hash,2.5.4.4=#0c0142,2.5.4.42=#0c0141,2.5.4.12=#0c024472,2.5.4.5=#13023132',
    ],
    ['/CN=Zoë X', 'CN=Zoë X'],
    ['/O=one/CN=a+OU=multi', 'CN=a+OU=multi,O=one'],
    ['/street=Weg 3/CN=back\\\\slash;<>=', 'CN=back\\\\slash\\;\\<\\>\\=,STREET=Weg 3'],
  ])('%s reads as in Java', (subject, expected) => {
    expect(subjectOf(derOf(subject))).toBe(expected);
  });

  it('is null or a text, never a failure, when the bytes are damaged', () => {
    const der = derOf('/O=one/CN=a+OU=multi');
    const damage = fc.array(fc.tuple(fc.nat(der.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(damage, fc.nat(der.length), (changes, length) => {
        const damaged = Uint8Array.from(der);
        for (const [at, value] of changes) damaged[at] = value;
        const subject = subjectOf(damaged.subarray(0, length));
        expect(subject === null || typeof subject === 'string').toBe(true);
      }),
    );
  });
});
