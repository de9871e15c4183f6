/** Clients that ask for much and do not read: what they cost the front, and that it costs nobody else. */
import { expect, test, vi } from 'vitest';
import { createDataTable } from '../../src/apis/data-table.ts';
import { Connection } from '../../src/net/connection.ts';
import { ratesOf } from '../../src/net/front-commons.ts';
import { RateWindow } from '../../src/net/rate-window.ts';
import { Throttle } from '../../src/net/throttle.ts';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { plainCommons } from '../support/plain-commons.ts';
import { FrontRig, type RigOptions } from './front-rig.ts';
import { anyBatch, controlFrame, correlationOf, framesOf, requestFrame } from './wire.ts';

function rigOf(options: RigOptions = {}): FrontRig {
  return new FrontRig({ ...options, apis: () => [...createDataTable()] });
}

function answerTo(frame: Uint8Array, bytes: number): Uint8Array {
  const reply = Buffer.alloc(8 + bytes, 7);
  reply.writeInt32BE(4 + bytes, 0);
  reply.set(frame.subarray(4, 8), 4);
  return reply;
}

// Of 60 clients that asked for 2.3 KB worth of Metadata each and read nothing, no control request of anybody was answered again.
test('when clients that do not read hold it with answers of main, they are closed, and others get theirs', async () => {
  const rig = rigOf({
    outboxBytes: 1 << 18,
    onRequest: async (frame) => answerTo(frame, frame.length === 10 ? 4 : 30_000),
  });
  rig.addTopic('news', 1);
  const deaf = Array.from({ length: 8 }, () => {
    const client = rig.connect({ windowBytes: 1 });
    client.write(Buffer.concat(Array.from({ length: 100 }, (_, index) => controlFrame(index, 'much'))));
    return client;
  });
  await rig.settleAsync();
  const good = rig.connect();
  good.write(controlFrame(7, ''));
  for (let round = 0; round < 8; round++) {
    rig.pass(1000);
    await rig.settleAsync();
  }
  expect(framesOf(good.take()).map(correlationOf)).toEqual([7]);
  expect(deaf.some((client) => client.isClosedByBroker)).toBe(true);
  expect(rig.lines.join()).toContain('response memory is full');
});

test('main makes one answer at a time for a client, whether it waits for the client or for an answer before', async () => {
  const begun: number[] = [];
  const onRequest = async (frame: Uint8Array) => {
    begun.push(correlationOf(frame.subarray(4)));
    return answerTo(frame, 40_000);
  };
  const rig = rigOf({ onRequest });
  rig.addTopic('news', 1);
  const wish = { partitionIndex: 0, fetchOffset: 0, partitionMaxBytes: 1 };
  const topics = [{ name: 'news', partitions: [wish] }];
  const parked = requestFrame(fetch, 11, 1, { maxWaitMs: 5000, minBytes: 1, topics });
  const client = rig.connect();
  client.write(Buffer.concat([parked, ...[2, 3, 4, 5, 6].map((id) => controlFrame(id, 'x'))]));
  await rig.settleAsync();
  // The second answer goes beyond the 64 KiB that a connection may have.
  expect(begun).toEqual([2, 3]);
  for (let round = 0; round < 8; round++) {
    rig.pass(1000);
    await rig.settleAsync();
  }
  expect(framesOf(client.take()).map(correlationOf)).toEqual([1, 2, 3, 4, 5, 6]);
  client.end();
  rig.settle();
  rig.expectNothingHeld();
});

test('main begins a few requests at a time, however many clients ask at once, so that it knows what their answers take', async () => {
  let begun = 0;
  const onRequest = async (frame: Uint8Array) => {
    begun += 1;
    return answerTo(frame, 4);
  };
  const rig = rigOf({ onRequest });
  const clients = Array.from({ length: 100 }, () => rig.connect());
  for (const client of clients) client.write(controlFrame(1, 'x'));
  const counts: number[] = [];
  while (begun < clients.length) {
    rig.step();
    await new Promise((resolve) => setImmediate(resolve));
    counts.push(begun);
  }
  expect(counts.filter((count) => count > 0)).toEqual([32, 64, 96, 100]);
  await rig.settleAsync();
  for (const client of clients) expect(framesOf(client.take())).toHaveLength(1);
});

