import { randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  DONE_ACCEPT,
  DONE_ACCEPT_FAILED,
  DONE_CLOSE,
  DONE_READABLE,
  DONE_RECEIVE,
  DONE_SEND,
} from '../../src/net/transport.ts';
import { openKernel } from '../../src/zerocopy/kernel.ts';
import { HOST, KernelRig, nativePart, pathsHere, Received } from './kernel-rig.ts';

const { ECANCELED, ECONNRESET, EMFILE, EPIPE } = constants.errno;

describe.each(pathsHere())('the transport over %s', (path) => {
  let rig: KernelRig;
  let extra: KernelRig[] = [];

  beforeEach(() => {
    rig = new KernelRig(path);
  });

  afterEach(() => {
    rig.end();
    for (const other of extra) other.end();
    extra = [];
  });

  describe('bytes', () => {
    it('receives into the memory it was given and sends out of it', async () => {
      const { client, socket } = await rig.connect();
      const received = new Received(client);
      const memory = rig.memory(64);
      client.write('hello');
      rig.transport.receive(socket, memory, 10, 20);
      expect(await rig.next(DONE_RECEIVE)).toEqual({ kind: DONE_RECEIVE, socket, result: 5 });
      expect(Buffer.from(memory.bytes.subarray(9, 16)).toString('latin1')).toBe('\0hello\0');
      rig.transport.send(socket, memory, 10, 5, false);
      expect((await rig.next(DONE_SEND, socket)).result).toBe(5);
      await rig.turnsUntil(() => received.byteCount === 5);
      expect(received.bytes().toString()).toBe('hello');
    });

    it('tells which processor took in the last packet', async () => {
      const { client, socket } = await rig.connect();
      client.write('hello');
      rig.transport.receive(socket, rig.memory(64), 0, 64);
      await rig.next(DONE_RECEIVE);
      expect(rig.transport.packetProcessorOf(socket)).toBeGreaterThanOrEqual(0);
      expect(rig.transport.packetProcessorOf(socket + 1)).toBeLessThan(0);
    });

    it('goes on waiting when a send has left whole, if it is told so, and tells of it with what ends the wait', async () => {
      const { client, socket } = await rig.connect();
      const received = new Received(client);
      const memory = rig.memory(64);
      client.on('data', () => client.write('again'));
      rig.transport.receive(socket, memory, 0, 20);
      await rig.turnsUntil(() => true);
      rig.transport.send(socket, memory, 32, 5, false);
      const { completions } = rig.transport;
      expect(rig.transport.poll(30, true)).toBe(1);
      expect([completions.kinds[0], completions.results[0]]).toEqual([DONE_SEND, 5]);
      completions.count = 0;
      // Nobody but us could have read what was sent while this thread was in the kernel.
      expect((await rig.next(DONE_RECEIVE)).result).toBe(5);
      rig.transport.send(socket, memory, 32, 5, true);
      const begunMs = performance.now();
      expect(rig.transport.poll(5000, true)).toBe(1);
      expect(performance.now() - begunMs).toBeLessThan(4000);
      expect(received.byteCount).toBe(5);
    });

    it('takes no more than fits and keeps the rest for the next receive', async () => {
      const { client, socket } = await rig.connect();
      const memory = rig.memory(64);
      client.write('abcdefgh');
      for (const part of ['abc', 'def', 'gh']) {
        rig.transport.receive(socket, memory, 0, 3);
        expect((await rig.next(DONE_RECEIVE)).result).toBe(part.length);
        expect(Buffer.from(memory.bytes.subarray(0, part.length)).toString()).toBe(part);
      }
    });

    it.each([3, 8])(
      'tells the end of a stream that came together with its last bytes (%i bytes of room)',
      async (room) => {
        const { client, socket } = await rig.connect();
        const memory = rig.memory(64);
        client.end('abc');
        await rig.someTurns();
        rig.transport.receive(socket, memory, 0, room);
        expect((await rig.next(DONE_RECEIVE)).result).toBe(3);
        rig.transport.receive(socket, memory, 0, room);
        expect((await rig.next(DONE_RECEIVE)).result).toBe(0);
      },
    );

    it('resumes large sends to a slow reader', async () => {
      const { client, socket } = await rig.connect();
      const received = new Received(client);
      client.pause();
      const memory = rig.memory(12 * 1024 * 1024);
      memory.bytes.set(randomBytes(memory.bytes.length));
      let sent = 0;
      let sends = 0;
      while (sent < memory.bytes.length) {
        rig.transport.send(socket, memory, sent, memory.bytes.length - sent, false);
        await rig.someTurns(5);
        client.resume();
        const { result } = await rig.next(DONE_SEND, socket);
        client.pause();
        expect(result).toBeGreaterThan(0);
        sent += result;
        sends += 1;
      }
      client.resume();
      await rig.turnsUntil(() => received.byteCount === sent);
      expect(received.bytes().equals(memory.bytes)).toBe(true);
      expect(sends).toBeGreaterThan(1);
    });

    it('sends pieces in order when it is told that more follows', async () => {
      const { client, socket } = await rig.connect();
      const received = new Received(client);
      const memory = rig.memory(64);
      memory.bytes.set(Buffer.from('first second'));
      rig.transport.send(socket, memory, 0, 6, true);
      expect((await rig.next(DONE_SEND)).result).toBe(6);
      rig.transport.send(socket, memory, 6, 6, false);
      expect((await rig.next(DONE_SEND)).result).toBe(6);
      await rig.turnsUntil(() => received.byteCount === 12);
      expect(received.bytes().toString()).toBe('first second');
    });

    it('receives and sends at the same time on one socket', async () => {
      const { client, socket } = await rig.connect();
      const received = new Received(client);
      const memory = rig.memory(64);
      rig.transport.receive(socket, memory, 0, 16);
      memory.bytes.set(Buffer.from('out'), 32);
      rig.transport.send(socket, memory, 32, 3, false);
      await rig.next(DONE_SEND, socket);
      await rig.turnsUntil(() => received.byteCount === 3);
      client.write('in');
      expect((await rig.next(DONE_RECEIVE, socket)).result).toBe(2);
    });
  });

  describe('regions of files', () => {
    const folder = mkdtempSync(join(tmpdir(), 'perfbroker-region-'));
    const content = randomBytes(8 * 1024 * 1024 + 77);
    const file = join(folder, 'segment');
    writeFileSync(file, content);
    let fd = -1;

    beforeEach(() => {
      fd = openSync(file, 'r');
    });

    afterEach(() => closeSync(fd));
    afterAll(() => rmSync(folder, { recursive: true }));

    it('arrive byte for byte, between bytes of memory, however slowly they are read', async () => {
      const { client, socket } = await rig.connect();
      const received = new Received(client);
      client.pause();
      const memory = rig.memory(16);
      memory.bytes.set(Buffer.from('<header>'));
      rig.transport.send(socket, memory, 0, 8, true);
      expect((await rig.next(DONE_SEND)).result).toBe(8);
      const from = 13;
      let sent = from;
      while (sent < content.length) {
        rig.transport.sendRegion(socket, fd, sent, content.length - sent, false);
        await rig.someTurns(3);
        client.resume();
        const { result } = await rig.next(DONE_SEND, socket);
        client.pause();
        expect(result).toBeGreaterThan(0);
        sent += result;
      }
      rig.transport.send(socket, memory, 0, 1, false);
      await rig.next(DONE_SEND);
      client.resume();
      await rig.turnsUntil(() => received.byteCount === 8 + content.length - from + 1);
      const expected = Buffer.concat([Buffer.from('<header>'), content.subarray(from), Buffer.from('<')]);
      expect(received.bytes().equals(expected)).toBe(true);
    });

    it('that reach behind the end of their file fail instead of going on forever', async () => {
      const { client, socket } = await rig.connect();
      const received = new Received(client);
      rig.transport.sendRegion(socket, fd, content.length, 10, false);
      expect((await rig.next(DONE_SEND, socket)).result).toBe(-constants.errno.EIO);
      const from = content.length - 300_000;
      let sent = 0;
      for (let result = 1; result > 0; sent += Math.max(0, result)) {
        rig.transport.sendRegion(socket, fd, from + sent, 2 * 1024 * 1024, false);
        ({ result } = await rig.next(DONE_SEND, socket));
        if (result <= 0) expect(result).toBe(-constants.errno.EIO);
      }
      expect(sent).toBe(300_000);
      await rig.turnsUntil(() => received.byteCount === sent);
      expect(received.bytes().equals(content.subarray(from))).toBe(true);
    });

    it('go to many readers at once, of whom some stop reading and some leave, and take few descriptors for it', async () => {
      const readers = await Promise.all(
        Array.from({ length: 40 }, async () => {
          const { client, socket } = await rig.connect();
          return { client, socket, received: new Received(client), from: 0, sent: 0 };
        }),
      );
      const descriptors = readdirSync('/proc/self/fd').length;
      const length = 6 * 1024 * 1024 + 5;
      // Twenty do not read: what is on its way to them must not stop the others.
      const stuck = readers.slice(0, 20);
      for (const { client } of stuck) client.pause();
      const sendOn = (reader: (typeof readers)[number]) =>
        rig.transport.sendRegion(reader.socket, fd, reader.from + reader.sent, length - reader.sent, false);
      for (const [index, reader] of readers.entries()) {
        reader.from = index * 20_011;
        sendOn(reader);
      }
      const finish = (wanted: typeof readers) =>
        rig.turnsUntil(() => {
          for (const { kind, socket, result } of rig.takeSeen()) {
            const reader = readers.find((one) => one.socket === socket);
            if (kind !== DONE_SEND || reader === undefined) continue;
            expect(result).toBeGreaterThan(0);
            reader.sent += result;
            if (reader.sent < length) sendOn(reader);
          }
          return wanted.every(({ received }) => received.byteCount === length);
        });
      await finish(readers.slice(20));
      expect(stuck.every(({ sent }) => sent < length)).toBe(true);
      expect(readdirSync('/proc/self/fd').length - descriptors).toBeLessThanOrEqual(32);
      // What half of those hold falls free with them; the other half go on where they stopped.
      for (const { socket } of stuck.slice(0, 10)) rig.transport.close(socket);
      await rig.turnsUntil(() => rig.takeSeen().filter(({ kind }) => kind === DONE_CLOSE).length > 0);
      for (const { client } of stuck.slice(10)) client.resume();
      await finish(stuck.slice(10));
      for (const { received, from } of readers.slice(10)) {
        expect(received.bytes().equals(content.subarray(from, from + length))).toBe(true);
      }
    });

    it('that wait for room end with their socket', async () => {
      const { client, socket } = await rig.connect();
      client.pause();
      for (let sent = 0; ; ) {
        rig.transport.sendRegion(socket, fd, sent % 1024, content.length - 1024, false);
        if (!(await rig.isSeenWithin(250))) break;
        sent += rig.takeSeen()[0]?.result ?? 0;
      }
      rig.transport.close(socket);
      expect((await rig.next(DONE_SEND, socket)).result).toBeLessThan(0);
      await rig.next(DONE_CLOSE, socket);
    });
  });

  describe('waiting', () => {
    it('says readable when there are bytes, and only then', async () => {
      const { client, socket } = await rig.connect();
      const memory = rig.memory(16);
      rig.transport.awaitReadable(socket);
      await rig.someTurns();
      expect(rig.takeSeen()).toEqual([]);
      client.write('abc');
      expect(await rig.next(DONE_READABLE)).toEqual({ kind: DONE_READABLE, socket, result: 1 });
      rig.transport.receive(socket, memory, 0, 3);
      expect((await rig.next(DONE_RECEIVE)).result).toBe(3);
      rig.transport.awaitReadable(socket);
      await rig.someTurns();
      expect(rig.takeSeen()).toEqual([]);
      client.end();
      expect((await rig.next(DONE_READABLE)).result).toBe(1);
    });

    it('cancels a receive without losing a byte', async () => {
      const { client, socket } = await rig.connect();
      const memory = rig.memory(16);
      rig.transport.receive(socket, memory, 0, 16);
      rig.turn();
      rig.transport.cancelReceive(socket);
      rig.transport.cancelReceive(socket);
      expect((await rig.next(DONE_RECEIVE)).result).toBe(-ECANCELED);
      client.write('abc');
      await rig.someTurns();
      rig.transport.receive(socket, memory, 0, 16);
      expect((await rig.next(DONE_RECEIVE)).result).toBe(3);
    });

    it('cancels a wait for bytes, even one prepared in the same turn', async () => {
      const { client, socket } = await rig.connect();
      rig.transport.awaitReadable(socket);
      rig.transport.cancelReceive(socket);
      expect((await rig.next(DONE_READABLE)).result).toBe(-ECANCELED);
      rig.transport.awaitReadable(socket);
      client.write('x');
      expect((await rig.next(DONE_READABLE)).result).toBe(1);
    });

    it('returns when the bell rings, every time, and does not otherwise', async () => {
      const event = rig.kernel.eventFd;
      rig.turn();
      for (let ring = 0; ring < 3; ring++) {
        rig.native.eventfdWrite(event);
        const startMs = performance.now();
        rig.turn(10_000);
        expect(performance.now() - startMs).toBeLessThan(5000);
      }
      const startMs = performance.now();
      rig.turn(30);
      expect(performance.now() - startMs).toBeGreaterThan(25);
      expect(rig.takeSeen()).toEqual([]);
    });
  });

  describe('ends', () => {
    it('tells a reset to whoever receives or sends', async () => {
      const { client, socket } = await rig.connect();
      const memory = rig.memory(16);
      rig.transport.receive(socket, memory, 0, 16);
      rig.turn();
      client.resetAndDestroy();
      expect((await rig.next(DONE_RECEIVE)).result).toBe(-ECONNRESET);
      rig.transport.send(socket, memory, 0, 16, false);
      expect([-EPIPE, -ECONNRESET]).toContain((await rig.next(DONE_SEND)).result);
      rig.transport.close(socket);
      await rig.next(DONE_CLOSE, socket);
    });

    it('completes what is under way before a socket ends, and reuses its number only then', async () => {
      const { client, socket } = await rig.connect();
      client.pause();
      const memory = rig.memory(8 * 1024 * 1024);
      for (;;) {
        rig.transport.send(socket, memory, 0, memory.bytes.length, false);
        await rig.someTurns(10);
        if (rig.takeSeen().length === 0) break;
      }
      rig.transport.receive(socket, memory, 0, 16);
      rig.turn();
      rig.transport.close(socket);
      await rig.next(DONE_CLOSE, socket);
      const kinds = rig.takeSeen().map((done) => {
        expect(done.socket).toBe(socket);
        expect(done.result).toBeLessThan(0);
        return done.kind;
      });
      expect(kinds.sort()).toEqual([DONE_RECEIVE, DONE_SEND].sort());
      expect((await rig.connect()).socket).toBe(socket);
    });

    it('shows the peer that a socket was closed', async () => {
      const { client, socket } = await rig.connect();
      const received = new Received(client);
      rig.transport.close(socket);
      await rig.next(DONE_CLOSE, socket);
      await rig.turnsUntil(() => received.hasEnded);
    });

    it('frees the port and all memory at once when it is destroyed', async () => {
      const { client, socket } = await rig.connect();
      const received = new Received(client);
      rig.transport.receive(socket, rig.memory(16), 0, 16);
      rig.turn();
      rig.transport.destroy();
      const next = new KernelRig(path, { port: rig.port });
      extra.push(next);
      expect(next.port).toBe(rig.port);
      await next.turnsUntil(() => received.hasEnded);
    });
  });

  describe('accepting', () => {
    it('knows who called and which address was dialled', async () => {
      const { client, socket } = await rig.connect();
      expect(rig.transport.peerOf(socket)).toBe(`${HOST}:${client.localPort}`);
      expect(rig.transport.localOf(socket)).toEqual({ host: HOST, port: rig.port });
    });

    it('leaves connections in the backlog while it is told to, and takes them afterwards', async () => {
      rig.transport.setAccepting(false);
      await rig.someTurns(3);
      await rig.dial();
      await rig.someTurns();
      expect(rig.takeSeen()).toEqual([]);
      rig.transport.setAccepting(true);
      await rig.next(DONE_ACCEPT);
      rig.transport.setAccepting(false);
      rig.transport.setAccepting(true);
      await rig.connect();
    });

    it('leaves those of one listener in its backlog, and takes those of another', async () => {
      const { port } = rig.transport.listen({ host: HOST, port: 0 }, 16);
      rig.transport.setListenerAccepting(0, false);
      await rig.someTurns(3);
      await rig.dial();
      const other = connect(port, HOST);
      rig.clients.push(other);
      expect((await rig.next(DONE_ACCEPT)).result).toBe(1);
      await rig.someTurns();
      expect(rig.takeSeen()).toEqual([]);
      rig.transport.setListenerAccepting(0, true);
      expect((await rig.next(DONE_ACCEPT)).result).toBe(0);
    });

    it('says that it is full, and goes on when there is room and it is told to', async () => {
      const small = new KernelRig(path, { socketsMax: 2 });
      extra.push(small);
      const first = await small.connect();
      await small.connect();
      await small.dial();
      await small.turnsUntil(() => small.hasFailedAccepts());
      expect(small.takeSeen()).toEqual([{ kind: DONE_ACCEPT_FAILED, socket: expect.any(Number), result: -EMFILE }]);
      await small.someTurns();
      await small.dial();
      await small.someTurns();
      expect(small.takeSeen()).toEqual([]);
      small.transport.close(first.socket);
      await small.next(DONE_CLOSE);
      await small.someTurns();
      expect(small.takeSeen()).toEqual([]);
      small.transport.setAccepting(true);
      expect((await small.next(DONE_ACCEPT)).socket).toBe(first.socket);
    });

    it('serves 500 sockets, each its own bytes', async () => {
      const memory = rig.memory(500 * 64);
      const clients = [];
      for (let index = 0; index < 500; index++) {
        const { client, socket } = await rig.connect();
        clients.push({ client, socket, received: new Received(client), text: `client ${index} on ${socket}` });
      }
      for (const { client, socket, text } of clients) {
        rig.transport.receive(socket, memory, socket * 64, 64);
        client.write(text);
      }
      for (const { socket, text } of clients) {
        expect((await rig.next(DONE_RECEIVE, socket)).result).toBe(text.length);
        rig.transport.send(socket, memory, socket * 64, text.length, false);
      }
      for (const { received, text } of clients) {
        await rig.turnsUntil(() => received.byteCount === text.length);
        expect(received.bytes().toString()).toBe(text);
      }
      for (const { socket } of clients) rig.transport.close(socket);
      for (const { socket } of clients) await rig.next(DONE_CLOSE, socket);
    });

    it('takes more operations in one turn than a ring of that size holds', async () => {
      const small = new KernelRig(path, { socketsMax: 16 });
      extra.push(small);
      const memory = small.memory(16 * 64);
      const sockets = [];
      for (let index = 0; index < 16; index++) sockets.push((await small.connect()).socket);
      for (const socket of sockets) {
        small.transport.receive(socket, memory, socket * 64, 16);
        small.transport.send(socket, memory, socket * 64 + 32, 16, false);
        small.transport.cancelReceive(socket);
        small.transport.close(socket);
      }
      for (const socket of sockets) await small.next(DONE_CLOSE, socket);
      expect(small.takeSeen().length).toBe(32);
    });

    it('shares a port with fronts of the same broker, and with nobody else', async () => {
      expect(() => new KernelRig(path, { port: rig.port })).toThrow(
        `port ${rig.port} is taken by another process; choose one with --port`,
      );
    });

    it('moves an accepted socket to the transport of another front, with what its client has sent', async () => {
      const other = new KernelRig(path);
      extra.push(other);
      const { client, socket } = await rig.connect();
      const received = new Received(client);
      client.write('hello');
      await rig.someTurns();
      const peer = rig.transport.peerOf(socket);
      const moved = other.transport.takeIn(rig.transport.giveAway(socket));
      expect(other.transport.peerOf(moved)).toBe(peer);
      const memory = other.memory(64);
      other.transport.receive(moved, memory, 0, 64);
      expect((await other.next(DONE_RECEIVE, moved)).result).toBe(5);
      other.transport.send(moved, memory, 0, 5, false);
      expect((await other.next(DONE_SEND, moved)).result).toBe(5);
      await other.turnsUntil(() => received.byteCount === 5);
      // The place in the first one is free, and nothing of the second one's connection is heard there.
      const next = await rig.connect();
      expect(next.socket).toBe(socket);
      client.end();
      other.transport.receive(moved, memory, 0, 64);
      expect((await other.next(DONE_RECEIVE, moved)).result).toBe(0);
      other.transport.close(moved);
      await other.next(DONE_CLOSE, moved);
      expect(rig.takeSeen()).toEqual([]);
    });

    it('closes a socket that comes to a transport without room', async () => {
      const other = new KernelRig(path, { socketsMax: 1 });
      extra.push(other);
      const [first, second] = [await rig.connect(), await rig.connect()];
      const isClosed = new Promise((resolve) => second.client.on('close', resolve));
      second.client.resume();
      expect(other.transport.takeIn(rig.transport.giveAway(first.socket))).toBe(0);
      expect(other.transport.takeIn(rig.transport.giveAway(second.socket))).toBe(-1);
      await isClosed;
    });

    it('names a host that does not exist, and one that is not ours', () => {
      expect(() => rig.transport.listen({ host: 'no-such-host.invalid', port: 0 }, 5)).toThrow('cannot be resolved');
      expect(() => rig.transport.listen({ host: '203.0.113.7', port: 0 }, 5)).toThrow('not an address of this machine');
    });

    it('listens at several addresses, and at all of them when none is named', async () => {
      const other = rig.transport.listen({ host: '', port: 0 }, 5);
      expect(other.port).not.toBe(rig.port);
      const named = rig.transport.listen({ host: 'localhost', port: 0 }, 5);
      expect(['127.0.0.1', '::1']).toContain(named.host);
    });
  });
});

describe('a kernel', () => {
  const native = nativePart();

  it.runIf(native !== null)('is opened many times in one process and closed again without a trace', () => {
    if (native === null) return;
    for (let round = 0; round < 30; round++) {
      for (const path of pathsHere()) openKernel(native, path, { socketsMax: 4, eventFd: -1 }).close();
    }
  });
});
