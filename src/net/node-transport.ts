/**
 * The network through plain `node:net`: the last resort where there is no native part, and the place for TLS (which is
 * done in a porch, see `node-tls-gate`). Used by
 * the front's thread like any transport, with two differences that come from Node's event loop:
 *
 * - `prepare` must be awaited before `listen`, because Node binds a port asynchronously; `listen` then returns what was
 *   bound.
 * - `poll` cannot wait: it hands out what has happened so far. The thread sets `onActivity`, returns to its event loop,
 *   and runs turns whenever that is called; calls are merged until the loop comes around (setImmediate).
 *
 * Bounds: a socket holds two chunks that nobody asked for; regions go through buffers of 256 KiB, of which there are
 * 128, and beyond them of 16 KiB, one for each socket; connections that wait while nothing is accepted are dropped beyond
 * 1024, of which each listener has its share.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { assert, must } from '../base/assert.ts';
import { Fault, isFault } from '../base/fault.ts';
import { Fifo } from '../base/fifo.ts';
import { FLAGS_REMEDY } from '../zerocopy/kernel.ts';
import type { Memory } from '../zerocopy/memory.ts';
import type { Native } from '../zerocopy/native.ts';
import { CompletionQueue } from './completion-queue.ts';
import { Landing } from './node-landing.ts';
import { ALONE, listenAs, listenerFdOf, type PortSharing } from './node-listening.ts';
import { errnoOf, NodeSocket, type NodeSocketOwner } from './node-socket.ts';
import {
  type Completions,
  DONE_ACCEPT,
  DONE_ACCEPT_FAILED,
  type ListenAddress,
  type ListenWish,
  type Transport,
} from './transport.ts';

const COMPLETIONS_MAX = 512;
const SOCKETS_MAX = 65_536;
const HELD_CONNECTIONS_MAX = 1024;
/** As Kafka and the kernel's paths: a peer that vanished is found out; after what systems mostly have. */
const KEEP_ALIVE = { keepAlive: true, keepAliveInitialDelay: 7_200_000 };
const REGION_BUFFER_BYTES = 256 * 1024;
const REGION_BUFFERS_MAX = 128;
/** As much as a record of TLS. */
const SMALL_BUFFER_BYTES = 16 * 1024;
const SMALL_BUFFERS_KEPT = 128;

/** What a connection passes through on its way in: the handshake of TLS. It bounds what waits in it. */
export interface Porch {
  take(socket: Socket, enter: (socket: Socket, principal: string | null) => void): void;
  destroy(): void;
}

interface Door {
  readonly server: Server;
  readonly porch: Porch | null;
  readonly bound: ListenAddress;
  isAccepting: boolean;
  readonly held: Fifo<Arrival>;
}

/** A connection that nobody asked for yet. */
interface Arrival {
  readonly socket: Socket;
  readonly listener: number;
  readonly principal: string | null;
}

export class NodeTransport implements Transport, NodeSocketOwner {
  readonly path = 'node';
  readonly completions: Completions = {
    count: 0,
    kinds: new Int32Array(COMPLETIONS_MAX),
    sockets: new Int32Array(COMPLETIONS_MAX),
    results: new Int32Array(COMPLETIONS_MAX),
  };
  readonly queue = new CompletionQueue();
  readonly native: Pick<Native, 'copyTo'> | null;
  readonly landing = new Landing();

  private readonly doors: Door[] = [];
  private readonly sockets: (NodeSocket | null)[] = [];
  private readonly freeSockets: number[] = [];
  /** Their receives have got something and complete with the next look. */
  private readonly filling: NodeSocket[] = [];
  private readonly buffers: Buffer[] = [];
  private readonly smallBuffers: Buffer[] = [];
  private buffersMade = 0;
  /** Listeners that the front has taken note of. */
  private listenedCount = 0;
  private isAccepting = true;
  private isDestroyed = false;
  private activity: (() => void) | null = null;
  private isActivityDue = false;

  /** The native part only copies faster; null: it is not there. */
  constructor(native: Pick<Native, 'copyTo'> | null = null) {
    this.native = native;
  }

