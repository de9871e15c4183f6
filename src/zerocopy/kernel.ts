/**
 * The kernel as a front sees it: operations are prepared as rows of a table, one native call a turn submits them all and
 * reaps what completed into another table. io_uring and epoll do the same behind it; which of them is a number.
 *
 *   prepare…  ──►  submissions ──┐                     ┌──► completions  ──►  kernel-transport
 *                                └── kernelTurn ───────┘
 *
 * Called by `net/kernel-transport` on one thread, which also opens it. Memory given to an operation must stay reachable
 * until the operation has completed. It knows sockets and listeners, and nothing of connections.
 */
import { constants } from 'node:os';
import { assert } from '../base/assert.ts';
import { Fault } from '../base/fault.ts';
import {
  COMPLETION_WORDS,
  KERNEL_ACCEPT,
  KERNEL_CANCEL_RECEIVE,
  KERNEL_CLOSE,
  KERNEL_LISTENERS_MAX,
  KERNEL_PATH_EPOLL,
  KERNEL_PATH_URING,
  KERNEL_READABLE,
  KERNEL_RECEIVE,
  KERNEL_SEND,
  KERNEL_SEND_FILE,
  KERNEL_SEND_FILE_MORE,
  KERNEL_SEND_MORE,
  KERNEL_STOP_ACCEPTING,
  LISTEN_UNRESOLVED,
  SUBMISSION_ADDRESS_NUMBER,
  SUBMISSION_BYTES,
  SUBMISSION_FILE,
  SUBMISSION_LENGTH,
  SUBMISSION_OP,
  SUBMISSION_POSITION_NUMBER,
  SUBMISSION_SOCKET,
} from './layout.ts';
import type { Memory } from './memory.ts';
import { memoryOf, type Native } from './native.ts';

export type KernelPath = 'uring' | 'epoll';

export interface KernelOptions {
  /** Connections beyond it are closed at once, and accepting stops with EMFILE. */
  readonly socketsMax: number;
  /** The descriptor that ends a wait when it is written to; its owner closes it. -1: the kernel makes its own. */
  readonly eventFd: number;
  /** The send buffer of a socket from its first large region on; 0: as it is. */
  readonly regionBufferBytes?: number;
}

export interface KernelProbe {
  readonly isPossible: boolean;
  /** Bits KERNEL_FEATURE_…; 0 when it is not possible. */
  readonly features: number;
  /** Why not, for people; null when it is possible. */
  readonly problem: string | null;
}

/** What a socket can have prepared in one turn: a receive, its cancelling, a send, a closing. */
const SUBMISSIONS_PER_SOCKET = 4;
/** What can complete for one socket in one turn: receive, send, closing, and the accept of its number's next life. */
const COMPLETIONS_PER_SOCKET = 4;
const NAME_BYTES_MAX = 128;
const { errno } = constants;

export function probeKernelPaths(native: Native): Record<KernelPath, KernelProbe> {
  return { uring: probe(native, KERNEL_PATH_URING), epoll: probe(native, KERNEL_PATH_EPOLL) };
}

/** Throws Fault PB_IO_PATH where that path is not possible. To be called on the thread that will use it. */
export function openKernel(native: Native, path: KernelPath, options: KernelOptions): Kernel {
  return new Kernel(native, path, options);
}

/** Where a person changes the host and the port of a listener. */
export interface ListenRemedy {
  readonly host: string;
  readonly port: string;
}

export const FLAGS_REMEDY: ListenRemedy = { host: 'with --host', port: 'with --port' };

export class Kernel {
  readonly path: KernelPath;
  readonly features: number;
  readonly eventFd: number;
  readonly socketsMax: number;
  /** Rows of COMPLETION_WORDS; `turn` says how many are good. */
  readonly completions: Int32Array;

  private readonly native: Native;
  private readonly handle: number;
  private readonly words: Int32Array;
  private readonly numbers: Float64Array;
  private readonly submissionsMax: number;
  /** Both tables; held here because the native part has their addresses. */
  private readonly tables: readonly [Memory, Memory];
  private readonly name = new Uint8Array(NAME_BYTES_MAX);
  private count = 0;
  private isOpen = true;

