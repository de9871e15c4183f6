/** Of a log that does not open at a start nobody hears for a while; what is known of it must be known to the next start. */
import { expect, test } from 'vitest';
import { deleteTopics } from '../../src/protocol/schemas/20-delete-topics.ts';
import { deleteRecords } from '../../src/protocol/schemas/21-delete-records.ts';
import { BrokerInOneThread, partitionFolder } from '../support/broker-in-one-thread.ts';
import { batchOf, createTopic, fetchFrom, offsetOf, produceTo, recordsIn } from '../support/simulated-deeds.ts';
import { DATA_FOLDER, SimulatedWorld } from '../support/simulated-world.ts';

const LOG = `${partitionFolder('orders', 0)}/00000000000000000000.log`;
const CLEAN_MARK = `${DATA_FOLDER}/.kafka_cleanshutdown`;
const EARLIEST = -2;

/** Batches 1 to 3 of topic `orders`, the first of them deleted; killed. */
async function killed() {
  const world = new SimulatedWorld(1);
  const broker = await BrokerInOneThread.start(world);
  const client = broker.connect();
  const topic = await createTopic(client, 'orders');
  for (const fill of [1, 2, 3]) expect((await produceTo(client, topic, batchOf({ fill }))).errorCode).toBe(0);
  const partitions = [{ partitionIndex: 0, offset: 1 }];
  const answer = await client.ask(deleteRecords, 2, { topics: [{ name: 'orders', partitions }], timeoutMs: 1000 });
  expect(answer.topics[0]?.partitions[0]).toMatchObject({ errorCode: 0, lowWatermark: 1 });
  await broker.pass(10_000);
  broker.kill();
  return { world, topic };
}

/** A broker to which the disk does not give the batches of the log. */
async function startWithoutIt(world: SimulatedWorld): Promise<BrokerInOneThread> {
  const { read } = world.disk;
  world.disk.read = (fd, ...rest) => {
    if (world.disk.pathOf(fd) === LOG) world.disk.failNext('read', 'EIO');
    return read.call(world.disk, fd, ...rest);
  };
  const broker = await BrokerInOneThread.start(world);
  expect(broker.report?.problems).toEqual([expect.stringContaining('could not be read')]);
  world.disk.read = read;
  return broker;
}

test('it is recovered by the next start, though the stop in between was clean', async () => {
  const { world, topic } = await killed();
  const second = await startWithoutIt(world);
  await second.stop();
  expect(world.disk.stat(CLEAN_MARK)).toBeNull();
  // The last batch is torn, as a power cut may leave it.
  const size = world.disk.contentOf(LOG).length;
  world.disk.corrupt(LOG, size - 5, new Uint8Array(5));
  const third = await BrokerInOneThread.start(world);
  expect(third.report?.problems).toEqual([]);
  const fetched = await fetchFrom(third.connect(), topic, 1);
  expect(recordsIn(fetched.records).map((record) => record.value?.[0])).toEqual([2]);
  third.kill();
});

test.each(['kill', 'stop'] as const)('it begins where it did before, after a %s', async (end) => {
  const { world, topic } = await killed();
  const second = await startWithoutIt(world);
  const client = second.connect();
  const other = await createTopic(client, 'other');
  expect((await produceTo(client, other, batchOf())).errorCode).toBe(0);
  await second.pass(120_000);
  await second.writeCheckpoints();
  if (end === 'kill') second.kill();
  else await second.stop();
  const third = await BrokerInOneThread.start(world);
  expect((await offsetOf(third.connect(), topic, EARLIEST)).offset).toBe(1);
  third.kill();
});

test('it is forgotten when its topic is deleted', async () => {
  const { world } = await killed();
  const second = await startWithoutIt(world);
  const client = second.connect();
  const answer = await client.ask(deleteTopics, 5, { topicNames: ['orders'], timeoutMs: 1000 });
  expect(answer.responses[0]?.errorCode).toBe(0);
  const again = await createTopic(client, 'orders');
  expect((await produceTo(client, again, batchOf({ fill: 9 }))).errorCode).toBe(0);
  await second.stop();
  expect(world.disk.stat(CLEAN_MARK)).not.toBeNull();
  const third = await BrokerInOneThread.start(world);
  expect((await offsetOf(third.connect(), again, EARLIEST)).offset).toBe(0);
  third.kill();
});
