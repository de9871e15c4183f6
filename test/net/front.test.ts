import { describe, expect, test } from 'vitest';
import { createDataTable } from '../../src/apis/data-table.ts';
import { addressOverridesOf } from '../../src/config/address-overrides.ts';
import type { DataApi } from '../../src/net/data-api.ts';
import { errorCode } from '../../src/protocol/errors.ts';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { listOffsets } from '../../src/protocol/schemas/02-list-offsets.ts';
import { offsetForLeaderEpoch } from '../../src/protocol/schemas/23-offset-for-leader-epoch.ts';
import { FrontRig, type RigOptions } from './front-rig.ts';
import { anyBatch, controlFrame, correlationOf, framesOf, requestFrame, responseOf } from './wire.ts';

function rigOf(options: RigOptions = {}): FrontRig {
  return new FrontRig({ ...options, apis: () => [...createDataTable()] as (DataApi | undefined)[] });
}

function produceOf(correlationId: number, bytes = 100, name = 'news', version = 9, acks = 1): Uint8Array {
  return requestFrame(produce, version, correlationId, {
    acks,
    timeoutMs: 1000,
    topics: [{ name, partitions: [{ partitionIndex: 0, records: anyBatch(bytes, correlationId) }] }],
  });
}

/** Answers with the correlation id and `bytes` bytes of filling. */
function replyTo(frame: Uint8Array, bytes: number): Uint8Array {
  const reply = Buffer.alloc(8 + bytes, 7);
  reply.writeInt32BE(4 + bytes, 0);
  reply.set(frame.subarray(4, 8), 4);
  return reply;
}

function lengthPrefix(length: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(length | 0);
  return bytes;
}

describe('bad input', () => {
  test.each([
    ['a negative length', lengthPrefix(-5), 'announced'],
    ['a length beyond socket.request.max.bytes', lengthPrefix(200_000_000), 'socket.request.max.bytes'],
    ['a length too short for a header', lengthPrefix(9), 'too short'],
    ['a TLS hello', Uint8Array.from([0x16, 3, 1, 2, 0, 1]), 'TLS on a plaintext port'],
    ['a TLS alert', Uint8Array.from([0x15, 3, 3, 0]), 'announced 352518912 bytes: this looks like TLS'],
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n'), 'HTTP on a Kafka port'],
    ['4: an unknown API key', controlFrame(1, '', 99), 'API key 99'],
    ['4: an unsupported version', controlFrame(1, '', 3, 99), 'version 99'],
    [
      '4: a client id longer than the frame',
      Uint8Array.from([0, 0, 0, 10, 0, 3, 0, 1, 0, 0, 0, 1, 0, 50]),
      'broken header',
    ],
    [
      'a body that is no request',
      requestFrame(produce, 9, 1, { acks: 1, timeoutMs: 1, topics: [] }).fill(0xff, 20),
      'Produce',
    ],
  ])('%s closes the connection with one line that names peer and cause', (_, bytes, says) => {
    const rig = rigOf();
    rig.addTopic('news', 1);
    const client = rig.connect();
    client.write(bytes);
    rig.settle();
    expect(client.isClosedByBroker).toBe(true);
    expect(rig.lines.length).toBe(1);
    expect(rig.lines[0]).toContain(client.peer);
    expect(rig.lines[0]).toContain(says);
    rig.expectNothingHeld();
  });

  test.each([
    ['a length', () => lengthPrefix(200_000_000)],
    ['an API key', () => controlFrame(9, '', 99)],
    ['a body', () => produceOf(9).fill(0xff, 20)],
    ['a topic, and wants no answer', () => produceOf(9, 100, 'nowhere', 9, 0)],
  ])('who sends %s that is none has first what was asked before, and nothing of what comes behind', (_, bad) => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 1);
    const client = rig.connect();
    client.write(Buffer.concat([produceOf(1), produceOf(2), bad(), produceOf(3)]));
    rig.settle();
    expect(framesOf(client.take()).map(correlationOf)).toEqual([1, 2]);
    expect(client.isClosedByBroker).toBe(true);
    rig.expectNothingHeld();
    expect(rig.worker(0).log(rig.slotOf(topic, 0)).end).toBeGreaterThanOrEqual(2);
  });

  test('a thousand bad clients get one line in ten seconds', () => {
    const rig = rigOf();
    for (let index = 0; index < 1000; index++) rig.transport.connect().write(lengthPrefix(-1));
    rig.settle();
    expect(rig.lines.length).toBe(1);
    expect(rig.transport.openCount).toBe(0);
  });

  test('4: a null client id is legal, and requests before a bad one are answered', () => {
    const rig = rigOf({ onRequest: async (frame) => replyTo(frame, 3) });
    const client = rig.connect();
    client.write(controlFrame(5, 'x'));
    return rig.settleAsync().then(() => {
      expect(framesOf(client.take()).map(correlationOf)).toEqual([5]);
    });
  });
});

