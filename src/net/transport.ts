/**
 * What the front asks of a network: prepared operations, submitted and reaped once per turn, with completions as
 * numbers in a table. Bodies: `kernel-transport` (io_uring or epoll through the native part), `node-transport` (plain
 * `node:net`, the last resort and later TLS), and the fake transport of the tests.
 *
 * A socket is a small integer chosen by the transport, reused only after its closing completed. At most one receive (or
 * readiness wait) and one send are under way per socket. Memory given to an operation belongs to it until it completes.
 * Nothing here calls back: `poll` fills the table and returns.
 */
import type { ListenRemedy } from '../zerocopy/kernel.ts';
import type { Memory } from '../zerocopy/memory.ts';

/** A new connection: DONE_SOCKET is its socket, DONE_RESULT the listener it came by, counted from 0 as they were opened. */
export const DONE_ACCEPT = 1;
/** Bytes arrived: DONE_RESULT > 0 bytes; 0 the peer closed its side; < 0 -errno (-ECANCELED after `cancelReceive`). */
export const DONE_RECEIVE = 2;
/** There is something to receive (or an end, or an error): arm a receive now. Result as above but without a count: 1. */
export const DONE_READABLE = 3;
/** DONE_RESULT bytes left, maybe fewer than asked; < 0 -errno. */
export const DONE_SEND = 4;
export const DONE_CLOSE = 5;
/** Accepting failed (DONE_RESULT -errno, say EMFILE); the front decides when to accept again. */
export const DONE_ACCEPT_FAILED = 6;

export interface Completions {
  count: number;
  readonly kinds: Int32Array;
  readonly sockets: Int32Array;
  readonly results: Int32Array;
}

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface ListenWish extends ListenAddress {
  /** Where a person changes host and port: "with --port", or in which setting. For sentences about what is wrong. */
  readonly remedy?: ListenRemedy;
}

/** A transport whose sockets can move to another one of the same process. */
export interface SocketMover {
  /** A socket with nothing under way leaves; the number is what `takeIn` of another thread's transport takes. */
  giveAway(socket: number): number;
  /** The open socket of what was given away; -1: no room, it was closed. */
  takeIn(handle: number): number;
}

export interface Transport {
  readonly path: 'uring' | 'epoll' | 'node' | 'fake';
  readonly completions: Completions;
  /**
   * One more listener; its number is how many there were before. Throws Fault PB_PORT_TAKEN and the like. Returns the bound
   * address (port 0 asks for a free one).
   */
  listen(address: ListenWish, backlog: number): ListenAddress;
  /** Takes connections while true; false leaves them in the backlog. */
  setAccepting(isAccepting: boolean): void;
  /** The same for one listener, by its number. */
  setListenerAccepting(listener: number, isAccepting: boolean): void;
  receive(socket: number, memory: Memory, at: number, length: number): void;
  awaitReadable(socket: number): void;
  /** The pending receive or readiness wait completes soon, with -ECANCELED or with what it had. */
  cancelReceive(socket: number): void;
  /** `hasMore`: another send follows at once, so the kernel may hold the last partial packet back. */
  send(socket: number, memory: Memory, at: number, length: number, hasMore: boolean): void;
  /** File to socket without a copy through user space, where the body can. */
  sendRegion(socket: number, fd: number, position: number, length: number, hasMore: boolean): void;
  /** Pending operations complete first (with errors); then DONE_CLOSE. */
  close(socket: number): void;
  /** "address:port" of the peer and of the side it dialled. */
  peerOf(socket: number): string;
  localOf(socket: number): ListenAddress;
  /** The principal that the peer's certificate gives it; null: it has shown none. */
  principalOf(socket: number): string | null;
  /**
   * Submits what was prepared, waits at most `waitMs` (0 not at all) while nothing completed and no bell rang. With
   * `keepsSends` a body may go on waiting when a send with nothing behind it left whole at once, and tell of it later.
   */
  poll(waitMs: number, keepsSends?: boolean): number;
  /** Ends everything at once. */
  destroy(): void;
}
