/**
 * A broker with several fronts is one broker. Connections are spread, and whatever a client may count on
 * holds whichever front serves it: parked fetches, transactions, quotas, limits, sessions, routes.
 */
import { describe, expect, test } from 'vitest';
import { must } from '../../src/base/assert.ts';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { apiVersions } from '../../src/protocol/schemas/18-api-versions.ts';
import { deleteTopics } from '../../src/protocol/schemas/20-delete-topics.ts';
import { incrementalAlterConfigs } from '../../src/protocol/schemas/44-incremental-alter-configs.ts';
import { alterClientQuotas } from '../../src/protocol/schemas/49-alter-client-quotas.ts';
import type { BrokerInOneThread } from '../support/broker-in-one-thread.ts';
import type { SimulatedClient } from '../support/simulated-client.ts';
import {
  batchOf,
  createTopic,
  FETCH_VERSION,
  fetchFrom,
  fetchRequest,
  onlyPartition,
  PRODUCE_VERSION,
  produceRequest,
  produceTo,
  recordsIn,
} from '../support/simulated-deeds.ts';
import { TransactionalProducer } from '../support/transactional-producer.ts';
import { type BehaviourRig, startRig } from './behaviour-rig.ts';

const UNKNOWN_TOPIC_OR_PARTITION = 3;
const TRANSACTION_ABORTABLE = 120;
const FETCH_SESSION_ID_NOT_FOUND = 70;

function counts(broker: BrokerInOneThread): number[] {
  return broker.fronts.map(({ front }) => front.connections.open.length);
}

/** One client a front, in their order. */
async function startOnAll(
  count: number,
  sets: readonly string[] = [],
): Promise<BehaviourRig & { clients: SimulatedClient[] }> {
  const rig = await startRig({ fronts: count, sets });
  const clients = [rig.client];
  while (clients.length < count) {
    clients.push(rig.broker.connect());
    await rig.broker.settle();
  }
  expect(counts(rig.broker)).toEqual(Array.from({ length: count }, () => 1));
  return { ...rig, clients };
}

describe('connections over fronts', () => {
  test('each goes to the front that has the fewest', async () => {
    const { broker, clients } = await startOnAll(3);
    for (let more = 0; more < 7; more++) clients.push(broker.connect());
    await broker.settle();
    expect(counts(broker).sort()).toEqual([3, 3, 4]);
    for (const client of clients) expect((await client.ask(apiVersions, 0, {})).errorCode).toBe(0);
    broker.hangUp(clients[1]);
    await broker.settle();
    expect(counts(broker)).toEqual([0, 1, 0]);
    for (let more = 0; more < 2; more++) broker.connect();
    await broker.settle();
    expect(counts(broker)).toEqual([1, 1, 1]);
  });

  test('main knows them by numbers that no two fronts give', async () => {
    const { broker, clients } = await startOnAll(3);
    for (const client of clients) await client.ask(apiVersions, 0, {});
    const ids = broker.fronts.flatMap(({ front }) => front.connections.open.map(({ id }) => id));
    expect(new Set(ids).size).toBe(3);
  });

  test('the 33rd and the 64th front are woken like the first', async () => {
    const { client, clients } = await startOnAll(64);
    const topic = await createTopic(client, 'a');
    const waiting = [must(clients[31], 'client'), must(clients[32], 'client'), must(clients[63], 'client')];
    const wish = { maxWaitMs: 10_000, minBytes: 1 };
    for (const one of waiting) one.send(fetch, FETCH_VERSION, fetchRequest(topic, [{ partition: 0, offset: 0 }], wish));
    await client.broker.settle();
    await produceTo(client, topic, batchOf());
    for (const one of waiting) {
      expect(recordsIn(onlyPartition(one.receive(fetch, FETCH_VERSION)).records)).toHaveLength(1);
    }
  });
});