describe('the control lane', () => {
  test('5: pipelined requests are answered in order, whoever finishes first, with data in between', async () => {
    const waiting: (() => void)[] = [];
    const rig = rigOf({
      onRequest: (frame) =>
        new Promise((resolve) => {
          waiting.push(() => resolve(replyTo(frame, 10)));
        }),
    });
    rig.addTopic('news', 1);
    const client = rig.connect();
    const other = rig.connect();
    client.write(Buffer.concat([produceOf(1), controlFrame(2, 'a'), produceOf(3), controlFrame(4, 'b'), produceOf(5)]));
    other.write(controlFrame(9, 'c'));
    await rig.settleAsync();
    expect(framesOf(client.take()).map(correlationOf)).toEqual([1]);
    // The second control request of a connection starts when the first is done; another connection's does not wait.
    expect(waiting.length).toBe(2);
    waiting[1]!();
    await rig.settleAsync();
    expect(framesOf(other.take()).map(correlationOf)).toEqual([9]);
    waiting[0]!();
    await rig.settleAsync();
    expect(framesOf(client.take()).map(correlationOf)).toEqual([2, 3]);
    waiting[2]!();
    await rig.settleAsync();
    expect(framesOf(client.take()).map(correlationOf)).toEqual([4, 5]);
    client.end();
    other.end();
    await rig.settleAsync();
    rig.expectNothingHeld();
    expect(rig.control.connectionCount).toBe(0);
  });

  test('main learns who asks, and that a connection is gone; its late answer is dropped', async () => {
    const seen: string[] = [];
    let finish = (): void => {};
    const rig = rigOf({
      onRequest: (frame, connection) => {
        seen.push(
          `${connection.peer} ${connection.localHost}:${connection.localPort} ${Buffer.from(frame.subarray(10))}`,
          JSON.stringify(connection.identity),
        );
        return new Promise((resolve) => {
          finish = () => resolve(replyTo(frame, 1));
        });
      },
    });
    const client = rig.connect();
    client.write(controlFrame(1, 'hello'));
    await rig.settleAsync();
    expect(seen).toEqual([
      `${client.peer} 127.0.0.1:9092 hello`,
      JSON.stringify({ principal: 'User:ANONYMOUS', host: client.peer.split(':')[0], listener: 'PLAINTEXT' }),
    ]);
    client.reset();
    await rig.settleAsync();
    rig.expectNothingHeld();
    finish();
    await rig.settleAsync();
    expect(rig.control.connectionCount).toBe(0);
    rig.expectNothingHeld();
  });

  test('replies larger than the arena and the outbox together arrive whole', async () => {
    const rig = rigOf({
      arenaBytes: 4096,
      controlSlots: 4,
      outboxBytes: 1 << 14,
      onRequest: async (frame) => replyTo(frame, 300_000),
    });
    const client = rig.connect();
    client.write(Buffer.concat([controlFrame(1, 'a'), controlFrame(2, 'b')]));
    for (let round = 0; round < 40; round++) await rig.settleAsync();
    const frames = framesOf(client.take());
    expect(frames.map((frame) => [correlationOf(frame), frame.length])).toEqual([
      [1, 300_004],
      [2, 300_004],
    ]);
    client.end();
    await rig.settleAsync();
    rig.expectNothingHeld();
  });

  test('null and a failed handler close the connection, after what was answered before', async () => {
    const rig = rigOf({
      onRequest: async (frame) => {
        if (frame[10] === 0x6e) return null;
        if (frame[10] === 0x66) throw new Error('broken handler');
        return replyTo(frame, 2);
      },
    });
    for (const text of ['n', 'f']) {
      const client = rig.connect();
      client.write(Buffer.concat([controlFrame(1, 'ok'), controlFrame(2, text), controlFrame(3, 'ok')]));
      await rig.settleAsync();
      expect(framesOf(client.take()).map(correlationOf)).toEqual([1]);
      expect(client.isClosedByBroker).toBe(true);
    }
    expect(rig.failures.length).toBe(1);
    await rig.settleAsync();
    rig.expectNothingHeld();
  });

  test('1: ApiVersions of an unknown version goes to main', async () => {
    const rig = rigOf({ onRequest: async (frame) => replyTo(frame, 4) });
    const client = rig.connect();
    client.write(controlFrame(77, '', 18, 99));
    await rig.settleAsync();
    expect(framesOf(client.take()).map(correlationOf)).toEqual([77]);
  });

  test('a full lane to main holds the connection and loses nothing', async () => {
    const rig = rigOf({ controlSlots: 2, onRequest: async (frame) => replyTo(frame, 4) });
    const clients = Array.from({ length: 20 }, () => rig.connect());
    for (const client of clients) client.write(Buffer.concat([1, 2, 3].map((id) => controlFrame(id, 'x'))));
    await rig.settleAsync();
    for (const client of clients) expect(framesOf(client.take()).map(correlationOf)).toEqual([1, 2, 3]);
    for (const client of clients) client.reset();
    await rig.settleAsync();
    rig.expectNothingHeld();
    expect(rig.control.connectionCount).toBe(0);
  });
});

