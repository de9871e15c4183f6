import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ENTRIES_LARGE_MAX } from '../../src/net/exchange.ts';
import type { RouteTopic } from '../../src/net/route-table.ts';
import { errorCode } from '../../src/protocol/errors.ts';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { BOARD_SLOTS_MAX } from '../../src/zerocopy/layout.ts';
import { anyBatch, framesOf, requestFrame, responseOf } from '../net/wire.ts';
import { answer, ask, idOf, lengthsIn, partitionsIn, rigOf, topicsOf } from './fetch-client.ts';

describe('Fetch', () => {
  test.each([4, 5, 7, 9, 10, 11, 12, 13, 15, 16, 17, 18])('speaks version %i', (version) => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 1);
    const batch = anyBatch(300, 7, 4);
    rig.workerOf(topic, 0).append(rig.slotOf(topic, 0), batch, 4);
    const client = rig.connect();
    ask(client, version, [{ topic, partition: 0, offset: 0 }]);
    rig.settle();
    const [partition] = partitionsIn(client, version);
    expect(partition).toMatchObject({ partitionIndex: 0, errorCode: 0, highWatermark: 4, lastStableOffset: 4 });
    expect(Uint8Array.from(partition!.records!)).toEqual(batch);
    client.end();
    rig.settle();
    rig.expectNothingHeld();
  });

  test('regions beyond the crossover are sent from their file, small ones are copied, in one answer', () => {
    const rig = rigOf({ shortSend: 0.5, limits: { regionCopyBytesMax: 1000 } });
    const topic = rig.addTopic('news', 4);
    const sizes = [500, 50_000, 70, 2000];
    sizes.forEach((size, partition) => {
      rig.workerOf(topic, partition).append(rig.slotOf(topic, partition), anyBatch(size, partition + 1));
    });
    const client = rig.connect();
    ask(
      client,
      12,
      sizes.map((_, partition) => ({ topic, partition, offset: 0 })),
    );
    rig.settle();
    const records = partitionsIn(client, 12).map((partition) => Uint8Array.from(partition.records!));
    expect(records).toEqual(sizes.map((size, partition) => anyBatch(size, partition + 1)));
    client.end();
    rig.settle();
    rig.expectNothingHeld();
  });

  test('21: without bytes it waits, and is answered by a produce, without asking a worker meanwhile', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 1);
    const client = rig.connect();
    ask(client, 12, [{ topic, partition: 0, offset: 0 }]);
    rig.pass(300);
    expect(client.receivedBytes).toBe(0);
    expect(rig.worker(0).readCount).toBe(0);
    rig.worker(0).append(rig.slotOf(topic, 0), anyBatch(90, 1));
    rig.settle();
    expect(lengthsIn(client, 12)).toEqual([90]);
    expect(rig.worker(0).readCount).toBe(1);
  });

  test('21: what arrives between the look at the board and the watch is not slept through', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 1);
    const slot = rig.slotOf(topic, 0);
    const watch = rig.board.watch.bind(rig.board);
    rig.board.watch = (watched, front) => {
      // The worker sees no watcher yet, so it wakes nobody.
      if (rig.worker(0).log(slot).end === 0) rig.worker(0).append(slot, anyBatch(90, 1));
      watch(watched, front);
    };
    const client = rig.connect();
    ask(client, 12, [{ topic, partition: 0, offset: 0 }]);
    rig.settle();
    expect(lengthsIn(client, 12)).toEqual([90]);
  });

  test('21: when max_wait is over it is answered with what is there', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 1);
    const client = rig.connect();
    ask(client, 12, [{ topic, partition: 0, offset: 0 }]);
    rig.pass(490, 10);
    expect(client.receivedBytes).toBe(0);
    rig.pass(30, 10);
    expect(lengthsIn(client, 12)).toEqual([0]);
    ask(client, 12, [{ topic, partition: 0, offset: 0 }], { maxWaitMs: 0 });
    rig.settle();
    expect(lengthsIn(client, 12)).toEqual([0]);
  });

  test('21: min_bytes counts over all partitions, and hops only when enough may be there', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 2);
    const client = rig.connect();
    const wanted = [0, 1].map((partition) => ({ topic, partition, offset: 0 }));
    ask(client, 12, wanted, { minBytes: 1000 });
    rig.settle();
    for (let index = 0; index < 9; index++) {
      rig.workerOf(topic, index % 2).append(rig.slotOf(topic, index % 2), anyBatch(100, index));
      rig.settle();
    }
    expect(client.receivedBytes).toBe(0);
    expect(rig.worker(0).readCount + rig.worker(1).readCount).toBe(0);
    rig.workerOf(topic, 1).append(rig.slotOf(topic, 1), anyBatch(100, 10));
    rig.settle();
    expect(lengthsIn(client, 12)).toEqual([500, 500]);
  });

  test('21: what was read but is too little goes back, and is read again when time is up', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 1);
    rig.worker(0).append(rig.slotOf(topic, 0), anyBatch(100, 1));
    const client = rig.connect();
    ask(client, 12, [{ topic, partition: 0, offset: 0 }], { minBytes: 1000 });
    rig.settle();
    expect(client.receivedBytes).toBe(0);
    expect(rig.worker(0).leaseCount).toBe(0);
    rig.pass(550);
    expect(lengthsIn(client, 12)).toEqual([100]);
    client.end();
    rig.settle();
    rig.expectNothingHeld();
  });

  test('21: a read-committed fetch waits for the stable offset, not for a produce', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 1);
    const slot = rig.slotOf(topic, 0);
    const client = rig.connect();
    rig.worker(0).setStable(slot, 0);
    ask(client, 12, [{ topic, partition: 0, offset: 0 }], { isolationLevel: 1 });
    rig.settle();
    rig.worker(0).append(slot, anyBatch(90, 1));
    rig.settle();
    expect(client.receivedBytes).toBe(0);
    expect(rig.worker(0).readCount).toBe(0);
    rig.worker(0).setStable(slot, 1);
    rig.settle();
    expect(lengthsIn(client, 12)).toEqual([90]);
  });

  test('28: aborted transactions come with committed reads only', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 1);
    const log = rig.worker(0).log(rig.slotOf(topic, 0));
    log.aborted = [
      [7, 0],
      [8, 2],
      [9, 5],
    ];
    rig.worker(0).append(rig.slotOf(topic, 0), anyBatch(90, 1), 9);
    const client = rig.connect();
    ask(client, 11, [{ topic, partition: 0, offset: 0 }], { isolationLevel: 1 });
    rig.settle();
    const aborted = partitionsIn(client, 11)[0]!.abortedTransactions;
    expect(aborted).toEqual([
      { producerId: 7, firstOffset: 0 },
      { producerId: 8, firstOffset: 2 },
      { producerId: 9, firstOffset: 5 },
    ]);
    ask(client, 11, [{ topic, partition: 0, offset: 0 }]);
    rig.settle();
    expect(partitionsIn(client, 11)[0]!.abortedTransactions).toBeNull();
  });

  test('22: only the first partition with bytes may exceed the limits, by its first batch', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 3);
    rig.workerOf(topic, 1).append(rig.slotOf(topic, 1), anyBatch(5000, 1));
    rig.workerOf(topic, 1).append(rig.slotOf(topic, 1), anyBatch(100, 1));
    rig.workerOf(topic, 2).append(rig.slotOf(topic, 2), anyBatch(3000, 2));
    const client = rig.connect();
    const wanted = [0, 1, 2].map((partition) => ({ topic, partition, offset: 0, bytesMax: 1000 }));
    ask(client, 12, wanted, { maxBytes: 100_000 });
    rig.settle();
    expect(lengthsIn(client, 12)).toEqual([0, 5000, 0]);
    ask(client, 12, [wanted[2]!, wanted[1]!], { maxBytes: 100_000 });
    rig.settle();
    expect(lengthsIn(client, 12)).toEqual([3000, 0]);
    ask(
      client,
      12,
      [
        { topic, partition: 1, offset: 0 },
        { topic, partition: 2, offset: 0 },
      ],
      { maxBytes: 100 },
    );
    rig.settle();
    expect(lengthsIn(client, 12)).toEqual([5000, 0]);
  });

  test('22: a partition that cannot be read does not take the place of the first that has bytes', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 2);
    for (const partition of [0, 1])
      rig.workerOf(topic, partition).append(rig.slotOf(topic, partition), anyBatch(5000, partition));
    rig.workerOf(topic, 0).readErrors.set(rig.slotOf(topic, 0), errorCode.CORRUPT_MESSAGE);
    const client = rig.connect();
    ask(
      client,
      12,
      [0, 1].map((partition) => ({ topic, partition, offset: 0, bytesMax: 1000 })),
    );
    rig.settle();
    expect(lengthsIn(client, 12)).toEqual([0, 5000]);
    client.end();
    rig.settle();
    rig.expectNothingHeld();
  });

  test('22: where compaction left nothing behind an offset nothing is read twice, and the answer comes in time', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 2);
    const worker = rig.workerOf(topic, 1);
    worker.append(rig.slotOf(topic, 1), anyBatch(90, 1), 4);
    worker.logs.get(rig.slotOf(topic, 1))!.batches.length = 0;
    const client = rig.connect();
    ask(
      client,
      12,
      [0, 1].map((partition) => ({ topic, partition, offset: 0 })),
    );
    rig.pass(600);
    rig.settle();
    expect(lengthsIn(client, 12)).toEqual([0, 0]);
    expect(worker.readCount).toBeLessThanOrEqual(4);
    client.end();
    rig.settle();
    rig.expectNothingHeld();
  });

  test('22: what one partition leaves over of max_bytes is given to later ones, never more', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 12);
    for (let partition = 0; partition < 12; partition++) {
      rig.workerOf(topic, partition).append(rig.slotOf(topic, partition), anyBatch(1000, partition));
    }
    const client = rig.connect();
    ask(
      client,
      12,
      Array.from({ length: 12 }, (_, partition) => ({ topic, partition, offset: 0, bytesMax: 5000 })),
      { maxBytes: 10_000 },
    );
    rig.settle();
    expect(lengthsIn(client, 12)).toEqual([...new Array(10).fill(1000), 0, 0]);
    // Two at first; what they did not use, and no more, is asked for next.
    expect(rig.worker(0).readBytesMax.slice(0, 2)).toEqual([5000, 5000]);
    expect(rig.worker(1).readBytesMax.slice(0, 2)).toEqual([5000, 3000]);
    client.end();
    rig.settle();
    rig.expectNothingHeld();
  });

  test('23: an offset outside of the log is OFFSET_OUT_OF_RANGE at once, and nothing is said of the log', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 1);
    const slot = rig.slotOf(topic, 0);
    for (let index = 0; index < 5; index++) rig.worker(0).append(slot, anyBatch(100, index));
    rig.worker(0).setStart(slot, 2);
    const client = rig.connect();
    for (const offset of [1, 6]) {
      ask(client, 12, [{ topic, partition: 0, offset }]);
      rig.settle();
      expect(partitionsIn(client, 12)[0]).toMatchObject({
        errorCode: errorCode.OFFSET_OUT_OF_RANGE,
        highWatermark: -1,
        logStartOffset: -1,
      });
    }
    ask(client, 12, [{ topic, partition: 0, offset: 5 }]);
    rig.settle();
    expect(client.receivedBytes).toBe(0);
  });

  test('27: another leader epoch is fenced or unknown; a parked fetch notices a new one', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 1);
    const slot = rig.slotOf(topic, 0);
    rig.worker(0).setEpoch(slot, 3);
    const client = rig.connect();
    for (const [epoch, error] of [
      [2, errorCode.FENCED_LEADER_EPOCH],
      [4, errorCode.UNKNOWN_LEADER_EPOCH],
    ] as const) {
      ask(client, 12, [{ topic, partition: 0, offset: 0, epoch }]);
      rig.settle();
      expect(partitionsIn(client, 12)[0]!.errorCode).toBe(error);
    }
  });

  test('29: watermarks are right when nothing is returned', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 1);
    const slot = rig.slotOf(topic, 0);
    for (let index = 0; index < 3; index++) rig.worker(0).append(slot, anyBatch(100, index));
    rig.worker(0).setStart(slot, 1);
    rig.worker(0).setStable(slot, 2);
    const client = rig.connect();
    ask(client, 12, [{ topic, partition: 0, offset: 3 }], { maxWaitMs: 0 });
    rig.settle();
    expect(partitionsIn(client, 12)[0]).toMatchObject({
      errorCode: 0,
      highWatermark: 3,
      lastStableOffset: 2,
      logStartOffset: 1,
    });
  });

  test('26: unknown topics and partitions are answered at once', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 1);
    const stranger: RouteTopic = { name: 'nowhere', id: new Uint8Array(16).fill(9), partitions: [] };
    const client = rig.connect();
    ask(client, 13, [
      { topic: stranger, partition: 0, offset: 0 },
      { topic, partition: 5, offset: 0 },
    ]);
    rig.settle();
    const body = answer(client, 13);
    expect(body.topics.map((one) => [one.topicId, one.partitions[0]!.errorCode])).toEqual([
      [idOf(stranger), errorCode.UNKNOWN_TOPIC_ID],
      [idOf(topic), errorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ]);
    ask(client, 12, [{ topic: stranger, partition: 0, offset: 0 }]);
    rig.settle();
    expect(answer(client, 12).topics[0]).toMatchObject({
      name: 'nowhere',
      partitions: [{ errorCode: errorCode.UNKNOWN_TOPIC_OR_PARTITION }],
    });
  });

  test('a parked fetch holds no receive memory but its answer comes, and a dead one leaves nothing', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 2);
    const clients = Array.from({ length: 20 }, () => rig.connect());
    for (const client of clients)
      ask(
        client,
        12,
        [0, 1].map((partition) => ({ topic, partition, offset: 0 })),
        { maxWaitMs: 60_000 },
      );
    rig.pass(3000);
    expect(rig.slab.usedBytes).toBe(0);
    expect(rig.front.parked.watchCount).toBe(40);
    clients.slice(10).forEach((client) => {
      client.reset();
    });
    rig.settle();
    expect(rig.front.parked.watchCount).toBe(20);
    rig.workerOf(topic, 1).append(rig.slotOf(topic, 1), anyBatch(100, 1));
    rig.settle();
    for (const client of clients.slice(0, 10)) expect(lengthsIn(client, 12)).toEqual([0, 100]);
    for (const client of clients.slice(0, 10)) client.end();
    rig.settle();
    rig.expectNothingHeld();
  });

  test('a connection that dies in the middle of a region gives its lease back', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 1);
    rig.worker(0).append(rig.slotOf(topic, 0), anyBatch(200_000, 1));
    const client = rig.connect({ windowBytes: 50_000 });
    ask(client, 12, [{ topic, partition: 0, offset: 0 }]);
    rig.settle();
    expect(rig.worker(0).leaseCount).toBe(1);
    client.reset();
    rig.settle();
    rig.expectNothingHeld();
  });

  test.each([true, false])(
    'a connection that goes while a lane has no room for its wide fetch (lodges: %s)',
    (lodges) => {
      const rig = rigOf({ laneSlots: 2, workers: 1, lodges });
      const topic = rig.addTopic('news', 3);
      const wanted = [0, 1, 2].map((partition) => ({ topic, partition, offset: 9 }));
      const request = { maxWaitMs: 500, minBytes: 1, topics: topicsOf(12, wanted) };
      const client = rig.connect();
      client.write(Buffer.concat([requestFrame(fetch, 12, 1, request), Buffer.from([0, 0, 0, 1, 0])]));
      rig.settle();
      expect(client.isClosedByBroker).toBe(true);
      rig.expectNothingHeld();
    },
  );

  test('with lanes of two slots, wide fetches are answered whole', () => {
    const rig = rigOf({ laneSlots: 2 });
    const topic = rig.addTopic('news', 30);
    for (let partition = 0; partition < 30; partition++) {
      rig
        .workerOf(topic, partition)
        .append(rig.slotOf(topic, partition), anyBatch(partition % 2 === 0 ? 100 : 40_000, partition));
      rig.settle();
    }
    const client = rig.connect();
    ask(
      client,
      12,
      Array.from({ length: 30 }, (_, partition) => ({ topic, partition, offset: 0 })),
    );
    rig.settle();
    expect(lengthsIn(client, 12)).toEqual(
      Array.from({ length: 30 }, (_, partition) => (partition % 2 === 0 ? 100 : 40_000)),
    );
    client.end();
    rig.settle();
    rig.expectNothingHeld();
  });
});

