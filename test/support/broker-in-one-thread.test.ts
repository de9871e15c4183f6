import { expect, test } from 'vitest';
import { metadata } from '../../src/protocol/schemas/03-metadata.ts';
import { BrokerInOneThread } from './broker-in-one-thread.ts';
import { batchOf, createTopic, fetchFrom, produceTo, recordsIn } from './simulated-deeds.ts';
import { SimulatedWorld } from './simulated-world.ts';

test('a topic is created, records go in and come out, and nothing is held afterwards', async () => {
  const world = new SimulatedWorld(1);
  const broker = await BrokerInOneThread.start(world);
  const client = broker.connect();
  const topic = await createTopic(client, 'orders', { partitions: 2 });
  const known = await client.ask(metadata, 12, { topics: null });
  expect(known.topics.map((each) => [each.name, each.partitions.length])).toEqual([['orders', 2]]);
  for (let partition = 0; partition < 2; partition++) {
    const produced = await produceTo(client, topic, batchOf({ count: 3, fill: partition }), { partition });
    expect(produced).toMatchObject({ errorCode: 0, baseOffset: 0 });
    const fetched = await fetchFrom(client, topic, 0, { partition });
    expect(fetched).toMatchObject({ errorCode: 0, highWatermark: 3 });
    expect(recordsIn(fetched.records).map((record) => [record.offset, record.value?.[0]])).toEqual([
      [0, partition],
      [1, partition],
      [2, partition],
    ]);
  }
  client.socket.end();
  await broker.settle();
  broker.expectNothingHeld();
  await broker.stop();
  expect(world.disk.openCount).toBe(0);
});

/** A broker with a topic of five acknowledged batches. */
async function filled(world: SimulatedWorld, sets: readonly string[], configs: { readonly [key: string]: string }) {
  const broker = await BrokerInOneThread.start(world, { sets });
  const client = broker.connect();
  const topic = await createTopic(client, 'orders', { configs });
  for (let round = 0; round < 5; round++) {
    expect((await produceTo(client, topic, batchOf({ fill: round }))).errorCode).toBe(0);
  }
  return { broker, topic };
}

const SEEDS = Array.from({ length: 12 }, (_, index) => index + 1);

test.each(['stop', 'kill'] as const)('what was acknowledged is there after a %s', async (end) => {
  const world = new SimulatedWorld(7);
  const { broker: first, topic } = await filled(world, [], {});
  if (end === 'stop') await first.stop();
  else first.kill();
  const second = await BrokerInOneThread.start(world);
  const fetched = await fetchFrom(second.connect(), topic, 0);
  expect(recordsIn(fetched.records).map((record) => record.value?.[0])).toEqual([0, 1, 2, 3, 4]);
  second.kill();
});

// Once neither the name of a new partition's folder nor those of its first files were flushed.
test.each([
  ['--durability fsync', ['perfbroker.durability=fsync'], {}],
  ['flush.messages=1', [], { 'flush.messages': '1' }],
  ['flush.ms=0', [], { 'flush.ms': '0' }],
])('what was acknowledged under %s is there after a power cut', async (_name, sets, configs) => {
  for (const seed of SEEDS) {
    const world = new SimulatedWorld(seed);
    const { broker: first, topic } = await filled(world, sets, configs);
    first.kill();
    world.losePower();
    const second = await BrokerInOneThread.start(world, { sets });
    const fetched = await fetchFrom(second.connect(), topic, 0);
    expect(
      recordsIn(fetched.records).map((record) => record.value?.[0]),
      `seed ${seed}`,
    ).toEqual([0, 1, 2, 3, 4]);
    second.kill();
  }
});

test('the same seed gives the same bytes', async () => {
  const runs: string[] = [];
  for (let run = 0; run < 2; run++) {
    const world = new SimulatedWorld(99);
    const broker = await BrokerInOneThread.start(world, { shortSend: 0.5 });
    const client = broker.connect({ receiveBytesMax: 7 });
    const topic = await createTopic(client, 'orders');
    await produceTo(client, topic, batchOf({ count: 5 }));
    const fetched = await fetchFrom(client, topic, 0);
    runs.push(`${topic.id} ${world.random.nextWord()} ${Buffer.from(fetched.records ?? []).toString('hex')}`);
    broker.kill();
  }
  expect(runs[0]).toBe(runs[1]);
});