describe('receive memory', () => {
  test('an idle connection holds none; a quiet one gives its block back after a second', () => {
    const rig = rigOf();
    rig.addTopic('news', 1);
    const client = rig.connect();
    expect(rig.slab.usedBytes).toBe(0);
    client.write(produceOf(1));
    rig.settle();
    expect(rig.slab.usedBytes).toBe(4096);
    rig.pass(1500);
    expect(rig.slab.usedBytes).toBe(0);
    client.write(produceOf(2));
    rig.settle();
    expect(framesOf(client.take()).map(correlationOf)).toEqual([1, 2]);
  });

  test('a thousand connections that announce 100 MiB and stall cost at most 16 MiB, and others are served', () => {
    const rig = rigOf({ slabBytes: 1 << 28 });
    rig.addTopic('news', 1);
    for (let index = 0; index < 1000; index++) {
      const client = rig.transport.connect();
      client.write(lengthPrefix(100 << 20));
      client.write(new Uint8Array(60));
    }
    rig.settle();
    const good = rig.connect();
    good.write(produceOf(1));
    rig.settle();
    expect(framesOf(good.take()).length).toBe(1);
    expect(rig.slab.usedBytesMax).toBeLessThanOrEqual((16 << 20) + 65_536);
    rig.pass(1500);
    expect(rig.slab.usedBytes).toBeLessThanOrEqual(1000 * 4096);
  });

  test('small blocks of neighbours do not keep a largest frame from its memory', () => {
    const rig = rigOf({ slabBytes: 1 << 20, limits: { receiveBytesMax: 65_536, requestBytesMax: 500_000 } });
    rig.addTopic('news', 1);
    for (const id of [1, 2]) {
      rig.connect().write(produceOf(id));
      rig.settle();
    }
    const large = rig.connect();
    large.write(produceOf(3, 400_000));
    rig.settle();
    expect(framesOf(large.take()).map(correlationOf)).toEqual([3]);
  });

  test('when stalled frames hold all of it, the longest-stalled is closed and the others go on', () => {
    const rig = rigOf({ slabBytes: 1 << 18 });
    rig.addTopic('news', 1);
    const stalled = [0, 1, 2, 3].map((index) => {
      const client = rig.connect();
      client.write(lengthPrefix(100_000));
      client.write(new Uint8Array(40_000 + index));
      rig.settle();
      rig.step(10);
      return client;
    });
    const good = rig.connect();
    good.write(produceOf(1, 50_000));
    rig.settle();
    expect(good.receivedBytes).toBe(0);
    rig.pass(4000);
    expect(framesOf(good.take()).map(correlationOf)).toEqual([1]);
    expect(stalled[0]!.isClosedByBroker).toBe(true);
    expect(stalled[3]!.isClosedByBroker).toBe(false);
    expect(rig.lines.join()).toContain('receive memory is full');
  });

  test('when memory is short, who has sent his request whole and waits for its answer holds up nobody', () => {
    const rig = rigOf({ slabBytes: 1 << 19, limits: { receiveBytesMax: 65_536 } });
    rig.addTopic('news', 1);
    for (let index = 0; index < 48; index++) {
      const stalled = rig.connect();
      stalled.write(lengthPrefix(4000));
      stalled.write(new Uint8Array(2000));
    }
    rig.settle();
    const clients = [1, 2, 3, 4].map((id) => {
      const client = rig.connect();
      client.write(produceOf(id, 10_000));
      return client;
    });
    rig.pass(200, 1);
    // They were served one after the other from what is kept for that; none is blamed for having no more to say.
    expect(clients.map((client) => framesOf(client.take()).map(correlationOf))).toEqual([[1], [2], [3], [4]]);
    rig.pass(10_000);
    expect(clients.map((client) => client.isClosedByBroker)).toEqual([false, false, false, false]);
  });

  // What lies in a socket depends on its buffer, and those buffers grow that are read most.
  test('who has much in his socket is read no faster than others who have enough', () => {
    const rig = rigOf({ slabBytes: 1 << 27, laneSlots: 1024 });
    rig.addTopic('news', 1);
    const clients = Array.from({ length: 16 }, (_, index) =>
      rig.connect({ receiveBytesMax: index % 2 === 0 ? 600_000 : Number.POSITIVE_INFINITY }),
    );
    const writeEach = (frames: number) => {
      for (const client of clients) for (let id = 0; id < frames; id++) client.write(produceOf(id, 500_000));
    };
    // By then the broker knows what they send.
    for (let round = 0; round < 6; round++) {
      writeEach(1);
      rig.settle();
    }
    writeEach(14);
    // Receives that were armed while nobody sent go by no share.
    for (let turn = 0; turn < 5; turn++) rig.step();
    for (const client of clients) client.take();
    for (let turn = 0; turn < 3; turn++) rig.step();
    const answered = clients.map((client) => framesOf(client.take()).length);
    expect(Math.min(...answered)).toBeGreaterThan(1);
    expect(Math.max(...answered) - Math.min(...answered)).toBeLessThanOrEqual(1);
  });

  test('what a front stood still itself is nobody’s stall', () => {
    const rig = rigOf({ slabBytes: 1 << 18 });
    rig.addTopic('news', 1);
    const frame = produceOf(7, 60_000);
    const slow = [0, 1, 2, 3].map(() => {
      const client = rig.connect();
      client.write(frame.subarray(0, 40_000));
      rig.settle();
      return client;
    });
    const good = rig.connect();
    good.write(produceOf(1, 50_000));
    rig.settle();
    expect(good.receivedBytes).toBe(0);
    // A write that the disk held up, or a machine that did something else.
    for (let round = 0; round < 3; round++) {
      rig.step(3000);
      rig.step(1);
      expect(slow.map((client) => client.isClosedByBroker)).toEqual([false, false, false, false]);
    }
    // Who stalls while the front goes on is let go as ever.
    rig.pass(4000);
    expect(slow.some((client) => client.isClosedByBroker)).toBe(true);
    expect(framesOf(good.take()).map(correlationOf)).toEqual([1]);
  });

  test('large frames of a connection that has sent such are received without being moved often', () => {
    const rig = rigOf({ slabBytes: 1 << 24 });
    const topic = rig.addTopic('news', 1);
    const client = rig.connect();
    for (let index = 0; index < 12; index++) client.write(produceOf(index, 1 << 20));
    rig.settle();
    expect(framesOf(client.take()).length).toBe(12);
    expect(rig.worker(0).log(rig.slotOf(topic, 0)).end).toBe(12);
    client.end();
    rig.settle();
    rig.expectNothingHeld();
  });
});

