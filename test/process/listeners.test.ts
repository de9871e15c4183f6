/**
 * The built broker with several listeners, as a person starts it: every way to the kernel, clients at each listener told
 * the address of theirs, also on fronts that connections are handed to, and sentences for what is wrong.
 */
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { Connection } from '../../src/client/connection.ts';
import { metadata } from '../../src/protocol/schemas/03-metadata.ts';
import { findCoordinator } from '../../src/protocol/schemas/10-find-coordinator.ts';
import { describeCluster } from '../../src/protocol/schemas/60-describe-cluster.ts';
import { Spawned as Process, type Spawned, startBroker, temporaryFolder } from './spawned.ts';

const HOST = '127.0.0.1';
const paths = process.platform === 'linux' ? ['uring', 'epoll', 'node'] : ['node'];
const SETTINGS = [
  `listeners=PLAINTEXT://${HOST}:0,INSIDE://${HOST}:0,OUTSIDE://${HOST}:0`,
  'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,INSIDE:PLAINTEXT,OUTSIDE:PLAINTEXT',
  'advertised.listeners=OUTSIDE://kafka.example:19092',
].flatMap((text) => ['--set', text]);

async function portsOf(broker: Spawned): Promise<ReadonlyMap<string, number>> {
  await broker.port();
  const found = broker.output.matchAll(/listening on +([A-Z_]+):\/\/127\.0\.0\.1:(\d+)/g);
  return new Map(Array.from(found, ([, name = '', port]) => [name, Number(port)]));
}

async function toldAt(port: number): Promise<Set<string>> {
  const connection = await Connection.open({ host: HOST, port });
  try {
    const told = new Set<string>();
    const { brokers } = await connection.request(metadata, { topics: [] });
    for (const { host, port } of brokers) told.add(`${host}:${port}`);
    const cluster = await connection.request(describeCluster, {});
    for (const { host, port } of cluster.brokers) told.add(`${host}:${port}`);
    const { coordinators } = await connection.request(findCoordinator, { keyType: 0, coordinatorKeys: ['group'] });
    for (const { host, port } of coordinators) told.add(`${host}:${port}`);
    return told;
  } finally {
    connection.close();
  }
}

describe.each(paths)('several listeners on --io %s', (io) => {
  it('tell each client the address of the listener it came by', { timeout: 60_000 }, async () => {
    const folder = temporaryFolder();
    const broker = new Process(['--data', folder, '--io', io, '--fronts', '3', '--workers', '1', ...SETTINGS]);
    const ports = await portsOf(broker);
    expect([...ports.keys()]).toEqual(['PLAINTEXT', 'INSIDE', 'OUTSIDE']);
    expect(broker.output).toMatch(/told to clients +kafka\.example:19092\n/);
    // More connections than fronts: some of each listener are handed over.
    for (let round = 0; round < 4; round++) {
      for (const [name, port] of ports) {
        const expected = name === 'OUTSIDE' ? 'kafka.example:19092' : `${HOST}:${port}`;
        expect(await toldAt(port), `${name} in round ${round}`).toEqual(new Set([expected]));
      }
    }
    expect((await broker.stop('SIGTERM')).code).toBe(0);
  });

  it('say which of them has a port that is taken', { timeout: 30_000 }, async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, HOST, resolve));
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    try {
      const settings = [
        `listeners=PLAINTEXT://${HOST}:0,SASL://${HOST}:${port}`,
        'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL:PLAINTEXT',
      ];
      const args = settings.flatMap((text) => ['--set', text]);
      const ended = await startBroker(temporaryFolder(), ['--io', io, ...args]).ended;
      expect(ended.code).toBe(1);
      const remedy = 'choose one for SASL in the setting listeners';
      expect(ended.stderr).toBe(`perfbroker: port ${port} is taken by another process; ${remedy}\n`);
    } finally {
      other.close();
    }
  });
});
