import { describe, expect, test } from 'vitest';
import { errorCode } from '../../src/protocol/errors.ts';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { BOARD_SLOTS_MAX } from '../../src/zerocopy/layout.ts';
import type { FrontRig } from '../net/front-rig.ts';
import { anyBatch, requestFrame } from '../net/wire.ts';
import { cpuMs } from '../support/cpu-time.ts';
import type { FakeClient } from '../support/fake-client.ts';
import { answer, ask, lengthsIn, partitionsIn, type Request, rigOf, type Wanted } from './fetch-client.ts';

describe('fetch sessions', () => {
  function session(rig: FrontRig, client: FakeClient, wanted: readonly Wanted[], more: Partial<Request> = {}): number {
    ask(client, 12, wanted, { maxWaitMs: 0, sessionId: 0, sessionEpoch: 0, ...more });
    rig.settle();
    return answer(client, 12).sessionId;
  }

  test('24: epoch 0 creates one; the next answers hold only what changed', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 3);
    const client = rig.connect();
    const id = session(
      rig,
      client,
      [0, 1, 2].map((partition) => ({ topic, partition, offset: 0 })),
    );
    expect(id).toBeGreaterThan(0);
    rig.workerOf(topic, 1).append(rig.slotOf(topic, 1), anyBatch(100, 1));
    ask(client, 12, [], { sessionId: id, sessionEpoch: 1 });
    rig.settle();
    expect(partitionsIn(client, 12).map((partition) => [partition.partitionIndex, partition.records!.length])).toEqual([
      [1, 100],
    ]);
    ask(client, 12, [{ topic, partition: 1, offset: 1 }], { sessionId: id, sessionEpoch: 2, maxWaitMs: 0 });
    rig.settle();
    expect(answer(client, 12)).toMatchObject({ errorCode: 0, sessionId: id, topics: [] });
  });

  test('24: one may begin without partitions; all negative leader epochs say that none is known', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 1);
    const client = rig.connect();
    const id = session(rig, client, []);
    expect(id).toBeGreaterThan(0);
    rig.workerOf(topic, 0).append(rig.slotOf(topic, 0), anyBatch(100, 1));
    ask(client, 12, [{ topic, partition: 0, offset: 0, epoch: -2 }], { sessionId: id, sessionEpoch: 1 });
    rig.settle();
    expect(partitionsIn(client, 12)[0]).toMatchObject({ errorCode: 0, highWatermark: 1 });
  });

  test('24: unknown ids and wrong epochs are top-level errors', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 1);
    const client = rig.connect();
    const id = session(rig, client, [{ topic, partition: 0, offset: 0 }]);
    for (const [sessionId, sessionEpoch, error] of [
      [id + 1, 1, errorCode.FETCH_SESSION_ID_NOT_FOUND],
      [id, 2, errorCode.INVALID_FETCH_SESSION_EPOCH],
    ] as const) {
      ask(client, 12, [], { sessionId, sessionEpoch });
      rig.settle();
      expect(answer(client, 12)).toMatchObject({ errorCode: error, sessionId: 0, topics: [] });
    }
    ask(client, 12, [], { sessionId: id, sessionEpoch: -1, maxWaitMs: 0 });
    rig.settle();
    expect(answer(client, 12)).toMatchObject({ errorCode: 0, sessionId: 0 });
    ask(client, 12, [], { sessionId: id, sessionEpoch: 1 });
    rig.settle();
    expect(answer(client, 12).errorCode).toBe(errorCode.FETCH_SESSION_ID_NOT_FOUND);
  });

  test('24: nobody finds the sessions of others by the number of his own', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 1);
    const [others, own] = [rig.connect(), rig.connect()].map((client) =>
      Array.from({ length: 8 }, () => session(rig, client, [{ topic, partition: 0, offset: 0 }])),
    );
    expect(new Set([...others!, ...own!]).size).toBe(16);
    expect(others!.filter((id) => own!.some((mine) => Math.abs(mine - id) < 100))).toEqual([]);
  });

  test('24: partitions are forgotten; one that errs is repeated', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 2);
    const client = rig.connect();
    const id = session(rig, client, [
      { topic, partition: 0, offset: 0 },
      { topic, partition: 1, offset: 50 },
    ]);
    for (const epoch of [1, 2]) {
      ask(client, 12, [], { sessionId: id, sessionEpoch: epoch });
      rig.settle();
      expect(partitionsIn(client, 12).map((one) => [one.partitionIndex, one.errorCode])).toEqual([
        [1, errorCode.OFFSET_OUT_OF_RANGE],
      ]);
    }
    ask(client, 12, [], {
      sessionId: id,
      sessionEpoch: 3,
      maxWaitMs: 0,
      forgottenTopics: [{ name: 'news', partitions: [1] }],
    });
    rig.settle();
    expect(answer(client, 12).topics).toEqual([]);
    ask(client, 12, [], {
      sessionId: id,
      sessionEpoch: 4,
      maxWaitMs: 0,
      forgottenTopics: [{ name: 'news', partitions: [0] }],
    });
    rig.settle();
    expect(answer(client, 12)).toMatchObject({ sessionId: 0, topics: [] });
  });

  test('25: without a session the answer carries id 0', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 1);
    const client = rig.connect();
    expect(session(rig, client, [{ topic, partition: 0, offset: 0 }], { sessionEpoch: -1 })).toBe(0);
  });

  test('24: slots are bounded; only a session that was idle long enough makes room', () => {
    const rig = rigOf({ limits: { fetchSessionsMax: 2, fetchSessionIdleMs: 1000 } });
    const topic = rig.addTopic('news', 1);
    const client = rig.connect();
    const wanted = [{ topic, partition: 0, offset: 0 }];
    const first = session(rig, client, wanted);
    const second = session(rig, client, wanted);
    expect(session(rig, client, wanted)).toBe(0);
    rig.pass(1100);
    ask(client, 12, [], { sessionId: first, sessionEpoch: 1, maxWaitMs: 0 });
    rig.settle();
    expect(answer(client, 12).errorCode).toBe(0);
    expect(session(rig, client, wanted)).toBeGreaterThan(0);
    ask(client, 12, [], { sessionId: second, sessionEpoch: 1 });
    rig.settle();
    expect(answer(client, 12).errorCode).toBe(errorCode.FETCH_SESSION_ID_NOT_FOUND);
  });

  test('26: a topic that was made anew has another id, and the session says so; by name it goes on', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 1);
    const client = rig.connect();
    const byName = session(rig, client, [{ topic, partition: 0, offset: 0 }]);
    ask(client, 13, [{ topic, partition: 0, offset: 0 }], { maxWaitMs: 0, sessionEpoch: 0 });
    rig.settle();
    const byId = answer(client, 13).sessionId;
    rig.removeTopic(topic);
    ask(client, 12, [], { sessionId: byName, sessionEpoch: 1 });
    rig.settle();
    expect(partitionsIn(client, 12)[0]!.errorCode).toBe(errorCode.UNKNOWN_TOPIC_OR_PARTITION);
    const anew = rig.addTopic('news', 2);
    rig.workerOf(anew, 0).append(rig.slotOf(anew, 0), anyBatch(100, 1));
    ask(client, 12, [], { sessionId: byName, sessionEpoch: 2 });
    rig.settle();
    expect(lengthsIn(client, 12)).toEqual([100]);
    expect(byId).toBeGreaterThan(0);
  });

  test('26: a partition of a topic that was made anew is in a session by name once, also when the client names it', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 2);
    const client = rig.connect();
    const wanted = [0, 1].map((partition) => ({ topic, partition, offset: 0 }));
    const sessionId = session(rig, client, wanted);
    rig.removeTopic(topic);
    const anew = rig.addTopic('news', 2);
    for (const partition of [0, 1])
      rig.workerOf(anew, partition).append(rig.slotOf(anew, partition), anyBatch(100, partition));
    ask(client, 12, wanted.slice(0, 1), { sessionId, sessionEpoch: 1 });
    rig.settle();
    expect(partitionsIn(client, 12).map((one) => one.partitionIndex)).toEqual([0, 1]);
  });

  test('24: when max_bytes is short, partitions take turns', () => {
    const rig = rigOf();
    const topic = rig.addTopic('news', 3);
    for (let partition = 0; partition < 3; partition++) {
      for (let index = 0; index < 4; index++)
        rig.workerOf(topic, partition).append(rig.slotOf(topic, partition), anyBatch(1000, index));
    }
    const client = rig.connect();
    const offsets = [0, 0, 0];
    let id = 0;
    const order: number[] = [];
    for (let epoch = 0; epoch < 6; epoch++) {
      const wanted = offsets.map((offset, partition) => ({ topic, partition, offset }));
      ask(client, 12, wanted, { sessionId: id, sessionEpoch: epoch, maxBytes: 1000 });
      rig.settle();
      const body = answer(client, 12);
      id = body.sessionId;
      for (const one of body.topics.flatMap((each) => each.partitions)) {
        if (one.records!.length === 0) continue;
        order.push(one.partitionIndex);
        offsets[one.partitionIndex]! += 1;
      }
    }
    expect(order).toEqual([0, 1, 2, 0, 1, 2]);
  });

  // A request of 740 KB held its front for ten seconds: each topic was looked for among all before it.
  test('thirty thousand topics that are not there, named and forgotten again, hold nobody up', () => {
    const rig = rigOf({ slabBytes: 1 << 27, outboxBytes: 1 << 25, limits: { fetchSessionsMax: 1 } });
    const client = rig.connect();
    const names = Array.from({ length: 30_000 }, (_, index) => `nowhere-${index}`);
    const begunMs = cpuMs();
    const asked = names.map((name) => ({
      name,
      partitions: [{ partitionIndex: 0, fetchOffset: 0, partitionMaxBytes: 1 }],
    }));
    const request = { maxWaitMs: 0, minBytes: 1, sessionId: 0, sessionEpoch: 0 };
    client.write(requestFrame(fetch, 12, 1, { ...request, topics: asked }));
    rig.settle();
    const { sessionId } = answer(client, 12);
    const forgottenTopics = names.reverse().map((name) => ({ name, partitions: [0] }));
    client.write(requestFrame(fetch, 12, 2, { ...request, topics: [], sessionId, sessionEpoch: 1, forgottenTopics }));
    rig.settle();
    // Nothing is left of the session.
    expect(answer(client, 12)).toMatchObject({ errorCode: 0, sessionId: 0 });
    expect(cpuMs() - begunMs).toBeLessThan(8000);
  });

  test('a session that grows beyond what a broker can have is ended', () => {
    const rig = rigOf({ slabBytes: 1 << 26, outboxBytes: 1 << 25 });
    const topic = rig.addTopic('news', 1);
    const client = rig.connect();
    const sessionId = session(rig, client, [{ topic, partition: 0, offset: 0 }]);
    const partitions = Array.from({ length: BOARD_SLOTS_MAX }, (_, index) => ({
      partitionIndex: index + 1,
      fetchOffset: 0,
      partitionMaxBytes: 1,
    }));
    const request = {
      maxWaitMs: 0,
      minBytes: 1,
      topics: [{ name: topic.name, partitions }],
      sessionId,
      sessionEpoch: 1,
    };
    client.write(requestFrame(fetch, 12, 1, request));
    rig.settle();
    expect(answer(client, 12).errorCode).toBe(errorCode.FETCH_SESSION_ID_NOT_FOUND);
    ask(client, 12, [], { sessionId, sessionEpoch: 2 });
    rig.settle();
    expect(answer(client, 12).errorCode).toBe(errorCode.FETCH_SESSION_ID_NOT_FOUND);
  });
});
