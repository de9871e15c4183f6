import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { NodeTransport } from '../../src/net/node-transport.ts';
import { DONE_ACCEPT, DONE_CLOSE, DONE_READABLE, DONE_RECEIVE, DONE_SEND } from '../../src/net/transport.ts';
import type { Memory } from '../../src/zerocopy/memory.ts';
import { plainMemory } from '../support/plain-memory.ts';
import { Prng } from '../support/prng.ts';

const { ECANCELED, ECONNRESET, EPIPE } = constants.errno;
const HOST = '127.0.0.1';

interface Done {
  kind: number;
  socket: number;
  result: number;
}

/** Collects completions as the front's thread would: runs a poll whenever there was activity. */
class Driver {
  readonly transport = new NodeTransport();
  port = 0;
  private readonly seen: Done[] = [];
  private waiting: (() => void) | null = null;

  async start(): Promise<void> {
    const bound = await this.transport.prepare({ host: HOST, port: 0 }, 16);
    this.port = this.transport.listen({ host: HOST, port: 0 }, 16).port;
    expect(bound.port).toBe(this.port);
    this.transport.onActivity = () => {
      const { completions } = this.transport;
      for (;;) {
        const count = this.transport.poll(0);
        for (let index = 0; index < count; index++) {
          this.seen.push({
            kind: completions.kinds[index] ?? 0,
            socket: completions.sockets[index] ?? -1,
            result: completions.results[index] ?? 0,
          });
        }
        if (count === 0) break;
      }
      this.waiting?.();
    };
  }

  /** The next completion of the kind (and socket), in the order they came. */
  async next(kind: number, socket = -1): Promise<Done> {
    for (;;) {
      const index = this.seen.findIndex((done) => done.kind === kind && (socket < 0 || done.socket === socket));
      const found = this.seen[index];
      if (found !== undefined) {
        this.seen.splice(index, 1);
        return found;
      }
      await new Promise<void>((resolve) => {
        this.waiting = resolve;
      });
      this.waiting = null;
    }
  }

  get unread(): readonly Done[] {
    return this.seen;
  }

  /** A client and the number of its socket here. */
  async connected(): Promise<{ client: Socket; socket: number }> {
    const client = connect({ host: HOST, port: this.port, allowHalfOpen: true });
    const accepted = await this.next(DONE_ACCEPT);
    if (client.connecting) await once(client, 'connect');
    return { client, socket: accepted.socket };
  }

  async sendAll(socket: number, memory: Memory, at: number, length: number): Promise<void> {
    for (let sent = 0; sent < length; ) {
      this.transport.send(socket, memory, at + sent, length - sent, false);
      const done = await this.next(DONE_SEND, socket);
      expect(done.result).toBeGreaterThan(0);
      sent += done.result;
    }
  }
}

async function readBytes(client: Socket, length: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let count = 0;
  for (;;) {
    const piece: unknown = client.read();
    if (Buffer.isBuffer(piece)) {
      pieces.push(piece);
      count += piece.length;
    }
    if (count >= length) return Buffer.concat(pieces);
    if (!Buffer.isBuffer(piece)) await once(client, 'readable');
  }
}

