import { describe, expect, it } from 'vitest';
import { loadBrokerConfig } from '../../src/config/load.ts';
import { scopedKeyOf } from '../../src/config/scoped-settings.ts';

describe('settings of one listener', () => {
  it('reads listener, mechanism and key out of a name', () => {
    expect(scopedKeyOf('listener.name.sasl_ssl.sasl.enabled.mechanisms')).toEqual({
      listener: 'sasl_ssl',
      mechanism: '',
      key: 'sasl.enabled.mechanisms',
    });
    expect(scopedKeyOf('listener.name.Front.scram-sha-256.sasl.jaas.config')).toEqual({
      listener: 'front',
      mechanism: 'scram-sha-256',
      key: 'sasl.jaas.config',
    });
    expect(scopedKeyOf('plain.sasl.jaas.config')).toEqual({
      listener: '',
      mechanism: 'plain',
      key: 'sasl.jaas.config',
    });
    expect(scopedKeyOf('listener.name.a.log.dirs')).toBeNull();
    for (const key of ['max.connections', 'max.connection.creation.rate', 'sasl.server.max.receive.size']) {
      expect(scopedKeyOf(`listener.name.a.${key}`)).toEqual({ listener: 'a', mechanism: '', key });
    }
    expect(scopedKeyOf('listener.name.a.max.connections.per.ip')).toBeNull();
    expect(scopedKeyOf('listener.name.a.plain.max.connections')).toBeNull();
    expect(scopedKeyOf('plain.max.connections')).toBeNull();
    expect(scopedKeyOf('listener.name..ssl.keystore.location')).toBeNull();
    expect(scopedKeyOf('listener.name.a')).toBeNull();
    expect(scopedKeyOf('nobody.sasl.jaas.config')).toBeNull();
    expect(scopedKeyOf('sasl.jaas.config')).toBeNull();
  });

  it('takes the narrowest value that is given, whatever the case of the listener', () => {
    const config = loadBrokerConfig({
      sets: ['connections.max.reauth.ms=1', 'listener.name.a.connections.max.reauth.ms=2'],
      file: {
        path: 'server.properties',
        content: 'listener.name.a.plain.connections.max.reauth.ms=3\noauthbearer.connections.max.reauth.ms=4\n',
      },
    });
    const reauth = (listener: string, mechanism: string) =>
      config.valueFor(listener, mechanism, 'connections.max.reauth.ms');
    expect(reauth('A', 'PLAIN')).toBe(3);
    expect(reauth('a', 'OAUTHBEARER')).toBe(2);
    expect(reauth('B', 'OAUTHBEARER')).toBe(4);
    expect(reauth('B', 'PLAIN')).toBe(1);
    expect(reauth('A', '')).toBe(2);
  });

  it('says which of them are for a listener that is not there', () => {
    const content = [
      'listener.name.plaintext.max.connections=1',
      'listener.name.controller.ssl.client.auth=none',
      'listener.name.typo.max.connections=1',
      'plain.connections.max.reauth.ms=4',
    ].join('\n');
    expect(loadBrokerConfig({ file: { path: 'server.properties', content } }).notices).toEqual([
      'listener.name.typo.max.connections is for a listener that is not there and does nothing; there are plaintext',
    ]);
  });

  it('checks them as the plain key, and shows no secret', () => {
    expect(() => loadBrokerConfig({ sets: ['listener.name.a.sasl.enabled.mechanisms=PLAIN,GSSAPI'] })).toThrow(
      /listener\.name\.a\.sasl\.enabled\.mechanisms is 'GSSAPI' but must be any of PLAIN/,
    );
    expect(() => loadBrokerConfig({ sets: ['listener.name.a.sasl.nonsense=1'] })).toThrow(/there is no setting/);
    // What was to be set may be a secret.
    const misspelled = () => loadBrokerConfig({ sets: ['ssl.keystore.pasword=hunter2'] });
    expect(misspelled).toThrow(/^--set ssl\.keystore\.pasword: there is no setting/);
  });
});
