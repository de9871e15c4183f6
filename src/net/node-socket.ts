/**
 * One socket of the plain-Node transport: turns the events of a `net.Socket` into completions of the transport's port.
 * Created by `node-transport`; knows nothing of frames.
 *
 * Receiving: what Node reads goes into the memory of the armed receive at once, and the receive completes when the transport is
 * asked for completions: TLS comes in pieces of 16 KiB, of which one look at the socket brings many, and a turn for each would
 * cost more than the piece. What there is no receive for waits here as chunks. Node reads on while no more than
 * 64 KiB wait, so a socket that nobody reads holds two reads of it (128 KiB) and the peer feels it. Sending: one write at a time,
 * straight from the memory of the operation, which stays untouched until the completion.
 */
import { readSync } from 'node:fs';
import type { Socket } from 'node:net';
import { constants } from 'node:os';
import { assert } from '../base/assert.ts';
import type { Memory } from '../zerocopy/memory.ts';
import type { Native } from '../zerocopy/native.ts';
import type { CompletionQueue } from './completion-queue.ts';
import type { Landing } from './node-landing.ts';
import { DONE_CLOSE, DONE_READABLE, DONE_RECEIVE, DONE_SEND, type ListenAddress } from './transport.ts';

const { ECANCELED, EIO, EPIPE } = constants.errno;
/** Node reads so much at once; TLS gives it on in pieces of 16 KiB. */
const WAITING_BYTES_MAX = 65_536;
/** A peer that does not take the end of TLS is left without it. */
const FAREWELL_MS = 1000;

/** How the transport is told what it shares among its sockets. */
export interface NodeSocketOwner {
  readonly queue: CompletionQueue;
  /** Copies into memory that has an address; null: JavaScript does it. */
  readonly native: Pick<Native, 'copyTo'> | null;
  readonly landing: Landing;
  /** Something was pushed. */
  announce(): void;
  /** For a piece of a region. */
  takeBuffer(): Buffer;
  giveBuffer(buffer: Buffer): void;
  /** `completeReceive` is to be called before completions are handed out. */
  noteFilled(socket: NodeSocket): void;
  /** DONE_CLOSE was pushed. */
  forget(socket: NodeSocket): void;
}

type Receiving = 'none' | 'bytes' | 'readable';

export class NodeSocket {
  readonly index: number;
  readonly peer: string;
  readonly local: ListenAddress;
  /** What the certificate of the peer says it is. */
  readonly principal: string | null;
  private readonly socket: Socket;
  private readonly owner: NodeSocketOwner;
  private readonly onWritten = (error?: Error | null): void => this.written(error ?? null);

  private chunks: Buffer[] = [];
  private waitingBytes = 0;
  private receiving: Receiving = 'none';
  private memory: Memory | null = null;
  private at = 0;
  private length = 0;
  /** Bytes that the armed receive has got so far. */
  private filled = 0;

  /** Bytes of the write under way; 0 when there is none. */
  private sendingBytes = 0;
  private regionBuffer: Buffer | null = null;

  private hasEnded = false;
  /** The negative errno that ended the connection; 0 while there was none. */
  private failure = 0;
  private isClosing = false;
  private isGone = false;

  constructor(index: number, socket: Socket, principal: string | null, owner: NodeSocketOwner) {
    this.index = index;
    this.principal = principal;
    this.socket = socket;
    this.owner = owner;
    this.peer = `${hostText(socket.remoteAddress ?? 'unknown', true)}:${socket.remotePort ?? 0}`;
    this.local = { host: hostText(socket.localAddress ?? '', false), port: socket.localPort ?? 0 };
    socket.setNoDelay(true);
    const isLanding = owner.landing.takeFrom(socket, (count) => this.landed(count));
    socket.pause();
    if (!isLanding) socket.on('data', (chunk: Buffer) => this.arrived(chunk));
    socket.on('end', () => this.ended());
    socket.on('error', (error) => this.failed(error));
    socket.on('close', () => this.gone());
  }

  receive(memory: Memory, at: number, length: number): void {
    assert(length > 0 && at >= 0 && at + length <= memory.bytes.length, 'a receive has room within its memory');
    assert(this.receiving === 'none' && !this.isClosing, 'one receive is under way at most');
    this.memory = memory;
    this.at = at;
    this.length = length;
    this.filled = 0;
    this.receiving = 'bytes';
    this.serveReceive();
  }

