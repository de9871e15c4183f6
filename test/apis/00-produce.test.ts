import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProduceApi } from '../../src/apis/00-produce.ts';
import { RECEIVE_ARMED, RECEIVE_NONE } from '../../src/net/connection.ts';
import type { DataApi } from '../../src/net/data-api.ts';
import { ATTRIBUTE_TRANSACTIONAL, BATCH_ATTRIBUTES, BATCH_MAGIC } from '../../src/protocol/batch.ts';
import { errorCode } from '../../src/protocol/errors.ts';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { APPEND_UNVERIFIED } from '../../src/zerocopy/layout.ts';
import { FrontRig, type RigOptions } from '../net/front-rig.ts';
import { anyBatch, correlationOf, framesOf, requestFrame, responseOf } from '../net/wire.ts';
import type { FakeClient } from '../support/fake-client.ts';

function rigOf(options: RigOptions = {}): FrontRig {
  return new FrontRig({ ...options, apis: () => [new ProduceApi()] as (DataApi | undefined)[] });
}

function produceFrame(
  version: number,
  correlationId: number,
  acks: number,
  name: string,
  partitions: readonly [number, Uint8Array][],
  transactionalId: string | null = null,
): Uint8Array {
  return requestFrame(produce, version, correlationId, {
    transactionalId,
    acks,
    timeoutMs: 1000,
    topics: [{ name, partitions: partitions.map(([partitionIndex, records]) => ({ partitionIndex, records })) }],
  });
}

function answers(client: FakeClient, version: number) {
  return framesOf(client.take()).map((frame) => responseOf(produce, version, frame));
}

function errorsIn(client: FakeClient, version: number): number[] {
  return answers(client, version).flatMap((answer) =>
    answer.topics.flatMap((topic) => topic.partitions.map((p) => p.errorCode)),
  );
}

