import { constants } from 'node:os';
import { describe, expect, test } from 'vitest';
import {
  DONE_ACCEPT,
  DONE_ACCEPT_FAILED,
  DONE_CLOSE,
  DONE_READABLE,
  DONE_RECEIVE,
  DONE_SEND,
} from '../../src/net/transport.ts';
import { FakeDisk } from './fake-disk.ts';
import { FakeTransport } from './fake-transport.ts';
import { plainMemory } from './plain-memory.ts';

const { ECANCELED, ECONNRESET, EMFILE, EPIPE } = constants.errno;
const LISTEN = { host: '127.0.0.1', port: 0 };

function poll(transport: FakeTransport): number[][] {
  const count = transport.poll(0);
  const { kinds, sockets, results } = transport.completions;
  return Array.from({ length: count }, (_, index) => [kinds[index] ?? 0, sockets[index] ?? 0, results[index] ?? 0]);
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

describe('the fake transport', () => {
  test('carries bytes both ways, split as the test says', () => {
    const transport = new FakeTransport();
    transport.listen(LISTEN, 1);
    const client = transport.connect({ receiveBytesMax: 4, windowBytes: 3 });
    expect(poll(transport)).toEqual([[DONE_ACCEPT, 0, 0]]);
    const memory = plainMemory(16);
    transport.receive(0, memory, 2, 10);
    expect(poll(transport)).toEqual([]);
    client.write(bytes('hello'));
    expect(poll(transport)).toEqual([[DONE_RECEIVE, 0, 4]]);
    transport.awaitReadable(0);
    expect(poll(transport)).toEqual([[DONE_READABLE, 0, 1]]);
    transport.receive(0, memory, 6, 10);
    transport.send(0, memory, 2, 4, false);
    expect(poll(transport)).toEqual([
      [DONE_RECEIVE, 0, 1],
      [DONE_SEND, 0, 3],
    ]);
    transport.send(0, memory, 5, 2, false);
    expect(poll(transport)).toEqual([]);
    expect(client.take()).toEqual(bytes('hel'));
    expect(poll(transport)).toEqual([[DONE_SEND, 0, 2]]);
    expect(client.take()).toEqual(bytes('lo'));
    expect(transport.peerOf(0)).toBe(client.peer);
  });

  test('reads the memory of a send when it completes, so that an early reuse is seen', () => {
    const transport = new FakeTransport();
    const client = transport.connect();
    poll(transport);
    const memory = plainMemory(4);
    transport.send(0, memory, 0, 4, false);
    memory.bytes.fill(9);
    poll(transport);
    expect(client.take()).toEqual(new Uint8Array([9, 9, 9, 9]));
  });

  test('sends regions of a disk', () => {
    const disk = new FakeDisk();
    disk.replaceFile('/log', bytes('0123456789'));
    const transport = new FakeTransport({ disk });
    const client = transport.connect();
    poll(transport);
    transport.sendRegion(0, disk.open('/log', 'read'), 3, 5, false);
    expect(poll(transport)).toEqual([[DONE_SEND, 0, 5]]);
    expect(client.take()).toEqual(bytes('34567'));
  });

  test('tells ends, resets and cancellations apart', () => {
    const transport = new FakeTransport();
    const [ending, resetting, quiet] = [transport.connect(), transport.connect(), transport.connect()];
    expect(poll(transport).length).toBe(3);
    const memory = plainMemory(4);
    for (const socket of [0, 1, 2]) transport.receive(socket, memory, 0, 4);
    ending.write(bytes('x'));
    ending.end();
    resetting.write(bytes('lost'));
    resetting.reset();
    transport.cancelReceive(2);
    transport.send(1, memory, 0, 4, false);
    expect(poll(transport)).toEqual([
      [DONE_RECEIVE, 0, 1],
      [DONE_RECEIVE, 1, -ECONNRESET],
      [DONE_SEND, 1, -EPIPE],
      [DONE_RECEIVE, 2, -ECANCELED],
    ]);
    transport.receive(0, memory, 0, 4);
    transport.cancelReceive(2);
    expect(poll(transport)).toEqual([[DONE_RECEIVE, 0, 0]]);
    expect(quiet.isClosedByBroker).toBe(false);
  });

  test('completes what is pending before a close and reuses the socket after it', () => {
    const transport = new FakeTransport();
    const client = transport.connect({ windowBytes: 0 });
    poll(transport);
    const memory = plainMemory(4);
    transport.receive(0, memory, 0, 4);
    transport.send(0, memory, 0, 4, false);
    transport.close(0);
    expect(() => transport.awaitReadable(0)).toThrow('nothing is begun on a socket that closes');
    expect(poll(transport)).toEqual([
      [DONE_RECEIVE, 0, -ECANCELED],
      [DONE_SEND, 0, -ECANCELED],
      [DONE_CLOSE, 0, 0],
    ]);
    expect(client.isClosedByBroker).toBe(true);
    transport.connect();
    expect(poll(transport)).toEqual([[DONE_ACCEPT, 0, 0]]);
    expect(transport.openCount).toBe(1);
  });

  test('keeps connections in the backlog while it does not accept, or cannot', () => {
    const transport = new FakeTransport({ completionsMax: 1 });
    transport.setAccepting(false);
    transport.connect();
    transport.connect();
    expect(poll(transport)).toEqual([]);
    transport.setAccepting(true);
    transport.failAccepts(1);
    expect(poll(transport)).toEqual([[DONE_ACCEPT_FAILED, -1, -EMFILE]]);
    expect(poll(transport)).toEqual([[DONE_ACCEPT, 0, 0]]);
    expect(transport.backlogCount).toBe(1);
    expect(poll(transport)).toEqual([[DONE_ACCEPT, 1, 0]]);
  });

  test('finds out a second operation of a kind on one socket', () => {
    const transport = new FakeTransport();
    transport.connect();
    poll(transport);
    const memory = plainMemory(4);
    transport.receive(0, memory, 0, 4);
    expect(() => transport.receive(0, memory, 0, 4)).toThrow('one receive is under way at most');
    transport.send(0, memory, 0, 4, false);
    expect(() => transport.send(0, memory, 0, 4, false)).toThrow('one send is under way at most');
    expect(() => transport.send(1, memory, 0, 4, false)).toThrow('a socket is used while it is open');
  });
});
