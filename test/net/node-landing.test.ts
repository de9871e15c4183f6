/** Whether this Node can be asked to read into memory of ours: an accepted socket, and one of TLS. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { Landing } from '../../src/net/node-landing.ts';
import { Authority, hasOpenssl } from '../support/certificates.ts';

const TEXT = 'what comes, lands';
const ended: (() => void)[] = [];

afterEach(() => {
  for (const end of ended.splice(0)) end();
});

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  ended.push(() => server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** What landed until the peer's end. */
async function landedOf(socket: Socket, landing: Landing): Promise<string> {
  ended.push(() => socket.destroy());
  const pieces: string[] = [];
  const onLanded = (count: number): void => void pieces.push(landing.bytes.toString('utf8', 0, count));
  expect(landing.takeFrom(socket, onLanded)).toBe(true);
  expect(landing.takeFrom(socket, onLanded), 'it has been taken').toBe(false);
  socket.resume();
  await once(socket, 'end');
  return pieces.join('');
}

describe('a landing', () => {
  it('gets what an accepted socket reads', async () => {
    const server = createServer();
    const port = await portOf(server);
    connect(port, '127.0.0.1').end(TEXT);
    const [socket] = (await once(server, 'connection')) as [Socket];
    expect(await landedOf(socket, new Landing())).toBe(TEXT);
  });

  it.skipIf(!hasOpenssl)('gets what a socket of TLS reads (needs openssl)', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'perfbroker-landing-'));
    ended.push(() => rmSync(folder, { recursive: true }));
    const authority = new Authority(folder);
    const { file } = authority.issue('broker', '/CN=broker');
    const pem = readFileSync(file);
    const server = createTlsServer({ cert: pem, key: pem });
    const port = await portOf(server);
    connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }).end(TEXT);
    const [socket] = (await once(server, 'secureConnection')) as [Socket];
    expect(await landedOf(socket, new Landing())).toBe(TEXT);
  });

  it('leaves a socket alone that has no handle, or has been read from', async () => {
    const server = createServer();
    const port = await portOf(server);
    connect(port, '127.0.0.1').write(TEXT);
    const [socket] = (await once(server, 'connection')) as [Socket];
    ended.push(() => socket.destroy());
    await once(socket, 'readable');
    expect(new Landing().takeFrom(socket, () => {})).toBe(false);
    expect(String(socket.read())).toBe(TEXT);
  });
});