describe('back-pressure', () => {
  test('a connection has no more requests under way than allowed, and is not read meanwhile', () => {
    const rig = rigOf({ limits: { exchangesPerConnectionMax: 5 } });
    rig.addTopic('news', 1);
    const client = rig.connect();
    rig.isServing = false;
    for (let index = 0; index < 50; index++) client.write(produceOf(index));
    rig.settle();
    expect(rig.front.exchanges.usedCount).toBe(5);
    rig.isServing = true;
    rig.settle();
    expect(framesOf(client.take()).map(correlationOf)).toEqual(Array.from({ length: 50 }, (_, index) => index));
  });

  test('with two exchanges and two slots for everybody, ten connections are all served', () => {
    const rig = rigOf({ laneSlots: 2, limits: { exchangesMax: 2 } });
    rig.addTopic('news', 1);
    const clients = Array.from({ length: 10 }, () => rig.connect());
    for (let index = 0; index < 10; index++) for (const client of clients) client.write(produceOf(index));
    rig.settle();
    for (const client of clients) expect(framesOf(client.take()).length).toBe(10);
  });

  test('a slow reader is not read from, others are; it gets everything in the end', () => {
    const rig = rigOf({ limits: { outboxBytesPerConnectionMax: 2000, exchangesPerConnectionMax: 10 } });
    const topic = rig.addTopic('news', 1);
    const slow = rig.connect({ windowBytes: 100 });
    for (let index = 0; index < 300; index++) slow.write(produceOf(index));
    rig.settle();
    const log = rig.worker(0).log(rig.slotOf(topic, 0));
    expect(log.end).toBeLessThan(120);
    const quick = rig.connect();
    quick.write(produceOf(1));
    rig.settle();
    expect(framesOf(quick.take()).length).toBe(1);
    const pieces: Uint8Array[] = [];
    for (let round = 0; round < 1000 && log.end < 301; round++) {
      pieces.push(slow.take());
      rig.settle();
    }
    for (let round = 0; round < 200; round++) {
      pieces.push(slow.take());
      rig.settle();
    }
    expect(framesOf(Buffer.concat(pieces)).map(correlationOf)).toEqual(
      Array.from({ length: 300 }, (_, index) => index),
    );
    slow.end();
    quick.end();
    rig.settle();
    rig.expectNothingHeld();
  });

  test('when slow readers hold all response memory, the slowest is closed', () => {
    const rig = rigOf({ outboxBytes: 1 << 14 });
    rig.addTopic('news', 1);
    const slow = Array.from({ length: 4 }, () => {
      const client = rig.connect({ windowBytes: 1 });
      client.write(produceOf(1));
      rig.settle();
      return client;
    });
    const good = rig.connect();
    good.write(produceOf(2));
    rig.pass(3000);
    expect(framesOf(good.take()).map(correlationOf)).toEqual([2]);
    expect(slow.filter((client) => client.isClosedByBroker).length).toBe(1);
    expect(rig.lines.join()).toContain('response memory is full');
  });
});

