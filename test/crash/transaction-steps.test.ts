/**
 * Kill -9 between any two steps of ending a transaction, one broker in one thread each time: the decision before it was
 * written, after it, between markers, before the record that says that all markers are there. Whatever is left, the
 * producer's next EndTxn ends the transaction in all partitions, once, and nobody sees a part of it.
 */
import { expect, test } from 'vitest';
import { endTxn } from '../../src/protocol/schemas/26-end-txn.ts';
import { describeTransactions } from '../../src/protocol/schemas/65-describe-transactions.ts';
import { BrokerInOneThread } from '../support/broker-in-one-thread.ts';
import { FakeCrash } from '../support/fake-disk.ts';
import type { SimulatedClient } from '../support/simulated-client.ts';
import { createTopic, fetchFrom, type Topic } from '../support/simulated-deeds.ts';
import { SimulatedWorld } from '../support/simulated-world.ts';
import { TransactionalProducer } from '../support/transactional-producer.ts';

const CONCURRENT_TRANSACTIONS = 51;
const PARTITIONS = [0, 1, 2];
const options = { sets: ['transaction.state.log.num.partitions=3'], workers: 3 };
const TRANSACTION_ABORTABLE = 120;
const STEPS = 50;

interface Left {
  /** What the log of transactions said after the start. */
  readonly state: string;
  readonly isAnswered: boolean;
  readonly hasDied: boolean;
  /** Markers that were written twice, because nobody knew of the first. */
  readonly markersAgain: number;
}

/** Dies in the n-th change of the disk after EndTxn was sent, starts again, ends the transaction, and looks. */
async function endWithKillIn(operation: number, version: 1 | 2, isCommit: boolean): Promise<Left> {
  const world = new SimulatedWorld(operation);
  const before = await BrokerInOneThread.start(world, options);
  const client = before.connect();
  const topic = await createTopic(client, 'orders', { partitions: PARTITIONS.length });
  const producer = await TransactionalProducer.begin(client, 'transfer', version);
  for (const partition of PARTITIONS) {
    await producer.enter(topic, partition);
    expect((await producer.send(topic, partition, { count: 2 })).errorCode).toBe(0);
  }
  const { producerId, producerEpoch, transactionalId } = producer;
  const request = { transactionalId, producerId, producerEpoch, committed: isCommit };
  client.send(endTxn, version === 2 ? 5 : 4, request);
  world.disk.crashAt(operation);
  const hasDied = await runUntilCrash(before);
  const isAnswered = client.hasAnswer;
  before.kill();

  const after = await BrokerInOneThread.start(world, options);
  producer.client = after.connect();
  const states = await producer.client.ask(describeTransactions, 0, { transactionalIds: [transactionalId] });
  const state = states.transactionStates[0]?.transactionState ?? '';
  if (isAnswered) expect(state).toMatch(/^Complete/);
  if (state === 'Ongoing') await expectNothingVisible(producer.client, topic);
  let error = await producer.end(isCommit);
  for (let round = 0; error === CONCURRENT_TRANSACTIONS && round < 10; round++) {
    await after.pass(100);
    error = await producer.end(isCommit);
  }
  expect(error).toBe(0);
  await after.pass(100);
  const markersAgain = await expectWhole(producer.client, topic, isCommit);
  expect((await producer.send(topic, 0)).errorCode).toBe(version === 2 ? 0 : TRANSACTION_ABORTABLE);
  after.hangUp();
  await after.settle();
  after.expectNothingHeld();
  after.kill();
  return { state, isAnswered, hasDied, markersAgain };
}

/** False: everything was done before the crash was due. */
async function runUntilCrash(broker: BrokerInOneThread): Promise<boolean> {
  try {
    for (let step = 0; step < STEPS; step++) {
      broker.step();
      await broker.breathe();
    }
    return false;
  } catch (error) {
    if (error instanceof FakeCrash) return true;
    throw error;
  }
}

async function expectNothingVisible(client: SimulatedClient, topic: Topic): Promise<void> {
  for (const partition of PARTITIONS) {
    expect(await fetchFrom(client, topic, 0, { partition, isolationLevel: 1 })).toMatchObject({ lastStableOffset: 0 });
  }
}

async function expectWhole(client: SimulatedClient, topic: Topic, isCommit: boolean): Promise<number> {
  let markersAgain = 0;
  for (const partition of PARTITIONS) {
    const fetched = await fetchFrom(client, topic, 0, { partition, isolationLevel: 1 });
    expect(fetched.lastStableOffset).toBe(fetched.highWatermark);
    expect(fetched.lastStableOffset).toBeGreaterThanOrEqual(3);
    markersAgain += fetched.lastStableOffset - 3;
    expect(fetched.abortedTransactions ?? []).toHaveLength(isCommit ? 0 : 1);
  }
  return markersAgain;
}

test.each([
  [1, true],
  [1, false],
  [2, true],
  [2, false],
] as const)(
  'version %i, commit %s: killed in every write of EndTxn',
  { timeout: 120_000 },
  async (version, isCommit) => {
    const lefts: Left[] = [];
    for (let operation = 1; lefts.at(-1)?.hasDied !== false; operation++) {
      lefts.push(await endWithKillIn(operation, version, isCommit));
    }
    // Killed in the write of the decision, nothing was decided; from then on it was.
    const states = lefts.map(({ state }) => state);
    expect(states[0]).toBe('Ongoing');
    expect(new Set(states.slice(1))).toEqual(new Set([isCommit ? 'CompleteCommit' : 'CompleteAbort']));
    // Killed with no, one, two and three markers written; and once after everything.
    const markersAgain = lefts.map((left) => left.markersAgain);
    expect([...new Set(markersAgain)].sort()).toEqual([0, 1, 2, 3]);
    expect([markersAgain[0], markersAgain.at(-2), markersAgain.at(-1)]).toEqual([0, 3, 0]);
  },
);
