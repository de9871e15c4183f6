import { describe, expect, it } from 'vitest';
import { type Listener, listenersOf } from '../../src/config/listeners.ts';
import { loadBrokerConfig } from '../../src/config/load.ts';

function read(...sets: readonly string[]): readonly Listener[] {
  return listenersOf(loadBrokerConfig({ sets }).values);
}

describe('listeners', () => {
  it('have a name, a protocol, an address and what clients are told', () => {
    const listeners = read(
      'listeners=INSIDE://10.0.0.1:9092,outside://:9093,SASL_SSL://[::1]:9094',
      'listener.security.protocol.map=inside:PLAINTEXT,OUTSIDE:SSL,SASL_SSL:SASL_SSL',
      'advertised.listeners=OUTSIDE://kafka.example:19093',
      'sasl.enabled.mechanisms=SCRAM-SHA-512',
    );
    expect(listeners).toEqual([
      { name: 'INSIDE', protocol: 'PLAINTEXT', address: { host: '10.0.0.1', port: 9092 }, advertised: null },
      {
        name: 'OUTSIDE',
        protocol: 'SSL',
        address: { host: '0.0.0.0', port: 9093 },
        advertised: { host: 'kafka.example', port: 19_093 },
      },
      { name: 'SASL_SSL', protocol: 'SASL_SSL', address: { host: '::1', port: 9094 }, advertised: null },
    ]);
  });

  it('take host and port of the first from --host and --port', () => {
    const given = { flags: { port: '7' }, sets: ['listeners=PLAINTEXT://[::1]:9,SSL://a:8'] };
    const addresses = listenersOf(loadBrokerConfig(given).values).map(({ address }) => address);
    expect(addresses).toEqual([
      { host: '::1', port: 7 },
      { host: 'a', port: 8 },
    ]);
  });

  it('tell clients of the first what --advertise says', () => {
    const config = loadBrokerConfig({ flags: { 'perfbroker.advertise': 'kafka.example:19092' } });
    expect(listenersOf(config.values)).toMatchObject([{ advertised: { host: 'kafka.example', port: 19_092 } }]);
  });

  it('leave aside those of controllers', () => {
    const listeners = read('listeners=CTL://:1,PLAINTEXT://:2,CONTROLLER://:3', 'controller.listener.names=CTL');
    expect(listeners.map(({ name }) => name)).toEqual(['PLAINTEXT']);
  });

  it('may share a port when one of them is of IPv6, or when any free port will do', () => {
    expect(read('listeners=PLAINTEXT://127.0.0.1:9,SSL://[::1]:9')).toHaveLength(2);
    expect(read('listeners=PLAINTEXT://:0,SSL://:0')).toHaveLength(2);
  });

  it.each([
    [
      'a name without a protocol',
      ['listeners=INSIDE://:1'],
      'the listener INSIDE has no protocol in listener.security.protocol.map; add INSIDE:PLAINTEXT',
    ],
    [
      'a protocol that there is not',
      ['listener.security.protocol.map=A:TLS'],
      "there is no protocol 'TLS'; choose one of PLAINTEXT, SSL",
    ],
    [
      'a name mapped twice',
      ['listener.security.protocol.map=A:SSL,a:PLAINTEXT'],
      'names the listener A more than once',
    ],
    ['a name given twice', ['listeners=SSL://:1,SSL://:2'], 'more than one listener with the name SSL'],
    [
      'a port given twice',
      ['listeners=PLAINTEXT://a:1,SSL://b:1'],
      'listeners gives the port 1 to PLAINTEXT and to SSL; give each',
    ],
    ['a port that cannot be', ['listeners=PLAINTEXT://a:70000'], 'ports end at 65535'],
    ['no listener at all', ['listeners=CONTROLLER://:1'], 'listeners names no listener; write one such as'],
    ['no listener of the grammar', ['listeners=9092'], 'must be a listener such as PLAINTEXT://127.0.0.1:9092'],
    [
      'advertising what does not listen',
      ['advertised.listeners=SSL://a:1'],
      'names SSL, which is none of the listeners (PLAINTEXT)',
    ],
    ['advertising every address', ['advertised.listeners=PLAINTEXT://:1'], 'no client can dial'],
    ['advertising any port', ['advertised.listeners=PLAINTEXT://a:0'], 'no client can dial'],
    ['every address in short', ['perfbroker.advertise=0.0.0.0:9092'], 'no client can dial'],
    [
      'brokers at a listener that is not there',
      ['inter.broker.listener.name=SSL'],
      'none of the listeners; choose one of PLAINTEXT',
    ],
    [
      'brokers told twice',
      ['inter.broker.listener.name=PLAINTEXT', 'security.inter.broker.protocol=PLAINTEXT'],
      'exclude each other; keep one',
    ],
  ])('are refused with a remedy: %s', (_what, sets, sentence) => {
    expect(() => read(...sets)).toThrow(sentence);
  });
});