describe('what one front writes, the others serve', () => {
  test('a fetch that is parked on one front wakes when records come through another', async () => {
    const { broker, clients } = await startOnAll(2);
    const [writer, reader] = clients as [SimulatedClient, SimulatedClient];
    const topic = await createTopic(writer, 'a');
    reader.send(
      fetch,
      FETCH_VERSION,
      fetchRequest(topic, [{ partition: 0, offset: 0 }], { maxWaitMs: 10_000, minBytes: 1 }),
    );
    await broker.settle();
    expect(reader.hasAnswer).toBe(false);
    expect(broker.fronts.map(({ front }) => front.parked.watchCount)).toEqual([0, 1]);
    await produceTo(writer, topic, batchOf());
    expect(recordsIn(onlyPartition(reader.receive(fetch, FETCH_VERSION)).records)).toHaveLength(1);
  });

  test('a topic made through one front is there, and gone, on all of them at once', async () => {
    const { clients } = await startOnAll(3);
    const [first, ...others] = clients as [SimulatedClient, ...SimulatedClient[]];
    const topic = await createTopic(first, 'a');
    for (const other of others) expect((await produceTo(other, topic, batchOf())).errorCode).toBe(0);
    await first.ask(deleteTopics, 5, { topics: [], topicNames: ['a'], timeoutMs: 1000 });
    for (const other of others) {
      expect((await produceTo(other, topic, batchOf())).errorCode).toBe(UNKNOWN_TOPIC_OR_PARTITION);
    }
  });

  test('a request that follows the answer of another front finds its routes, also when both arrive in one turn', async () => {
    const { broker, clients } = await startOnAll(2);
    const [first, second] = clients as [SimulatedClient, SimulatedClient];
    const front = must(broker.fronts[1], 'there are two fronts');
    // A receive is armed from here on.
    await second.ask(apiVersions, 0, {});
    front.isStanding = true;
    const topic = await createTopic(first, 'a');
    second.send(produce, PRODUCE_VERSION, produceRequest(topic, [{ partition: 0, records: batchOf() }]));
    expect(front.transport.poll(0)).toBe(1);
    front.isStanding = false;
    await broker.settle();
    expect(onlyPartition(second.receive(produce, PRODUCE_VERSION)).errorCode).toBe(0);
  });
});

describe('transactions over fronts', () => {
  const sets = ['transaction.state.log.num.partitions=2'];

  test.each([1, 2] as const)(
    'partitions, batches and ends may come through different ones (version %i)',
    async (version) => {
      const { clients } = await startOnAll(3, sets);
      const [first, second, third] = clients as [SimulatedClient, SimulatedClient, SimulatedClient];
      const topic = await createTopic(first, 'orders');
      const producer = await TransactionalProducer.begin(first, 'transfer', version);
      producer.client = second;
      // A producer of the time before KIP-890 has to add the partition before: the front has main look.
      if (version === 1) expect((await producer.send(topic)).errorCode).toBe(TRANSACTION_ABORTABLE);
      if (version === 1) {
        producer.client = third;
        expect(await producer.add(topic, [0])).toEqual([0]);
        producer.client = second;
      }
      expect((await producer.send(topic)).errorCode).toBe(0);
      third.send(
        fetch,
        FETCH_VERSION,
        fetchRequest(topic, [{ partition: 0, offset: 0 }], { maxWaitMs: 60_000, minBytes: 1, isolationLevel: 1 }),
      );
      await third.broker.settle();
      expect(third.hasAnswer).toBe(false);
      producer.client = first;
      expect(await producer.end(true)).toBe(0);
      await third.broker.settle();
      // The record, and the marker behind it.
      expect(recordsIn(onlyPartition(third.receive(fetch, FETCH_VERSION)).records)).toHaveLength(2);
    },
  );
});

describe('quotas over fronts', () => {
  const RATE = 10_000;

  async function limit(client: SimulatedClient, key: string): Promise<void> {
    const entity = [{ entityType: 'client-id', entityName: 'simulated' }];
    const ops = [{ key, value: RATE, remove: false }];
    const answer = await client.ask(alterClientQuotas, 1, { entries: [{ entity, ops }], validateOnly: false });
    expect(answer.entries[0]?.errorCode).toBe(0);
  }

  /** How many bytes go through before anybody is told to wait, the clients taking turns. */
  async function burst(
    clients: readonly SimulatedClient[],
    ask: (client: SimulatedClient) => Promise<[number, number]>,
  ) {
    let total = 0;
    for (let turn = 0; ; turn++) {
      const [bytes, waitMs] = await ask(must(clients[turn % clients.length], 'a client'));
      total += bytes;
      if (waitMs > 0) return total;
    }
  }

  test('a client has one rate of producing, however its connections are spread', async () => {
    const { client, clients } = await startOnAll(3);
    const topic = await createTopic(client, 'a');
    await limit(client, 'producer_byte_rate');
    const records = batchOf({ valueBytes: 2000 });
    const sent = await burst(clients, async (one) => {
      const answer = await one.ask(produce, PRODUCE_VERSION, produceRequest(topic, [{ partition: 0, records }]));
      return [records.length, answer.throttleTimeMs];
    });
    expect(sent).toBeGreaterThan(8 * RATE);
    expect(sent).toBeLessThan(12 * RATE);
  });

  test('one connection alone gets all of it', async () => {
    const { client, clients } = await startOnAll(3);
    const topic = await createTopic(client, 'a');
    await limit(client, 'producer_byte_rate');
    const records = batchOf({ valueBytes: 2000 });
    const sent = await burst(clients.slice(2), async (one) => {
      const answer = await one.ask(produce, PRODUCE_VERSION, produceRequest(topic, [{ partition: 0, records }]));
      return [records.length, answer.throttleTimeMs];
    });
    expect(sent).toBeGreaterThan(8 * RATE);
    expect(sent).toBeLessThan(12 * RATE);
  });
});

