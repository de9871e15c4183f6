import { describe, expect, it } from 'vitest';
import { boundsOfListeners } from '../../src/config/listener-bounds.ts';
import { listenersOf } from '../../src/config/listeners.ts';
import { loadBrokerConfig } from '../../src/config/load.ts';

const file = (content: string) => ({ path: 'server.properties', content });

describe('loading the settings', () => {
  it('lets a flag win over --set, that over the environment, that over the file, that over the default', () => {
    const given = {
      flags: { port: '1' },
      sets: ['port=2'],
      environment: { PERFBROKER_PORT: '3' },
      file: file('port=4'),
    };
    expect(loadBrokerConfig(given).values.port).toBe(1);
    expect(loadBrokerConfig({ ...given, flags: {} }).values.port).toBe(2);
    expect(loadBrokerConfig({ ...given, flags: {}, sets: [] }).values.port).toBe(3);
    expect(loadBrokerConfig({ file: given.file }).values.port).toBe(4);
    expect(loadBrokerConfig({}).values.port).toBeNull();
    expect(
      loadBrokerConfig(given)
        .layersOf('port')
        .map((layer) => layer.source),
    ).toEqual(['flag', 'set', 'environment', 'file']);
  });

  it('reads the key in capitals from the environment, and flags by their short name', () => {
    const config = loadBrokerConfig({
      environment: { PERFBROKER_LOG_SEGMENT_BYTES: '2097152', PERFBROKER_WORKERS: '3' },
    });
    expect(config.entry('log.segment.bytes')).toMatchObject({ value: 2_097_152, source: 'environment' });
    expect(config.values['perfbroker.workers']).toBe(3);
  });

  it('reads settings of one listener or mechanism from the environment', () => {
    const config = loadBrokerConfig({
      environment: {
        PERFBROKER_LISTENER_NAME_SASL_SSL_SSL_KEYSTORE_LOCATION: 'a.pem',
        PERFBROKER_LISTENER_NAME_SSL_SSL_CLIENT_AUTH: 'required',
        PERFBROKER_LISTENER_NAME_SASL_SSL_SCRAM_SHA_512_CONNECTIONS_MAX_REAUTH_MS: '5',
        PERFBROKER_LISTENER_NAME_SASL_SSL_PLAIN_SASL_JAAS_CONFIG: 'secret;',
        PERFBROKER_PLAIN_SASL_JAAS_CONFIG: 'other;',
        PERFBROKER_LISTENER_NAME_SSL_NUM_PARTITIONS: '7',
        PERFBROKER_LISTENER_NAME_: '',
        PERFBROKER_BOOTSTRAP_SERVER: 'localhost:9092',
      },
    });
    expect(config.valueFor('SASL_SSL', '', 'ssl.keystore.location')).toBe('a.pem');
    expect(config.valueFor('SSL', '', 'ssl.client.auth')).toBe('required');
    expect(config.valueFor('SASL_SSL', '', 'ssl.client.auth')).toBe('none');
    expect(config.valueFor('SASL_SSL', 'SCRAM-SHA-512', 'connections.max.reauth.ms')).toBe(5);
    expect(config.valueFor('SASL_SSL', 'PLAIN', 'sasl.jaas.config')).toBe('secret;');
    expect(config.valueFor('OTHER', 'PLAIN', 'sasl.jaas.config')).toBe('other;');
    expect(config.values['num.partitions']).toBe(1);
    expect(config.notices.filter((notice) => !notice.includes('a listener that is not there'))).toHaveLength(2);
    expect(config.notices.join('\n')).not.toContain('secret');
  });

  it('names the key, the value, the bound and where the bad value came from', () => {
    expect(() => loadBrokerConfig({ file: file('a=b\nnum.partitions=0') })).toThrow(
      "num.partitions is '0' but must be a whole number, between 1 and 10000 (partitions); give it such a value (from server.properties line 2)",
    );
    expect(() => loadBrokerConfig({ flags: { port: 'x' } })).toThrow('from --port');
  });

  it('offers the nearest name for a misspelt --set and a topic setting its broker twin', () => {
    expect(() => loadBrokerConfig({ sets: ['num.partition=3'] })).toThrow('did you mean num.partitions?');
    expect(() => loadBrokerConfig({ sets: ['segment.bytes=3'] })).toThrow('log.segment.bytes');
    expect(() => loadBrokerConfig({ flags: { 'log.dris': 'x' } })).toThrow('did you mean log.dirs?');
    expect(() => loadBrokerConfig({ sets: ['port'] })).toThrow('key=value');
    expect(() => loadBrokerConfig({ sets: ['ssl.key.pasword=tiger'] })).toThrow(
      /^--set ssl\.key\.pasword: there is no setting 'ssl\.key\.pasword'; did you mean ssl\.key\.password\?$/,
    );
  });

  it('leaves aside what a Kafka file says about things that do not exist here, with a notice', () => {
    const config = loadBrokerConfig({
      file: file('process.roles=broker,controller\nnode.id=7\nlisteners=PLAINTEXT://:9192,CONTROLLER://:9193\n'),
      environment: { PERFBROKER_PROT: '1' },
    });
    expect(config.values['node.id']).toBe(7);
    expect(listenersOf(config.values)).toMatchObject([{ address: { host: '0.0.0.0', port: 9192 } }]);
    expect(config.notices.join('\n')).toContain('process.roles');
    expect(config.notices.join('\n')).toContain('did you mean PERFBROKER_PORT?');
  });

  it('takes old names of a setting for the setting', () => {
    expect(loadBrokerConfig({ sets: ['broker.id=4', 'log.dir=/x'] }).values).toMatchObject({
      'node.id': 4,
      'log.dirs': ['/x'],
    });
  });

  it('refuses two data folders, and messages larger than a request', () => {
    expect(() => loadBrokerConfig({ sets: ['log.dirs=/a,/b'] })).toThrow('one data folder');
    expect(() => loadBrokerConfig({ sets: ['message.max.bytes=5000', 'socket.request.max.bytes=4000'] })).toThrow(
      'lets in',
    );
  });

  it('refuses what lets nobody in', () => {
    expect(() => loadBrokerConfig({ sets: ['max.connections=0'] })).toThrow(
      'max.connections is 0, which lets nobody in',
    );
    expect(() => loadBrokerConfig({ sets: ['max.connections.per.ip=0'] })).toThrow(
      'max.connections.per.ip is 0, which lets nobody in; raise it, or name addresses in max.connections.per.ip.overrides',
    );
    const two = ['listeners=A://:1,B://:2', 'listener.security.protocol.map=A:PLAINTEXT,B:PLAINTEXT'];
    const closed = [...two, 'listener.name.a.max.connections=0'];
    expect(boundsOfListeners(loadBrokerConfig({ sets: closed }))).toMatchObject([
      { connectionsMax: 0 },
      { connectionsMax: Number.POSITIVE_INFINITY },
    ]);
    expect(() => loadBrokerConfig({ sets: [...closed, 'listener.name.b.max.connections=0'] })).toThrow(
      'listener.name.a.max.connections, listener.name.b.max.connections: all are 0, which lets nobody in; raise one',
    );
    const overrides = 'max.connections.per.ip.overrides=127.0.0.1:100';
    expect(loadBrokerConfig({ sets: ['max.connections.per.ip=0', overrides] }).values['max.connections.per.ip']).toBe(
      0,
    );
  });

  it.each([
    ['group.consumer.session.timeout.ms=1000', '(1000) is below group.consumer.min.session.timeout.ms (45000)'],
    ['group.consumer.session.timeout.ms=90000', '(60000) is below group.consumer.session.timeout.ms (90000)'],
    ['group.consumer.min.session.timeout.ms=70000', '(60000) is below group.consumer.min.session.timeout.ms (70000)'],
    ['group.consumer.heartbeat.interval.ms=60000', '(15000) is below group.consumer.heartbeat.interval.ms (60000)'],
    ['group.consumer.assignment.interval.ms=16000', '(15000) is below group.consumer.assignment.interval.ms (16000)'],
    ['group.share.record.lock.duration.ms=1000', '(1000) is below group.share.min.record.lock.duration.ms (15000)'],
    ['group.share.delivery.count.limit=11', '(10) is below group.share.delivery.count.limit (11)'],
  ])('refuses %s beside the bounds of groups, as Kafka does', (set, problem) => {
    expect(() => loadBrokerConfig({ sets: [set] })).toThrow(problem);
  });

  it('refuses heartbeats that come no sooner than the session ends', () => {
    const sets = ['group.consumer.heartbeat.interval.ms=45000', 'group.consumer.max.heartbeat.interval.ms=50000'];
    expect(() => loadBrokerConfig({ sets })).toThrow(
      'group.consumer.session.timeout.ms (45000) must be above group.consumer.heartbeat.interval.ms (45000)',
    );
  });
});
