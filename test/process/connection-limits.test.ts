/**
 * Kafka's limits on connections at a real broker, on every way to the kernel: who has to wait is answered later, who is
 * refused is closed, and everybody else is served meanwhile.
 */
import { describe, expect, it } from 'vitest';
import { until } from '../bounds/bounded-broker.ts';
import { Crowd } from '../bounds/crowd.ts';
import { freePort } from '../clients/broker-process.ts';
import { startBroker, temporaryFolder } from './spawned.ts';

/** ApiVersions of version 0 with a null client id. */
const REQUEST = Buffer.from('0000000a0012000000000007ffff', 'hex');
const WITHIN_MS = 10_000;
/** Long enough for an answer that should not come. */
const LOOK_MS = 300;

const paths = process.platform === 'linux' ? ['uring', 'epoll', 'node'] : ['node'];

async function brokerWith(io: string, sets: readonly string[], more: readonly string[] = []) {
  const args = ['--io', io, ...sets.flatMap((set) => ['--set', set]), ...more];
  const broker = startBroker(temporaryFolder(), args);
  return { broker, port: await broker.port() };
}

function answered(crowd: Crowd): boolean[] {
  return crowd.received.map((chunks) => chunks.length > 0);
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe.each(paths)('--io %s', (io) => {
  it('max.connections of a listener and of all: who is beyond waits until one ends, and nobody else', async () => {
    const [httpPort, innerPort] = [await freePort(), await freePort()];
    const sets = [
      `listeners=PLAINTEXT://127.0.0.1:0,INNER://127.0.0.1:${innerPort}`,
      'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,INNER:PLAINTEXT',
      'listener.name.inner.max.connections=1',
      'max.connections=3',
    ];
    const { broker, port } = await brokerWith(io, sets, ['--http-port', String(httpPort)]);
    const inner = await Crowd.connect(innerPort, 2);
    inner.send(REQUEST);
    await until('one is answered', () => answered(inner).some(Boolean), WITHIN_MS);
    const crowd = await Crowd.connect(port, 3);
    crowd.send(REQUEST);
    await until('two are answered', () => answered(crowd).filter(Boolean).length === 2, WITHIN_MS);
    await pause(LOOK_MS);
    expect([...answered(crowd), ...answered(inner)].filter(Boolean)).toHaveLength(3);
    expect(crowd.closedCount + inner.closedCount).toBe(0);
    expect(broker.output).toContain('the listener INNER has as many connections as it may (1)');
    expect(broker.output).toContain('3 connections are open');
    inner.sockets[answered(inner).indexOf(true)]?.destroy();
    await until('the second of INNER is answered, which came first', () => answered(inner).every(Boolean), WITHIN_MS);
    expect(answered(crowd).filter(Boolean)).toHaveLength(2);
    crowd.sockets[answered(crowd).indexOf(true)]?.destroy();
    await until('the third is answered', () => answered(crowd).every(Boolean), WITHIN_MS);
    const metrics = await (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
    expect(metrics).toMatch(/connections_delayed_total\{[^}]*\} 2\n/);
    expect(metrics).toContain('listener_connections{listener="INNER"} 1\n');
    crowd.destroy();
    inner.destroy();
    expect((await broker.stop('SIGTERM')).code).toBe(0);
  });

  it('connections.max.idle.ms: who is silent is closed', async () => {
    const { broker, port } = await brokerWith(io, ['connections.max.idle.ms=500']);
    const crowd = await Crowd.connect(port, 3);
    crowd.send(REQUEST);
    await until('all are answered, and let go', () => crowd.openCount === 0, WITHIN_MS);
    expect(answered(crowd)).toEqual([true, true, true]);
    expect((await broker.stop('SIGTERM')).code).toBe(0);
  });

  it('max.connections.per.ip and its overrides close the ones too many, and nobody else', async () => {
    const sets = ['max.connections.per.ip=1', 'max.connections.per.ip.overrides=127.0.0.1:3'];
    const { broker, port } = await brokerWith(io, sets);
    const crowd = await Crowd.connect(port, 5);
    await until('two are closed', () => crowd.closedCount === 2, WITHIN_MS);
    crowd.send(REQUEST);
    await until('three are answered', () => answered(crowd).filter(Boolean).length === 3, WITHIN_MS);
    expect(crowd.closedCount).toBe(2);
    crowd.destroy();
    expect((await broker.stop('SIGTERM')).code).toBe(0);
  });

  it('max.connection.creation.rate: all come in, the last ones later', async () => {
    const { broker, port } = await brokerWith(io, ['max.connection.creation.rate=10', 'quota.window.num=2']);
    const crowd = await Crowd.connect(port, 25);
    crowd.send(REQUEST);
    await until('all are answered', () => answered(crowd).every(Boolean), WITHIN_MS);
    expect(broker.output).toContain('more than 10 connections a second come');
    expect(crowd.closedCount).toBe(0);
    crowd.destroy();
    expect((await broker.stop('SIGTERM')).code).toBe(0);
  });
});
