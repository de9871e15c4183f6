/** Clients that announce and do not send, send drop by drop, or ask and do not read: the broker's memory and its neighbours. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Producer } from '../../src/client/producer.ts';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { requestFrame } from '../net/wire.ts';
import { BoundedBroker, MEBIBYTE, until } from './bounded-broker.ts';
import { Crowd } from './crowd.ts';

const HUNDRED_MEBIBYTES = 100 * MEBIBYTE;
/** Far above what is seen, far below a front that stood still. */
/** A neighbour that starves does so as a rule; a machine that stands still does for one answer. */
const SLOWEST_MS_MAX = 10_000;
const MEDIAN_MS_MAX = 500;

let broker: BoundedBroker;
let crowds: Crowd[] = [];

beforeEach(async () => {
  broker = await BoundedBroker.start();
});

afterEach(async () => {
  for (const crowd of crowds) crowd.destroy();
  crowds = [];
  await broker.dispose();
});

async function crowdOf(count: number, options: { isReading?: boolean } = {}): Promise<Crowd> {
  const crowd = await Crowd.connect(broker.port, count, options);
  crowds.push(crowd);
  return crowd;
}

/** A frame of 100 MiB that breaks off after so many bytes. */
function announced(sentBytes: number): Uint8Array {
  const bytes = Buffer.alloc(sentBytes);
  bytes.writeUInt32BE(HUNDRED_MEBIBYTES - 4);
  return bytes;
}

async function serveNeighbour(): Promise<void> {
  const { medianMs, slowestMs } = await broker.serveNeighbour(500);
  expect(medianMs).toBeLessThan(MEDIAN_MS_MAX);
  expect(slowestMs).toBeLessThan(SLOWEST_MS_MAX);
}

/** What the broker grew by at its highest while `work` went on. */
async function growthDuring(work: () => Promise<void>): Promise<number> {
  const before = broker.residentBytes;
  let highest = before;
  const timer = setInterval(() => {
    highest = Math.max(highest, broker.residentBytes);
  }, 20);
  await work().finally(() => clearInterval(timer));
  return Math.max(highest, broker.residentBytes) - before;
}

it('1,000 clients that announce 100 MiB and stall cost at most 16 MiB, and others are served meanwhile', async () => {
  const crowd = await crowdOf(1000);
  await broker.serveNeighbour(100);
  const grown = await growthDuring(async () => {
    crowd.send((index) => announced(index % 2 === 0 ? 4 : 10_240));
    await serveNeighbour();
    expect(crowd.closedCount).toBe(0);
    // Then they go on for a while, and stall again.
    crowd.send(Buffer.alloc(90_000));
    await serveNeighbour();
  });
  expect(grown).toBeLessThan(16 * MEBIBYTE);
});

it('a slow loris holds its place and nothing else, and is served when it finishes', async () => {
  const crowd = await crowdOf(300);
  const frame = requestFrame(fetch, 11, 77, fetchOf(0, 1024));
  const grown = await growthDuring(async () => {
    for (let at = 0; at < frame.length; at++) {
      crowd.send(frame.subarray(at, at + 1));
      await broker.serveNeighbour(3);
    }
  });

  await until('every slow request is answered', () => crowd.received.every((chunks) => chunks.length > 0), 10_000);
  expect(crowd.closedCount).toBe(0);
  expect(grown).toBeLessThan(16 * MEBIBYTE);
});

it('200 clients that fetch and never read cost at most 64 MiB, and others are served meanwhile', async () => {
  const producer = new Producer(broker.cluster);
  for (let index = 0; index < 64; index++) {
    await producer.send(broker.topic, 0, [{ key: null, value: Buffer.alloc(500_000, index), timestamp: 1 }]);
    await producer.send(broker.topic, 1, [{ key: null, value: Buffer.alloc(500, index), timestamp: 1 }]);
  }
  const crowd = await crowdOf(200, { isReading: false });
  await broker.serveNeighbour(100);
  const large = requestFrame(fetch, 11, 1, fetchOf(0, 50 * MEBIBYTE));
  const small = requestFrame(fetch, 11, 1, fetchOf(0, 20_000));
  const many = Buffer.concat(Array.from({ length: 200 }, () => small));
  const grown = await growthDuring(async () => {
    crowd.send((index) => (index % 2 === 0 ? large : many));
    await serveNeighbour();
  });
  expect(grown).toBeLessThan(64 * MEBIBYTE);
});

function fetchOf(fetchOffset: number, bytesMax: number) {
  const partitions = [{ partitionIndex: 0, fetchOffset, partitionMaxBytes: bytesMax }];
  const topics = [{ name: broker.topic, partitions }];
  return { maxWaitMs: 0, minBytes: 0, maxBytes: bytesMax, sessionEpoch: -1, topics };
}
