/**
 * Hostile frames against a whole broker, real workers and control plane included: nothing escapes as an exception, a
 * well-behaved client beside them is served all the time, and when they are gone nothing of them is held.
 * FUZZ_FRAMES and FUZZ_SEED choose how many and from where; a failure says the seed.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { createTopics } from '../../src/protocol/schemas/19-create-topics.ts';
import { deleteTopics } from '../../src/protocol/schemas/20-delete-topics.ts';
import { alterClientQuotas } from '../../src/protocol/schemas/49-alter-client-quotas.ts';
import { BrokerInOneThread } from '../support/broker-in-one-thread.ts';
import type { SimulatedClient } from '../support/simulated-client.ts';
import { batchOf, createTopic, fetchFrom, offsetOf, produceTo, type Topic } from '../support/simulated-deeds.ts';
import { SimulatedWorld } from '../support/simulated-world.ts';
import { HostileRequests } from './hostile-requests.ts';

const env: { readonly FUZZ_FRAMES?: string; readonly FUZZ_SEED?: string } = process.env;
const FRAMES = Number(env.FUZZ_FRAMES ?? 200_000);
const SEED = Number(env.FUZZ_SEED ?? 20_261_121);
const TIME_MS_MAX = 60_000;
const CLIENTS_PER_ROUND = 50;
const FRAMES_PER_CLIENT = 3;
const BREATHS = 4;
const TURNS_PER_BREATH = 6;
const WITNESS_EVERY = 20;
/** What may come on top between the first and the last quarter of a run: the disk in memory grows with what is appended. */
const GROWTH_BYTES_MAX = 64 << 20;

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

function heapBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Quotas are in force: none that this client, or frames made here, would notice; small ones for recorded clients. */
async function limitStrangers(witness: SimulatedClient): Promise<void> {
  const keys = ['producer_byte_rate', 'consumer_byte_rate', 'request_percentage', 'controller_mutation_rate'];
  const entry = (entityName: string | null, value: number) => ({
    entity: [{ entityType: 'client-id', entityName }],
    ops: keys.map((key) => ({ key, value, remove: false })),
  });
  const { entries } = await witness.ask(alterClientQuotas, 1, {
    entries: [entry('simulated', 1e15), entry(null, 100)],
    validateOnly: false,
  });
  expect(entries.map(({ errorCode }) => errorCode)).toEqual([0, 0]);
}

test(`${FRAMES} hostile frames (seed ${SEED}) harm nobody`, { timeout: TIME_MS_MAX * 2 }, async () => {
  const world = new SimulatedWorld(SEED);
  const { random } = world;
  const broker = await BrokerInOneThread.start(world, {
    slotsMax: 64,
    laneSlots: 32,
    aideSlots: 8,
    shortSend: 0.1,
    limits: { fetchSessionsMax: 50, receiveIdleMs: 200, memoryWaitMs: 200 },
  });
  let witness = broker.connect();
  const own = await createTopic(witness, 'witness-only');
  let prey = await createTopic(witness, 'orders', { partitions: 4 });
  await limitStrangers(witness);
  const words = {
    names: ['orders', 'news', 'orders', 'fixture', 'g'],
    ids: [prey.id, 'AAECAwQFBgcICQoLDA0ODw', 'AAAAAAAAAAAAAAAAAAAAAA'],
  };
  const hostile = new HostileRequests(random, words);
  const startedMs = performance.now();
  let sent = 0;
  let produced = 0;
  let answers = 0;
  let heapEarly = 0;
  for (let round = 0; sent < FRAMES && performance.now() - startedMs < TIME_MS_MAX; round++) {
    for (let index = 0; index < CLIENTS_PER_ROUND; index++) {
      const client = broker.connect({
        receiveBytesMax: random.nextInt(4) === 0 ? 1 + random.nextInt(100) : 10_000,
        windowBytes: random.nextInt(10) === 0 ? 100 : Number.POSITIVE_INFINITY,
      });
      for (let count = 0; count < FRAMES_PER_CLIENT; count++) client.socket.write(hostile.next());
      sent += FRAMES_PER_CLIENT;
    }
    for (let breath = 0; breath < BREATHS; breath++) {
      for (let turn = 0; turn < TURNS_PER_BREATH; turn++) broker.step();
      await broker.breathe();
    }
    world.clock.advance(random.nextInt(40));
    for (const client of broker.clients) if (client !== witness) answers += client.countFrames();
    broker.hangUp(witness);
    if (round % WITNESS_EVERY !== 0) continue;
    await broker.settle();
    expect((await produceTo(witness, own, batchOf())).baseOffset, `seed ${SEED}, round ${round}`).toBe(produced);
    produced += 1;
    expect((await fetchFrom(witness, own, produced - 1)).highWatermark).toBe(produced);
    expect(broker.failures).toEqual([]);
    expect(broker.front.slab.usedBytes, `seed ${SEED}, round ${round}`).toBeLessThan(broker.front.slab.bytesTotal / 8);
    if ((await offsetOf(witness, prey, -1)).errorCode !== 0) {
      prey = await makeAnew(broker, witness);
      words.ids[0] = prey.id;
    }
    if (heapEarly === 0 && sent > FRAMES / 4) heapEarly = heapBytes();
  }
  expect(sent).toBeGreaterThan(FRAMES / 20);
  if (heapEarly > 0) expect(heapBytes() - heapEarly).toBeLessThan(GROWTH_BYTES_MAX);
  expect((await offsetOf(witness, own, -1)).offset).toBe(produced);
  // The fuzzer is worth something only while many frames are answered, and batches among them taken.
  expect(answers).toBeGreaterThan(sent / 4);
  expect(world.disk.counts.write).toBeGreaterThan(sent / 100);
  broker.hangUp();
  witness = broker.connect();
  await broker.pass(3000, 500);
  broker.hangUp();
  // Who is made to wait is not read from, and so not seen to hang up, until he is found idle.
  await broker.pass(700_000, 50_000);
  broker.expectNothingHeld();
  await broker.stop();
  expect(world.disk.openCount).toBe(0);
});

/** Somebody deleted it, and perhaps made another, or what a stranger asked for before he hung up does so meanwhile. */
async function makeAnew(broker: BrokerInOneThread, witness: SimulatedClient): Promise<Topic> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    await witness.ask(deleteTopics, 5, { topicNames: ['orders', 'news', 'g', 'fixture'], timeoutMs: 1000 });
    await broker.pass(11_000, 5500);
    const made = await witness.ask(createTopics, 7, {
      topics: [{ name: 'orders', numPartitions: 4, replicationFactor: 1, assignments: [], configs: [] }],
    });
    const [topic] = made.topics;
    if (topic?.errorCode === 0) return { name: 'orders', id: topic.topicId };
    expect(topic?.errorCode, `seed ${SEED}`).toBe(TOPIC_ALREADY_EXISTS);
  }
  throw new Error(`strangers make the topic again and again (seed ${SEED})`);
}

const ATTEMPTS_MAX = 5;
const TOPIC_ALREADY_EXISTS = 36;
