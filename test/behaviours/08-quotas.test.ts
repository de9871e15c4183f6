/** Client quotas over the wire: whom they may be for, what a filter means, and that they hold. */
import { describe, expect, test } from 'vitest';
import { ZERO_UUID } from '../../src/protocol/fields.ts';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { listOffsets } from '../../src/protocol/schemas/02-list-offsets.ts';
import { metadata } from '../../src/protocol/schemas/03-metadata.ts';
import { apiVersions } from '../../src/protocol/schemas/18-api-versions.ts';
import { createTopics } from '../../src/protocol/schemas/19-create-topics.ts';
import { deleteTopics } from '../../src/protocol/schemas/20-delete-topics.ts';
import { createPartitions } from '../../src/protocol/schemas/37-create-partitions.ts';
import { incrementalAlterConfigs } from '../../src/protocol/schemas/44-incremental-alter-configs.ts';
import { describeClientQuotas } from '../../src/protocol/schemas/48-describe-client-quotas.ts';
import { alterClientQuotas } from '../../src/protocol/schemas/49-alter-client-quotas.ts';
import type { BrokerInOneThread } from '../support/broker-in-one-thread.ts';
import { gotOf, joinShare } from '../support/share-deeds.ts';
import type { SimulatedClient } from '../support/simulated-client.ts';
import {
  batchOf,
  createTopic,
  FETCH_VERSION,
  fetchRequest,
  offsetOf,
  PRODUCE_VERSION,
  produceRequest,
  produceTo,
  recordsIn,
} from '../support/simulated-deeds.ts';
import { restart, startRig } from './behaviour-rig.ts';

type Entity = readonly (readonly [type: string, name: string | null])[];
type Op = readonly [key: string, value: number, remove?: boolean];

function entry(entity: Entity, ops: readonly Op[]) {
  return {
    entity: entity.map(([entityType, entityName]) => ({ entityType, entityName })),
    ops: ops.map(([key, value, remove]) => ({ key, value, remove: remove ?? false })),
  };
}

async function alter(client: SimulatedClient, entity: Entity, ops: readonly Op[], validateOnly = false) {
  const answer = await client.ask(alterClientQuotas, 1, { entries: [entry(entity, ops)], validateOnly });
  return answer.entries[0]?.errorCode;
}

type Part = readonly [type: string, matchType: number, match?: string];

async function find(client: SimulatedClient, parts: readonly Part[], strict = false) {
  const components = parts.map(([entityType, matchType, match]) => ({ entityType, matchType, match: match ?? null }));
  const answer = await client.ask(describeClientQuotas, 1, { components, strict });
  if (answer.entries === null) return answer.errorCode;
  return answer.entries
    .map(({ entity, values }) =>
      [
        ...entity.map(({ entityType, entityName }) => `${entityType}:${entityName ?? '*'}`).sort(),
        ...values.map(({ key, value }) => `${key}=${value}`),
      ].join(' '),
    )
    .sort();
}

const EXACT = 0;
const DEFAULT = 1;
const ANY = 2;