  /** Called (from the event loop, never from within a call of ours) when completions are waiting. */
  get onActivity(): (() => void) | null {
    return this.activity;
  }

  set onActivity(callback: (() => void) | null) {
    this.activity = callback;
    if (this.queue.count > 0 || this.filling.length > 0) this.announce();
  }

  /** Binds the port of one more listener. Throws Fault PB_PORT_TAKEN or PB_BAD_ADDRESS. */
  async prepare(
    wish: ListenWish,
    backlog: number,
    sharing: PortSharing = ALONE,
    porch: Porch | null = null,
  ): Promise<ListenAddress> {
    const listener = this.doors.length;
    const enter = (socket: Socket, principal: string | null) => this.connected({ socket, listener, principal });
    // Behind a porch it is the porch that reads first.
    const options = { ...KEEP_ALIVE, allowHalfOpen: true, pauseOnConnect: porch === null };
    const server = createServer(options, (socket) => {
      if (porch === null) enter(socket, null);
      else porch.take(socket, enter);
    });
    try {
      await listenAs(server, { host: wish.host, port: wish.port, backlog }, sharing);
    } catch (cause) {
      throw isFault(cause) ? cause : listenFault(wish, cause);
    }
    const address = server.address();
    assert(typeof address === 'object' && address !== null, 'a server that listens has an address');
    const bound = { host: address.address, port: address.port };
    server.on('error', (error) => this.acceptFailed(listener, errnoOf(error)));
    const held = new Fifo<Arrival>(HELD_CONNECTIONS_MAX);
    this.doors.push({ server, porch, bound, isAccepting: this.isAccepting, held });
    return bound;
  }

  /** What another front's transport can listen beside. */
  listenerFd(listener: number): number {
    return listenerFdOf(this.doorAt(listener).server);
  }

  listen(_address: ListenAddress, _backlog: number): ListenAddress {
    const door = must(this.doors[this.listenedCount], 'plain Node binds in prepare, which was awaited before listen');
    this.listenedCount += 1;
    return door.bound;
  }

  setAccepting(isAccepting: boolean): void {
    this.isAccepting = isAccepting;
    for (const listener of this.doors.keys()) this.setListenerAccepting(listener, isAccepting);
  }

  setListenerAccepting(listener: number, isAccepting: boolean): void {
    const door = this.doorAt(listener);
    door.isAccepting = isAccepting;
    while (door.isAccepting) {
      const arrival = door.held.shift();
      if (arrival === undefined) return;
      if (!arrival.socket.destroyed) this.adopt(arrival);
    }
  }

  receive(socket: number, memory: Memory, at: number, length: number): void {
    this.socketAt(socket).receive(memory, at, length);
  }

  awaitReadable(socket: number): void {
    this.socketAt(socket).awaitReadable();
  }

  cancelReceive(socket: number): void {
    this.socketAt(socket).cancelReceive();
  }

  /** `hasMore` is not used: Node has no way to hold a partial packet back. */
  send(socket: number, memory: Memory, at: number, length: number, _hasMore: boolean): void {
    this.socketAt(socket).send(memory, at, length);
  }

  sendRegion(socket: number, fd: number, position: number, length: number, _hasMore: boolean): void {
    this.socketAt(socket).sendRegion(fd, position, length);
  }

  close(socket: number): void {
    this.socketAt(socket).close();
  }

  peerOf(socket: number): string {
    return this.socketAt(socket).peer;
  }

  localOf(socket: number): ListenAddress {
    return this.socketAt(socket).local;
  }

  principalOf(socket: number): string | null {
    return this.socketAt(socket).principal;
  }

  poll(_waitMs: number): number {
    for (let index = 0; index < this.filling.length; index++) this.filling[index]!.completeReceive();
    this.filling.length = 0;
    this.queue.drainInto(this.completions);
    if (this.queue.count > 0) this.announce();
    return this.completions.count;
  }

