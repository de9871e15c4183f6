/**
 * Clients that come and go roughly: resets in the middle of requests and of answers, one half of a connection closed, a port
 * knocked at by thousands. Descriptors and memory come back, and the neighbour is served meanwhile.
 */
import { readdirSync, readlinkSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Producer } from '../../src/client/producer.ts';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { apiVersions } from '../../src/protocol/schemas/18-api-versions.ts';
import { requestFrame } from '../net/wire.ts';
import { BoundedBroker, MEBIBYTE, until } from './bounded-broker.ts';
import { Crowd } from './crowd.ts';

const SLOWEST_MS_MAX = 5000;
const WITHIN_MS = 20_000;
/** Files that the broker may open meanwhile for itself. */
const DESCRIPTORS_SPARE = 8;
const FRONTS = 2;
/** A front keeps the pipes that large answers left through, both ends of at most sixteen. */
const PIPE_ENDS_MAX = FRONTS * 16 * 2;

let broker: BoundedBroker;

beforeEach(async () => {
  broker = await BoundedBroker.start({ arguments: ['--fronts', String(FRONTS)] });
});

afterEach(async () => {
  await broker.dispose();
});

interface Descriptors {
  readonly pipeEnds: number;
  readonly others: number;
}

/** What a descriptor leads to; nothing where it was closed since it was listed. */
function leadsTo(descriptor: string): string[] {
  try {
    return [readlinkSync(`/proc/${broker.process.pid}/fd/${descriptor}`)];
  } catch {
    return [];
  }
}

function descriptors(): Descriptors {
  const all = readdirSync(`/proc/${broker.process.pid}/fd`).flatMap(leadsTo);
  const pipeEnds = all.filter((target) => target.startsWith('pipe:')).length;
  return { pipeEnds, others: all.length - pipeEnds };
}

/** Nothing of what came is left. */
async function expectAsBefore(before: { readonly descriptors: Descriptors; readonly bytes: number }): Promise<void> {
  const othersMax = before.descriptors.others + DESCRIPTORS_SPARE;
  await until('descriptors are given back', () => descriptors().others <= othersMax, WITHIN_MS);
  expect(descriptors().pipeEnds - before.descriptors.pipeEnds).toBeLessThanOrEqual(PIPE_ENDS_MAX);
  const { slowestMs } = await broker.serveNeighbour(50);
  expect(slowestMs).toBeLessThan(SLOWEST_MS_MAX);
  expect(broker.residentBytes - before.bytes).toBeLessThan(24 * MEBIBYTE);
}

it('a storm of resets, in the middle of requests and of answers, leaves nothing behind', async () => {
  const producer = new Producer(broker.cluster);
  for (let index = 0; index < 8; index++) {
    await producer.send(broker.topic, 0, [{ key: null, value: Buffer.alloc(500_000, index), timestamp: 1 }]);
  }
  const partitions = [{ partitionIndex: 0, fetchOffset: 0, partitionMaxBytes: 8 * MEBIBYTE }];
  const read = { maxWaitMs: 0, minBytes: 0, maxBytes: 8 * MEBIBYTE, sessionEpoch: -1 };
  const large = requestFrame(fetch, 11, 1, { ...read, topics: [{ name: broker.topic, partitions }] });
  const before = { descriptors: descriptors(), bytes: broker.residentBytes };
  for (let round = 0; round < 15; round++) {
    const crowd = await Crowd.connect(broker.port, 100, { isReading: round % 2 === 0 });
    crowd.send((index) => (index % 2 === 0 ? large : large.subarray(0, 1 + (index % (large.length - 1)))));
    await broker.serveNeighbour(5);
    for (const socket of crowd.sockets) socket.resetAndDestroy();
  }
  await expectAsBefore(before);
});

it('knocked at by 6,000 who leave at once, it goes on', async () => {
  const before = { descriptors: descriptors(), bytes: broker.residentBytes };
  for (let round = 0; round < 20; round++) {
    const crowd = await Crowd.connect(broker.port, 300);
    for (const socket of crowd.sockets) socket.resetAndDestroy();
  }
  await expectAsBefore(before);
});

it('who has closed his half is answered what he asked before, and then let go', async () => {
  const before = { descriptors: descriptors(), bytes: broker.residentBytes };
  const crowd = await Crowd.connect(broker.port, 200);
  crowd.send(requestFrame(apiVersions, 0, 7, {}));
  for (const socket of crowd.sockets) socket.end();
  await until('all are let go', () => crowd.openCount === 0, WITHIN_MS);
  await expectAsBefore(before);
});
