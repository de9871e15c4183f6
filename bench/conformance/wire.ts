/**
 * One raw connection of a conformance session: a frame goes out, and what comes back is an answer, a closed connection or
 * silence. It interprets nothing; sessions encode and decode. Requests of one connection are sent one after the other.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const CONNECT_MS_MAX = 10_000;
const LENGTH_BYTES = 4;

export type RawOutcome =
  | { readonly kind: 'answer'; readonly frame: Buffer }
  | { readonly kind: 'closed' }
  | { readonly kind: 'silent' };

export class WireConnection {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #isClosed = false;
  #settle: ((outcome: RawOutcome) => void) | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
      this.#deliver();
    });
    const onClose = () => {
      this.#isClosed = true;
      this.#deliver();
    };
    socket.on('end', onClose);
    socket.on('close', onClose);
    socket.on('error', onClose);
  }

  static async open(port: number): Promise<WireConnection> {
    const socket = connect({ port, host: '127.0.0.1' });
    const timer = setTimeout(() => socket.destroy(new Error(`port ${port} took no connection`)), CONNECT_MS_MAX);
    await once(socket, 'connect');
    clearTimeout(timer);
    return new WireConnection(socket);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Sends one frame (without its length) and waits for the next one back. */
  exchange(frame: Uint8Array, waitMs: number): Promise<RawOutcome> {
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeInt32BE(frame.length);
    return this.exchangeBytes(Buffer.concat([length, frame]), waitMs);
  }

  /** Sends bytes as they are, which may be no whole frame. */
  exchangeBytes(bytes: Uint8Array, waitMs: number): Promise<RawOutcome> {
    if (this.#isClosed) return Promise.resolve({ kind: 'closed' });
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#finish({ kind: 'silent' }), waitMs);
      this.#settle = (outcome) => {
        clearTimeout(timer);
        resolve(outcome);
      };
      this.#socket.write(bytes);
      this.#deliver();
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
    this.#finish({ kind: 'closed' });
  }

  #deliver(): void {
    if (this.#settle === null) return;
    if (this.#received.length >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + this.#received.readInt32BE(0);
      if (this.#received.length >= end) {
        const frame = Buffer.from(this.#received.subarray(LENGTH_BYTES, end));
        this.#received = this.#received.subarray(end);
        this.#finish({ kind: 'answer', frame });
        return;
      }
    }
    if (this.#isClosed) this.#finish({ kind: 'closed' });
  }

  #finish(outcome: RawOutcome): void {
    const settle = this.#settle;
    this.#settle = null;
    settle?.(outcome);
  }
}
