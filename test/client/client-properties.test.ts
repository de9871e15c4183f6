/** Client settings about security, as Kafka's tools and librdkafka write them. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { clientSecurityOf } from '../../src/client/client-properties.ts';

const of = (pairs: { readonly [key: string]: string }) => clientSecurityOf(new Map(Object.entries(pairs)));
const folder = mkdtempSync(join(tmpdir(), 'client-properties-'));
const ca = join(folder, 'ca.pem');
writeFileSync(ca, 'a certificate');

describe('client settings', () => {
  it('mean a plain connection when nothing is said', () => {
    expect(of({})).toEqual({});
    expect(of({ 'security.protocol': 'plaintext', 'sasl.mechanism': 'PLAIN' })).toEqual({});
  });

  it('name a user in a JAAS text or by themselves', () => {
    const jaas = 'org.apache.kafka.common.security.scram.ScramLoginModule required username="a" password="b c";';
    const user = { mechanism: 'SCRAM-SHA-256', username: 'a', password: 'b c' };
    const protocol = { 'security.protocol': 'SASL_PLAINTEXT', 'sasl.mechanism': 'SCRAM-SHA-256' };
    expect(of({ ...protocol, 'sasl.jaas.config': jaas })).toEqual({ sasl: user });
    expect(of({ ...protocol, 'sasl.username': 'a', 'sasl.password': 'b c' })).toEqual({ sasl: user });
  });

  it('name a token in a file', async () => {
    const path = join(folder, 'token');
    writeFileSync(path, ' abc\n');
    const { sasl } = of({
      'security.protocol': 'SASL_PLAINTEXT',
      'sasl.mechanism': 'OAUTHBEARER',
      'sasl.oauthbearer.token.endpoint.url': pathToFileURL(path).href,
    });
    expect(sasl?.mechanism === 'OAUTHBEARER' && (await sasl.token())).toBe('abc');
  });

  it('name certificates in PEM, and whether names are checked', () => {
    const { tls } = of({
      'security.protocol': 'SSL',
      'ssl.truststore.location': ca,
      'ssl.endpoint.identification.algorithm': '',
      'ssl.keystore.certificate.chain': 'chain',
      'ssl.keystore.key': 'key',
      'ssl.key.password': 'secret',
    });
    expect(tls).toMatchObject({ checksHost: false, cert: 'chain', key: 'key', passphrase: 'secret' });
    expect(tls?.ca?.toString()).toBe('a certificate');
    expect(of({ 'security.protocol': 'SSL' })).toEqual({ tls: { checksHost: true, versionMin: 'TLSv1.2' } });
  });

  it('are refused with a remedy and without a secret', () => {
    const sasl = { 'security.protocol': 'SASL_SSL', 'sasl.mechanism': 'PLAIN' };
    expect(() => of({ 'security.protocol': 'TLS' })).toThrow(/must be one of PLAINTEXT, SSL/);
    expect(() => of({ ...sasl, 'sasl.mechanism': 'GSSAPI' })).toThrow(/must be PLAIN, SCRAM-SHA-256/);
    expect(() => of(sasl)).toThrow(/no user to log in as/);
    expect(() => of({ ...sasl, 'sasl.jaas.config': 'x required password="hunter2"' })).toThrow(/^(?!.*hunter2)/);
    expect(() => of({ 'security.protocol': 'SSL', 'ssl.truststore.location': join(folder, 'trust.jks') })).toThrow(
      /keytool/,
    );
    expect(() => of({ 'security.protocol': 'SSL', 'ssl.truststore.location': join(folder, 'missing.pem') })).toThrow(
      /cannot be read/,
    );
  });
});
