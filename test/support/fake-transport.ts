/**
 * A network in memory behind the port of `net/transport.ts`. A test connects clients, writes bytes in any splits, and
 * reads what came back; everything happens inside `poll`, in the order of sockets, so a seed reproduces a run.
 *
 * It is stricter than a kernel: memory is read and written when an operation completes, not when it is prepared, so an
 * owner who gives it away too early is found out; a second receive or send under way on one socket is a bug.
 */
import { constants } from 'node:os';
import { assert, must } from '../../src/base/assert.ts';
import { Fault } from '../../src/base/fault.ts';
import {
  type Completions,
  DONE_ACCEPT,
  DONE_ACCEPT_FAILED,
  DONE_CLOSE,
  DONE_READABLE,
  DONE_RECEIVE,
  DONE_SEND,
  type ListenAddress,
  type SocketMover,
  type Transport,
} from '../../src/net/transport.ts';
import type { Disk } from '../../src/storage/disk.ts';
import type { Memory } from '../../src/zerocopy/memory.ts';
import { FakeClient, type FakeClientOptions } from './fake-client.ts';
import { plainMemory } from './plain-memory.ts';
import { Prng } from './prng.ts';

const { ECANCELED, ECONNRESET, EMFILE, EPIPE } = constants.errno;

export interface FakeTransportOptions {
  readonly seed?: number;
  /** Where regions are read; without it `sendRegion` is a bug. */
  readonly disk?: Disk;
  readonly completionsMax?: number;
  /** Probability that a send takes only a part of its bytes. */
  readonly shortSend?: number;
  /** Probability that what could complete in a poll does not do so before a later one; sockets then take turns by chance. */
  readonly delay?: number;
}

type Receiving = { kind: 'receive'; memory: Memory; at: number; length: number } | { kind: 'readable' };
type Sending =
  | { kind: 'memory'; memory: Memory; at: number; length: number }
  | { kind: 'region'; fd: number; position: number; length: number };

interface Connection {
  readonly client: FakeClient;
  receiving: Receiving | null;
  isReceiveCancelled: boolean;
  sending: Sending | null;
  isClosing: boolean;
}

/** Between `giveAway` of one transport and `takeIn` of another, as descriptors are in a process. */
const travelling = new Map<number, { readonly client: FakeClient; readonly address: ListenAddress }>();
let handles = 0;

export class FakeTransport implements Transport, SocketMover {
  readonly path = 'fake';
  readonly completions: Completions;
  shortSend: number;
  isDestroyed = false;

  private readonly random: Prng;
  private readonly disk: Disk | null;
  private readonly delay: number;
  private readonly connections: (Connection | null)[] = [];
  private backlog: FakeClient[] = [];
  /** Listeners that accept nothing, by number; whoever names none comes by the first. */
  private readonly shut = new Set<number>();
  private isOpen = true;
  private address: ListenAddress | null = null;
  private clientCount = 0;
  private failingAccepts = 0;

  constructor(options: FakeTransportOptions = {}) {
    const completionsMax = options.completionsMax ?? 256;
    this.completions = {
      count: 0,
      kinds: new Int32Array(completionsMax),
      sockets: new Int32Array(completionsMax),
      results: new Int32Array(completionsMax),
    };
    this.random = new Prng(options.seed ?? 1);
    this.disk = options.disk ?? null;
    this.shortSend = options.shortSend ?? 0;
    this.delay = options.delay ?? 0;
  }

  // ── what a test does ──────────────────────────────────────────────────────────────────────────────────────────────

  /** The connection waits in the backlog until a poll accepts it. */
  connect(options: FakeClientOptions = {}): FakeClient {
    this.clientCount += 1;
    const client = new FakeClient(`10.0.0.1:${10_000 + this.clientCount}`, options);
    this.backlog.push(client);
    return client;
  }

  /** The next accepts fail with EMFILE; their connections stay in the backlog. */
  failAccepts(count: number): void {
    this.failingAccepts = count;
  }

  get isAccepting(): boolean {
    return this.isOpen && this.shut.size === 0;
  }

