/**
 * Drives a kernel transport the way a front does, with real sockets of `node:net` as clients in the same thread: a turn,
 * then the event loop, until what was waited for has completed. Both paths run the same tests over it.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { createKernelTransport, type KernelTransport } from '../../src/net/kernel-transport.ts';
import { DONE_ACCEPT, DONE_ACCEPT_FAILED } from '../../src/net/transport.ts';
import { type Kernel, type KernelPath, openKernel, probeKernelPaths } from '../../src/zerocopy/kernel.ts';
import type { Memory } from '../../src/zerocopy/memory.ts';
import { loadNative, memoryOf, type Native } from '../../src/zerocopy/native.ts';

export const HOST = '127.0.0.1';
const DEADLINE_MS = 20_000;

export interface Done {
  readonly kind: number;
  readonly socket: number;
  readonly result: number;
}

export interface RigOptions {
  readonly socketsMax?: number;
  readonly port?: number;
}

export function nativePart(): Native | null {
  return loadNative().native;
}

/** The paths that this machine offers; a machine without any leaves nothing to test. */
export function pathsHere(): KernelPath[] {
  const native = nativePart();
  if (native === null) return [];
  const probes = probeKernelPaths(native);
  return (['uring', 'epoll'] as const).filter((path) => probes[path].isPossible);
}

export class KernelRig {
  readonly kernel: Kernel;
  readonly transport: KernelTransport;
  readonly native: Native;
  readonly port: number;
  readonly clients: Socket[] = [];
  private seen: Done[] = [];

  constructor(path: KernelPath, options: RigOptions = {}) {
    const native = nativePart();
    if (native === null) throw new Error('the native part is not built');
    this.native = native;
    this.kernel = openKernel(native, path, { socketsMax: options.socketsMax ?? 1024, eventFd: -1 });
    this.transport = createKernelTransport(this.kernel, { sendBufferBytes: 0 });
    this.port = this.transport.listen({ host: HOST, port: options.port ?? 0 }, 1024).port;
    this.transport.setAccepting(true);
  }

  memory(bytes: number): Memory {
    return memoryOf(new Uint8Array(new SharedArrayBuffer(bytes)), this.native);
  }

  /** A connected client and the socket of its other end. */
  async connect(): Promise<{ client: Socket; socket: number }> {
    const client = await this.dial();
    const { socket } = await this.next(DONE_ACCEPT);
    return { client, socket };
  }

  async dial(): Promise<Socket> {
    const client = connect(this.port, HOST);
    client.on('error', () => {});
    this.clients.push(client);
    const connected = once(client, 'connect');
    await this.turnsUntil(() => !client.connecting);
    await connected;
    return client;
  }

  /** One turn without waiting; what completed is kept for `next`. */
  turn(waitMs = 0): void {
    const count = this.transport.poll(waitMs);
    const { kinds, sockets, results } = this.transport.completions;
    for (let index = 0; index < count; index++) {
      this.seen.push({ kind: kinds[index] ?? 0, socket: sockets[index] ?? -1, result: results[index] ?? 0 });
    }
  }

  async turnsUntil(isReached: () => boolean): Promise<void> {
    const endMs = performance.now() + DEADLINE_MS;
    for (;;) {
      this.turn();
      if (isReached()) return;
      if (performance.now() > endMs)
        throw new Error(`not reached in time; completed so far: ${JSON.stringify(this.seen)}`);
      await setImmediate();
    }
  }

  /** Some turns with the event loop between them: enough for whatever happens on loopback to have happened. */
  async someTurns(count = 20): Promise<void> {
    for (let index = 0; index < count; index++) {
      this.turn();
      await setImmediate();
    }
  }

  /** Whether anything completes within the time, which other threads may need as well. */
  async isSeenWithin(ms: number): Promise<boolean> {
    const endMs = performance.now() + ms;
    while (this.seen.length === 0 && performance.now() < endMs) await this.someTurns(1);
    return this.seen.length > 0;
  }

  /** The next completion of the kind (and of the socket), in the order they came. */
  async next(kind: number, socket = -1): Promise<Done> {
    let found: Done | undefined;
    await this.turnsUntil(() => {
      found = this.seen.find((done) => done.kind === kind && (socket < 0 || done.socket === socket));
      return found !== undefined;
    });
    if (found === undefined) throw new Error('a wait ended without what it waited for');
    this.seen = this.seen.filter((done) => done !== found);
    return found;
  }

  /** Everything that completed and was not taken by `next`. */
  takeSeen(): Done[] {
    const seen = this.seen;
    this.seen = [];
    return seen;
  }

  hasFailedAccepts(): boolean {
    return this.seen.some((done) => done.kind === DONE_ACCEPT_FAILED);
  }

  end(): void {
    for (const client of this.clients) client.destroy();
    this.transport.destroy();
  }
}

/** Everything that a client receives. */
export class Received {
  private readonly chunks: Buffer[] = [];
  private length = 0;
  hasEnded = false;

  constructor(client: Socket) {
    client.on('data', (chunk) => {
      this.chunks.push(chunk);
      this.length += chunk.length;
    });
    client.on('end', () => {
      this.hasEnded = true;
    });
  }

  get byteCount(): number {
    return this.length;
  }

  bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
}
