/**
 * Where Node puts what it reads from a socket: into one piece of memory for all sockets of a transport, which is emptied within
 * the call that tells of it. By itself Node makes an ArrayBuffer for every piece, and TLS comes in pieces of 16 KiB: those
 * have to be made and collected, see docs/performance.md.
 *
 * Node offers this (`onread`) to sockets that connect, and to none that was accepted; for those it is set where Node itself
 * keeps it. A Node that keeps it elsewhere is asked for 'data' as ever.
 */
import type { Socket } from 'node:net';

/** What Node asks the kernel for at once, of a socket without TLS. */
const LANDING_BYTES = 65_536;

export class Landing {
  readonly bytes = Buffer.allocUnsafeSlow(LANDING_BYTES);

  /** From here on, what comes lies in the first so many bytes while `onLanded` runs. False: this Node, or this socket, cannot. */
  takeFrom(socket: Socket, onLanded: (count: number) => void): boolean {
    const places = Object.getOwnPropertySymbols(socket);
    const memory = places.find((place) => place.description === 'kBuffer');
    const callback = places.find((place) => place.description === 'kBufferCb');
    const handle: unknown = Reflect.get(socket, '_handle');
    if (memory === undefined || callback === undefined || !canUseMemory(handle)) return false;
    // What was read already would be overtaken.
    if (socket.readableLength > 0 || Reflect.get(socket, memory) !== null) return false;
    Reflect.set(socket, memory, this.bytes);
    Reflect.set(socket, callback, onLanded);
    handle.useUserBuffer(this.bytes);
    return true;
  }
}

interface MemoryUser {
  useUserBuffer(memory: Buffer): void;
}

function canUseMemory(handle: unknown): handle is MemoryUser {
  return (
    typeof handle === 'object' &&
    handle !== null &&
    'useUserBuffer' in handle &&
    typeof handle.useUserBuffer === 'function'
  );
}