describe('Produce', () => {
  test('appends one batch per partition and answers their base offsets in request order', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 3);
    const client = rig.connect();
    const first = anyBatch(100, 1, 2);
    const second = anyBatch(200, 2, 3);
    client.write(
      produceFrame(9, 7, -1, 'news', [
        [2, first],
        [0, second],
      ]),
    );
    client.write(produceFrame(9, 8, 1, 'news', [[2, second]]));
    rig.settle();
    const frames = framesOf(client.take());
    expect(frames.map(correlationOf)).toEqual([7, 8]);
    const [one, two] = frames.map((frame) => responseOf(produce, 9, frame).topics[0]!.partitions);
    expect(one!.map((p) => [p.partitionIndex, p.errorCode, p.baseOffset, p.logStartOffset])).toEqual([
      [2, 0, 0, 0],
      [0, 0, 0, 0],
    ]);
    expect(two!.map((p) => [p.partitionIndex, p.baseOffset, p.logAppendTimeMs])).toEqual([[2, 2, -1]]);
    expect(rig.workerOf(topic, 2).contentOf(rig.slotOf(topic, 2))).toEqual(Uint8Array.from([...first, ...second]));
    client.end();
    rig.settle();
    rig.expectNothingHeld();
  });

  test('what a worker in the thread of the front has written is answered in the same turn', () => {
    const rig = rigOf({ workers: 1, lodges: true });
    const slot = rig.slotOf(rig.addTopic('news', 1), 0);
    const client = rig.connect();
    client.write(produceFrame(9, 7, -1, 'news', [[0, anyBatch(100, 1, 2)]]));
    for (let turns = 0; rig.worker(0).contentOf(slot).length === 0; turns++) {
      expect(turns).toBeLessThan(1000);
      rig.transport.poll(0);
      rig.front.work(rig.nowMs);
    }
    expect(rig.front.outbox.parts.usedCount, 'the answer is on its way').toBeGreaterThan(0);
    client.end();
    rig.settle();
    rig.expectNothingHeld();
  });

  // It came up to a quarter of a second later, with whatever woke the front next.
  test('an answer that joins one already handed to the kernel in the turn keeps the front from sleeping over it', () => {
    const rig = rigOf({ workers: 1, lodges: true });
    rig.addTopic('news', 1);
    const client = rig.connect();
    const batch = anyBatch(100, 1);
    const unknown = produceFrame(9, 1, -1, 'nowhere', [[0, batch]]);
    client.write(Buffer.concat([unknown, produceFrame(9, 2, -1, 'news', [[0, batch]])]));
    const { outbox } = rig.front;
    let sentBytes = 0;
    const send = rig.transport.send.bind(rig.transport);
    rig.transport.send = (socket, memory, at, length, hasMore) => {
      sentBytes += length;
      send(socket, memory, at, length, hasMore);
    };
    for (let turns = 0; rig.worker(0).appendCount === 0; turns++) {
      expect(turns).toBeLessThan(1000);
      rig.transport.poll(0);
      rig.front.work(rig.nowMs);
    }
    expect(sentBytes).toBeGreaterThan(0);
    expect(sentBytes).toBeLessThan(outbox.bytesQueued);
    expect(rig.front.mayKeepSends).toBe(false);
    rig.settle();
    expect(framesOf(client.take()).map(correlationOf)).toEqual([1, 2]);
    expect(sentBytes).toBe(outbox.bytesQueued);
  });

  // It was sent again with the worker's new guard, as if main had been asked since the marker that made it new.
  test('a batch that comes back again while others wait for room is not sent on before main was asked once more', async () => {
    let asked = 0;
    const onVerify = () => {
      asked += 1;
      if (asked === 2) rig.worker(0).appendErrors.clear();
      return Promise.resolve({ error: 0, refusals: [] });
    };
    const rig = new FrontRig({ laneSlots: 2, workers: 1, onVerify, apis: () => [new ProduceApi()] });
    const topic = rig.addTopic('news', 3);
    const partitions = [0, 1, 2];
    for (const partition of partitions) rig.worker(0).appendErrors.set(rig.slotOf(topic, partition), APPEND_UNVERIFIED);
    const client = rig.connect();
    const batches = partitions.map((partition): [number, Uint8Array] => [partition, anyBatch(100, partition)]);
    client.write(produceFrame(9, 1, -1, 'news', batches, 'bank'));
    for (let turn = 0; turn < 100 && client.receivedBytes === 0; turn++) {
      rig.step(1);
      await new Promise((resolve) => setImmediate(resolve));
    }
    // All of them twice, then those that did not come in with the second answer.
    expect([asked, rig.worker(0).appendCount]).toEqual([2, 9]);
    expect(errorsIn(client, 9)).toEqual([0, 0, 0]);
    client.end();
    rig.settle();
    rig.expectNothingHeld();
  });

  test.each([3, 5, 7, 8, 9, 10, 11, 12, 13])('speaks version %i', (version) => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 1);
    const client = rig.connect();
    const id = Buffer.from(topic.id).toString('base64url');
    client.write(
      requestFrame(produce, version, 5, {
        acks: 1,
        timeoutMs: 1,
        topics: [
          {
            ...(version >= 13 ? { topicId: id } : { name: 'news' }),
            partitions: [{ partitionIndex: 0, records: anyBatch(80, 3) }],
          },
        ],
      }),
    );
    rig.settle();
    const [answer] = answers(client, version);
    expect(answer!.topics[0]!.partitions[0]).toMatchObject({ partitionIndex: 0, errorCode: 0, baseOffset: 0 });
    if (version >= 13) expect(answer!.topics[0]!.topicId).toBe(id);
    else expect(answer!.topics[0]!.name).toBe('news');
  });

  test('versions 0 to 2 close the connection, and the log says why', () => {
    const rig = rigOf();
    const client = rig.connect();
    const frame = produceFrame(3, 1, 1, 'news', []);
    new DataView(frame.buffer).setInt16(6, 2);
    client.write(frame);
    rig.settle();
    expect(client.isClosedByBroker).toBe(true);
    expect(rig.lines.join()).toContain('Produce in version 2');
    rig.expectNothingHeld();
  });

  test('6: acks=0 gets no response, and a failed partition closes the connection', () => {
    const rig = rigOf();
    rig.addTopic('news', 1);
    const client = rig.connect();
    client.write(produceFrame(7, 1, 0, 'news', [[0, anyBatch(90, 1)]]));
    client.write(produceFrame(7, 2, 1, 'news', [[0, anyBatch(90, 1)]]));
    rig.settle();
    expect(framesOf(client.take()).map(correlationOf)).toEqual([2]);
    client.write(produceFrame(7, 3, 0, 'nowhere', [[0, anyBatch(90, 1)]]));
    rig.settle();
    expect(client.isClosedByBroker).toBe(true);
    rig.expectNothingHeld();
  });

  test('7: acks outside of -1, 0, 1 is INVALID_REQUIRED_ACKS for every partition, and appends nothing', () => {
    const rig = rigOf();
    rig.addTopic('news', 2);
    const client = rig.connect();
    client.write(
      produceFrame(8, 1, 2, 'news', [
        [0, anyBatch(90, 1)],
        [1, anyBatch(90, 1)],
      ]),
    );
    rig.settle();
    expect(errorsIn(client, 8)).toEqual([errorCode.INVALID_REQUIRED_ACKS, errorCode.INVALID_REQUIRED_ACKS]);
    expect(rig.workers.map((worker) => worker.appendCount)).toEqual([0, 0]);
  });

  test('7: before acks it is said what is wrong with the topic, and with the form of a batch', () => {
    const rig = rigOf();
    rig.addTopic('news', 3);
    const client = rig.connect();
    const old = anyBatch(90, 1);
    old[BATCH_MAGIC] = 1;
    const two = Uint8Array.from([...anyBatch(90, 1), ...anyBatch(90, 1)]);
    client.write(
      produceFrame(8, 1, 2, 'news', [
        [7, anyBatch(90, 1)],
        [0, old],
        [1, two],
        [2, anyBatch(90, 1)],
      ]),
    );
    rig.settle();
    const { UNKNOWN_TOPIC_OR_PARTITION, INVALID_RECORD, INVALID_REQUIRED_ACKS } = errorCode;
    expect(errorsIn(client, 8)).toEqual([
      UNKNOWN_TOPIC_OR_PARTITION,
      INVALID_RECORD,
      INVALID_RECORD,
      INVALID_REQUIRED_ACKS,
    ]);
  });

  test('bytes that are no batch, and a transactional batch without a transactional id, refuse the whole request', () => {
    const rig = rigOf();
    rig.addTopic('news', 3);
    const client = rig.connect();
    const torn = anyBatch(90, 1);
    torn[BATCH_MAGIC] = 9;
    const transactional = anyBatch(90, 1);
    transactional[BATCH_ATTRIBUTES + 1] = ATTRIBUTE_TRANSACTIONAL;
    const sent = (second: Uint8Array, third: Uint8Array, id: string | null): number[] => {
      const batches = [anyBatch(90, 1), second, third];
      client.write(
        produceFrame(
          8,
          1,
          1,
          'news',
          batches.map((batch, partition) => [partition, batch]),
          id,
        ),
      );
      rig.settle();
      return errorsIn(client, 8);
    };
    const { CORRUPT_MESSAGE, TRANSACTIONAL_ID_AUTHORIZATION_FAILED } = errorCode;
    expect(sent(torn, transactional, null)).toEqual(Array(3).fill(CORRUPT_MESSAGE));
    expect(sent(transactional, torn, null)).toEqual(Array(3).fill(TRANSACTIONAL_ID_AUTHORIZATION_FAILED));
    expect(rig.worker(0).appendCount).toBe(0);
    // Nothing is looked at behind a transactional batch that is where it belongs.
    expect(sent(transactional, anyBatch(90, 1), 'transfer')).toEqual([0, 0, 0]);
  });

  test('unknown topics, ids and partitions are answered for themselves; the others are appended', () => {
    const rig = rigOf();
    rig.addTopic('news', 1);
    const client = rig.connect();
    client.write(
      produceFrame(8, 1, 1, 'news', [
        [0, anyBatch(90, 1)],
        [1, anyBatch(90, 1)],
        [-1, anyBatch(90, 1)],
      ]),
    );
    rig.settle();
    const unknown = errorCode.UNKNOWN_TOPIC_OR_PARTITION;
    expect(errorsIn(client, 8)).toEqual([0, unknown, unknown]);
    const stranger = 'AAAAAAAAAAAAAAAAAAAAAA';
    client.write(
      requestFrame(produce, 13, 1, {
        acks: 1,
        timeoutMs: 1,
        topics: [{ topicId: stranger, partitions: [{ partitionIndex: 0, records: anyBatch(90, 1) }] }],
      }),
    );
    rig.settle();
    expect(errorsIn(client, 13)).toEqual([errorCode.UNKNOWN_TOPIC_ID]);
  });

  test('an error of the worker comes with its record and a sentence', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 1);
    rig.workerOf(topic, 0).appendErrors.set(rig.slotOf(topic, 0), errorCode.CORRUPT_MESSAGE);
    const client = rig.connect();
    client.write(produceFrame(9, 1, 1, 'news', [[0, anyBatch(90, 1)]]));
    rig.settle();
    const partition = answers(client, 9)[0]!.topics[0]!.partitions[0]!;
    expect(partition.errorCode).toBe(errorCode.CORRUPT_MESSAGE);
    expect(partition.baseOffset).toBe(-1);
    expect(partition.recordErrors).toMatchObject([{ batchIndex: 0 }]);
    expect(partition.errorMessage).toContain('checksum');
  });

  test('where the log starts is told beside errors of the sequence, and not beside those of the form', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 1);
    const slot = rig.slotOf(topic, 0);
    const client = rig.connect();
    const startBeside = (error: number): number | undefined => {
      rig.workerOf(topic, 0).appendErrors.set(slot, error);
      client.write(produceFrame(9, 1, 1, 'news', [[0, anyBatch(90, 1)]]));
      rig.settle();
      return answers(client, 9)[0]?.topics[0]?.partitions[0]?.logStartOffset;
    };
    const { OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH, MESSAGE_TOO_LARGE, CORRUPT_MESSAGE } = errorCode;
    expect([OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_PRODUCER_EPOCH].map(startBeside)).toEqual([0, 0]);
    expect([MESSAGE_TOO_LARGE, CORRUPT_MESSAGE].map(startBeside)).toEqual([-1, -1]);
  });

  test('without records nothing is appended', () => {
    const rig = rigOf();
    rig.addTopic('news', 1);
    const client = rig.connect();
    client.write(produceFrame(8, 1, 1, 'news', [[0, new Uint8Array(0)]]));
    rig.settle();
    expect(errorsIn(client, 8)).toEqual([errorCode.INVALID_RECORD]);
    expect(rig.worker(0).appendCount).toBe(0);
  });

  test('a request that is broken at its end executes nothing of it', () => {
    const rig = rigOf();
    rig.addTopic('news', 2);
    const client = rig.connect();
    const frame = produceFrame(8, 1, 1, 'news', [
      [0, anyBatch(90, 1)],
      [1, anyBatch(90, 1)],
    ]);
    const view = new DataView(frame.buffer);
    view.setInt32(frame.length - 90 - 4, 5000);
    client.write(frame);
    rig.settle();
    expect(client.isClosedByBroker).toBe(true);
    expect(rig.workers.map((worker) => worker.appendCount)).toEqual([0, 0]);
    rig.expectNothingHeld();
  });

  test('a request with more partitions than a lane has slots waits, and is appended once and whole', () => {
    const rig = rigOf({ laneSlots: 4, workers: 2 });
    const topic = rig.addTopic('wide', 40);
    const client = rig.connect();
    const partitions = Array.from({ length: 40 }, (_, index): [number, Uint8Array] => [index, anyBatch(70, index)]);
    client.write(produceFrame(8, 1, 1, 'wide', partitions));
    client.write(produceFrame(8, 2, 1, 'wide', partitions));
    rig.settle();
    const bases = answers(client, 8).map((answer) => answer.topics[0]!.partitions.map((p) => p.baseOffset));
    expect(bases).toEqual([new Array(40).fill(0), new Array(40).fill(1)]);
    expect(rig.workerOf(topic, 39).contentOf(rig.slotOf(topic, 39)).length).toBe(140);
    client.end();
    rig.settle();
    rig.expectNothingHeld();
  });

  test('while a lane is full the connection is not read from', () => {
    const rig = rigOf({ laneSlots: 2 });
    rig.addTopic('wide', 9);
    const client = rig.connect();
    rig.isServing = false;
    const partitions = Array.from({ length: 9 }, (_, index): [number, Uint8Array] => [index, anyBatch(70, index)]);
    client.write(produceFrame(8, 1, 1, 'wide', partitions));
    rig.settle();
    expect(rig.front.connections.at(client.socket).receiveState).toBe(RECEIVE_NONE);
    rig.isServing = true;
    rig.settle();
    expect(framesOf(client.take()).map(correlationOf)).toEqual([1]);
    expect(rig.front.connections.at(client.socket).receiveState).toBe(RECEIVE_ARMED);
  });

  test('a connection that dies with jobs under way gives its memory back when they are done', () => {
    const rig = rigOf();
    rig.addTopic('news', 1);
    const client = rig.connect();
    rig.isServing = false;
    client.write(produceFrame(8, 1, 1, 'news', [[0, anyBatch(5000, 1)]]));
    rig.settle();
    client.reset();
    rig.settle();
    expect(client.isClosedByBroker).toBe(true);
    expect(rig.slab.usedBytes).toBeGreaterThan(0);
    rig.isServing = true;
    rig.settle();
    rig.expectNothingHeld();
  });

  test('property: however frames are split, and sends cut, every request is answered once and in order', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ bytes: fc.integer({ min: 61, max: 60_000 }), partition: fc.integer({ min: 0, max: 3 }) }),
          { minLength: 1, maxLength: 25 },
        ),
        fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 1000 }),
        fc.constantFrom(2, 4, 64),
        (requests, cuts, seed, laneSlots) => {
          const rig = rigOf({
            laneSlots,
            shortSend: 0.5,
            seed,
            slabBytes: 1 << 18,
            limits: { exchangesPerConnectionMax: 3 },
          });
          const topic = rig.addTopic('news', 3);
          const client = rig.connect({ receiveBytesMax: Math.max(cuts[0]!, 500) });
          const frames = requests.map(({ bytes, partition }, index) =>
            produceFrame(9, index, 1, 'news', [[partition, anyBatch(bytes, index)]]),
          );
          const stream = Buffer.concat(frames);
          for (let at = 0, cut = 0; at < stream.length; cut++) {
            const length = cuts[cut % cuts.length]!;
            client.write(stream.subarray(at, at + length));
            at += length;
            rig.step();
          }
          rig.settle();
          const answered = framesOf(client.take());
          expect(answered.map(correlationOf)).toEqual(requests.map((_, index) => index));
          for (let partition = 0; partition < 3; partition++) {
            const expected = requests.flatMap((request, index) =>
              request.partition === partition ? [anyBatch(request.bytes, index)] : [],
            );
            const content = rig.workerOf(topic, partition).contentOf(rig.slotOf(topic, partition));
            expect(Buffer.compare(content, Buffer.concat(expected))).toBe(0);
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