describe('the plain-Node transport', () => {
  let driver: Driver;
  const clients: Socket[] = [];

  beforeEach(async () => {
    driver = new Driver();
    await driver.start();
  });

  afterEach(() => {
    for (const client of clients.splice(0)) client.destroy();
    driver.transport.destroy();
  });

  async function connected(): Promise<{ client: Socket; socket: number }> {
    const pair = await driver.connected();
    clients.push(pair.client);
    pair.client.on('error', () => undefined);
    return pair;
  }

  test('echoes what a client sends', async () => {
    const { client, socket } = await connected();
    const memory = plainMemory(4096);
    driver.transport.receive(socket, memory, 100, 1000);
    client.write('hello broker');
    const received = await driver.next(DONE_RECEIVE, socket);
    expect(received.result).toBe(12);
    await driver.sendAll(socket, memory, 100, 12);
    expect((await readBytes(client, 12)).toString()).toBe('hello broker');
    expect(driver.transport.peerOf(socket)).toBe(`${HOST}:${client.localPort}`);
    expect(driver.transport.localOf(socket)).toEqual({ host: HOST, port: driver.port });
  });

  test('fills short receives one after the other and loses nothing in between', async () => {
    const { client, socket } = await connected();
    const sent = new Uint8Array(300_000);
    new Prng(7).fill(sent);
    client.write(sent);
    const memory = plainMemory(sent.length);
    for (let filled = 0; filled < sent.length; ) {
      driver.transport.receive(socket, memory, filled, Math.min(7001, sent.length - filled));
      const done = await driver.next(DONE_RECEIVE, socket);
      expect(done.result).toBeGreaterThan(0);
      filled += done.result;
    }
    expect(Buffer.from(memory.bytes).equals(Buffer.from(sent))).toBe(true);
  });

  test('stops reading a socket for which nothing is armed', async () => {
    const { client, socket } = await connected();
    const memory = plainMemory(16);
    driver.transport.receive(socket, memory, 0, 16);
    const sent = Buffer.alloc(64 * 1024 * 1024, 1);
    let isFlushed = false;
    client.write(sent, () => {
      isFlushed = true;
    });
    await driver.next(DONE_RECEIVE, socket);
    // What the kernel's buffers do not take stays with the client, however long it waits.
    for (let round = 0; round < 50; round++) await new Promise((resolve) => setImmediate(resolve));
    expect(isFlushed).toBe(false);
    expect(client.writableLength).toBeGreaterThan(0);
  });

  test('tells that a socket is readable without taking memory', async () => {
    const { client, socket } = await connected();
    driver.transport.awaitReadable(socket);
    client.write('x');
    expect((await driver.next(DONE_READABLE, socket)).result).toBe(1);
    const memory = plainMemory(16);
    driver.transport.receive(socket, memory, 0, 16);
    expect((await driver.next(DONE_RECEIVE, socket)).result).toBe(1);
  });

  test('sends much to a slow reader, every byte in order', async () => {
    const { client, socket } = await connected();
    const memory = plainMemory(8 * 1024 * 1024);
    new Prng(3).fill(memory.bytes);
    const sending = driver.sendAll(socket, memory, 0, memory.bytes.length);
    for (let round = 0; round < 20; round++) await new Promise((resolve) => setImmediate(resolve));
    const arrived = await readBytes(client, memory.bytes.length);
    await sending;
    expect(arrived.equals(Buffer.from(memory.bytes))).toBe(true);
  });

  test('sends a region of a file byte for byte, in pieces', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'perfbroker-test-'));
    const content = Buffer.alloc(8 * 1024 * 1024);
    new Prng(11).fill(content);
    writeFileSync(join(folder, 'region'), content);
    const fd = openSync(join(folder, 'region'), 'r');
    const { client, socket } = await connected();
    const position = 12_345;
    const length = content.length - position;
    const arriving = readBytes(client, length);
    for (let sent = 0; sent < length; ) {
      driver.transport.sendRegion(socket, fd, position + sent, length - sent, false);
      const done = await driver.next(DONE_SEND, socket);
      expect(done.result).toBeGreaterThan(0);
      sent += done.result;
    }
    expect((await arriving).equals(content.subarray(position))).toBe(true);
    driver.transport.sendRegion(socket, fd, content.length + 5, 10, false);
    expect((await driver.next(DONE_SEND, socket)).result).toBe(-constants.errno.EIO);
    closeSync(fd);
    driver.transport.sendRegion(socket, fd, 0, 10, false);
    expect((await driver.next(DONE_SEND, socket)).result).toBe(-constants.errno.EBADF);
    rmSync(folder, { recursive: true });
  });

  test.runIf(process.platform === 'linux')('has the system find out that a peer has vanished', async () => {
    const { client } = await connected();
    const hex = (port = 0) => port.toString(16).toUpperCase().padStart(4, '0');
    const rows = readFileSync('/proc/self/net/tcp', 'utf8').split('\n');
    const row = rows.find((line) => line.includes(`:${hex(driver.port)} 0100007F:${hex(client.localPort)} 01 `));
    // The timer of keep-alive runs.
    expect(row).toMatch(/ 02:[0-9A-F]{8} /);
  });

  // 128 readers over TLS that had stopped kept all buffers, and no region was sent to anybody else.
  test('however many readers keep their buffers, there is one for the next', () => {
    const taken = Array.from({ length: 200 }, () => driver.transport.takeBuffer());
    expect(taken.map((buffer) => buffer.length)).toEqual([...Array(128).fill(262_144), ...Array(72).fill(16_384)]);
    for (const buffer of taken) driver.transport.giveBuffer(buffer);
    expect(driver.transport.takeBuffer().length).toBe(262_144);
  });

  test('completes a receive with 0 when the peer closes its side, and still sends', async () => {
    const { client, socket } = await connected();
    const memory = plainMemory(64);
    driver.transport.receive(socket, memory, 0, 64);
    client.end('bye');
    expect((await driver.next(DONE_RECEIVE, socket)).result).toBe(3);
    driver.transport.receive(socket, memory, 32, 32);
    expect((await driver.next(DONE_RECEIVE, socket)).result).toBe(0);
    await driver.sendAll(socket, memory, 0, 3);
    expect((await readBytes(client, 3)).toString()).toBe('bye');
  });

  test('completes what is under way with an error when the peer resets', async () => {
    const { client, socket } = await connected();
    const memory = plainMemory(32 * 1024 * 1024);
    driver.transport.receive(socket, memory, 0, 64);
    driver.transport.send(socket, memory, 0, memory.bytes.length, false);
    client.resetAndDestroy();
    expect((await driver.next(DONE_RECEIVE, socket)).result).toBe(-ECONNRESET);
    expect([-ECONNRESET, -EPIPE]).toContain((await driver.next(DONE_SEND, socket)).result);
    driver.transport.send(socket, memory, 0, 10, false);
    expect([-ECONNRESET, -EPIPE]).toContain((await driver.next(DONE_SEND, socket)).result);
    driver.transport.close(socket);
    expect((await driver.next(DONE_CLOSE, socket)).result).toBe(0);
  });

  test('cancels a receive, and keeps what arrives afterwards for the next', async () => {
    const { client, socket } = await connected();
    const memory = plainMemory(64);
    driver.transport.receive(socket, memory, 0, 64);
    driver.transport.cancelReceive(socket);
    expect((await driver.next(DONE_RECEIVE, socket)).result).toBe(-ECANCELED);
    driver.transport.cancelReceive(socket);
    client.write('later');
    driver.transport.awaitReadable(socket);
    expect((await driver.next(DONE_READABLE, socket)).result).toBe(1);
    driver.transport.receive(socket, memory, 0, 64);
    expect((await driver.next(DONE_RECEIVE, socket)).result).toBe(5);
    expect(driver.unread).toEqual([]);
  });

  test('completes pending operations before a close, then gives the socket to the next client', async () => {
    const { socket } = await connected();
    const memory = plainMemory(32 * 1024 * 1024);
    driver.transport.receive(socket, memory, 0, 64);
    driver.transport.send(socket, memory, 0, memory.bytes.length, false);
    driver.transport.close(socket);
    const order = [
      await driver.next(DONE_RECEIVE, socket),
      await driver.next(DONE_SEND, socket),
      await driver.next(DONE_CLOSE, socket),
    ];
    expect(order.map((done) => done.result)).toEqual([-ECANCELED, -ECANCELED, 0]);
    expect(driver.unread).toEqual([]);
    const second = await connected();
    expect(second.socket).toBe(socket);
  });

  test('leaves connections waiting while it does not accept', async () => {
    driver.transport.setAccepting(false);
    const client = connect({ host: HOST, port: driver.port });
    clients.push(client);
    await once(client, 'connect');
    for (let round = 0; round < 20; round++) await new Promise((resolve) => setImmediate(resolve));
    expect(driver.unread).toEqual([]);
    driver.transport.setAccepting(true);
    expect((await driver.next(DONE_ACCEPT)).socket).toBe(0);
  });

  test('leaves those of one listener waiting, and takes those of another', async () => {
    const { port } = await driver.transport.prepare({ host: HOST, port: 0 }, 16);
    driver.transport.setListenerAccepting(0, false);
    for (const one of [driver.port, port]) {
      const client = connect({ host: HOST, port: one });
      clients.push(client);
      await once(client, 'connect');
    }
    expect((await driver.next(DONE_ACCEPT)).result).toBe(1);
    for (let round = 0; round < 20; round++) await new Promise((resolve) => setImmediate(resolve));
    expect(driver.unread).toEqual([]);
    driver.transport.setListenerAccepting(0, true);
    expect((await driver.next(DONE_ACCEPT)).result).toBe(0);
  });

  test('says which port is taken and what to do', async () => {
    const second = new NodeTransport();
    await expect(second.prepare({ host: HOST, port: driver.port }, 16)).rejects.toMatchObject({
      code: 'PB_PORT_TAKEN',
      message: `port ${driver.port} is taken by another process; choose one with --port`,
    });
    second.destroy();
  });

  test('says that an address is not of this machine', async () => {
    const second = new NodeTransport();
    await expect(second.prepare({ host: '192.0.2.1', port: 0 }, 16)).rejects.toMatchObject({ code: 'PB_BAD_ADDRESS' });
    second.destroy();
  });
});

