/** What clients see of retention: Kafka's settings cleanup.policy, retention.ms and retention.bytes at work. */
import { describe, expect, test } from 'vitest';
import { batchOf, createTopic, fetchFrom, offsetOf, produceTo, recordsIn } from '../support/simulated-deeds.ts';
import { restart, startRig } from './behaviour-rig.ts';

const CHECK = { sets: ['log.retention.check.interval.ms=10000'] };
const EARLIEST = -2;
const LATEST = -1;
const OFFSET_OUT_OF_RANGE = 1;

describe('retention, as a client sees it', () => {
  test('records older than retention.ms go, younger ones stay, and offsets go on', async () => {
    const { broker, client } = await startRig(CHECK);
    const topic = await createTopic(client, 'orders', { configs: { 'retention.ms': '60000', 'segment.ms': '20000' } });
    for (let round = 0; round < 5; round++) {
      await produceTo(client, topic, batchOf({ timestamps: [broker.nowMs] }));
      await broker.pass(20_001, 1000);
    }
    await broker.pass(11_000, 1000);
    const earliest = (await offsetOf(client, topic, EARLIEST)).offset;
    expect(earliest).toBeGreaterThan(0);
    expect(earliest).toBeLessThan(5);
    expect((await fetchFrom(client, topic, earliest - 1)).errorCode).toBe(OFFSET_OUT_OF_RANGE);
    for (let offset = earliest; offset < 5; offset++) {
      const [record] = recordsIn((await fetchFrom(client, topic, offset)).records);
      expect(record?.offset).toBe(offset);
      expect(record?.timestamp).toBeGreaterThanOrEqual(broker.nowMs - 71_000);
    }
    await broker.pass(80_000, 1000);
    expect((await offsetOf(client, topic, EARLIEST)).offset).toBe(5);
    expect((await produceTo(client, topic, batchOf())).baseOffset).toBe(5);
  });

  test('the start of a log survives a killed broker, also where nothing but the start is left of it', async () => {
    const rig = await startRig(CHECK);
    const topic = await createTopic(rig.client, 'orders', { configs: { 'retention.ms': '1000' } });
    for (let index = 0; index < 3; index++) {
      await produceTo(rig.client, topic, batchOf({ timestamps: [rig.broker.nowMs] }));
    }
    await rig.broker.pass(12_000, 1000);
    expect((await offsetOf(rig.client, topic, EARLIEST)).offset).toBe(3);
    const again = await restart(rig, 'kill', CHECK);
    expect((await offsetOf(again.client, topic, EARLIEST)).offset).toBe(3);
    expect((await offsetOf(again.client, topic, LATEST)).offset).toBe(3);
    expect((await produceTo(again.client, topic, batchOf())).baseOffset).toBe(3);
  });

  test('a topic that is neither deleted nor compacted, or only compacted, keeps what it has', async () => {
    const { broker, client } = await startRig(CHECK);
    const configs = { 'cleanup.policy': 'compact', 'retention.ms': '1000' };
    const topic = await createTopic(client, 'kept', { configs });
    await produceTo(client, topic, batchOf({ timestamps: [broker.nowMs], keys: ['a'] }));
    await broker.pass(30_000, 1000);
    expect((await offsetOf(client, topic, EARLIEST)).offset).toBe(0);
  });
});