  constructor(native: Native, path: KernelPath, options: KernelOptions) {
    const { socketsMax, eventFd } = options;
    assert(socketsMax > 0, 'a kernel has room for sockets');
    this.path = path;
    this.native = native;
    this.socketsMax = socketsMax;
    this.submissionsMax = socketsMax * SUBMISSIONS_PER_SOCKET + KERNEL_LISTENERS_MAX * 2;
    const completionsMax = socketsMax * COMPLETIONS_PER_SOCKET + KERNEL_LISTENERS_MAX;
    const submissions = new SharedArrayBuffer(this.submissionsMax * SUBMISSION_BYTES);
    const completions = new SharedArrayBuffer(completionsMax * COMPLETION_WORDS * 4);
    this.words = new Int32Array(submissions);
    this.numbers = new Float64Array(submissions);
    this.completions = new Int32Array(completions);
    const first = memoryOf(new Uint8Array(submissions), native);
    const second = memoryOf(new Uint8Array(completions), native);
    this.tables = [first, second];
    const number = path === 'uring' ? KERNEL_PATH_URING : KERNEL_PATH_EPOLL;
    this.handle = native.kernelOpen(
      number,
      first.address,
      this.submissionsMax,
      second.address,
      completionsMax,
      socketsMax,
      eventFd,
      options.regionBufferBytes ?? 0,
    );
    if (this.handle < 0) {
      throw new Fault('PB_IO_PATH', `--io ${path} is not possible here: ${reasonOf(this.handle)}; choose --io auto`);
    }
    this.features = native.kernelFeatures(this.handle);
    this.eventFd = native.kernelEventFd(this.handle);
  }

  // ── listening ─────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Returns the number of the listener. An empty host means every address; `sendBufferBytes` is that of accepted
   *  sockets, 0 leaves it to the kernel. */
  listen(
    host: string,
    port: number,
    backlog: number,
    sendBufferBytes: number,
    remedy: ListenRemedy = FLAGS_REMEDY,
  ): number {
    assert(port >= 0 && port <= 65_535, 'a port has 16 bits');
    const text = new TextEncoder().encode(`${host}\0`);
    const listener = this.native.kernelListen(this.handle, text, port, backlog, sendBufferBytes);
    if (listener < 0) throw listenFault(host, port, -listener, remedy);
    return listener;
  }

  prepareAccept(listener: number): void {
    this.prepare(KERNEL_ACCEPT, listener);
  }

  prepareStopAccepting(listener: number): void {
    this.prepare(KERNEL_STOP_ACCEPTING, listener);
  }

  /** "address port", or null when the socket is no longer connected. */
  nameOf(which: 'peer' | 'local' | 'listener', index: number): string | null {
    const number = which === 'peer' ? 0 : which === 'local' ? 1 : 2;
    const length = this.native.kernelName(this.handle, number, index, this.name);
    return length < 0 ? null : String.fromCharCode(...this.name.subarray(0, length));
  }

  /** An idle socket leaves; its descriptor belongs to the caller. */
  giveAway(socket: number): number {
    const fd = this.native.kernelGiveAway(this.handle, socket);
    assert(fd >= 0, 'only a socket with nothing under way is given away');
    return fd;
  }

  /** The number here of a socket that another kernel gave away, or -1 when there is no room; it is closed then. */
  takeIn(fd: number): number {
    const socket = this.native.kernelTakeIn(this.handle, fd);
    if (socket >= 0) return socket;
    this.native.closeFd(fd);
    return -1;
  }

  /** Which processor took in the last packet of a socket; negative where nobody knows. */
  packetProcessorOf(socket: number): number {
    return this.native.kernelPacketProcessor(this.handle, socket);
  }

  // ── operations ────────────────────────────────────────────────────────────────────────────────────────────────────

  prepareReceive(socket: number, address: number, length: number): void {
    assert(address > 0 && length > 0, 'a receive has memory with an address');
    const row = this.prepare(KERNEL_RECEIVE, socket);
    this.words[row * 8 + SUBMISSION_LENGTH] = length;
    this.numbers[row * 4 + SUBMISSION_ADDRESS_NUMBER] = address;
  }

  prepareReadable(socket: number): void {
    this.prepare(KERNEL_READABLE, socket);
  }

  prepareCancelReceive(socket: number): void {
    this.prepare(KERNEL_CANCEL_RECEIVE, socket);
  }