describe('connections', () => {
  test('beyond max.connections they wait, in their order, and a limit per address closes the ones too many', () => {
    const rig = rigOf({ limits: { connectionsMax: 3 } });
    const clients = Array.from({ length: 5 }, () => rig.connect());
    rig.pass(100, 10);
    expect(clients.map((client) => client.isClosedByBroker)).toEqual([false, false, false, false, false]);
    expect(rig.front.connections.open).toHaveLength(3);
    expect(rig.transport.isAccepting).toBe(false);
    expect(rig.lines[0]).toContain('raise max.connections');
    clients[0]!.end();
    rig.pass(100, 10);
    expect(rig.front.connections.open).toHaveLength(3);
    expect(rig.front.connections.open.map(({ peer }) => peer)).toContain(clients[3]!.peer);
    clients[1]!.end();
    clients[2]!.end();
    rig.pass(100, 10);
    expect(rig.front.connections.open).toHaveLength(2);
    expect(rig.transport.isAccepting).toBe(true);
    const other = rigOf({ limits: { connectionsPerAddressMax: 1 } });
    expect([other.connect(), other.connect()].map((client) => client.isClosedByBroker)).toEqual([false, true]);
    expect(other.lines[0]).toContain('max.connections.per.ip');
  });

  test('an address that is named has a limit of its own', () => {
    const rig = rigOf({ limits: { connectionsPerAddressMax: 0, addressOverrides: addressOverridesOf('10.0.0.1:2') } });
    const clients = [rig.connect(), rig.connect(), rig.connect()];
    expect(clients.map((client) => client.isClosedByBroker)).toEqual([false, false, true]);
  });

  test('faster than max.connection.creation.rate they wait, and all come in at that rate', () => {
    const rig = rigOf({ limits: { creationRateMax: 10 } });
    for (let index = 0; index < 150; index++) rig.transport.connect();
    rig.pass(200, 10);
    const burst = rig.front.connections.open.length;
    // As Kafka measures it: ten windows of a second may be used at once.
    expect(burst).toBeGreaterThanOrEqual(100);
    expect(burst).toBeLessThan(105);
    expect(rig.lines[0]).toContain('raise max.connection.creation.rate');
    rig.pass(12_000, 50);
    expect(rig.front.connections.open).toHaveLength(150);
    expect(rig.transport.isAccepting).toBe(true);
  });

  test('a silent one is closed after connections.max.idle.ms, a parked fetch is not', () => {
    const rig = rigOf({ limits: { idleMs: 5000 } });
    const topic = rig.addTopic('news', 1);
    const silent = rig.connect();
    const waiting = rig.connect();
    const partitions = [{ partitionIndex: 0, fetchOffset: 0, partitionMaxBytes: 100 }];
    waiting.write(
      requestFrame(fetch, 12, 1, { maxWaitMs: 20_000, minBytes: 1, topics: [{ name: topic.name, partitions }] }),
    );
    rig.pass(6000, 100);
    expect([silent.isClosedByBroker, waiting.isClosedByBroker]).toEqual([true, false]);
  });

  test('when descriptors run out it stops accepting for a moment, and says so once', () => {
    const rig = rigOf();
    rig.transport.failAccepts(2);
    const client = rig.connect();
    expect(rig.transport.isAccepting).toBe(false);
    rig.front.turn(rig.nowMs);
    rig.pass(2000, 100);
    expect(client.socket).toBeGreaterThanOrEqual(0);
    expect(rig.lines.length).toBe(1);
    expect(rig.lines[0]).toContain('ulimit -n');
  });
});

