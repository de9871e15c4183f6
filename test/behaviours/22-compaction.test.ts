/** What clients see of compaction: Kafka's settings cleanup.policy=compact, its lags and its ratio at work. */
import { describe, expect, test } from 'vitest';
import type { BrokerInOneThread } from '../support/broker-in-one-thread.ts';
import type { SimulatedClient } from '../support/simulated-client.ts';
import {
  batchOf,
  createTopic,
  fetchFrom,
  offsetOf,
  produceTo,
  recordsIn,
  type Topic,
} from '../support/simulated-deeds.ts';
import { type BehaviourRig, restart, startRig } from './behaviour-rig.ts';

const OPTIONS = { sets: ['log.retention.check.interval.ms=10000'] };
const COMPACT = { 'cleanup.policy': 'compact', 'segment.ms': '1000', 'min.cleanable.dirty.ratio': '0.1' };
const EARLIEST = -2;
const INVALID_RECORD = 87;

async function put(broker: BrokerInOneThread, client: SimulatedClient, topic: Topic, keys: readonly string[]) {
  const timestamps = keys.map(() => broker.nowMs);
  const { errorCode } = await produceTo(client, topic, batchOf({ keys, timestamps }));
  expect(errorCode).toBe(0);
  // The next append finds the segment too old.
  await broker.pass(1001, 1001);
}

async function offsetsOf(client: SimulatedClient, topic: Topic, end: number): Promise<number[]> {
  const offsets: number[] = [];
  for (let offset = 0; offset < end; ) {
    const records = recordsIn((await fetchFrom(client, topic, offset)).records);
    const last = records.at(-1);
    if (last === undefined) break;
    offsets.push(...records.map((record) => record.offset).filter((found) => found >= offset));
    offset = last.offset + 1;
  }
  return offsets;
}

/** Old segments reach the device by the flushes that the tick begins. */
async function compact({ broker }: BehaviourRig): Promise<number> {
  await broker.pass(3000, 1000);
  return broker.compactLogs();
}

describe('compaction, as a client sees it', () => {
  test('keeps the last record of every key at its offset, and the active segment as it is', async () => {
    const rig = await startRig(OPTIONS);
    const { broker, client } = rig;
    const topic = await createTopic(client, 'users', { configs: COMPACT });
    await put(broker, client, topic, ['a', 'b', 'a']);
    await put(broker, client, topic, ['b', 'c']);
    await put(broker, client, topic, ['a']);
    expect(await compact(rig)).toBe(1);
    expect(await offsetsOf(client, topic, 6)).toEqual([2, 3, 4, 5]);
    expect((await offsetOf(client, topic, EARLIEST)).offset).toBe(0);
    expect(await compact(rig)).toBe(0);
  });

  test('begins where it ended, also after a killed broker', async () => {
    const rig = await startRig(OPTIONS);
    const topic = await createTopic(rig.client, 'users', { configs: COMPACT });
    for (const key of ['a', 'b', 'a', 'b']) await put(rig.broker, rig.client, topic, [key]);
    expect(await compact(rig)).toBe(1);
    await rig.broker.writeCheckpoints();
    const again = await restart(rig, 'kill', OPTIONS);
    expect(await compact(again)).toBe(0);
    await put(again.broker, again.client, topic, ['a']);
    await put(again.broker, again.client, topic, ['a']);
    expect(await compact(again)).toBe(1);
    expect(await offsetsOf(again.client, topic, 6)).toEqual([3, 4, 5]);
  });

  test('waits until the dirty share is above min.cleanable.dirty.ratio, and takes the dirtiest log first', async () => {
    const rig = await startRig(OPTIONS);
    const { broker, client } = rig;
    const configs = { ...COMPACT, 'min.cleanable.dirty.ratio': '0.6' };
    const topic = await createTopic(client, 'users', { configs });
    for (const key of ['a', 'b', 'c', 'd', 'e']) await put(broker, client, topic, [key]);
    expect(await compact(rig)).toBe(1);
    await put(broker, client, topic, ['f']);
    await put(broker, client, topic, ['g']);
    expect(await compact(rig)).toBe(0);
    for (const key of ['h', 'i', 'j', 'k', 'l', 'm']) await put(broker, client, topic, [key]);
    expect(await compact(rig)).toBe(1);
  });

  test('refuses records without a key', async () => {
    const { client } = await startRig(OPTIONS);
    const topic = await createTopic(client, 'users', { configs: COMPACT });
    expect((await produceTo(client, topic, batchOf())).errorCode).toBe(INVALID_RECORD);
  });

  test('and deletion both work on a topic that asks for both', async () => {
    const rig = await startRig(OPTIONS);
    const { broker, client } = rig;
    const configs = { ...COMPACT, 'cleanup.policy': 'compact,delete', 'retention.ms': '60000' };
    const topic = await createTopic(client, 'users', { configs });
    for (const key of ['a', 'b', 'a', 'c', 'c']) await put(broker, client, topic, [key]);
    expect(await compact(rig)).toBe(1);
    expect(await offsetsOf(client, topic, 5)).toEqual([1, 2, 3, 4]);
    await broker.pass(80_000, 1000);
    expect((await offsetOf(client, topic, EARLIEST)).offset).toBe(5);
  });

  test('leaves a log alone that is damaged, and says so once', async () => {
    const rig = await startRig(OPTIONS);
    const { broker, client, world } = rig;
    const topic = await createTopic(client, 'users', { configs: COMPACT });
    await put(broker, client, topic, ['a', 'a']);
    await put(broker, client, topic, ['a']);
    await broker.pass(3000, 1000);
    world.disk.corrupt('data/users-0/00000000000000000000.log', 66, new Uint8Array([0xff]));
    expect(await broker.compactLogs()).toBe(0);
    expect(await broker.compactLogs()).toBe(0);
    expect(broker.lines.filter((line) => line.includes('could not be compacted'))).toHaveLength(1);
  });

  test('does not eat the reserve of a full disk', async () => {
    const rig = await startRig({ sets: ['perfbroker.disk.reserve.bytes=100000'] });
    const { broker, client, world } = rig;
    const topic = await createTopic(client, 'users', { configs: COMPACT });
    for (const key of ['a', 'b', 'a']) await put(broker, client, topic, [key]);
    await broker.pass(3000, 1000);
    world.disk.capacityBytes = 1_000_000_000;
    world.disk.capacityBytes -= world.disk.freeBytes('') - 100_050;
    expect(await broker.compactLogs()).toBe(0);
    expect(broker.lines.some((line) => line.includes('compacting needs'))).toBe(true);
    world.disk.capacityBytes += 1_000_000;
    expect(await broker.compactLogs()).toBe(1);
  });
});
