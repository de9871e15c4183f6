/** The HTTP side of a real process. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { Admin } from '../../src/client/admin.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { Producer } from '../../src/client/producer.ts';
import { freePort } from '../clients/broker-process.ts';
import { readPrometheusText, sampleOf } from '../support/prometheus-text.ts';
import { type Spawned, startBroker, temporaryFolder } from './spawned.ts';

const HTTP = / {2}http +http:\/\/127\.0\.0\.1:(\d+) /;

async function httpPortOf(broker: Spawned): Promise<number> {
  await broker.port();
  return Number(HTTP.exec(broker.output)?.[1]);
}

async function statusOf(port: number, path: string): Promise<number> {
  return (await fetch(`http://127.0.0.1:${port}${path}`)).status;
}

async function scrape(port: number): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
}

function residentKilobytes(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => socket.destroy());
  });
}

describe('the HTTP side of a process', () => {
  it('tells what real threads counted, from the start screen on', async () => {
    const broker = startBroker(temporaryFolder(), ['--http-port', '0', '--durability', 'fsync']);
    const port = await httpPortOf(broker);
    const cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port: await broker.port() }] });
    await new Admin(cluster).createTopic({ name: 'topic', partitions: 2, replicationFactor: 1 });
    const producer = new Producer(cluster);
    for (let count = 0; count < 20; count++)
      await producer.send('topic', 1, [{ key: null, value: Buffer.alloc(100), timestamp: Date.now() }]);
    const families = readPrometheusText(await scrape(port));
    const own = { topic: 'topic', partition: '1' };
    for (const stage of ['queue', 'append', 'flush', 'respond']) {
      const of = (end: string): number =>
        sampleOf(families, `perfbroker_append_stage_seconds_${end}`, { ...own, stage }) ?? -1;
      expect([stage, of('count')]).toEqual([stage, 20]);
      // Clocks of two threads that disagree would show as no time at all, or as hours.
      expect(of('sum'), stage).toBeGreaterThan(0);
      expect(of('sum'), stage).toBeLessThan(60);
    }
    expect(sampleOf(families, 'perfbroker_log_end_offset', own)).toBe(20);
    expect(sampleOf(families, 'perfbroker_requests_total', { api: 'Produce' })).toBe(20);
    expect([await statusOf(port, '/health'), await statusOf(port, '/ready'), await statusOf(port, '/status')]).toEqual([
      200, 200, 200,
    ]);
    await cluster.close();
    expect((await broker.stop('SIGTERM')).code).toBe(0);
  });

  it('is ready only when clients are served, also after a crash', async () => {
    const folder = temporaryFolder();
    const first = startBroker(folder);
    const cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port: await first.port() }] });
    await new Admin(cluster).createTopic({ name: 'topic', partitions: 8, replicationFactor: 1 });
    await cluster.close();
    await first.stop('SIGKILL');
    const http = await freePort();
    const broker = startBroker(folder, ['--http-port', String(http)]);
    const states: string[] = [];
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${http}/ready`).catch(() => null);
      if (answer === null) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        continue;
      }
      states.push(`${answer.status} ${await answer.text()}`.trim());
      if (answer.status === 200) break;
    }
    expect(await takesConnections(await broker.port())).toBe(true);
    expect(states.at(-1)).toBe('200 {"status":"ready"}');
    for (const state of states.slice(0, -1)) expect(state).toMatch(/^503 \{"status":"(starting|recovering)"\}$/);
    expect((await broker.stop('SIGTERM')).code).toBe(0);
  });

  it('keeps its memory through many scrapes of many partitions', async () => {
    const broker = startBroker(temporaryFolder(), ['--http-port', '0']);
    const port = await httpPortOf(broker);
    const cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port: await broker.port() }] });
    await new Admin(cluster).createTopic({ name: 'topic', partitions: 64, replicationFactor: 1 });
    const producer = new Producer(cluster);
    for (let partition = 0; partition < 64; partition++)
      await producer.send('topic', partition, [{ key: null, value: Buffer.alloc(100), timestamp: Date.now() }]);
    await cluster.close();
    for (let count = 0; count < 150; count++) await scrape(port);
    const before = residentKilobytes(broker.pid);
    for (let count = 0; count < 300; count++) await scrape(port);
    expect(residentKilobytes(broker.pid) - before).toBeLessThan(16_384);
    expect((await broker.stop('SIGTERM')).code).toBe(0);
  });

  it('refuses to start on a port that is taken, and is not there unless it is asked for', async () => {
    const broker = startBroker(temporaryFolder(), ['--http-port', '0']);
    const port = await httpPortOf(broker);
    const { code, stderr } = await startBroker(temporaryFolder(), ['--http-port', String(port)]).ended;
    expect(code).toBe(1);
    expect(stderr).toContain(`the HTTP port ${port} is taken by another process; choose one with --http-port`);
    const plain = startBroker(temporaryFolder());
    await plain.port();
    expect(plain.output).not.toContain('http');
  });
});