describe('ListOffsets and OffsetForLeaderEpoch', () => {
  test('31: names of places, per partition, with errors for themselves', () => {
    const rig = rigOf({ laneSlots: 2 });
    const topic = rig.addTopic('news', 4);
    for (let index = 0; index < 7; index++) rig.workerOf(topic, 1).append(rig.slotOf(topic, 1), anyBatch(80, 1));
    rig.workerOf(topic, 1).setStart(rig.slotOf(topic, 1), 2);
    rig.workerOf(topic, 1).setStable(rig.slotOf(topic, 1), 5);
    const client = rig.connect();
    const wanted = [
      [1, -1],
      [1, -2],
      [2, -1],
      [9, -1],
      [3, -7],
    ] as const;
    const topics = wanted.map(([partitionIndex, timestamp]) => ({
      name: 'news',
      partitions: [{ partitionIndex, timestamp, currentLeaderEpoch: -1 }],
    }));
    for (const [version, isolationLevel, latest] of [
      [7, 0, 7],
      [5, 1, 5],
    ] as const) {
      client.write(
        requestFrame(listOffsets, version, 3, { isolationLevel, topics: topics.filter((_, index) => index !== 1) }),
      );
      rig.settle();
      const body = responseOf(listOffsets, version, framesOf(client.take())[0]!);
      const got = body.topics.map((one) => [one.partitions[0]!.errorCode, one.partitions[0]!.offset]);
      const unsupported = errorCode.UNSUPPORTED_VERSION;
      expect(got).toEqual([
        [0, latest],
        [0, 0],
        [errorCode.UNKNOWN_TOPIC_OR_PARTITION, -1],
        [unsupported, -1],
      ]);
    }
    client.write(requestFrame(listOffsets, 7, 3, { topics: [topics[1]!] }));
    rig.settle();
    expect(responseOf(listOffsets, 7, framesOf(client.take())[0]!).topics[0]!.partitions[0]).toMatchObject({
      offset: 2,
    });
    client.end();
    rig.settle();
    rig.expectNothingHeld();
  });

  test('27: the end of an epoch, and an epoch the client should not believe in', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 1);
    rig.worker(0).append(rig.slotOf(topic, 0), anyBatch(80, 1), 5);
    const client = rig.connect();
    const partitions = [-1, 4].map((currentLeaderEpoch) => ({ partitionIndex: 0, currentLeaderEpoch, leaderEpoch: 0 }));
    client.write(requestFrame(offsetForLeaderEpoch, 4, 3, { topics: [{ name: 'news', partitions }] }));
    rig.settle();
    const [one, two] = responseOf(offsetForLeaderEpoch, 4, framesOf(client.take())[0]!).topics[0]!.partitions;
    expect(one).toMatchObject({ errorCode: 0, leaderEpoch: 0, endOffset: 5 });
    expect(two).toMatchObject({ errorCode: errorCode.UNKNOWN_LEADER_EPOCH, endOffset: -1 });
  });
});
