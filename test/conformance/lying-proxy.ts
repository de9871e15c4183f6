/**
 * Stands in front of a broker and changes one field of its answers to OffsetForLeaderEpoch. A comparison that does not
 * notice is worth nothing.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { decodeResponse, encodeResponse } from '../../src/protocol/compile.ts';
import { decodeResponseHeader, encodeResponseHeader } from '../../src/protocol/header.ts';
import { Reader } from '../../src/protocol/reader.ts';
import { offsetForLeaderEpoch } from '../../src/protocol/schemas/23-offset-for-leader-epoch.ts';
import { Writer } from '../../src/protocol/writer.ts';

const LENGTH_BYTES = 4;

export class LyingProxy {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets: Set<Socket>;

  private constructor(server: Server, port: number, sockets: Set<Socket>) {
    this.#server = server;
    this.port = port;
    this.#sockets = sockets;
  }

  static async start(brokerPort: number): Promise<LyingProxy> {
    const sockets = new Set<Socket>();
    const server = createServer((client) => {
      const broker = connect(brokerPort, '127.0.0.1');
      const versions = new Map<number, number>();
      for (const socket of [client, broker]) {
        sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
          client.destroy();
          broker.destroy();
        });
      }
      forward(client, broker, (frame) => {
        if (frame.readInt16BE(0) === offsetForLeaderEpoch.key) versions.set(frame.readInt32BE(4), frame.readInt16BE(2));
        return frame;
      });
      forward(broker, client, (frame) => {
        const version = versions.get(frame.readInt32BE(0));
        return version === undefined ? frame : lie(frame, version);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
    return new LyingProxy(server, address.port, sockets);
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

function forward(from: Socket, to: Socket, change: (frame: Buffer) => Uint8Array): void {
  let held: Buffer = Buffer.alloc(0);
  from.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    while (held.length >= LENGTH_BYTES && held.length >= LENGTH_BYTES + held.readInt32BE(0)) {
      const end = LENGTH_BYTES + held.readInt32BE(0);
      const frame = change(held.subarray(LENGTH_BYTES, end));
      const length = Buffer.alloc(LENGTH_BYTES);
      length.writeInt32BE(frame.length);
      to.write(Buffer.concat([length, frame]));
      held = held.subarray(end);
    }
  });
}

function lie(frame: Buffer, version: number): Uint8Array {
  const correlationId = frame.readInt32BE(0);
  const reader = Reader.over(frame);
  decodeResponseHeader(offsetForLeaderEpoch, version, correlationId, reader);
  const body = decodeResponse(offsetForLeaderEpoch, version, reader);
  const topics = body.topics.map((topic) => ({
    ...topic,
    partitions: topic.partitions.map((one) => ({ ...one, leaderEpoch: one.leaderEpoch + 1 })),
  }));
  const writer = new Writer(1 << 20);
  encodeResponseHeader(offsetForLeaderEpoch, version, correlationId, writer);
  encodeResponse(offsetForLeaderEpoch, version, { ...body, topics }, writer);
  return writer.written();
}
