import { getCiphers } from 'node:tls';
import { expect, it } from 'vitest';
import { cipherListOf, cipherNameOf } from '../../src/security/cipher-names.ts';

it.each([
  ['TLS_AES_256_GCM_SHA384', 'TLS_AES_256_GCM_SHA384'],
  ['TLS_CHACHA20_POLY1305_SHA256', 'TLS_CHACHA20_POLY1305_SHA256'],
  ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
  ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
  ['TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384', 'ECDHE-RSA-AES256-SHA384'],
  ['TLS_DHE_RSA_WITH_AES_128_CBC_SHA256', 'DHE-RSA-AES128-SHA256'],
  ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-RSA-CHACHA20-POLY1305'],
  ['TLS_RSA_WITH_AES_128_CBC_SHA', 'AES128-SHA'],
  ['ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
])('%s is what OpenSSL calls %s', (name, expected) => {
  expect(cipherNameOf(name)).toBe(expected);
  expect(getCiphers()).toContain(expected.toLowerCase());
});

it('several names are one list', () => {
  expect(cipherListOf(['TLS_AES_128_GCM_SHA256', 'AES128-SHA'])).toBe('TLS_AES_128_GCM_SHA256:AES128-SHA');
});