  get openCount(): number {
    let count = 0;
    for (const connection of this.connections) if (connection !== null) count += 1;
    return count;
  }

  get backlogCount(): number {
    return this.backlog.length;
  }

  // ── Transport ─────────────────────────────────────────────────────────────────────────────────────────────────────

  listen(address: ListenAddress, _backlog: number): ListenAddress {
    if (this.address !== null) {
      throw new Fault('PB_PORT_TAKEN', `port ${address.port} is taken by another process; choose one with --port`);
    }
    this.address = { host: address.host, port: address.port === 0 ? 40_000 : address.port };
    return this.address;
  }

  setAccepting(isAccepting: boolean): void {
    this.isOpen = isAccepting;
    this.shut.clear();
  }

  setListenerAccepting(listener: number, isAccepting: boolean): void {
    if (isAccepting) this.shut.delete(listener);
    else this.shut.add(listener);
  }

  receive(socket: number, memory: Memory, at: number, length: number): void {
    assert(length > 0 && at >= 0 && at + length <= memory.bytes.length, 'a receive has room within its memory');
    this.armReceiving(socket, { kind: 'receive', memory, at, length });
  }

  awaitReadable(socket: number): void {
    this.armReceiving(socket, { kind: 'readable' });
  }

  cancelReceive(socket: number): void {
    const connection = this.connectionOf(socket);
    // A completion that lies in the table unread has left nothing to cancel.
    if (connection.receiving !== null) connection.isReceiveCancelled = true;
  }

  send(socket: number, memory: Memory, at: number, length: number, _hasMore: boolean): void {
    assert(length > 0 && at >= 0 && at + length <= memory.bytes.length, 'sent bytes lie within their memory');
    this.armSending(socket, { kind: 'memory', memory, at, length });
  }

  sendRegion(socket: number, fd: number, position: number, length: number, _hasMore: boolean): void {
    assert(length > 0 && position >= 0, 'a sent region has bytes');
    this.armSending(socket, { kind: 'region', fd, position, length });
  }

  close(socket: number): void {
    const connection = this.connectionOf(socket);
    assert(!connection.isClosing, 'a socket is closed once');
    connection.isClosing = true;
  }

  giveAway(socket: number): number {
    const { client, receiving, sending, isClosing } = this.connectionOf(socket);
    assert(receiving === null && sending === null && !isClosing, 'only an idle socket is given away');
    this.connections[socket] = null;
    client.socket = -1;
    handles += 1;
    travelling.set(handles, { client, address: must(this.address, 'a transport with sockets listens') });
    return handles;
  }

  takeIn(handle: number): number {
    const { client, address } = must(travelling.get(handle), 'what is taken in was given away');
    travelling.delete(handle);
    this.address ??= address;
    return this.open(client);
  }

  peerOf(socket: number): string {
    return this.connectionOf(socket).client.peer;
  }

  principalOf(_socket: number): null {
    return null;
  }

  localOf(_socket: number): ListenAddress {
    return must(this.address, 'a transport with sockets listens');
  }

  poll(_waitMs: number): number {
    assert(!this.isDestroyed, 'a transport is polled until it is destroyed');
    this.completions.count = 0;
    const count = this.connections.length;
    const first = this.delay > 0 && count > 0 ? this.random.nextInt(count) : 0;
    for (let index = 0; index < count; index++) this.pollSocket((first + index) % count);
    while (this.isOpen && this.hasRoom()) {
      const at = this.backlog.findIndex(({ listener }) => !this.shut.has(listener));
      if (at < 0 || !this.acceptOne(at)) break;
    }
    return this.completions.count;
  }

  destroy(): void {
    this.isDestroyed = true;
    for (const connection of this.connections) if (connection !== null) connection.client.isClosedByBroker = true;
    this.connections.length = 0;
    this.backlog = [];
  }

  // ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

  private acceptOne(at: number): boolean {
    if (this.failingAccepts > 0) {
      this.failingAccepts -= 1;
      this.complete(DONE_ACCEPT_FAILED, -1, -EMFILE);
      return false;
    }
    const [client] = this.backlog.splice(at, 1);
    this.complete(DONE_ACCEPT, this.open(must(client, 'somebody waits in the backlog')), client?.listener ?? 0);
    return true;
  }