  prepareSend(socket: number, address: number, length: number, hasMore: boolean): void {
    assert(address > 0 && length > 0, 'a send has memory with an address');
    const row = this.prepare(hasMore ? KERNEL_SEND_MORE : KERNEL_SEND, socket);
    this.words[row * 8 + SUBMISSION_LENGTH] = length;
    this.numbers[row * 4 + SUBMISSION_ADDRESS_NUMBER] = address;
  }

  prepareSendFile(socket: number, fd: number, position: number, length: number, hasMore: boolean): void {
    assert(fd >= 0 && position >= 0 && length > 0, 'a region has a file and bytes');
    const row = this.prepare(hasMore ? KERNEL_SEND_FILE_MORE : KERNEL_SEND_FILE, socket);
    this.words[row * 8 + SUBMISSION_LENGTH] = length;
    this.words[row * 8 + SUBMISSION_FILE] = fd;
    this.numbers[row * 4 + SUBMISSION_POSITION_NUMBER] = position;
  }

  prepareClose(socket: number): void {
    this.prepare(KERNEL_CLOSE, socket);
  }

  /**
   * Submits, waits at most `waitMs` while there is nothing to tell, and returns how many rows of `completions` are good.
   * With `keepsSends`, a send with nothing behind it that leaves whole at once is told with whatever ends the wait.
   * A thread that waits here cannot be terminated before its wait ends; ring its bell to stop it at once.
   */
  turn(waitMs: number, keepsSends = false): number {
    assert(waitMs >= 0, 'a wait has a length');
    const count = this.count;
    this.count = 0;
    const completed = this.native.kernelTurn(this.handle, count, waitMs, keepsSends ? 1 : 0);
    if (completed < 0) {
      throw new Fault('PB_IO_PATH', `the kernel refused a turn of --io ${this.path}: ${reasonOf(completed)}`);
    }
    return completed;
  }

  /** Ends everything at once; what operations were given is free when this returns. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.native.kernelClose(this.handle);
    assert(this.tables.length === 2, 'the tables outlive the native part of the kernel');
  }

  private prepare(op: number, socket: number): number {
    const row = this.count;
    assert(row < this.submissionsMax, 'a socket prepares each operation once a turn');
    this.count = row + 1;
    this.words[row * 8 + SUBMISSION_OP] = op;
    this.words[row * 8 + SUBMISSION_SOCKET] = socket;
    return row;
  }
}

function probe(native: Native, path: number): KernelProbe {
  const features = native.kernelProbe(path);
  if (features >= 0) return { isPossible: true, features, problem: null };
  return { isPossible: false, features: 0, problem: reasonOf(features) };
}

function reasonOf(result: number): string {
  const problem = -result;
  if (problem === errno.EPERM || problem === errno.EACCES) {
    return 'it is forbidden here (EPERM), as container runtimes and the setting kernel.io_uring_disabled do';
  }
  if (problem === errno.ENOSYS) return 'this kernel does not have it (ENOSYS)';
  if (problem === errno.EOPNOTSUPP) return 'this kernel has an older form of it; 5.11 or newer is needed';
  if (problem === errno.ENOMEM) return 'the limit of locked memory is too low (ulimit -l)';
  if (problem === errno.EMFILE || problem === errno.ENFILE) return 'there are too many open files (ulimit -n)';
  return nameOfErrno(problem);
}

function nameOfErrno(problem: number): string {
  return Object.entries(errno).find(([, value]) => value === problem)?.[0] ?? `errno ${problem}`;
}

function listenFault(host: string, port: number, problem: number, remedy: ListenRemedy): Fault {
  if (problem >= LISTEN_UNRESOLVED) {
    return new Fault(
      'PB_BAD_ADDRESS',
      `the host ${host} cannot be resolved; choose an address of this machine ${remedy.host}`,
    );
  }
  if (problem === errno.EADDRINUSE) {
    return new Fault('PB_PORT_TAKEN', `port ${port} is taken by another process; choose one ${remedy.port}`);
  }
  if (problem === errno.EACCES || problem === errno.EPERM) {
    return new Fault(
      'PB_BAD_ADDRESS',
      `port ${port} needs privileges that this user lacks; choose one above 1023 ${remedy.port}`,
    );
  }
  if (problem === errno.EADDRNOTAVAIL) {
    return new Fault('PB_BAD_ADDRESS', `${host} is not an address of this machine; choose one that is ${remedy.host}`);
  }
  return new Fault('PB_BAD_ADDRESS', `cannot listen on ${host}:${port}: ${nameOfErrno(problem)}`);
}