describe('Fetch, whatever happens', () => {
  test('property: consumers read every produced byte once, in order, and leave nothing behind', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(fc.integer({ min: 0, max: 2 }), fc.integer({ min: 61, max: 9000 }), fc.integer({ min: 1, max: 5 })),
          { minLength: 1, maxLength: 40 },
        ),
        fc.record({
          maxBytes: fc.integer({ min: 0, max: 30_000 }),
          bytesMax: fc.integer({ min: 0, max: 12_000 }),
          minBytes: fc.integer({ min: 0, max: 9000 }),
          laneSlots: fc.constantFrom(2, 16),
          copyMax: fc.constantFrom(0, 500, 32_768),
          windowBytes: fc.constantFrom(700, 1 << 20),
          usesSession: fc.boolean(),
          seed: fc.integer({ min: 1, max: 1000 }),
        }),
        (appends, options) => {
          const rig = rigOf({
            laneSlots: options.laneSlots,
            shortSend: 0.3,
            seed: options.seed,
            outboxBytes: 1 << 16,
            limits: { regionCopyBytesMax: options.copyMax },
          });
          const topic = rig.addTopic('news', 3);
          const client = rig.connect({ windowBytes: options.windowBytes });
          const offsets = [0, 0, 0];
          const read: Buffer[][] = [[], [], []];
          let sessionId = 0;
          let sessionEpoch = options.usesSession ? 0 : -1;
          let appended = 0;
          for (let round = 0; round < 400; round++) {
            for (let count = 0; count < 3 && appended < appends.length; count++, appended++) {
              const [partition, bytes, records] = appends[appended]!;
              rig
                .workerOf(topic, partition)
                .append(rig.slotOf(topic, partition), anyBatch(bytes, appended, records), records);
            }
            const wanted = offsets.map((offset, partition) => ({
              topic,
              partition,
              offset,
              bytesMax: options.bytesMax,
            }));
            ask(client, 12, wanted, {
              maxBytes: options.maxBytes,
              minBytes: options.minBytes,
              maxWaitMs: 20,
              sessionId,
              sessionEpoch,
            });
            const pieces: Uint8Array[] = [];
            for (let step = 0; step < 3000; step++) {
              rig.step(step > 30 ? 1 : 0);
              pieces.push(client.take());
              const bytes = Buffer.concat(pieces);
              if (bytes.length >= 4 && bytes.length >= 4 + bytes.readInt32BE(0)) break;
            }
            const body = responseOf(fetch, 12, framesOf(Buffer.concat(pieces))[0]!);
            expect(body.errorCode).toBe(0);
            sessionId = body.sessionId;
            if (options.usesSession) sessionEpoch += 1;
            let total = 0;
            let withRecords = 0;
            for (const one of body.topics.flatMap((each) => each.partitions)) {
              expect(one.errorCode).toBe(0);
              if (one.records!.length === 0) continue;
              total += one.records!.length;
              withRecords += 1;
              read[one.partitionIndex]!.push(Buffer.from(one.records!));
              const log = rig.workerOf(topic, one.partitionIndex).log(rig.slotOf(topic, one.partitionIndex));
              const readBytes = Buffer.concat(read[one.partitionIndex]!).length;
              const next = log.batches.find((batch) => batch.position >= readBytes);
              offsets[one.partitionIndex] = next?.offset ?? log.end;
            }
            if (withRecords > 1) expect(total).toBeLessThanOrEqual(options.maxBytes);
            const isDone = [0, 1, 2].every(
              (partition) =>
                offsets[partition] === rig.workerOf(topic, partition).log(rig.slotOf(topic, partition)).end,
            );
            if (isDone && appended === appends.length) break;
          }
          for (let partition = 0; partition < 3; partition++) {
            const content = rig.workerOf(topic, partition).contentOf(rig.slotOf(topic, partition));
            expect(Buffer.compare(Buffer.concat(read[partition]!), content)).toBe(0);
          }
          client.end();
          rig.settle();
          rig.expectNothingHeld();
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('a Fetch that lists much', () => {
  const request = { maxWaitMs: 500, minBytes: 1 };
  const wish = (partitionIndex: number) => ({ partitionIndex, fetchOffset: 0, partitionMaxBytes: 1 << 20 });

  test('a partition that is named many times is one: it is watched and answered once, as the last one says', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 2);
    const client = rig.connect();
    const partitions = [wish(0), wish(1), ...new Array(1000).fill({ ...wish(0), partitionMaxBytes: 100 })];
    client.write(requestFrame(fetch, 11, 1, { ...request, topics: [{ name: topic.name, partitions }] }));
    rig.settle();
    expect(rig.front.parked.watchCount).toBe(2);
    rig.workerOf(topic, 0).append(rig.slotOf(topic, 0), anyBatch(300, 7));
    rig.settle();
    expect(partitionsIn(client, 11).map((one) => one.partitionIndex)).toEqual([0, 1]);
  });

  test('more partitions or topics than a broker can have close the connection', () => {
    const rig = rigOf({ slabBytes: 1 << 26 });
    const partitions = Array.from({ length: BOARD_SLOTS_MAX + 1 }, (_, index) => wish(index));
    const topics = Array.from({ length: BOARD_SLOTS_MAX + 1 }, () => ({ name: '', partitions: [] }));
    for (const list of [[{ name: 'news', partitions }], topics]) {
      const client = rig.connect();
      client.write(requestFrame(fetch, 11, 1, { ...request, topics: list }));
      rig.settle();
      expect(client.isClosedByBroker).toBe(true);
      expect(client.receivedBytes).toBe(0);
    }
    rig.expectNothingHeld();
  });

  test('requests under way list no more partitions together than there is room for', () => {
    const rig = rigOf({ slabBytes: 1 << 26, outboxBytes: 1 << 25 });
    const topic = rig.addTopic('news', 1);
    const [name, other] = [topic.name, 'nowhere'];
    const partitions = Array.from({ length: BOARD_SLOTS_MAX }, (_, index) => wish(index));
    const large = requestFrame(fetch, 11, 2, { ...request, topics: [{ name: other, partitions }] });
    const client = rig.connect();
    client.write(requestFrame(fetch, 11, 1, { ...request, topics: [{ name, partitions: [wish(0)] }] }));
    // The first waits, and so do the answers of those behind it.
    for (let count = 0; count <= ENTRIES_LARGE_MAX / BOARD_SLOTS_MAX; count++) {
      expect(client.isClosedByBroker).toBe(false);
      client.write(large);
      rig.settle();
    }
    expect(client.isClosedByBroker).toBe(true);
    rig.expectNothingHeld();
    const next = rig.connect();
    next.write(large);
    rig.settle();
    expect(next.receivedBytes).toBeGreaterThan(0);
  });
});
