/**
 * The transport over a kernel: io_uring or epoll through the native part. It turns prepared operations and completions
 * of the kernel into those of the port, holds on to the memory that operations work on, and notices when the front
 * breaks its promises. Made by `front.main` on the thread of the front.
 *
 * A turn that the bell ends returns without completions; the front then looks at its lanes.
 */
import { assert } from '../base/assert.ts';
import type { Kernel } from '../zerocopy/kernel.ts';
import {
  COMPLETION_OP,
  COMPLETION_RESULT,
  COMPLETION_SOCKET,
  COMPLETION_WORDS,
  KERNEL_ACCEPT,
  KERNEL_ACCEPT_FAILED,
  KERNEL_CLOSE,
  KERNEL_READABLE,
  KERNEL_RECEIVE,
  KERNEL_SEND,
} from '../zerocopy/layout.ts';
import type { Memory } from '../zerocopy/memory.ts';
import {
  type Completions,
  DONE_ACCEPT,
  DONE_ACCEPT_FAILED,
  DONE_CLOSE,
  DONE_READABLE,
  DONE_RECEIVE,
  DONE_SEND,
  type ListenAddress,
  type ListenWish,
  type SocketMover,
  type Transport,
} from './transport.ts';

export interface KernelTransportOptions {
  /** Of accepted sockets; 0 leaves it to the kernel. */
  readonly sendBufferBytes: number;
}

const IS_OPEN = 1;
const IS_RECEIVING = 2;
const IS_SENDING = 4;
const IS_CLOSING = 8;
/** `cancelReceive` was asked for already; a second time it would take another row of the table. */
const IS_CANCELLED = 16;

/** By the number of a kernel's completion. */
const DONE_BY_OP = new Int32Array(16);
DONE_BY_OP[KERNEL_ACCEPT] = DONE_ACCEPT;
DONE_BY_OP[KERNEL_ACCEPT_FAILED] = DONE_ACCEPT_FAILED;
DONE_BY_OP[KERNEL_RECEIVE] = DONE_RECEIVE;
DONE_BY_OP[KERNEL_READABLE] = DONE_READABLE;
DONE_BY_OP[KERNEL_SEND] = DONE_SEND;
DONE_BY_OP[KERNEL_CLOSE] = DONE_CLOSE;

export function createKernelTransport(kernel: Kernel, options?: KernelTransportOptions): KernelTransport {
  return new KernelTransport(kernel, options?.sendBufferBytes ?? 0);
}

export class KernelTransport implements Transport, SocketMover {
  readonly path: 'uring' | 'epoll';
  readonly completions: Completions;

  private readonly kernel: Kernel;
  private readonly sendBufferBytes: number;
  private readonly states: Uint8Array;
  /** Memory in the hands of the kernel, so that it is not collected; by socket. */
  private readonly receiving: (Memory | null)[] = [];
  private readonly sending: (Memory | null)[] = [];
  private readonly listeners: number[] = [];
  private isAccepting = false;

  constructor(kernel: Kernel, sendBufferBytes: number) {
    const room = kernel.completions.length / COMPLETION_WORDS;
    this.path = kernel.path;
    this.kernel = kernel;
    this.sendBufferBytes = sendBufferBytes;
    this.states = new Uint8Array(kernel.socketsMax);
    this.completions = {
      count: 0,
      kinds: new Int32Array(room),
      sockets: new Int32Array(room),
      results: new Int32Array(room),
    };
  }

  // ── connections ───────────────────────────────────────────────────────────────────────────────────────────────────

  listen(address: ListenWish, backlog: number): ListenAddress {
    assert(backlog > 0, 'a backlog has room');
    const { host, port, remedy } = address;
    const listener = this.kernel.listen(host, port, backlog, this.sendBufferBytes, remedy);
    assert(listener === this.listeners.length, 'listeners are counted as they are opened');
    this.listeners.push(listener);
    if (this.isAccepting) this.kernel.prepareAccept(listener);
    return addressOf(this.kernel.nameOf('listener', listener), address);
  }

  /** Listeners that take already are told again: one that stopped with an error goes on. */
  setAccepting(isAccepting: boolean): void {
    this.isAccepting = isAccepting;
    for (let index = 0; index < this.listeners.length; index++) this.setListenerAccepting(index, isAccepting);
  }

  setListenerAccepting(listener: number, isAccepting: boolean): void {
    assert(listener >= 0 && listener < this.listeners.length, 'a listener is known by its number');
    if (isAccepting) this.kernel.prepareAccept(this.listeners[listener]!);
    else this.kernel.prepareStopAccepting(this.listeners[listener]!);
  }

  close(socket: number): void {
    const state = this.states[socket]!;
    assert((state & IS_OPEN) !== 0 && (state & IS_CLOSING) === 0, 'a socket is closed once');
    this.states[socket] = state | IS_CLOSING;
    this.kernel.prepareClose(socket);
  }

  giveAway(socket: number): number {
    assert(this.states[socket] === IS_OPEN, 'only an idle socket is given away');
    this.states[socket] = 0;
    return this.kernel.giveAway(socket);
  }