  awaitReadable(): void {
    assert(this.receiving === 'none' && !this.isClosing, 'one receive is under way at most');
    this.receiving = 'readable';
    this.serveReceive();
  }

  cancelReceive(): void {
    if (this.filled > 0) this.completeReceive();
    else if (this.receiving !== 'none') this.finishReceive(-ECANCELED);
  }

  /** What has come for the armed receive is all it gets. */
  completeReceive(): void {
    if (this.receiving === 'bytes' && this.filled > 0) this.finishReceive(this.filled);
  }

  send(memory: Memory, at: number, length: number): void {
    assert(length > 0 && at >= 0 && at + length <= memory.bytes.length, 'sent bytes lie within their memory');
    assert(this.sendingBytes === 0 && !this.isClosing, 'one send is under way at most');
    this.sendingBytes = length;
    if (this.isDead) this.finishSend(this.deathResult);
    else this.socket.write(Buffer.from(memory.bytes.buffer, memory.bytes.byteOffset + at, length), this.onWritten);
  }

  /** Completes after at most one buffer of the region; the caller asks for the rest, as after any short send. */
  sendRegion(fd: number, position: number, length: number): void {
    assert(length > 0 && position >= 0, 'a sent region has bytes');
    assert(this.sendingBytes === 0 && !this.isClosing, 'one send is under way at most');
    this.sendingBytes = length;
    if (this.isDead) {
      this.finishSend(this.deathResult);
      return;
    }
    const buffer = this.owner.takeBuffer();
    this.regionBuffer = buffer;
    let count: number;
    try {
      count = readSync(fd, buffer, 0, Math.min(buffer.length, length), position);
    } catch (error) {
      this.finishSend(errnoOf(error));
      return;
    }
    // A region that ends before its length was promised wrongly; 0 would be asked for again without end.
    if (count === 0) {
      this.finishSend(-EIO);
      return;
    }
    this.sendingBytes = count;
    this.socket.write(buffer.subarray(0, count), this.onWritten);
  }

  close(): void {
    assert(!this.isClosing, 'a socket is closed once');
    this.isClosing = true;
    if (this.receiving !== 'none') this.finishReceive(-ECANCELED);
    if (this.isGone) this.finishClose();
    else if ('encrypted' in this.socket && this.sendingBytes === 0 && !this.isDead) this.sayFarewell();
    else this.socket.destroy();
  }

  /** A peer that speaks TLS is told the end: without it, it has to fear that somebody cut the line. */
  private sayFarewell(): void {
    this.socket.destroySoon();
    this.socket.setTimeout(FAREWELL_MS, () => this.socket.destroy());
  }

  /** The end of the transport: no completions any more. */
  destroy(): void {
    this.socket.removeAllListeners();
    this.socket.on('error', () => undefined);
    this.socket.destroy();
  }

  // ── events ────────────────────────────────────────────────────────────────────────────────────────────────────────

  private arrived(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.waitingBytes += chunk.length;
    if (this.receiving !== 'none') this.serveReceive();
    if (this.waitingBytes > WAITING_BYTES_MAX) this.socket.pause();
  }

  /** As much as there is a receive for goes to it; the rest is kept, since the landing is everybody's. */
  private landed(count: number): void {
    const bytes = this.owner.landing.bytes.subarray(0, count);
    const isWanted = this.receiving === 'bytes' && this.chunks.length === 0;
    const taken = isWanted ? this.fill(bytes) : 0;
    if (taken < count) this.arrived(Buffer.from(bytes.subarray(taken)));
  }

  private ended(): void {
    this.hasEnded = true;
    if (this.receiving !== 'none') this.serveReceive();
  }

  private failed(error: Error): void {
    this.failure = errnoOf(error);
    if (this.receiving !== 'none') this.serveReceive();
  }

  private gone(): void {
    this.isGone = true;
    if (this.sendingBytes > 0) this.finishSend(this.deathResult);
    if (this.receiving !== 'none') this.serveReceive();
    if (this.isClosing) this.finishClose();
  }

