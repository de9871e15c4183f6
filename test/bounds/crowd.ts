/**
 * Many plain TCP connections to one broker that do what no client should: send halves, stay silent, read nothing. Used by
 * the tests of bounds. It counts what comes back and who was closed, and knows nothing of Kafka.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const CONNECTING_AT_ONCE = 200;

export class Crowd {
  readonly sockets: Socket[] = [];
  readonly received: Buffer[][] = [];
  receivedBytes = 0;
  /** Connections the broker ended, or never took. */
  closedCount = 0;

  /** A connection that is refused or reset counts as closed; nothing is thrown. */
  static async connect(port: number, count: number, options: { readonly isReading?: boolean } = {}): Promise<Crowd> {
    const crowd = new Crowd();
    for (let first = 0; first < count; first += CONNECTING_AT_ONCE) {
      const few = Math.min(CONNECTING_AT_ONCE, count - first);
      await Promise.all(Array.from({ length: few }, () => crowd.#add(port, options.isReading ?? true)));
    }
    return crowd;
  }

  get openCount(): number {
    return this.sockets.length - this.closedCount;
  }

  /** The same bytes, or bytes by index, to everybody; resolves when the kernel or the socket's queue has them. */
  send(bytes: Uint8Array | ((index: number) => Uint8Array)): void {
    for (const [index, socket] of this.sockets.entries()) {
      if (socket.destroyed) continue;
      socket.write(typeof bytes === 'function' ? bytes(index) : bytes);
    }
  }

  receivedBy(index: number): Buffer {
    return Buffer.concat(this.received[index] ?? []);
  }

  destroy(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  async #add(port: number, isReading: boolean): Promise<void> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    const chunks: Buffer[] = [];
    this.sockets.push(socket);
    this.received.push(chunks);
    socket.on('error', () => {});
    socket.once('close', () => {
      this.closedCount += 1;
    });
    if (isReading) {
      socket.on('data', (chunk) => {
        this.receivedBytes += chunk.length;
        chunks.push(chunk);
      });
    }
    await Promise.race([once(socket, 'connect'), once(socket, 'close')]).catch(() => {});
  }
}