test('a question whose answer would be longer than any may be closes its connection and nothing else', () => {
  const rig = rigOf({ slabBytes: 1 << 28 });
  const topic = Buffer.alloc(2 + 32_000 + 4 + 12);
  topic.writeInt16BE(32_000);
  topic.writeInt32BE(1, 2 + 32_000);
  const topics = 2200;
  const frame = Buffer.concat([controlFrame(1, '', 2, 1), Buffer.alloc(8), ...new Array<Buffer>(topics).fill(topic)]);
  frame.writeInt32BE(frame.length - 4);
  frame.writeInt32BE(topics, 18);
  const client = rig.connect();
  client.write(frame);
  rig.settle();
  expect(client.isClosedByBroker).toBe(true);
  rig.expectNothingHeld();
});

test('more connections than leave descriptors for files are closed, though max.connections is higher', () => {
  const rig = rigOf({ limits: { connectionsMax: 100, connectionsRoom: 2 } });
  const clients = [1, 2, 3].map(() => rig.connect());
  rig.settle();
  expect(clients.map((client) => client.isClosedByBroker)).toEqual([false, false, true]);
  expect(rig.lines.join()).toContain('ulimit -n');
  clients[0]!.end();
  rig.settle();
  const next = rig.connect();
  rig.settle();
  expect(next.isClosedByBroker).toBe(false);
});

function produceOf(correlationId: number, bytes: number): Uint8Array {
  const partitions = [{ partitionIndex: 0, records: anyBatch(bytes, 7) }];
  return requestFrame(produce, 9, correlationId, { acks: 1, timeoutMs: 1, topics: [{ name: 'news', partitions }] });
}

// One connection was enough to keep everybody else from sending anything, for as long as its client liked.
test.each([
  ['that wait for an answer before theirs', { windowBytes: 1_000_000 }],
  ['whose answers it does not read', { windowBytes: 10 }],
])('when a client holds receive memory with requests %s, it makes room', async (_, options) => {
  const limits = { receiveBytesMax: 1 << 18, requestBytesMax: 1 << 20 };
  const rig = rigOf({ slabBytes: 1 << 22, limits, onRequest: async (frame) => answerTo(frame, 70_000) });
  rig.addTopic('news', 1);
  rig.addTopic('quiet', 1);
  const isDeaf = options.windowBytes === 10;
  const topics = [{ name: 'quiet', partitions: [{ partitionIndex: 0, fetchOffset: 0, partitionMaxBytes: 100 }] }];
  const long = requestFrame(fetch, 12, 1, { maxWaitMs: 2_000_000_000, minBytes: 1, topics });
  for (let count = 0; count < 5; count++) {
    const client = rig.connect(options);
    client.write(isDeaf ? controlFrame(1, 'x') : long);
    await rig.settleAsync();
    for (let id = 0; id < 6; id++) client.write(produceOf(id, 900_000));
  }
  rig.settle();
  const good = rig.connect();
  good.write(produceOf(7, 50_000));
  rig.pass(8000, 250);
  expect(framesOf(good.take()).map(correlationOf)).toEqual([7]);
  expect(rig.lines.join()).toContain('hold requests whose answers it');
});

// Two clients that asked for much to wait for were enough to keep everybody else from being answered, for as long as they liked.
test('clients that send many requests ahead leave one for each of the others', () => {
  const rig = rigOf({ limits: { exchangesMax: 16, exchangesPerConnectionMax: 8 } });
  rig.addTopic('news', 1);
  const topics = [{ name: 'news', partitions: [{ partitionIndex: 0, fetchOffset: 0, partitionMaxBytes: 100 }] }];
  const long = requestFrame(fetch, 12, 1, { maxWaitMs: 2_000_000_000, minBytes: 1, topics });
  for (const client of [rig.connect(), rig.connect()]) for (let index = 0; index < 8; index++) client.write(long);
  for (let turn = 0; turn < 20; turn++) rig.step(1);
  const good = rig.transport.connect();
  good.write(requestFrame(fetch, 12, 7, { maxWaitMs: 5, minBytes: 1, topics }));
  for (let turn = 0; turn < 20; turn++) rig.step(1);
  expect(framesOf(good.take()).map(correlationOf)).toEqual([7]);
});