  private written(error: Error | null): void {
    // Already completed when the socket went away before Node called back.
    if (this.sendingBytes === 0) return;
    // Node also calls back without an error for a write that it threw away with a destroyed socket.
    if (error === null && !this.socket.destroyed) this.finishSend(this.sendingBytes);
    else if (error === null || this.isDead || this.isClosing) this.finishSend(this.deathResult);
    else this.finishSend(errnoOf(error));
  }

  private get isDead(): boolean {
    return this.isGone || this.failure < 0;
  }

  /** What a send is told that cannot be finished. */
  private get deathResult(): number {
    if (this.isClosing) return -ECANCELED;
    return this.failure < 0 ? this.failure : -EPIPE;
  }

  // ── completions ───────────────────────────────────────────────────────────────────────────────────────────────────

  private serveReceive(): void {
    if (this.chunks.length > 0) {
      if (this.receiving === 'readable') this.finishReceive(1);
      else this.copyChunks();
    } else if (this.filled > 0) {
      // Its end comes with the next receive.
    } else if (this.failure < 0) {
      this.finishReceive(this.failure);
    } else if (this.hasEnded || this.isGone) {
      this.finishReceive(0);
    } else if (this.socket.readableFlowing !== true) {
      this.socket.resume();
    }
  }

  private copyChunks(): void {
    for (let chunk = this.chunks[0]; chunk !== undefined; chunk = this.chunks[0]) {
      const count = this.fill(chunk);
      this.waitingBytes -= count;
      if (count < chunk.length) {
        this.chunks[0] = chunk.subarray(count);
        break;
      }
      this.chunks.shift();
    }
    if (this.waitingBytes <= WAITING_BYTES_MAX && this.socket.isPaused()) this.socket.resume();
  }

  /** Copies what there is room for into the armed receive; how much that is. */
  private fill(bytes: Buffer): number {
    const { memory } = this;
    assert(memory !== null, 'an armed receive has memory');
    const count = Math.min(bytes.length, this.length - this.filled);
    if (count === 0) return 0;
    this.copy(memory, this.at + this.filled, count === bytes.length ? bytes : bytes.subarray(0, count));
    if (this.filled === 0) this.owner.noteFilled(this);
    this.filled += count;
    return count;
  }

  /** By JavaScript it took twice the time of the decryption: into shared memory it copies in units of 8 bytes, or of one. */
  private copy(memory: Memory, at: number, chunk: Buffer): void {
    const { native } = this.owner;
    assert(at + chunk.length <= memory.bytes.length, 'a receive has room within its memory');
    if (native === null || memory.address === 0) memory.bytes.set(chunk, at);
    else native.copyTo(memory.address + at, chunk);
  }

  private finishReceive(result: number): void {
    const kind = this.receiving === 'readable' ? DONE_READABLE : DONE_RECEIVE;
    this.receiving = 'none';
    this.memory = null;
    this.filled = 0;
    this.complete(kind, result);
  }

  private finishSend(result: number): void {
    this.sendingBytes = 0;
    const buffer = this.regionBuffer;
    this.regionBuffer = null;
    this.complete(DONE_SEND, result);
    if (buffer !== null) this.owner.giveBuffer(buffer);
  }

  private finishClose(): void {
    this.chunks = [];
    this.complete(DONE_CLOSE, 0);
    this.owner.forget(this);
  }

  private complete(kind: number, result: number): void {
    this.owner.queue.push(kind, this.index, result);
    this.owner.announce();
  }
}

/** The negative errno of an error that Node threw or emitted. */
export function errnoOf(error: unknown): number {
  if (typeof error !== 'object' || error === null || !('code' in error)) return -EIO;
  for (const [name, errno] of Object.entries(constants.errno)) {
    if (name === error.code) return -errno;
  }
  // Node's own code for a write behind the end.
  return error.code === 'ERR_STREAM_DESTROYED' || error.code === 'ERR_STREAM_WRITE_AFTER_END' ? -EPIPE : -EIO;
}

/** An IPv4 address that came in over an IPv6 socket is shown as what the peer thinks it is. */
function hostText(address: string, isBracketed: boolean): string {
  if (address.startsWith('::ffff:') && address.includes('.')) return address.slice('::ffff:'.length);
  return isBracketed && address.includes(':') ? `[${address}]` : address;
}
