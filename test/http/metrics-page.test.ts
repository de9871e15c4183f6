/** What /metrics tells, over a whole broker in one thread whose clock stands still unless the test moves it. */
import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { writeMetrics } from '../../src/http/metrics-page.ts';
import { PageBody } from '../../src/http/page-body.ts';
import { Pulse } from '../../src/http/pulse.ts';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { heartbeat } from '../../src/protocol/schemas/12-heartbeat.ts';
import { deleteTopics } from '../../src/protocol/schemas/20-delete-topics.ts';
import { alterClientQuotas } from '../../src/protocol/schemas/49-alter-client-quotas.ts';
import { startRig } from '../behaviours/behaviour-rig.ts';
import type { BrokerInOneThread } from '../support/broker-in-one-thread.ts';
import { commit, findGroup } from '../support/group-deeds.ts';
import { type Family, readPrometheusText, sampleOf } from '../support/prometheus-text.ts';
import { batchOf, createTopic, PRODUCE_VERSION, produceRequest, produceTo } from '../support/simulated-deeds.ts';

const FEW = 'offsets.topic.num.partitions=1';
const STAGES = 'perfbroker_append_stage_seconds';

async function pageOf(broker: BrokerInOneThread, pulse = new Pulse(broker.view)): Promise<string> {
  const chunks: string[] = [];
  const sink = new Writable({
    decodeStrings: false,
    write: (chunk: string, _encoding, done) => {
      chunks.push(chunk);
      done();
    },
  });
  const body = new PageBody(sink, false);
  await writeMetrics(broker.view, pulse, body);
  body.end();
  return chunks.join('');
}

async function scrape(broker: BrokerInOneThread, pulse = new Pulse(broker.view)): Promise<Map<string, Family>> {
  return readPrometheusText(await pageOf(broker, pulse));
}

describe('stages of an append', () => {
  test('are the times that passed between the turns: queue, append and respond, for the partition that was written', async () => {
    const { broker, client, world } = await startRig({ wantsMetrics: true, workers: 1 });
    const topic = await createTopic(client, 'orders', { partitions: 2 });
    const [worker] = broker.workers;
    client.send(produce, 9, produceRequest(topic, [{ partition: 1, records: batchOf() }], { version: 9 }));
    for (let turn = 0; turn < 4; turn++) broker.front.turn(broker.nowMs);
    world.clock.advance(3);
    worker?.worker.turn(broker.nowMs);
    world.clock.advance(5);
    for (let turn = 0; turn < 2; turn++) broker.front.turn(broker.nowMs);
    client.receive(produce, 9);
    const families = await scrape(broker);
    const of = (stage: string, end: string, partition = '1'): number | null =>
      sampleOf(families, `${STAGES}_${end}`, { topic: 'orders', partition, stage });
    expect([of('queue', 'sum'), of('append', 'sum'), of('respond', 'sum')]).toEqual([0.003, 0, 0.005]);
    expect([of('queue', 'count'), of('append', 'count'), of('respond', 'count')]).toEqual([1, 1, 1]);
    expect([of('flush', 'count'), of('queue', 'count', '0')]).toEqual([null, null]);
    expect(sampleOf(families, 'perfbroker_request_seconds_sum', { api: 'Produce' })).toBe(0.008);
  });

  test('have a flush where the answer waits for one, and respond begins behind it', async () => {
    const { broker, client, world } = await startRig({
      wantsMetrics: true,
      workers: 1,
      sets: ['perfbroker.durability=fsync'],
    });
    const topic = await createTopic(client, 'orders');
    broker.isAideWorking = false;
    client.send(produce, 9, produceRequest(topic, [{ partition: 0, records: batchOf() }], { version: 9 }));
    broker.rest();
    world.clock.advance(40);
    broker.isAideWorking = true;
    await broker.settle();
    client.receive(produce, 9);
    const families = await scrape(broker);
    const sumOf = (stage: string): number | null => sampleOf(families, `${STAGES}_sum`, { topic: 'orders', stage });
    expect([sumOf('flush'), sumOf('respond')]).toEqual([0.04, 0]);
  });

  test('end with their topic: another that gets its slot begins at nothing', async () => {
    const { broker, client } = await startRig({ wantsMetrics: true, workers: 1 });
    const topic = await createTopic(client, 'orders');
    await produceTo(client, topic, batchOf());
    const slot = broker.view.controller.placeOf('orders', 0)?.slot;
    await client.ask(deleteTopics, 4, { topicNames: ['orders'], timeoutMs: 1000, topics: [] });
    await broker.pass(12_000, 1000);
    await createTopic(client, 'payments');
    expect(broker.view.controller.placeOf('payments', 0)?.slot).toBe(slot);
    const families = await scrape(broker);
    expect(sampleOf(families, 'perfbroker_log_end_offset', { topic: 'payments', partition: '0' })).toBe(0);
    expect(families.get(STAGES)?.samples).toEqual([]);
  });

  test('of a refused batch are not counted, but the error is', async () => {
    const { broker, client } = await startRig({ wantsMetrics: true });
    const topic = await createTopic(client, 'orders');
    await produceTo(client, topic, batchOf().slice(0, 70));
    const families = await scrape(broker);
    expect(sampleOf(families, 'perfbroker_request_errors_total', { api: 'Produce' })).toBe(1);
    expect(sampleOf(families, `${STAGES}_count`, { stage: 'append' })).toBe(null);
  });
});