describe('limits of connections over fronts', () => {
  test('max.connections is that of the broker', async () => {
    const { broker } = await startOnAll(3, ['max.connections=5']);
    const more = Array.from({ length: 6 }, () => broker.connect());
    const askAll = async () => {
      for (const one of more) if (!one.isClosed) one.send(apiVersions, 0, {});
      await broker.pass(100, 20);
    };
    await askAll();
    expect(more.map(({ hasAnswer }) => hasAnswer)).toEqual([true, true, false, false, false, false]);
    expect(broker.lines.some((line) => line.includes('5 connections are open'))).toBe(true);
    more[0]?.socket.reset();
    await broker.pass(100, 20);
    expect(more.slice(1).map(({ hasAnswer }) => hasAnswer)).toEqual([true, true, false, false, false]);
    expect(more.slice(1).map(({ isClosed }) => isClosed)).toEqual([false, false, false, false, false]);
  });

  test('so are the bounds of one listener, which others do not wait for, and which change while it runs', async () => {
    const { broker, client } = await startOnAll(3, [
      'listeners=PLAINTEXT://:1,INNER://:2',
      'listener.security.protocol.map=PLAINTEXT:PLAINTEXT,INNER:PLAINTEXT',
      'listener.name.inner.max.connections=2',
    ]);
    const call = async (listener: number, count: number) => {
      const callers = Array.from({ length: count }, () => broker.connect({ listener }));
      for (const one of callers) one.send(apiVersions, 0, {});
      await broker.pass(50, 10);
      return callers;
    };
    const inner = await call(1, 4);
    const outer = await call(0, 4);
    const answered = () => [inner, outer].map((callers) => callers.filter(({ hasAnswer }) => hasAnswer).length);
    expect(answered()).toEqual([2, 4]);
    expect(broker.lines.some((line) => line.includes('raise listener.name.inner.max.connections'))).toBe(true);
    inner[0]?.socket.reset();
    await broker.pass(50, 10);
    expect(inner.map(({ hasAnswer }) => hasAnswer)).toEqual([true, true, true, false]);
    const name = 'listener.name.inner.max.connections';
    const alter = (value: string, resourceName: string) => {
      const resource = { resourceType: 4, resourceName, configs: [{ name, configOperation: 0, value }] };
      return client.ask(incrementalAlterConfigs, 1, { resources: [resource], validateOnly: false });
    };
    expect((await alter('3', '')).responses[0]?.errorCode).toBe(0);
    await broker.pass(50, 10);
    expect(answered()).toEqual([4, 4]);
    // Who is in stays, also where fewer may be.
    expect((await alter('1', '1')).responses[0]?.errorCode).toBe(0);
    inner[1]?.socket.reset();
    const [late] = await call(1, 1);
    expect([late?.hasAnswer, late?.isClosed, inner[3]?.isClosed]).toEqual([false, false, false]);
    for (const one of inner.slice(2)) one.socket.reset();
    await broker.pass(50, 10);
    expect(late?.hasAnswer).toBe(true);
  });

  test('so is max.connections.per.ip', async () => {
    const { broker } = await startOnAll(3, ['max.connections.per.ip=4']);
    const more = Array.from({ length: 3 }, () => broker.connect());
    await broker.settle();
    expect(more.map(({ isClosed }) => isClosed)).toEqual([false, true, true]);
    expect(broker.lines.some((line) => line.includes('raise max.connections.per.ip'))).toBe(true);
  });
});

describe('fetch sessions over fronts', () => {
  test('a session is not there on another front, and no other one is taken for it', async () => {
    const { client, clients } = await startOnAll(3);
    const topic = await createTopic(client, 'a');
    const sessions: number[] = [];
    for (const one of clients) {
      const wish = { sessionId: 0, sessionEpoch: 0 };
      const answer = await one.ask(fetch, FETCH_VERSION, {
        ...fetchRequest(topic, [{ partition: 0, offset: 0 }]),
        ...wish,
      });
      sessions.push(answer.sessionId);
    }
    expect(sessions.map((id) => id % 3)).toEqual([0, 1, 2]);
    for (const [front, one] of clients.entries()) {
      for (const [made, sessionId] of sessions.entries()) {
        const wish = { sessionId, sessionEpoch: 1, topics: [], forgottenTopicsData: [] };
        const { errorCode } = await one.ask(fetch, FETCH_VERSION, { ...fetchRequest(topic, []), ...wish });
        expect(errorCode).toBe(front === made ? 0 : FETCH_SESSION_ID_NOT_FOUND);
      }
    }
    expect((await fetchFrom(client, topic, 0)).errorCode).toBe(0);
  });
});