  destroy(): void {
    this.isDestroyed = true;
    this.activity = null;
    this.queue.clear();
    this.filling.length = 0;
    for (const { server, porch, held } of this.doors) {
      server.close();
      porch?.destroy();
      for (let next = held.shift(); next !== undefined; next = held.shift()) next.socket.destroy();
    }
    for (let index = 0; index < this.sockets.length; index++) this.sockets[index]?.destroy();
  }

  // ── for the sockets ───────────────────────────────────────────────────────────────────────────────────────────────

  announce(): void {
    if (this.isActivityDue || this.activity === null) return;
    this.isActivityDue = true;
    setImmediate(() => {
      this.isActivityDue = false;
      if (this.queue.count > 0 || this.filling.length > 0) this.activity?.();
    });
  }

  noteFilled(socket: NodeSocket): void {
    this.filling.push(socket);
    this.announce();
  }

  /** A reader that has stopped keeps its buffer, and nobody else may have to wait for that: there is always one. */
  takeBuffer(): Buffer {
    const free = this.buffers.pop();
    if (free !== undefined) return free;
    if (this.buffersMade === REGION_BUFFERS_MAX) {
      return this.smallBuffers.pop() ?? Buffer.allocUnsafeSlow(SMALL_BUFFER_BYTES);
    }
    this.buffersMade += 1;
    return Buffer.allocUnsafeSlow(REGION_BUFFER_BYTES);
  }

  giveBuffer(buffer: Buffer): void {
    if (buffer.length === REGION_BUFFER_BYTES) this.buffers.push(buffer);
    else if (this.smallBuffers.length < SMALL_BUFFERS_KEPT) this.smallBuffers.push(buffer);
  }

  forget(socket: NodeSocket): void {
    this.sockets[socket.index] = null;
    this.freeSockets.push(socket.index);
  }

  // ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

  private connected(arrival: Arrival): void {
    const { socket } = arrival;
    if (this.isDestroyed) {
      socket.destroy();
      return;
    }
    const door = this.doorAt(arrival.listener);
    if (door.isAccepting) {
      this.adopt(arrival);
    } else {
      // Whoever gives up while it waits here is noticed when it is adopted, or by this.
      socket.on('error', () => undefined);
      if (door.held.count < this.heldMax) door.held.push(arrival);
      else socket.destroy();
    }
  }

  /** Of one listener, so that none takes the places of another. */
  private get heldMax(): number {
    return Math.floor(HELD_CONNECTIONS_MAX / this.doors.length);
  }

  private doorAt(listener: number): Door {
    return must(this.doors[listener], 'a listener is known by its number');
  }

  private adopt({ socket, listener, principal }: Arrival): void {
    const free = this.freeSockets.pop();
    const index = free ?? this.sockets.length;
    if (index === SOCKETS_MAX) {
      socket.destroy();
      return;
    }
    this.sockets[index] = new NodeSocket(index, socket, principal, this);
    this.queue.push(DONE_ACCEPT, index, listener);
    this.announce();
  }

  private acceptFailed(listener: number, errno: number): void {
    this.queue.push(DONE_ACCEPT_FAILED, listener, errno);
    this.announce();
  }

  private socketAt(socket: number): NodeSocket {
    return must(this.sockets[socket], 'a socket is used while it is open');
  }
}

function listenFault(wish: ListenWish, cause: unknown): Fault {
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : null;
  const { host, port, remedy = FLAGS_REMEDY } = wish;
  if (code === 'EADDRINUSE') {
    return new Fault('PB_PORT_TAKEN', `port ${port} is taken by another process; choose one ${remedy.port}`, { cause });
  }
  if (code === 'EACCES') {
    const advice = `choose one from 1024 on ${remedy.port}, or start with the right to use it`;
    return new Fault('PB_BAD_ADDRESS', `port ${port} may be used by privileged processes only; ${advice}`, { cause });
  }
  const advice = `choose an address of this machine, or 0.0.0.0 for all of them, ${remedy.host}`;
  return new Fault('PB_BAD_ADDRESS', `cannot listen on ${host}:${port} (${String(code)}); ${advice}`, { cause });
}
