/** Clients whose frames are much larger than any before: what those that stall hold, and that everybody else is served. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { createDataTable } from '../../src/apis/data-table.ts';
import { StrangerSeats } from '../../src/net/stranger-seats.ts';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import type { FakeClient } from '../support/fake-client.ts';
import { FrontRig, type RigOptions } from './front-rig.ts';
import { anyBatch, correlationOf, framesOf, requestFrame } from './wire.ts';

const MEBIBYTE = 1_048_576;

function rigOf(options: RigOptions = {}): FrontRig {
  const rig = new FrontRig({ slabBytes: 1 << 27, ...options, apis: () => [...createDataTable()] });
  rig.addTopic('news', 1);
  return rig;
}

function produceOf(correlationId: number, bytes: number): Uint8Array {
  const partitions = [{ partitionIndex: 0, records: anyBatch(bytes, 7) }];
  return requestFrame(produce, 9, correlationId, { acks: 1, timeoutMs: 1, topics: [{ name: 'news', partitions }] });
}

/** The beginning of a frame that never goes on. */
function beginningOf(frameBytes: number, sentBytes: number): Uint8Array {
  const bytes = Buffer.alloc(sentBytes);
  bytes.writeInt32BE(frameBytes - 4);
  return bytes;
}

function stallingCrowd(rig: FrontRig, count: number, frameBytes: number, sentBytes: number): FakeClient[] {
  const clients = Array.from({ length: count }, () => rig.transport.connect());
  rig.settle();
  const beginning = beginningOf(frameBytes, sentBytes);
  for (const client of clients) client.write(beginning);
  for (let turn = 0; turn < 20; turn++) rig.step(1);
  return clients;
}

function stepUntilAnswered(rig: FrontRig, client: FakeClient, msMax: number): number {
  for (let ms = 0; ms <= msMax; ms++) {
    rig.step(1);
    if (client.receivedBytes > 0) return ms;
  }
  return Number.POSITIVE_INFINITY;
}

/** Whoever has lost a seat since then, as often as it has. */
function watchUnseated(): () => readonly string[] {
  const unseat = vi.spyOn(StrangerSeats.prototype, 'unseat');
  onTestFinished(() => unseat.mockRestore());
  return () =>
    unseat.mock.results.flatMap(({ type, value }) => (type === 'return' ? value : [])).map(({ peer }) => peer);
}

// They had all of the memory, one of them was closed each second, and nobody else was served for as long.
test.each([
  ['100 KB', 100_000, 60_000],
  ['1 MB', 1_000_000, 90_000],
])(
  '1,000 clients that announce 100 MiB and stall after %s cost at most 16 MiB, and nobody waits for them',
  (_, sentBytes, msMax) => {
    const rig = rigOf();
    const neighbour = rig.connect();
    neighbour.write(produceOf(1, 100));
    rig.settle();
    neighbour.take();
    stallingCrowd(rig, 1000, 100 * MEBIBYTE, sentBytes);

    neighbour.write(produceOf(2, 100));
    expect(stepUntilAnswered(rig, neighbour, 5)).toBeLessThanOrEqual(5);
    const stranger = rig.transport.connect();
    stranger.write(produceOf(3, 900_000));
    expect(stepUntilAnswered(rig, stranger, 50)).toBeLessThanOrEqual(50);
    // One who sends as much as they announce stands in their line, which moves.
    const large = rig.transport.connect();
    large.write(produceOf(4, 3 * MEBIBYTE));
    expect(stepUntilAnswered(rig, large, msMax)).toBeLessThan(msMax);
    expect(rig.slab.usedBytesMax).toBeLessThan(16 * MEBIBYTE);
    expect(rig.lines.join()).toContain('send frames larger than any before');
  },
);

test('honest clients with huge first frames all get through a crowd that stalls, though they have to pause for each other', () => {
  const rig = rigOf();
  const frame = produceOf(1, 6 * MEBIBYTE);
  const honest = Array.from({ length: 8 }, () => rig.transport.connect());
  rig.settle();
  for (const client of honest) client.write(frame.subarray(0, MEBIBYTE));
  rig.step(1);
  stallingCrowd(rig, 50, 100 * MEBIBYTE, 600_000);
  for (const client of honest) client.write(frame.subarray(MEBIBYTE));
  for (let turn = 0; turn < 2000; turn++) rig.step(1);
  expect(honest.map((client) => framesOf(client.take()).map(correlationOf))).toEqual(honest.map(() => [1]));
  // One frame as a whole at a time, and no eight of them.
  expect(rig.slab.usedBytesMax).toBeLessThan(40 * MEBIBYTE);
  rig.pass(30_000, 10);
  for (const client of honest) client.write(frame);
  rig.settle();
  expect(honest.map((client) => framesOf(client.take()).map(correlationOf))).toEqual(honest.map(() => [1]));
});