  takeIn(fd: number): number {
    const socket = this.kernel.takeIn(fd);
    if (socket < 0) return -1;
    assert(this.states[socket] === 0, 'a new socket has no past');
    this.states[socket] = IS_OPEN;
    return socket;
  }

  /** Of the last packet; negative where nobody knows. On loopback it is where the client ran when it sent. */
  packetProcessorOf(socket: number): number {
    return this.kernel.packetProcessorOf(socket);
  }

  peerOf(socket: number): string {
    assert((this.states[socket]! & IS_OPEN) !== 0, 'only an open socket has a peer');
    const { host, port } = addressOf(this.kernel.nameOf('peer', socket), UNKNOWN);
    return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  }

  localOf(socket: number): ListenAddress {
    assert((this.states[socket]! & IS_OPEN) !== 0, 'only an open socket has an address');
    return addressOf(this.kernel.nameOf('local', socket), UNKNOWN);
  }

  /** A plain socket shows nothing. */
  principalOf(_socket: number): null {
    return null;
  }

  // ── bytes ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  receive(socket: number, memory: Memory, at: number, length: number): void {
    assert(at >= 0 && at + length <= memory.bytes.length, 'a receive has room within its memory');
    this.beginReceive(socket);
    this.receiving[socket] = memory;
    this.kernel.prepareReceive(socket, memory.address + at, length);
  }

  awaitReadable(socket: number): void {
    this.beginReceive(socket);
    this.kernel.prepareReadable(socket);
  }

  cancelReceive(socket: number): void {
    const state = this.states[socket]!;
    assert((state & IS_RECEIVING) !== 0, 'what is cancelled is under way');
    if ((state & (IS_CANCELLED | IS_CLOSING)) !== 0) return;
    this.states[socket] = state | IS_CANCELLED;
    this.kernel.prepareCancelReceive(socket);
  }

  send(socket: number, memory: Memory, at: number, length: number, hasMore: boolean): void {
    assert(at >= 0 && at + length <= memory.bytes.length, 'sent bytes lie within their memory');
    this.beginSend(socket);
    this.sending[socket] = memory;
    this.kernel.prepareSend(socket, memory.address + at, length, hasMore);
  }

  sendRegion(socket: number, fd: number, position: number, length: number, hasMore: boolean): void {
    this.beginSend(socket);
    this.kernel.prepareSendFile(socket, fd, position, length, hasMore);
  }

  // ── turns ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  poll(waitMs: number, keepsSends = false): number {
    const count = this.kernel.turn(waitMs, keepsSends);
    const rows = this.kernel.completions;
    const { kinds, sockets, results } = this.completions;
    for (let index = 0, row = 0; index < count; index++, row += COMPLETION_WORDS) {
      const op = rows[row + COMPLETION_OP]!;
      const socket = rows[row + COMPLETION_SOCKET]!;
      kinds[index] = DONE_BY_OP[op]!;
      sockets[index] = socket;
      results[index] = rows[row + COMPLETION_RESULT]!;
      this.note(op, socket);
    }
    this.completions.count = count;
    return count;
  }

  destroy(): void {
    this.kernel.close();
    this.states.fill(0);
    this.receiving.length = 0;
    this.sending.length = 0;
    this.listeners.length = 0;
    this.completions.count = 0;
  }

  private note(op: number, socket: number): void {
    const states = this.states;
    const state = states[socket]!;
    if (op === KERNEL_RECEIVE || op === KERNEL_READABLE) {
      assert((state & IS_RECEIVING) !== 0, 'a receive completes once');
      states[socket] = state & ~(IS_RECEIVING | IS_CANCELLED);
      this.receiving[socket] = null;
    } else if (op === KERNEL_SEND) {
      assert((state & IS_SENDING) !== 0, 'a send completes once');
      states[socket] = state & ~IS_SENDING;
      this.sending[socket] = null;
    } else if (op === KERNEL_ACCEPT) {
      assert(state === 0, 'a new socket has no past');
      states[socket] = IS_OPEN;
      this.receiving[socket] = null;
      this.sending[socket] = null;
    } else if (op === KERNEL_CLOSE) {
      assert(state === (IS_OPEN | IS_CLOSING), 'a socket ends when nothing of it is under way');
      states[socket] = 0;
    }
  }

  private beginReceive(socket: number): void {
    const state = this.states[socket]!;
    assert((state & (IS_OPEN | IS_CLOSING)) === IS_OPEN, 'only an open socket receives');
    assert((state & IS_RECEIVING) === 0, 'one receive or readiness wait is under way at a time');
    this.states[socket] = state | IS_RECEIVING;
  }

  private beginSend(socket: number): void {
    const state = this.states[socket]!;
    assert((state & (IS_OPEN | IS_CLOSING)) === IS_OPEN, 'only an open socket sends');
    assert((state & IS_SENDING) === 0, 'one send is under way at a time');
    this.states[socket] = state | IS_SENDING;
  }
}

const UNKNOWN: ListenAddress = { host: 'unknown', port: 0 };

/** From "address port". */
function addressOf(name: string | null, otherwise: ListenAddress): ListenAddress {
  if (name === null) return otherwise;
  const space = name.lastIndexOf(' ');
  return { host: name.slice(0, space), port: Number(name.slice(space + 1)) };
}
