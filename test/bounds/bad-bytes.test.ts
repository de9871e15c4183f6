/** What is no Kafka request, or a broken one, sent to a real broker: closed with one line that names peer and cause, or answered. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { apiVersions } from '../../src/protocol/schemas/18-api-versions.ts';
import { anyBatch, requestFrame } from '../net/wire.ts';
import { BoundedBroker, MEBIBYTE, until } from './bounded-broker.ts';
import { Crowd } from './crowd.ts';

const PEERS = 50;
const CLOSED_WITHIN_MS = 5000;

let broker: BoundedBroker;

beforeAll(async () => {
  broker = await BoundedBroker.start();
});

afterAll(async () => {
  await broker.dispose();
});

function withLength(length: number, rest = 64): Uint8Array {
  const bytes = Buffer.alloc(4 + rest);
  bytes.writeInt32BE(length);
  return bytes;
}

/** A request header of that key and version, with nothing sensible behind it. */
function header(apiKey: number, version: number): Uint8Array {
  const bytes = Buffer.alloc(40);
  bytes.writeInt32BE(36, 0);
  bytes.writeInt16BE(apiKey, 4);
  bytes.writeInt16BE(version, 6);
  bytes.writeInt16BE(-1, 12);
  return bytes;
}

const garbage = Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 167 + 91) & 0x7f));
const tlsHello = Buffer.concat([
  Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc]),
  Buffer.alloc(508, 7),
]);
const brokenFetch = requestFrame(fetch, 11, 5, { maxWaitMs: 0, minBytes: 0, topics: [] });
const lyingCount = Buffer.from(brokenFetch);
// The topic count of a v11 fetch lies before its forgotten topics and its rack, which are empty.
lyingCount.writeInt32BE(0x7fff_ffff, lyingCount.length - 4 - 4 - 2);

const CLOSING: readonly (readonly [string, Uint8Array, string])[] = [
  ['a length of -1', withLength(-1), 'announced'],
  ['a length of 2 GiB', withLength(0x7fff_ffff), 'announced'],
  ['a length just over the limit', withLength(104_857_601), 'announced'],
  ['a length of nothing', withLength(0), 'announced'],
  ['a TLS hello', tlsHello, 'TLS'],
  ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\nHost: broker\r\n\r\n'), 'HTTP'],
  ['garbage', garbage, 'announced'],
  ['an API key nobody has', header(9999, 0), 'API key 9999'],
  ['a negative API key', header(-7, 0), 'API key'],
  ['a Fetch from the future', header(1, 300), 'version 300'],
  ['a count that cannot be', lyingCount, 'does not follow the protocol'],
];

describe('bytes that are no request', () => {
  for (const [name, bytes, cause] of CLOSING) {
    it(`${name}: ${PEERS} peers are closed, one line says why, and the neighbour is served`, async () => {
      const before = broker.residentBytes;
      const crowd = await Crowd.connect(broker.port, PEERS);
      crowd.send(bytes);
      const served = await broker.serveNeighbour(50);
      await until(`${name} is closed`, () => crowd.openCount === 0, CLOSED_WITHIN_MS);
      crowd.destroy();
      const lines = broker.linesWith('closed 127.0.0.1:').filter((line) => line.includes(cause));
      expect(crowd.receivedBytes).toBe(0);
      expect(lines.length, broker.process.output).toBeGreaterThan(0);
      expect(served.medianMs).toBeLessThan(500);
      expect(served.slowestMs).toBeLessThan(10_000);
      expect(broker.residentBytes - before).toBeLessThan(8 * MEBIBYTE);
    });
  }

  it('log lines are few however many peers are closed', () => {
    const causes = new Set(CLOSING.map(([, , cause]) => cause));
    // One line at once and one summary per cause and period; the causes were named a handful of times at most.
    expect(broker.linesWith('closed 127.0.0.1:').length).toBeLessThan(causes.size * 6);
  });
});

describe('requests that are broken inside', () => {
  it('an ApiVersions of an unknown version is answered with the versions there are', async () => {
    const crowd = await Crowd.connect(broker.port, 1);
    crowd.send(header(18, 99));
    await until('the answer', () => crowd.receivedBytes >= 10, CLOSED_WITHIN_MS);
    expect(crowd.receivedBy(0).readInt16BE(8)).toBe(35);
    crowd.destroy();
  });

  it('a batch that is garbage is answered with an error for its partition', async () => {
    const crowd = await Crowd.connect(broker.port, PEERS);
    const partitions = [{ partitionIndex: 0, records: anyBatch(500, 3) }];
    const topics = [{ name: broker.topic, partitions }];
    crowd.send(requestFrame(produce, 8, 9, { acks: -1, timeoutMs: 1000, topics }));
    await until('answers', () => crowd.received.every((chunks) => chunks.length > 0), CLOSED_WITHIN_MS);
    const answer = crowd.receivedBy(0);
    expect(answer.readInt16BE(4 + 4 + 4 + 2 + broker.topic.length + 4 + 4)).not.toBe(0);
    expect(crowd.closedCount).toBe(0);
    crowd.destroy();
  });

  it('half a frame and then the end of the connection costs nothing', async () => {
    const before = broker.residentBytes;
    const whole = requestFrame(apiVersions, 3, 1, { clientSoftwareName: 'x', clientSoftwareVersion: '1' });
    for (let round = 0; round < 20; round++) {
      const crowd = await Crowd.connect(broker.port, 100);
      crowd.send((index) => whole.subarray(0, 1 + (index % (whole.length - 1))));
      await broker.serveNeighbour(5);
      crowd.destroy();
    }
    await broker.serveNeighbour(100);
    expect(broker.residentBytes - before).toBeLessThan(16 * MEBIBYTE);
  });
});