// Such a connection stayed for as long as its client liked.
test('who does not read the last answer before its connection ends is idle as anybody else', async () => {
  const onRequest = async (frame: Uint8Array) => (frame[10] === 0x6e ? null : answerTo(frame, 500));
  const rig = rigOf({ limits: { idleMs: 5000 }, onRequest });
  const client = rig.connect({ windowBytes: 10 });
  client.write(Buffer.concat([controlFrame(1, 'ok'), controlFrame(2, 'n')]));
  await rig.settleAsync();
  rig.pass(4000, 100);
  expect(client.isClosedByBroker).toBe(false);
  rig.pass(2000, 100);
  expect(client.isClosedByBroker).toBe(true);
  rig.expectNothingHeld();
});

// What lay there before counted as bytes that were fetched, up to 16 MiB of them.
test('a ShareFetch whose answer comes in a piece shorter than its length makes nobody wait for what nobody sent', async () => {
  const rig = rigOf({ arenaBytes: 4096, onRequest: async (frame) => answerTo(frame, frame.length === 10 ? 4087 : 10) });
  const values = { consumer_byte_rate: 10_000 };
  rig.post({ kind: 'quotas', rows: [{ entity: { 'client-id': null }, values }], windowCount: 11, windowMs: 1000 });
  const client = rig.connect();
  client.write(controlFrame(1, ''));
  await rig.settleAsync();
  client.take();
  rig.outboxSlab.memory.bytes.fill(0xff);
  // One byte of the answer's length lies at the end of main's memory, the others at its beginning.
  for (const id of [2, 3]) client.write(controlFrame(id, 'x', 78));
  await rig.settleAsync();
  expect(framesOf(client.take()).map(correlationOf)).toEqual([2, 3]);
});

// Each of them cost a look at all the 10,000 meters: 2 ms of the front for a request of 40 bytes.
test('clients under ever new names do not cost the front a look at all that it measures', () => {
  const throttle = new Throttle(ratesOf(plainCommons(1), 0));
  const values = { producer_byte_rate: 1000, consumer_byte_rate: 1000, request_percentage: 10 };
  throttle.take({ kind: 'quotas', rows: [{ entity: { 'client-id': null }, values }], windowCount: 11, windowMs: 1000 });
  const connection = new Connection(0);
  const ask = (name: string): void => {
    const bytes = Buffer.from(name);
    const meters = throttle.metersOf(connection, bytes, 0, bytes.length, 1_000_000);
    for (const meter of [meters.produce, meters.fetch, meters.request]) meter?.rate.record(1, 1_000_000);
  };
  for (let name = 0; name < 3400; name++) ask(`client-${name}`);
  const looks = vi.spyOn(RateWindow.prototype, 'isIdle');
  for (let name = 0; name < 100; name++) ask(`other-${name}`);
  expect(looks.mock.calls.length).toBeLessThan(20_000);
  looks.mockRestore();
});

test('who closes its side is answered what it asked for, and then closed; one that waits too long before', () => {
  const rig = rigOf({ limits: { idleMs: 5000 } });
  rig.addTopic('news', 1);
  const client = rig.connect({ windowBytes: 30 });
  client.write(Buffer.concat([produceOf(1, 100), produceOf(2, 100), produceOf(3, 100).subarray(0, 50)]));
  client.end();
  const pieces: Uint8Array[] = [];
  for (let round = 0; round < 10; round++) {
    rig.settle();
    pieces.push(client.take());
  }
  expect(framesOf(Buffer.concat(pieces)).map(correlationOf)).toEqual([1, 2]);
  expect(client.isClosedByBroker).toBe(true);
  const waiting = rig.connect();
  const partitions = [{ partitionIndex: 0, fetchOffset: 2, partitionMaxBytes: 100 }];
  waiting.write(requestFrame(fetch, 12, 1, { maxWaitMs: 20_000, minBytes: 1, topics: [{ name: 'news', partitions }] }));
  waiting.end();
  rig.pass(6000, 100);
  expect(waiting.isClosedByBroker).toBe(true);
  rig.expectNothingHeld();
});