describe('AlterClientQuotas', () => {
  test('has Kafka’s codes for entities and values that cannot be', async () => {
    const { client } = await startRig();
    const rate: Op = ['producer_byte_rate', 10];
    const connections: Op = ['connection_creation_rate', 10];
    const cases: [Entity, Op[], number][] = [
      [[['user', 'alice']], [rate], 0],
      [[['user', null]], [rate], 0],
      [[['ip', '1.2.3.4']], [connections], 0],
      [[['ip', '::1']], [connections], 0],
      [[['ip', null]], [connections], 0],
      [[['ip', 'not an ip!']], [connections], 42],
      [[['ip', '1.2.3.400']], [connections], 42],
      [
        [
          ['ip', '1.2.3.4'],
          ['user', 'a'],
        ],
        [connections],
        42,
      ],
      [[['ip', '1.2.3.4']], [rate], 42],
      [[['user', 'x'.repeat(257)]], [rate], 42],
      [[['user', 'a']], [connections], 42],
      [[['user', 'a']], [['nope', 10]], 42],
      [[['group', 'a']], [rate], 42],
      [[], [rate], 42],
      [[['user', '']], [rate], 42],
      [[['user', 'a']], [['producer_byte_rate', 0]], 42],
      [[['user', 'a']], [['producer_byte_rate', -1]], 42],
      [[['user', 'a']], [['producer_byte_rate', 1.5]], 42],
      [[['user', 'a']], [['producer_byte_rate', 1e30]], 42],
      [[['ip', '1.2.3.4']], [['connection_creation_rate', 1.5]], 42],
      [[['ip', '1.2.3.4']], [['connection_creation_rate', 3e9]], 42],
      [[['user', 'a']], [rate, ['producer_byte_rate', 2]], 42],
      [
        [['user', 'm']],
        [
          ['controller_mutation_rate', 1.5],
          ['request_percentage', 200],
        ],
        0,
      ],
      [[['user', 'nobody']], [['producer_byte_rate', 0, true]], 0],
      [[['user', 'nobody']], [['nope', 0, true]], 0],
      [[['user', 'nobody']], [], 0],
    ];
    for (const [entity, ops, code] of cases) {
      expect([entity, ops, await alter(client, entity, ops)]).toEqual([entity, ops, code]);
    }
  });

  test('changes entities one by one, none with validateOnly, and what it changed holds after a kill', async () => {
    const first = await startRig();
    const answer = await first.client.ask(alterClientQuotas, 0, {
      entries: [
        entry(
          [['user', 'a']],
          [
            ['producer_byte_rate', 1],
            ['consumer_byte_rate', 2],
          ],
        ),
        entry([['group', 'a']], [['producer_byte_rate', 1]]),
        entry([['client-id', 'twice']], [['producer_byte_rate', 1]]),
        entry([['client-id', 'twice']], [['producer_byte_rate', 1]]),
      ],
      validateOnly: false,
    });
    expect(answer.entries.map(({ errorCode }) => errorCode)).toEqual([0, 42, 42]);
    expect(await alter(first.client, [['user', 'b']], [['producer_byte_rate', 1]], true)).toBe(0);
    expect(await alter(first.client, [['user', 'a']], [['producer_byte_rate', 0, true]])).toBe(0);
    const { client } = await restart(first, 'kill');
    expect(await find(client, [])).toEqual(['user:a consumer_byte_rate=2']);
    expect(await alter(client, [['user', 'a']], [['consumer_byte_rate', 0, true]])).toBe(0);
    expect(await find(client, [])).toEqual([]);
  });
});

test('DescribeClientQuotas finds what a filter means, and with strict nothing that has more', async () => {
  const { client } = await startRig();
  const quotas: [Entity, Op][] = [
    [[['user', 'alice']], ['producer_byte_rate', 1]],
    [[['user', null]], ['producer_byte_rate', 2]],
    [
      [
        ['user', 'alice'],
        ['client-id', 'c'],
      ],
      ['producer_byte_rate', 3],
    ],
    [[['client-id', 'c']], ['producer_byte_rate', 4]],
    [[['ip', '1.2.3.4']], ['connection_creation_rate', 5]],
  ];
  for (const [entity, op] of quotas) expect(await alter(client, entity, [op])).toBe(0);
  const alice = 'user:alice producer_byte_rate=1';
  const everybody = 'user:* producer_byte_rate=2';
  const both = 'client-id:c user:alice producer_byte_rate=3';
  const byClient = 'client-id:c producer_byte_rate=4';
  const byAddress = 'ip:1.2.3.4 connection_creation_rate=5';
  expect(await find(client, [])).toEqual([byClient, both, byAddress, everybody, alice].sort());
  expect(await find(client, [], true)).toEqual([]);
  expect(await find(client, [['user', ANY]])).toEqual([both, everybody, alice].sort());
  expect(await find(client, [['user', ANY]], true)).toEqual([everybody, alice].sort());
  expect(await find(client, [['user', EXACT, 'alice']])).toEqual([both, alice].sort());
  expect(await find(client, [['user', DEFAULT]])).toEqual([everybody]);
  expect(
    await find(client, [
      ['client-id', EXACT, 'c'],
      ['user', ANY],
    ]),
  ).toEqual([both]);
  expect(await find(client, [['ip', ANY]])).toEqual([byAddress]);
  expect(
    await find(client, [
      ['ip', ANY],
      ['user', ANY],
    ]),
  ).toBe(42);
  expect(
    await find(client, [
      ['user', ANY],
      ['user', DEFAULT],
    ]),
  ).toBe(42);
  expect(await find(client, [['group', ANY]])).toBe(35);
  expect(await find(client, [['group', 7]])).toBe(35);
  expect(await find(client, [['', ANY]])).toBe(42);
  expect(await find(client, [['user', 7]])).toBe(42);
  expect(await find(client, [['user', EXACT]])).toBe(42);
  expect(await find(client, [['user', ANY, 'x']])).toBe(42);
});

