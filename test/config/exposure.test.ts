/** What the start screen warns of: doors that others reach and nobody watches; never of loopback. */
import { describe, expect, it } from 'vitest';
import { exposureWarnings, isLoopback } from '../../src/config/exposure.ts';
import type { SecurityProtocol } from '../../src/config/listeners.ts';

const quiet = { listeners: [], hasRules: false, http: null, isHttpGuarded: false };

function warned(
  protocol: SecurityProtocol,
  host: string,
  facts: { readonly hasRules?: boolean; readonly knowsClients?: boolean } = {},
) {
  const { hasRules = false, knowsClients = false } = facts;
  const listeners = [{ name: 'DOOR', protocol, address: { host, port: 9092 }, knowsClients }];
  return exposureWarnings({ ...quiet, listeners, hasRules });
}

describe('warnings of open doors', () => {
  it('are none on the loopback address', () => {
    for (const host of [
      '127.0.0.1',
      '127.9.9.9',
      '::1',
      '[::1]',
      'localhost',
      'LOCALHOST',
      'a.localhost',
      '::ffff:127.0.0.1',
    ]) {
      expect([host, isLoopback(host)]).toEqual([host, true]);
      expect(warned('PLAINTEXT', host)).toEqual([]);
      expect(exposureWarnings({ ...quiet, http: { host, port: 1 } })).toEqual([]);
    }
    for (const host of [
      '0.0.0.0',
      '::',
      '',
      '10.0.0.1',
      '128.0.0.1',
      'localhost.example.org',
      '127.0.0.1.example.org',
      'fe80::1',
    ])
      expect([host, isLoopback(host)]).toEqual([host, false]);
  });

  it('name the place, what it means and the setting that changes it', () => {
    const [open, ...more] = warned('PLAINTEXT', '0.0.0.0');
    expect(more).toEqual([]);
    expect(open).toMatch(
      /^DOOR:\/\/0\.0\.0\.0:9092 is open .*read, write and delete.*nothing is encrypted.*--host 127\.0\.0\.1.*listener\.security\.protocol\.map.*authorizer\.class\.name/,
    );
    expect(warned('SSL', '::')[0]).toMatch(/^DOOR:\/\/\[::\]:9092 is open (?!.*nothing is encrypted)/);
    expect(warned('SASL_PLAINTEXT', '10.0.0.1')[0]).toContain('passwords sent with PLAIN');
    expect(warned('PLAINTEXT', '10.0.0.1', { hasRules: true })[0]).toContain('User:ANONYMOUS');
    expect(warned('SASL_SSL', '10.0.0.1')[0]).toContain('authorizer.class.name');
    expect(warned('SSL', '10.0.0.1', { knowsClients: true })[0]).toContain('authorizer.class.name');
    for (const protocol of ['SASL_SSL', 'SSL'] as const)
      expect(warned(protocol, '10.0.0.1', { hasRules: true, knowsClients: true })).toEqual([]);
  });

  it('speak of the HTTP side, guarded or not', () => {
    const http = { host: '0.0.0.0', port: 9644 };
    expect(exposureWarnings({ ...quiet, http })[0]).toMatch(
      /^http:\/\/0\.0\.0\.0:9644 shows .*--http-host 127\.0\.0\.1/,
    );
    expect(exposureWarnings({ ...quiet, http, isHttpGuarded: true })[0]).toMatch(/passwords over plain HTTP/);
  });
});
