/** What clients see of a disk that fills up: producers are refused with an error they retry on, everything else goes on. */
import { describe, expect, test } from 'vitest';
import { createTopics } from '../../src/protocol/schemas/19-create-topics.ts';
import { deleteTopics } from '../../src/protocol/schemas/20-delete-topics.ts';
import { batchOf, createTopic, fetchFrom, offsetOf, produceTo, recordsIn } from '../support/simulated-deeds.ts';
import { restart, startRig } from './behaviour-rig.ts';

const RESERVE = 2_000_000;
const OPTIONS = { sets: [`perfbroker.disk.reserve.bytes=${RESERVE}`, 'log.retention.check.interval.ms=10000'] };
const KAFKA_STORAGE_ERROR = 56;
const SAID = 'the disk of the broker failed; its log says how';
const EARLIEST = -2;
const LATEST = -1;
const large = () => batchOf({ valueBytes: 100_000 });

async function filledRig(configs: { readonly [key: string]: string } = {}) {
  const rig = await startRig(OPTIONS);
  const topic = await createTopic(rig.client, 'orders', { configs });
  rig.world.disk.capacityBytes = RESERVE + 1_000_000;
  let taken = 0;
  for (; taken < 50; taken++) {
    const answer = await produceTo(rig.client, topic, large(), { version: 9 });
    if (answer.errorCode === 0) continue;
    expect(answer.errorCode).toBe(KAFKA_STORAGE_ERROR);
    expect(answer.errorMessage).toContain('disk of the broker is full');
    break;
  }
  expect(taken).toBeGreaterThan(3);
  expect(taken).toBeLessThan(50);
  return { ...rig, topic, taken };
}

describe('a full disk', () => {
  test('stops producers before the reserve is touched; reads and look-ups go on', async () => {
    const { world, client, topic, taken } = await filledRig();
    expect(world.disk.freeBytes('')).toBeGreaterThan(RESERVE - 200_000);
    for (let offset = 0; offset < taken; offset++) {
      expect(recordsIn((await fetchFrom(client, topic, offset)).records)[0]?.offset).toBe(offset);
    }
    expect((await offsetOf(client, topic, LATEST)).offset).toBe(taken);
  });

  test('takes what coordinators write, such as committed offsets', async () => {
    const { broker, client, topic, taken } = await filledRig();
    await broker.appendAsBroker('orders', 0, batchOf({ keys: ['group'] }));
    expect((await offsetOf(client, topic, LATEST)).offset).toBe(taken + 1);
  });

  test('answers a producer that sends again what was stored before', async () => {
    const rig = await startRig(OPTIONS);
    const topic = await createTopic(rig.client, 'orders');
    const batch = () => batchOf({ producerId: 7, producerEpoch: 0, baseSequence: 0 });
    expect((await produceTo(rig.client, topic, batch())).baseOffset).toBe(0);
    rig.world.disk.capacityBytes = RESERVE;
    await rig.broker.pass(2000, 1000);
    expect((await produceTo(rig.client, topic, batchOf())).errorCode).toBe(KAFKA_STORAGE_ERROR);
    expect(await produceTo(rig.client, topic, batch())).toMatchObject({ errorCode: 0, baseOffset: 0 });
  });

  test('serves producers again by itself when there is room, be it by the deletion of a topic', async () => {
    const { broker, client, topic } = await filledRig();
    const fresh = await createTopic(client, 'fresh');
    const answer = await client.ask(deleteTopics, 6, { topics: [{ name: 'orders' }], timeoutMs: 1000 });
    expect(answer.responses[0]?.errorCode).toBe(0);
    expect(topic.name).toBe('orders');
    await broker.pass(2000, 1000);
    expect((await produceTo(client, fresh, large())).errorCode).toBe(0);
  });

  test('is said once in the log, and so is its end', async () => {
    const { world, broker } = await filledRig();
    await broker.pass(5000, 1000);
    world.disk.capacityBytes = 50_000_000;
    await broker.pass(5000, 1000);
    // One line a worker.
    expect(broker.lines.filter((line) => line.includes('full but for its reserve'))).toHaveLength(2);
    expect(broker.lines.filter((line) => line.includes('room again'))).toHaveLength(2);
  });

  test('serves producers again when retention has made room, without waiting for file.delete.delay.ms', async () => {
    const configs = { 'retention.ms': '60000', 'segment.bytes': '1048576', 'file.delete.delay.ms': '86400000' };
    const { broker, client, topic, taken } = await filledRig(configs);
    await broker.pass(80_000, 1000);
    expect((await offsetOf(client, topic, EARLIEST)).offset).toBe(taken);
    expect((await produceTo(client, topic, large())).errorCode).toBe(0);
  });

  test('tells a client that wants a topic nothing of where the data lies', async () => {
    const { world, broker, client } = await startRig(OPTIONS);
    world.disk.capacityBytes = 0;
    const wish = { name: 'late', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] };
    const answer = await client.ask(createTopics, 7, { topics: [wish], timeoutMs: 1000, validateOnly: false });
    expect(answer.topics[0]?.errorCode).toBe(KAFKA_STORAGE_ERROR);
    expect(answer.topics[0]?.errorMessage).toBe(SAID);
    expect(broker.lines.join('\n')).toMatch(/late-0 does not open: .*late-0/);
  });

  test('also when even the reserve is gone nothing stops, and nothing acknowledged is lost', async () => {
    const rig = await filledRig();
    const { world, broker, client, topic, taken } = rig;
    world.disk.capacityBytes = 0;
    await broker.appendAsBroker('orders', 0, batchOf({ keys: ['group'] })).catch(() => undefined);
    await broker.pass(5000, 1000);
    expect((await produceTo(client, topic, large())).errorCode).toBe(KAFKA_STORAGE_ERROR);
    expect(recordsIn((await fetchFrom(client, topic, 0)).records)[0]?.offset).toBe(0);
    world.disk.capacityBytes = 50_000_000;
    await broker.pass(3000, 1000);
    const { errorCode, baseOffset } = await produceTo(client, topic, large());
    expect(errorCode).toBe(0);
    expect(baseOffset).toBe(taken);
    const again = await restart(rig, 'kill', OPTIONS);
    expect((await offsetOf(again.client, topic, LATEST)).offset).toBe(taken + 1);
  });
});
