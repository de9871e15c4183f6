/** What one socket of plain Node makes of the pieces that Node reads, without a network: its events are emitted by hand. */
import { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { CompletionQueue } from '../../src/net/completion-queue.ts';
import { Landing } from '../../src/net/node-landing.ts';
import { NodeSocket, type NodeSocketOwner } from '../../src/net/node-socket.ts';
import { type Completions, DONE_CLOSE, DONE_READABLE, DONE_RECEIVE } from '../../src/net/transport.ts';
import { plainMemory } from '../support/plain-memory.ts';

const ECANCELED = -125;

/** A Node that reads into it. */
class WillingLanding extends Landing {
  onLanded: (count: number) => void = () => {};

  override takeFrom(_socket: Socket, onLanded: (count: number) => void): boolean {
    this.onLanded = onLanded;
    return true;
  }
}

class Rig {
  readonly raw = new Socket();
  readonly memory = plainMemory(1 << 16);
  readonly filling: NodeSocket[] = [];
  readonly socket: NodeSocket;
  private readonly queue = new CompletionQueue();

  constructor(landing = new Landing()) {
    const owner: NodeSocketOwner = {
      queue: this.queue,
      native: null,
      landing,
      announce: () => {},
      takeBuffer: () => Buffer.alloc(16),
      giveBuffer: () => {},
      noteFilled: (socket) => void this.filling.push(socket),
      forget: () => {},
    };
    this.socket = new NodeSocket(0, this.raw, null, owner);
  }

  arrive(...texts: readonly string[]): void {
    for (const text of texts) this.raw.emit('data', Buffer.from(text));
  }

  /** As the transport does when it is asked. */
  look(): [kind: number, result: number][] {
    for (const socket of this.filling.splice(0)) socket.completeReceive();
    const done: Completions = {
      count: 0,
      kinds: new Int32Array(64),
      sockets: new Int32Array(64),
      results: new Int32Array(64),
    };
    this.queue.drainInto(done);
    return Array.from({ length: done.count }, (_, index) => [done.kinds[index] ?? -1, done.results[index] ?? -1]);
  }

  text(at: number, length: number): string {
    return Buffer.from(this.memory.bytes.subarray(at, at + length)).toString();
  }
}

it('a receive gets all pieces that came between two looks, and no more than it has room for', () => {
  const rig = new Rig();
  rig.socket.receive(rig.memory, 100, 10);
  rig.arrive('abc', 'def');
  rig.arrive('ghijklm');
  expect(rig.look()).toEqual([[DONE_RECEIVE, 10]]);
  expect(rig.text(100, 12)).toBe('abcdefghij\0\0');
  expect(rig.look()).toEqual([]);
  rig.socket.receive(rig.memory, 200, 10);
  rig.arrive('no');
  expect(rig.look()).toEqual([[DONE_RECEIVE, 5]]);
  expect(rig.text(200, 5)).toBe('klmno');
});

it('what came before the end, a failure or a cancellation is received first', () => {
  const rig = new Rig();
  rig.socket.receive(rig.memory, 0, 10);
  rig.arrive('last');
  rig.raw.emit('end');
  expect(rig.look()).toEqual([[DONE_RECEIVE, 4]]);
  rig.socket.receive(rig.memory, 0, 10);
  expect(rig.look()).toEqual([[DONE_RECEIVE, 0]]);

  const cancelled = new Rig();
  cancelled.socket.receive(cancelled.memory, 0, 10);
  cancelled.arrive('some');
  cancelled.socket.cancelReceive();
  expect(cancelled.look()).toEqual([[DONE_RECEIVE, 4]]);
  cancelled.socket.receive(cancelled.memory, 0, 10);
  cancelled.socket.cancelReceive();
  expect(cancelled.look()).toEqual([[DONE_RECEIVE, ECANCELED]]);
});

it('somebody who only waits for bytes is told at once, and a closed one gets none', () => {
  const rig = new Rig();
  rig.socket.awaitReadable();
  rig.arrive('abc');
  expect(rig.look()).toEqual([[DONE_READABLE, 1]]);
  rig.socket.receive(rig.memory, 0, 10);
  rig.arrive('def');
  rig.socket.close();
  rig.raw.emit('close');
  expect(rig.look()).toEqual([
    [DONE_RECEIVE, ECANCELED],
    [DONE_CLOSE, 0],
  ]);
});

it('of what lands, a receive gets what it has room for and the next one the rest, whatever lands meanwhile', () => {
  const landing = new WillingLanding();
  const rig = new Rig(landing);
  const land = (text: string) => landing.onLanded(landing.bytes.write(text));
  land('before ');
  rig.socket.receive(rig.memory, 0, 20);
  land('and ');
  land('after it comes');
  expect(rig.look()).toEqual([[DONE_RECEIVE, 20]]);
  expect(rig.text(0, 20)).toBe('before and after it ');
  land(' more');
  landing.bytes.fill(0);
  rig.socket.receive(rig.memory, 100, 20);
  expect(rig.look()).toEqual([[DONE_RECEIVE, 10]]);
  expect(rig.text(100, 10)).toBe('comes more');
  expect(rig.raw.listenerCount('data')).toBe(0);
});