describe('the rest of the page', () => {
  test('counts requests, bytes and errors by API, those that main answers among them', async () => {
    const { broker, client } = await startRig({ wantsMetrics: true, sets: [FEW] });
    await createTopic(client, 'orders');
    await findGroup(client, 'g');
    const stranger = { groupId: 'g', generationId: 1, memberId: 'nobody', groupInstanceId: null };
    for (let count = 0; count < 3; count++) await client.ask(heartbeat, 4, stranger);
    const families = await scrape(broker);
    const of = (name: string): number | null => sampleOf(families, `perfbroker_${name}`, { api: 'Heartbeat' });
    expect([of('requests_total'), of('request_errors_total'), of('request_seconds_count')]).toEqual([3, 3, 3]);
    // Prefix, correlation id, tags, throttle time, error code, tags.
    expect(of('response_bytes_total')).toBe(3 * (4 + 4 + 1 + 4 + 2 + 1));
    expect(of('request_bytes_total')).toBeGreaterThan(3 * 20);
    expect(sampleOf(families, 'perfbroker_request_errors_total', { api: 'CreateTopics' })).toBe(0);
    expect(sampleOf(families, 'perfbroker_connections', { front: '0' })).toBe(1);
    expect(sampleOf(families, 'perfbroker_listener_connections', { listener: 'PLAINTEXT' })).toBe(1);
  });

  test('tells how long quotas made clients wait', async () => {
    const { broker, client } = await startRig({ wantsMetrics: true });
    const topic = await createTopic(client, 'orders');
    const entity = [{ entityType: 'client-id', entityName: null }];
    const ops = [{ key: 'producer_byte_rate', value: 100, remove: false }];
    await client.ask(alterClientQuotas, 1, { entries: [{ entity, ops }], validateOnly: false });
    const request = produceRequest(topic, [{ partition: 0, records: batchOf({ count: 50, valueBytes: 100 }) }]);
    const { throttleTimeMs } = await client.ask(produce, PRODUCE_VERSION, request);
    expect(throttleTimeMs).toBeGreaterThan(0);
    const families = await scrape(broker);
    const of = (name: string): number | null => sampleOf(families, `perfbroker_${name}`, { api: 'Produce' });
    expect([of('throttled_total'), of('throttle_seconds_total')]).toEqual([1, throttleTimeMs / 1000]);
  });

  test('tells how far groups are behind, in records and in seconds', async () => {
    const { broker, client, world } = await startRig({ wantsMetrics: true, sets: [FEW] });
    const pulse = new Pulse(broker.view);
    const topic = await createTopic(client, 'orders', { partitions: 2 });
    await findGroup(client, 'g');
    pulse.look(broker.nowMs);
    for (let second = 0; second < 5; second++) {
      await produceTo(client, topic, batchOf());
      world.clock.advance(1000);
      pulse.look(broker.nowMs);
    }
    const high = broker.view.board.high(broker.view.controller.placeOf('orders', 0)?.slot ?? -1);
    expect(await commit(client, 'g', (high / 5) * 2)).toBe(0);
    expect(await commit(client, 'g', 0, { partition: 1 })).toBe(0);
    const families = await scrape(broker, pulse);
    const of = (unit: string, partition: string): number | null =>
      sampleOf(families, `perfbroker_group_lag_${unit}`, { group: 'g', topic: 'orders', partition });
    expect([of('records', '0'), of('records', '1')]).toEqual([(high / 5) * 3, 0]);
    expect([of('seconds', '0'), of('seconds', '1')]).toEqual([3, 0]);
  });

  test('sums up by topic where the setting says so', async () => {
    const { broker, client } = await startRig({ wantsMetrics: true, sets: ['perfbroker.metrics.detail=topic'] });
    const topic = await createTopic(client, 'orders', { partitions: 3 });
    for (const partition of [0, 1, 2, 2]) await produceTo(client, topic, batchOf(), { partition });
    const families = await scrape(broker);
    expect(families.get('perfbroker_log_end_offset')?.samples.length).toBe(1);
    expect(sampleOf(families, `${STAGES}_count`, { topic: 'orders', stage: 'append' })).toBe(4);
  });

  test('takes any group id, as clients choose them', async () => {
    const { broker, client } = await startRig({ wantsMetrics: true, sets: [FEW] });
    await createTopic(client, 'orders');
    const name = 'a"b\\c\nd{e="f"} 1 ü';
    await findGroup(client, name);
    expect(await commit(client, name, 0)).toBe(0);
    const families = await scrape(broker);
    expect(sampleOf(families, 'perfbroker_group_members', { group: name })).toBe(0);
  });

  test('comes in chunks, however many partitions there are', async () => {
    const { broker, client } = await startRig({ wantsMetrics: true });
    const topic = await createTopic(client, 'orders', { partitions: 200 });
    for (let partition = 0; partition < 200; partition++) await produceTo(client, topic, batchOf(), { partition });
    let longest = 0;
    let total = 0;
    const sink = new Writable({
      decodeStrings: false,
      write: (chunk: string, _encoding, done) => {
        longest = Math.max(longest, chunk.length);
        total += chunk.length;
        done();
      },
    });
    const body = new PageBody(sink, false);
    await writeMetrics(broker.view, new Pulse(broker.view), body);
    body.end();
    expect(total).toBeGreaterThan(1_000_000);
    expect(longest).toBeLessThan(65_536);
  });
});
