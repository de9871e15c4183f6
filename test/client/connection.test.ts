import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import { Connection, Inbox } from '../../src/client/connection.ts';
import type { Api } from '../../src/protocol/api.ts';
import { encodeResponse } from '../../src/protocol/compile.ts';
import { encodeResponseHeader } from '../../src/protocol/header.ts';
import { metadata } from '../../src/protocol/schemas/03-metadata.ts';
import { apiVersions } from '../../src/protocol/schemas/18-api-versions.ts';
import { Writer } from '../../src/protocol/writer.ts';

const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

type Answerer = (request: { key: number; version: number; correlationId: number }, socket: Socket) => void;

/** A broker that says which versions it speaks and leaves every other request to the test. */
async function fakeBroker(metadataVersions: readonly [number, number], answerer: Answerer): Promise<number> {
  const server = createServer((socket) => {
    const inbox = new Inbox();
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      inbox.add(chunk);
      for (let frame = inbox.take(); frame !== null; frame = inbox.take()) {
        const view = new DataView(frame.buffer, frame.byteOffset);
        const request = { key: view.getInt16(0), version: view.getInt16(2), correlationId: view.getInt32(4) };
        if (request.key !== apiVersions.key) {
          answerer(request, socket);
          continue;
        }
        const apiKeys = [{ apiKey: metadata.key, minVersion: metadataVersions[0], maxVersion: metadataVersions[1] }];
        socket.write(answerOf(apiVersions, request.version, request.correlationId, { errorCode: 0, apiKeys }));
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function answerOf<I>(
  api: Api<unknown, unknown, unknown, I>,
  version: number,
  correlationId: number,
  body: I,
): Uint8Array {
  const writer = new Writer(1 << 20);
  const lengthAt = writer.beginLength();
  encodeResponseHeader(api, version, correlationId, writer);
  encodeResponse(api, version, body, writer);
  writer.endLength(lengthAt);
  return new Uint8Array(writer.written());
}

function metadataAnswer(version: number, correlationId: number, clusterId: string): Uint8Array {
  return answerOf(metadata, version, correlationId, { brokers: [], clusterId, topics: [] });
}

const asked = { topics: [], allowAutoTopicCreation: false };

it('speaks the newest version that both sides know', async () => {
  const versions: number[] = [];
  const port = await fakeBroker([0, 7], ({ version, correlationId }, socket) => {
    versions.push(version);
    socket.write(metadataAnswer(version, correlationId, 'c'));
  });
  const connection = await Connection.open({ host: '127.0.0.1', port });
  await connection.request(metadata, asked);
  connection.close();
  expect(versions).toEqual([7]);
});

it('says so when the broker knows only versions that we do not', async () => {
  const port = await fakeBroker([90, 99], () => {});
  const connection = await Connection.open({ host: '127.0.0.1', port });
  expect(() => connection.versionOf(metadata)).toThrow(/speaks 90-99/);
  connection.close();
});

it('gives each answer to its own request', async () => {
  const held: Uint8Array[] = [];
  const port = await fakeBroker([0, 9], ({ version, correlationId }, socket) => {
    held.push(metadataAnswer(version, correlationId, `cluster-${held.length}`));
    if (held.length === 3) socket.write(Buffer.concat(held));
  });
  const connection = await Connection.open({ host: '127.0.0.1', port });
  const answers = await Promise.all([1, 2, 3].map(() => connection.request(metadata, asked)));
  connection.close();
  expect(answers.map((answer) => answer.clusterId)).toEqual(['cluster-0', 'cluster-1', 'cluster-2']);
});

it('fails every waiting request when the broker hangs up, and later ones at once', async () => {
  const port = await fakeBroker([0, 9], (_, socket) => socket.destroy());
  const connection = await Connection.open({ host: '127.0.0.1', port });
  const results = await Promise.allSettled([connection.request(metadata, asked), connection.request(metadata, asked)]);
  expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected']);
  await expect(connection.request(metadata, asked)).rejects.toThrow(/closed by the broker/);
  expect(connection.isOpen).toBe(false);
});

it('gives up on a broker that does not answer in time', async () => {
  const port = await fakeBroker([0, 9], () => {});
  const connection = await Connection.open({ host: '127.0.0.1', port, requestTimeoutMs: 50 });
  await expect(connection.request(metadata, asked)).rejects.toThrow(/was not answered in 50 ms/);
});

it('refuses an answer that nobody asked for', async () => {
  const port = await fakeBroker([0, 9], ({ version, correlationId }, socket) => {
    socket.write(metadataAnswer(version, correlationId + 1000, 'c'));
  });
  const connection = await Connection.open({ host: '127.0.0.1', port });
  await expect(connection.request(metadata, asked)).rejects.toThrow(/waits for none/);
});

it('says where it could not connect to', async () => {
  const port = await fakeBroker([0, 9], () => {});
  const [server] = servers.splice(0);
  server?.close();
  await expect(Connection.open({ host: '127.0.0.1', port })).rejects.toThrow(`no connection to 127.0.0.1:${port}`);
});

it('puts frames together however the bytes are cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 4, maxLength: 40 }), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 20 }),
      (frames, cuts) => {
        const whole = Buffer.concat(
          frames.map((frame) => {
            const prefixed = Buffer.alloc(4 + frame.length);
            prefixed.writeInt32BE(frame.length);
            prefixed.set(frame, 4);
            return prefixed;
          }),
        );
        const inbox = new Inbox();
        const found: number[][] = [];
        for (let at = 0, cut = 0; at < whole.length; cut++) {
          const length = cuts[cut % cuts.length] ?? 1;
          inbox.add(whole.subarray(at, at + length));
          at += length;
          for (let frame = inbox.take(); frame !== null; frame = inbox.take()) found.push([...frame]);
        }
        expect(found).toEqual(frames.map((frame) => [...frame]));
      },
    ),
  );
});

it('takes the greeting of a TLS port for what it is', () => {
  const inbox = new Inbox();
  inbox.add(Buffer.from([0x15, 3, 3, 0, 2, 2, 0x28]));
  expect(() => inbox.take()).toThrow(/is this a Kafka port without TLS/);
});
