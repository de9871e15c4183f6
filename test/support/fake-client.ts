/**
 * The far end of a connection of the fake transport: what a test writes into a broker and reads from it. Created by
 * `FakeTransport.connect`; the transport calls the methods below the line.
 */
import { assert } from '../../src/base/assert.ts';

export interface FakeClientOptions {
  /** Bytes handed to one receive at most; 1 splits a request into single bytes. */
  readonly receiveBytesMax?: number;
  /** Bytes the client is willing to take before the test takes them out: a slow reader. */
  readonly windowBytes?: number;
  /** The listener it comes by, as the broker counts them; the first unless given. */
  readonly listener?: number;
}

export class FakeClient {
  readonly peer: string;
  readonly listener: number;
  /** The transport's number for the connection; -1 until it was accepted, and after it was closed. */
  socket = -1;
  receiveBytesMax: number;
  windowBytes: number;
  /** The broker closed the connection. */
  isClosedByBroker = false;

  private toBroker: Uint8Array[] = [];
  private fromBroker: Uint8Array[] = [];
  private waitingBytes = 0;
  private hasEnded = false;
  private wasReset = false;

  constructor(peer: string, options: FakeClientOptions = {}) {
    this.peer = peer;
    this.listener = options.listener ?? 0;
    this.receiveBytesMax = options.receiveBytesMax ?? Number.POSITIVE_INFINITY;
    this.windowBytes = options.windowBytes ?? Number.POSITIVE_INFINITY;
  }

  write(bytes: Uint8Array): void {
    assert(!this.hasEnded && !this.wasReset, 'a client writes before it ends');
    if (bytes.length > 0) this.toBroker.push(bytes.slice());
  }

  /** Closes the sending half; the client still reads. */
  end(): void {
    this.hasEnded = true;
  }

  reset(): void {
    this.wasReset = true;
    this.toBroker = [];
  }

  /** All that arrived since the last call, as one piece; makes room in the window. */
  take(): Uint8Array {
    const all = new Uint8Array(this.waitingBytes);
    let at = 0;
    for (const piece of this.fromBroker) {
      all.set(piece, at);
      at += piece.length;
    }
    this.fromBroker = [];
    this.waitingBytes = 0;
    return all;
  }

  get receivedBytes(): number {
    return this.waitingBytes;
  }

  // ── for the transport ─────────────────────────────────────────────────────────────────────────────────────────────

  get isReset(): boolean {
    return this.wasReset;
  }

  /** Something to receive: bytes, an end, or a reset. */
  get isReadable(): boolean {
    return this.toBroker.length > 0 || this.hasEnded || this.wasReset;
  }

  get isAtEnd(): boolean {
    return this.toBroker.length === 0 && this.hasEnded;
  }

  get roomBytes(): number {
    return Math.max(0, this.windowBytes - this.waitingBytes);
  }

  /** Moves what the client wrote into `target`; returns how much. */
  drainInto(target: Uint8Array): number {
    const wanted = Math.min(target.length, this.receiveBytesMax);
    let filled = 0;
    while (filled < wanted) {
      const piece = this.toBroker[0];
      if (piece === undefined) break;
      const count = Math.min(piece.length, wanted - filled);
      target.set(piece.subarray(0, count), filled);
      filled += count;
      if (count === piece.length) this.toBroker.shift();
      else this.toBroker[0] = piece.subarray(count);
    }
    return filled;
  }

  deliver(bytes: Uint8Array): void {
    assert(bytes.length <= this.roomBytes, 'no more is delivered than the client takes');
    if (bytes.length === 0) return;
    this.fromBroker.push(bytes.slice());
    this.waitingBytes += bytes.length;
  }
}