/** Client id of the simulated clients. */
const CLIENT: Entity = [['client-id', 'simulated']];

/** Asks again as soon as the last answer lets it, for so long; how many bytes went through, and whether it had to wait. */
async function pump(
  broker: BrokerInOneThread,
  lastMs: number,
  ask: () => Promise<{ readonly bytes: number; readonly waitMs: number }>,
): Promise<{ readonly bytes: number; readonly waits: number }> {
  const endMs = broker.nowMs + lastMs;
  let bytes = 0;
  let waits = 0;
  while (broker.nowMs < endMs) {
    const answer = await ask();
    bytes += answer.bytes;
    if (answer.waitMs > 0) waits += 1;
    await broker.pass(Math.max(20, answer.waitMs));
  }
  return { bytes, waits };
}

describe('quotas hold', () => {
  const RATE = 10_000;
  /** A burst weighs on the rate until its windows are old. */
  const LEAD_MS = 12_000;
  const SECONDS = 60;

  test('for bytes produced: a burst of ten seconds, then the rate, with the time to wait in each answer', async () => {
    const { broker, client } = await startRig();
    const topic = await createTopic(client, 'a');
    expect(await alter(client, CLIENT, [['producer_byte_rate', RATE]])).toBe(0);
    const batch = batchOf({ valueBytes: 2000 });
    const request = produceRequest(topic, [{ partition: 0, records: batch }]);
    const produceOnce = async () => {
      const answer = await client.ask(produce, PRODUCE_VERSION, request);
      expect(answer.topics[0]?.partitions[0]?.errorCode).toBe(0);
      return { bytes: batch.length, waitMs: answer.throttleTimeMs };
    };
    let burst = 0;
    for (let waitMs = 0; waitMs === 0; burst += batch.length) {
      waitMs = (await produceOnce()).waitMs;
      if (waitMs > 0) await broker.pass(waitMs);
    }
    expect(burst).toBeGreaterThan(8 * RATE);
    expect(burst).toBeLessThan(12 * RATE);
    await pump(broker, LEAD_MS, produceOnce);
    const { bytes, waits } = await pump(broker, SECONDS * 1000, produceOnce);
    expect(waits).toBeGreaterThan(10);
    expect(bytes / SECONDS / RATE).toBeGreaterThan(0.8);
    expect(bytes / SECONDS / RATE).toBeLessThan(1.2);
  });

  test('although the client does not wait: its next request is not begun before its time, acks=0 included', async () => {
    const { broker, client } = await startRig();
    const topic = await createTopic(client, 'a');
    expect(await alter(client, CLIENT, [['producer_byte_rate', 1000]])).toBe(0);
    const parts = [{ partition: 0, records: batchOf({ valueBytes: 12_000 }) }];
    const other = broker.connect();
    client.send(produce, PRODUCE_VERSION, produceRequest(topic, parts, { acks: 0 }), false);
    await broker.settle();
    client.send(apiVersions, 0, {});
    await broker.settle();
    expect(client.hasAnswer).toBe(false);
    expect((await other.ask(apiVersions, 0, {})).errorCode).toBe(0);
    await broker.pass(1900);
    expect(client.hasAnswer).toBe(false);
    await broker.pass(1000);
    expect(client.receive(apiVersions, 0).errorCode).toBe(0);
  });

  test('for a client that sends ahead as well: what it sent is begun one by one, and none of it is forgotten', async () => {
    const { broker, client } = await startRig();
    const topic = await createTopic(client, 'a');
    expect(await alter(client, CLIENT, [['producer_byte_rate', 1000]])).toBe(0);
    const parts = [{ partition: 0, records: batchOf({ valueBytes: 4000 }) }];
    const COUNT = 12;
    for (let count = 0; count < COUNT; count++) client.send(produce, PRODUCE_VERSION, produceRequest(topic, parts));
    await broker.settle();
    // Two make 8000 of the 10,000 bytes that the windows allow at once; the third is above and mutes.
    expect(await offsetOf(broker.connect(), topic, -1)).toMatchObject({ offset: 3 });
    await broker.pass(60_000);
    for (let count = 0; count < COUNT; count++) {
      expect(client.receive(produce, PRODUCE_VERSION).topics[0]?.partitions[0]?.baseOffset).toBe(count);
    }
    // Answered at once, without a worker: nobody else would come back to the next of them.
    const nowhere = produceRequest({ ...topic, name: 'nowhere' }, parts);
    expect(await alter(client, CLIENT, [['producer_byte_rate', 1e9]])).toBe(0);
    for (let count = 0; count < COUNT; count++) client.send(produce, PRODUCE_VERSION, nowhere);
    await broker.settle();
    expect(client.countFrames()).toBe(COUNT);
  });

  test('without memory for those who send on: when it is short, they go first', async () => {
    const { broker, client } = await startRig({ slabBytes: 1 << 20, limits: { memoryWaitMs: 200 } });
    const topic = await createTopic(client, 'a');
    expect(await alter(client, CLIENT, [['producer_byte_rate', 10]])).toBe(0);
    const request = produceRequest(topic, [{ partition: 0, records: batchOf({ valueBytes: 20_000 }) }]);
    const pushers = Array.from({ length: 40 }, () => broker.connect());
    for (const pusher of pushers) {
      pusher.send(produce, PRODUCE_VERSION, request);
      await broker.settle();
      if (pusher.hasAnswer) pusher.receive(produce, PRODUCE_VERSION);
      for (let count = 0; count < 3; count++) pusher.send(produce, PRODUCE_VERSION, request);
      await broker.settle();
    }
    const other = broker.connect();
    other.send(apiVersions, 0, {});
    await broker.pass(10_000);
    expect(other.receive(apiVersions, 0).errorCode).toBe(0);
    const closed = pushers.filter(({ isClosed }) => isClosed).length;
    expect(closed).toBeGreaterThan(0);
    expect(closed).toBeLessThan(pushers.length);
    // The front does not see that the others hang up before it reads from them again, or finds them idle.
    broker.hangUp();
    await broker.pass(700_000, 50_000);
  });

  test('for bytes fetched: whoever is above gets no records but a time, and the rate is kept', async () => {
    const { broker, client } = await startRig();
    const topic = await createTopic(client, 'a');
    for (let count = 0; count < 400; count++) await produceTo(client, topic, batchOf({ valueBytes: 3000 }));
    expect(await alter(client, CLIENT, [['consumer_byte_rate', RATE]])).toBe(0);
    let offset = 0;
    const fetchOnce = async () => {
      const wish = fetchRequest(topic, [{ offset, bytesMax: 5000 }]);
      const answer = await client.ask(fetch, FETCH_VERSION, wish);
      const waitMs = answer.throttleTimeMs;
      if (waitMs > 0) {
        expect(answer.topics).toEqual([]);
        return { bytes: 0, waitMs };
      }
      const records = answer.topics[0]?.partitions[0]?.records ?? new Uint8Array(0);
      offset += recordsIn(records).length;
      return { bytes: records.length, waitMs };
    };
    let burst = 0;
    for (let waitMs = 0; waitMs === 0; ) {
      const once = await fetchOnce();
      burst += once.bytes;
      waitMs = once.waitMs;
      if (waitMs > 0) await broker.pass(waitMs);
    }
    expect(burst).toBeGreaterThan(8 * RATE);
    expect(burst).toBeLessThan(12 * RATE);
    await pump(broker, LEAD_MS, fetchOnce);
    const { bytes, waits } = await pump(broker, SECONDS * 1000, fetchOnce);
    expect(waits).toBeGreaterThan(2);
    expect(bytes / SECONDS / RATE).toBeGreaterThan(0.8);
    expect(bytes / SECONDS / RATE).toBeLessThan(1.2);
  });

  test('for bytes that share groups fetch: records go out, and the next request waits', async () => {
    const { broker, client } = await startRig();
    const topic = await createTopic(client, 'a');
    for (let count = 0; count < 400; count++) await produceTo(client, topic, batchOf({ valueBytes: 3000 }));
    const member = await joinShare(client, 'g', 'm', topic);
    expect(await alter(client, CLIENT, [['consumer_byte_rate', RATE]])).toBe(0);
    const fetchOnce = async () => {
      member.sendFetch({ maxRecords: 1 });
      await broker.settle();
      const answer = member.receive();
      const [got] = gotOf(answer);
      expect(got?.offsets).toHaveLength(1);
      return { bytes: answer.responses[0]?.partitions[0]?.records?.length ?? 0, waitMs: answer.throttleTimeMs };
    };
    await pump(broker, LEAD_MS, fetchOnce);
    const { bytes, waits } = await pump(broker, SECONDS * 1000, fetchOnce);
    expect(waits).toBeGreaterThan(2);
    expect(bytes / SECONDS / RATE).toBeGreaterThan(0.8);
    expect(bytes / SECONDS / RATE).toBeLessThan(1.2);
  });

  test('in a fetch session: one that had not begun is not told of, one that had goes on', async () => {
    const { broker, client } = await startRig();
    const topic = await createTopic(client, 'a');
    for (let count = 0; count < 40; count++) await produceTo(client, topic, batchOf({ valueBytes: 3000 }));
    const ask = (sessionId: number, sessionEpoch: number, offset: number | null) =>
      client.ask(fetch, FETCH_VERSION, {
        ...fetchRequest(topic, offset === null ? [] : [{ offset, bytesMax: 20_000 }], { sessionId, sessionEpoch }),
        ...(offset === null ? { topics: [] } : {}),
      });
    const begun = await ask(0, 0, 0);
    expect(begun.sessionId).toBeGreaterThan(0);
    expect(await alter(client, CLIENT, [['consumer_byte_rate', 1000]])).toBe(0);
    let epoch = 1;
    let answer = await ask(begun.sessionId, epoch++, 0);
    while (answer.throttleTimeMs === 0) answer = await ask(begun.sessionId, epoch++, 0);
    expect(answer).toMatchObject({ errorCode: 0, sessionId: begun.sessionId, topics: [] });
    await broker.pass(answer.throttleTimeMs);
    const fresh = await ask(0, 0, 0);
    expect(fresh.throttleTimeMs === 0 || fresh.sessionId === 0).toBe(true);
    if (fresh.throttleTimeMs > 0) await broker.pass(fresh.throttleTimeMs);
    await broker.pass(12_000);
    expect((await ask(begun.sessionId, epoch, null)).errorCode).toBe(0);
  });

  test('for shares of a thread, data and control requests alike, never for longer than a window', async () => {
    const { broker, client } = await startRig();
    const topic = await createTopic(client, 'a');
    expect(await alter(client, CLIENT, [['request_percentage', 1]])).toBe(0);
    // Every piece of work takes 40 ms: three of them are beyond one percent of ten seconds.
    broker.busyStepMs = 40;
    const waits: number[] = [];
    for (let round = 0; round < 8; round++) {
      const { throttleTimeMs } = await client.ask(metadata, 9, { topics: [] });
      waits.push(throttleTimeMs);
      if (throttleTimeMs > 0) await broker.pass(throttleTimeMs);
    }
    expect(waits[0]).toBe(0);
    expect(Math.max(...waits)).toBe(1000);
    const produced = await client.ask(
      produce,
      PRODUCE_VERSION,
      produceRequest(topic, [{ partition: 0, records: batchOf() }]),
    );
    expect(produced.throttleTimeMs).toBeGreaterThan(0);
    await broker.pass(1000);
    const found = await client.ask(listOffsets, 7, {
      isolationLevel: 0,
      topics: [{ name: 'a', partitions: [{ partitionIndex: 0, timestamp: -1 }] }],
    });
    expect(found.throttleTimeMs).toBeGreaterThan(0);
    broker.busyStepMs = 0;
    await broker.pass(20_000);
    expect((await client.ask(metadata, 9, { topics: [] })).throttleTimeMs).toBe(0);
  });

  test('for what the controller is made to do: refused with 89 where the version knows it, else waited for', async () => {
    const { broker, client } = await startRig();
    expect(await alter(client, CLIENT, [['controller_mutation_rate', 1]])).toBe(0);
    const create = async (name: string, numPartitions: number, version: number) => {
      const topics = [{ name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }];
      const answer = await client.ask(createTopics, version, { topics });
      return [answer.topics[0]?.errorCode, answer.throttleTimeMs];
    };
    expect(await create('a', 11, 7)).toEqual([0, 0]);
    expect(await create('b', 5, 7)).toEqual([0, 0]);
    expect(await create('c', 3, 7)).toEqual([89, 5000]);
    await broker.pass(5000);
    expect(await create('c', 3, 7)).toEqual([0, 0]);
    expect(await create('d', 1, 7)).toEqual([89, 3000]);
    const old = broker.connect();
    const granted = await old.ask(createTopics, 5, {
      topics: [{ name: 'd', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
    });
    expect([granted.topics[0]?.errorCode, granted.throttleTimeMs]).toEqual([0, 4000]);
    const deleting = broker.connect();
    const gone = await deleting.ask(deleteTopics, 6, { topics: [{ name: 'd', topicId: ZERO_UUID }], timeoutMs: 1000 });
    expect([gone.responses[0]?.errorCode, gone.throttleTimeMs]).toEqual([89, 4000]);
    const growing = broker.connect();
    const grown = await growing.ask(createPartitions, 3, {
      topics: [{ name: 'a', count: 12, assignments: null }],
      timeoutMs: 1000,
    });
    expect([grown.results[0]?.errorCode, grown.throttleTimeMs]).toEqual([89, 4000]);
  });

  test('for connections begun: the one too many is kept waiting, and closed', async () => {
    const { broker, client } = await startRig();
    expect(await alter(client, [['ip', null]], [['connection_creation_rate', 1]])).toBe(0);
    await broker.pass(12_000);
    const connections = Array.from({ length: 12 }, () => broker.connect());
    await broker.settle();
    const answered: boolean[] = [];
    for (const connection of connections) {
      connection.send(apiVersions, 0, {});
      await broker.settle();
      answered.push(connection.hasAnswer);
    }
    expect(answered.filter((isAnswered) => isAnswered)).toHaveLength(10);
    expect(connections.filter(({ isClosed }) => isClosed)).toHaveLength(0);
    await broker.pass(1500);
    expect(connections.filter(({ isClosed }) => isClosed)).toHaveLength(2);
    expect(answered.map((isAnswered) => !isAnswered)).toEqual(connections.map(({ isClosed }) => isClosed));
  });

  test('for nobody who has none, nor for anyone any more when they are taken away', async () => {
    const { client } = await startRig();
    const topic = await createTopic(client, 'a');
    const produceLarge = async () => {
      const parts = [{ partition: 0, records: batchOf({ valueBytes: 50_000 }) }];
      return (await client.ask(produce, PRODUCE_VERSION, produceRequest(topic, parts))).throttleTimeMs;
    };
    expect(await alter(client, [['client-id', 'somebody else']], [['producer_byte_rate', 1]])).toBe(0);
    expect(await produceLarge()).toBe(0);
    expect(await alter(client, [['user', 'ANONYMOUS']], [['producer_byte_rate', 10_000]])).toBe(0);
    expect(await produceLarge()).toBe(0);
    expect(await alter(client, [['user', 'ANONYMOUS']], [['producer_byte_rate', 0, true]])).toBe(0);
    for (let count = 0; count < 5; count++) expect(await produceLarge()).toBe(0);
  });

  test('limits on connections change while the broker runs', async () => {
    const { broker, client } = await startRig();
    const answer = await client.ask(incrementalAlterConfigs, 1, {
      resources: [
        {
          resourceType: 4,
          resourceName: '',
          configs: [{ name: 'max.connections', configOperation: 0, value: '2' }],
        },
      ],
      validateOnly: false,
    });
    expect(answer.responses[0]?.errorCode).toBe(0);
    const others = [broker.connect(), broker.connect()];
    for (const other of others) other.send(apiVersions, 0, {});
    await broker.settle();
    expect(others.map(({ hasAnswer }) => hasAnswer)).toEqual([true, false]);
    expect(others.map(({ isClosed }) => isClosed)).toEqual([false, false]);
  });
});