  private open(client: FakeClient): number {
    const free = this.connections.indexOf(null);
    const socket = free >= 0 ? free : this.connections.length;
    client.socket = socket;
    this.connections[socket] = {
      client,
      receiving: null,
      isReceiveCancelled: false,
      sending: null,
      isClosing: false,
    };
    return socket;
  }

  private pollSocket(socket: number): void {
    const connection = this.connections[socket];
    if (connection === null || connection === undefined) return;
    const { receiving, sending } = connection;
    if (receiving !== null && this.hasRoom() && !this.isLate()) this.pollReceiving(socket, connection, receiving);
    if (sending !== null && this.hasRoom() && !this.isLate()) this.pollSending(socket, connection, sending);
    const isIdle = connection.receiving === null && connection.sending === null;
    if (connection.isClosing && isIdle && this.hasRoom()) {
      this.connections[socket] = null;
      connection.client.isClosedByBroker = true;
      connection.client.socket = -1;
      this.complete(DONE_CLOSE, socket, 0);
    }
  }

  private pollReceiving(socket: number, connection: Connection, receiving: Receiving): void {
    const { client } = connection;
    const kind = receiving.kind === 'receive' ? DONE_RECEIVE : DONE_READABLE;
    let result: number;
    if (connection.isClosing || (connection.isReceiveCancelled && !client.isReadable)) result = -ECANCELED;
    else if (!client.isReadable) return;
    else if (client.isReset) result = -ECONNRESET;
    else if (client.isAtEnd) result = 0;
    else if (receiving.kind === 'readable') result = 1;
    else result = client.drainInto(receiving.memory.bytes.subarray(receiving.at, receiving.at + receiving.length));
    connection.receiving = null;
    connection.isReceiveCancelled = false;
    this.complete(kind, socket, result);
  }

  private pollSending(socket: number, connection: Connection, sending: Sending): void {
    const { client } = connection;
    let result: number;
    if (connection.isClosing) result = -ECANCELED;
    else if (client.isReset) result = -EPIPE;
    else if (client.roomBytes === 0) return;
    else result = this.deliver(client, sending);
    connection.sending = null;
    this.complete(DONE_SEND, socket, result);
  }

  private deliver(client: FakeClient, sending: Sending): number {
    let count = Math.min(sending.length, client.roomBytes);
    if (this.random.nextBoolean(this.shortSend)) count = 1 + this.random.nextInt(count);
    if (sending.kind === 'memory') {
      client.deliver(sending.memory.bytes.subarray(sending.at, sending.at + count));
      return count;
    }
    const disk = must(this.disk, 'a fake transport that sends regions was given a disk');
    const scratch = plainMemory(count);
    const read = disk.read(sending.fd, sending.position, scratch, 0, count);
    if (read > 0) client.deliver(scratch.bytes.subarray(0, read));
    return read;
  }

  private armReceiving(socket: number, receiving: Receiving): void {
    const connection = this.connectionOf(socket);
    assert(!connection.isClosing, 'nothing is begun on a socket that closes');
    assert(connection.receiving === null, 'one receive is under way at most');
    connection.receiving = receiving;
  }

  private armSending(socket: number, sending: Sending): void {
    const connection = this.connectionOf(socket);
    assert(!connection.isClosing, 'nothing is begun on a socket that closes');
    assert(connection.sending === null, 'one send is under way at most');
    connection.sending = sending;
  }

  private isLate(): boolean {
    return this.delay > 0 && this.random.nextBoolean(this.delay);
  }

  private hasRoom(): boolean {
    return this.completions.count < this.completions.kinds.length;
  }

  private complete(kind: number, socket: number, result: number): void {
    const { completions } = this;
    assert(this.hasRoom(), 'a completion has a place in the table');
    completions.kinds[completions.count] = kind;
    completions.sockets[completions.count] = socket;
    completions.results[completions.count] = result;
    completions.count += 1;
  }

  private connectionOf(socket: number): Connection {
    return must(this.connections[socket], 'a socket is used while it is open');
  }
}