describe('plain Node on one port', () => {
  const transports: NodeTransport[] = [];

  afterEach(() => {
    for (const transport of transports.splice(0)) transport.destroy();
  });

  function create(): NodeTransport {
    const transport = new NodeTransport();
    transports.push(transport);
    return transport;
  }

  test('several fronts listen, each takes connections, and all of them are served', { timeout: 20_000 }, async () => {
    const address = { host: HOST, port: 0 };
    const first = create();
    const bound = await first.prepare(address, 128, { kind: 'first' });
    const others = [create(), create()];
    for (const other of others) {
      const beside = await other.prepare(bound, 128, { kind: 'beside', fd: first.listenerFd(0) });
      expect(beside.port).toBe(bound.port);
    }
    const accepted = new Map(transports.map((transport) => [transport, 0]));
    for (const transport of transports) {
      transport.onActivity = () => {
        for (let count = transport.poll(0); count > 0; count = transport.poll(0)) {
          accepted.set(transport, (accepted.get(transport) ?? 0) + count);
        }
      };
    }
    const clients = Array.from({ length: 40 }, () => connect(bound.port, HOST));
    await Promise.all(clients.map((client) => once(client, 'connect')));
    while ([...accepted.values()].reduce((sum, count) => sum + count, 0) < clients.length) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (const client of clients) client.destroy();
    // The first one's end takes nothing from the others.
    first.destroy();
    const late = connect(bound.port, HOST);
    await once(late, 'connect');
    late.destroy();
  });

  test('a stranger’s port is not shared', async () => {
    const first = create();
    const bound = await first.prepare({ host: HOST, port: 0 }, 16, { kind: 'first' });
    await expect(create().prepare(bound, 16, { kind: 'first' })).rejects.toThrow('is taken by another process');
  });
});