test('who loses his seat keeps what he has sent, and gets another when he sends on', () => {
  const rig = rigOf();
  const unseated = watchUnseated();
  stallingCrowd(rig, 7, 3 * MEBIBYTE, 20_000);
  const frame = produceOf(1, 2_900_000);
  const slow = rig.transport.connect();
  for (let at = 0; at < frame.length; at += 300_000) {
    slow.write(frame.subarray(at, at + 300_000));
    for (let turn = 0; turn < 50; turn++) rig.step(1);
    // Others who want all seats.
    stallingCrowd(rig, 8, 3 * MEBIBYTE, 20_000);
    for (let turn = 0; turn < 60; turn++) rig.step(10);
  }
  expect(framesOf(slow.take()).map(correlationOf)).toEqual([1]);
  expect(unseated().filter((peer) => peer === slow.peer).length).toBeGreaterThan(1);
});

test('many that send their first large frames slowly get them through, one after the other, and none is closed', () => {
  const rig = rigOf();
  const unseated = watchUnseated();
  const frame = produceOf(1, 120_000);
  const slow = Array.from({ length: 60 }, () => rig.transport.connect());
  // Each brings less than a seat is worth.
  for (let at = 0; at < frame.length; at += 6000) {
    for (const client of slow) client.write(frame.subarray(at, at + 6000));
    for (let turn = 0; turn < 25; turn++) rig.step(40);
  }
  for (let turn = 0; turn < 100; turn++) rig.step(40);
  expect(slow.filter((client) => client.isClosedByBroker)).toEqual([]);
  expect(slow.map((client) => framesOf(client.take()).length)).toEqual(slow.map(() => 1));
  // Who loses it a second time has had it again.
  expect(unseated().length).toBeGreaterThan(slow.length);
});

test('seats of those that went are free again, whether they sat or stood in line', () => {
  const rig = rigOf();
  for (let round = 0; round < 4; round++) {
    const clients = stallingCrowd(rig, 40, MEBIBYTE, 20_000);
    for (const [index, client] of clients.entries()) {
      if (index % 2 === 0) client.reset();
      else client.end();
    }
    rig.settle();
    const honest = Array.from({ length: 30 }, (_, id) => {
      const client = rig.transport.connect();
      client.write(produceOf(id, 500_000));
      return client;
    });
    rig.settle();
    expect(honest.map((client) => framesOf(client.take()).map(correlationOf))).toEqual(honest.map((_, id) => [id]));
    for (const client of honest) client.end();
    rig.settle();
  }
  rig.expectNothingHeld();
});

// Once those that waited were closed for it: both took a second.
test('who waits for memory has that of clients that have sent nothing since their last request', () => {
  const rig = rigOf({ slabBytes: 1 << 23, limits: { receiveBytesMax: 1 << 20, requestBytesMax: 1 << 20 } });
  const idle = Array.from({ length: 400 }, () => rig.connect());
  // One after the other, so that none of them is a stranger to the front, or waits for memory.
  for (const client of idle) {
    client.write(produceOf(1, 10_000));
    rig.settle();
    client.write(produceOf(1, 20_000));
    rig.settle();
  }
  expect(rig.slab.usedBytes).toBeGreaterThan(0.95 * rig.slab.bytesTotal);
  const late = Array.from({ length: 20 }, () => rig.transport.connect());
  for (const client of late) client.write(produceOf(2, 100_000));
  for (let turn = 0; turn < 400; turn++) rig.step(1);
  expect(late.map((client) => framesOf(client.take()).map(correlationOf))).toEqual(late.map(() => [2]));
  expect(rig.lines).toEqual([]);
  for (const client of idle) client.write(produceOf(3, 10_000));
  for (let turn = 0; turn < 2000; turn++) rig.step(1);
  expect(idle.map((client) => framesOf(client.take()).map(correlationOf))).toEqual(idle.map(() => [1, 1, 3]));
});

test('of thousands that hold all memory with requests of a size they are known for, those that stall go soon', () => {
  const rig = rigOf({ slabBytes: 1 << 23, limits: { receiveBytesMax: 1 << 20, requestBytesMax: 1 << 20 } });
  const crowd = Array.from({ length: 200 }, () => rig.connect());
  for (const client of crowd) client.write(produceOf(1, 50_000));
  rig.settle();
  rig.pass(1500, 100);
  for (const client of crowd) client.write(beginningOf(65_000, 40_000));
  rig.settle();
  const neighbour = rig.transport.connect();
  neighbour.write(produceOf(2, 100));
  expect(stepUntilAnswered(rig, neighbour, 3000)).toBeLessThan(3000);
});
