import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FoundFolder } from '../../src/cluster/adoption.ts';
import { Catalog } from '../../src/cluster/catalog.ts';
import type { CatalogRecord } from '../../src/cluster/catalog-records.ts';
import type { Controller, TopicOutcome } from '../../src/cluster/controller.ts';
import { SLOT_REST_MS } from '../../src/cluster/placement.ts';
import type { RouteTopic, RouteUpdate } from '../../src/cluster/route-image.ts';
import { makeRig, plainStart } from './doubles.ts';

function create(controller: Controller, name: string, partitionCount = 1): Promise<TopicOutcome[]> {
  return controller.createTopics(() => [{ name, partitionCount, configs: {} }]);
}

function idOf(controller: Controller, name: string): string {
  return controller.catalog.topicsByName.get(name)?.id ?? '';
}

/** What a front would know after these updates. */
function follow(updates: readonly RouteUpdate[]): Map<string, RouteTopic> {
  const topics = new Map<string, RouteTopic>();
  let version = -1;
  for (const update of updates) {
    expect(update.version).toBeGreaterThan(version);
    version = update.version;
    if (update.kind === 'image') for (const topic of update.topics) topics.set(topic.name, topic);
    else if (update.kind === 'topic') topics.set(update.topic.name, update.topic);
    else topics.delete(update.name);
  }
  return topics;
}

describe('the controller', () => {
  it('opens the partitions of a new topic and tells its routes, after the record is written', async () => {
    const { controller, host, store } = makeRig();
    await controller.start(plainStart);
    const updates: RouteUpdate[] = [];
    controller.subscribe((update) => updates.push(update));
    const [outcome] = await create(controller, 'orders', 3);
    expect(outcome?.topic?.leaderEpochs).toEqual([0, 0, 0]);
    expect([...host.open.values()].map(({ slot, worker, isNew }) => [slot, worker, isNew])).toEqual([
      [0, 0, true],
      [1, 1, true],
      [2, 0, true],
    ]);
    expect(store.records.at(-1)).toMatchObject({ kind: 'topic', name: 'orders' });
    expect(follow(updates).get('orders')?.partitions).toHaveLength(3);
    expect(structuredClone(updates)).toEqual(updates);
  });

  it('changes nothing when the record cannot be written', async () => {
    const { controller, host, store } = makeRig();
    await controller.start(plainStart);
    store.isFailing = true;
    await expect(create(controller, 'orders')).rejects.toMatchObject({ code: 'PB_DISK_FULL' });
    expect(controller.catalog.topicsByName.size).toBe(0);
    expect(host.open.size).toBe(0);
  });

  it('takes a topic back whose partitions do not open', async () => {
    const { controller, host } = makeRig();
    await controller.start(plainStart);
    host.problem = 'the folder orders-0 cannot be made';
    const [outcome] = await create(controller, 'orders');
    expect(outcome?.topic).toBeNull();
    expect(outcome?.fault?.message).toContain('orders-0');
    expect(controller.catalog.topicsByName.size).toBe(0);
    expect(controller.catalog.leaving.size).toBe(0);
  });

  it('opens all topics of a request at once, and takes back only those that do not open', async () => {
    const { controller, host } = makeRig();
    await controller.start(plainStart);
    const { openPartitions } = host;
    const asked: number[] = [];
    host.openPartitions = async (partitions) => {
      asked.push(partitions.length);
      const outcomes = await openPartitions.call(host, partitions);
      const bad = partitions.find(({ topic, partition }) => topic === 'b' && partition === 1)?.slot;
      return outcomes.map(({ slot }) => ({ slot, problem: slot === bad ? 'no space is left' : null }));
    };
    const told: string[] = [];
    controller.subscribe((update) => update.kind === 'topic' && told.push(update.topic.name));
    const plans = ['a', 'b', 'c'].map((name) => ({ name, partitionCount: 2, configs: {} }));
    const outcomes = await controller.createTopics(() => plans);
    expect(outcomes.map(({ name, topic, fault }) => [name, topic?.name, fault?.message])).toEqual([
      ['a', 'a', undefined],
      ['b', undefined, 'no space is left'],
      ['c', 'c', undefined],
    ]);
    expect(asked).toEqual([6]);
    // Fronts would take records for what is taken back.
    expect(told).toEqual(['a', 'c']);
    expect([...controller.catalog.topicsByName.keys()].sort()).toEqual(['a', 'c']);
    expect(host.removed).toEqual(['b-0', 'b-1']);
    expect(controller.catalog.leaving.size).toBe(0);
  });

  // A full disk: the folder cannot be made, nor can it be written down that the topic is none.
  it('takes it back where that cannot be written down either, and makes it anew once there is room', async () => {
    const { controller, host, store } = makeRig();
    await controller.start(plainStart);
    const { openPartitions } = host;
    host.openPartitions = (partitions) => {
      store.isFailing = true;
      return Promise.resolve(partitions.map(({ slot }) => ({ slot, problem: 'no space is left' })));
    };
    const [refused] = await create(controller, 'orders');
    expect(refused?.fault?.message).toContain('no space is left');
    expect(controller.catalog.topicsByName.size).toBe(0);
    expect(host.removed).toEqual(['orders-0']);

    store.isFailing = false;
    host.openPartitions = openPartitions;
    const [made] = await create(controller, 'orders');
    expect(made?.fault).toBeNull();
    expect(host.open.size).toBe(1);
    const restarted = makeRig({ store });
    await restarted.controller.start(plainStart);
    expect([...restarted.controller.catalog.topicsById.keys()]).toEqual([made?.topic?.id]);
    expect(restarted.controller.catalog.leaving.size).toBe(0);
  });

  it('writes down at its stop what it could not before', async () => {
    const { controller, host, store } = makeRig();
    await controller.start(plainStart);
    host.openPartitions = (partitions) => {
      store.isFailing = true;
      return Promise.resolve(partitions.map(({ slot }) => ({ slot, problem: 'no space is left' })));
    };
    await create(controller, 'orders');
    store.isFailing = false;
    await controller.stop();
    const restarted = makeRig({ store });
    await restarted.controller.start(plainStart);
    expect(restarted.controller.catalog.topicsByName.size).toBe(0);
  });

  it('has the same topics with the same ids after a restart, under the next broker epoch', async () => {
    const first = makeRig();
    await first.controller.start(plainStart);
    await create(first.controller, 'a', 2);
    await create(first.controller, 'b');
    await first.controller.deleteTopics(() => [idOf(first.controller, 'a')]);
    await first.controller.createPartitions(() => ({ topicId: idOf(first.controller, 'b'), addCount: 2 }));
    await first.controller.stop();
    const second = makeRig({ store: first.store });
    await second.controller.start(plainStart);
    expect(second.controller.catalog.topicsByName).toEqual(first.controller.catalog.topicsByName);
    expect(second.controller.catalog.clusterId).toBe(first.controller.catalog.clusterId);
    expect(second.controller.catalog.brokerEpoch).toBe(2);
    expect(second.host.open.size).toBe(3);
    expect([...second.host.open.values()].every((partition) => !partition.isNew)).toBe(true);
  });

  it('bumps every leader epoch after an unclean stop', async () => {
    const first = makeRig();
    await first.controller.start(plainStart);
    await create(first.controller, 'a', 2);
    const second = makeRig({ store: first.store });
    await second.controller.start({ ...plainStart, wasUnclean: true });
    expect(second.controller.catalog.topicsByName.get('a')?.leaderEpochs).toEqual([1, 1]);
  });

  it('does not give the slot of a deleted topic to another until fronts have heard of it', async () => {
    const { controller, host, clock } = makeRig();
    await controller.start(plainStart);
    await create(controller, 'a');
    await controller.deleteTopics(() => [idOf(controller, 'a')]);
    expect(host.removed).toEqual(['a-0']);
    await create(controller, 'b');
    expect([...host.open.keys()]).toEqual([1]);
    clock.nowMs += SLOT_REST_MS;
    await create(controller, 'c');
    expect([...host.open.keys()]).toEqual([1, 0]);
  });

  it('hands out every producer id once, also across restarts', async () => {
    const first = makeRig();
    await first.controller.start(plainStart);
    const ids = await Promise.all(Array.from({ length: 1500 }, () => first.controller.allocateProducerId()));
    const second = makeRig({ store: first.store });
    await second.controller.start(plainStart);
    ids.push(await second.controller.allocateProducerId());
    expect(new Set(ids).size).toBe(1501);
    expect(ids.at(-1)).toBe(2000);
  });

  it('refuses more partitions than there are slots, and keeps the other topics', async () => {
    const { controller } = makeRig({ slotsMax: 3 });
    await controller.start(plainStart);
    const outcomes = await controller.createTopics(() => [
      { name: 'big', partitionCount: 9, configs: {} },
      { name: 'small', partitionCount: 2, configs: {} },
    ]);
    expect(outcomes.find((outcome) => outcome.name === 'big')?.fault?.code).toBe('PB_LIMIT');
    expect(controller.catalog.topicsByName.has('small')).toBe(true);
  });

  it('gives partitions their new values when a setting of the topic or the broker changes', async () => {
    const { controller, host } = makeRig();
    await controller.start(plainStart);
    await create(controller, 'a');
    const id = idOf(controller, 'a');
    const write = (record: CatalogRecord) => controller.amend(() => ({ records: [record], outcome: null }));
    await write({ kind: 'topic-configs', id, configs: { 'max.message.bytes': '77' } });
    expect(host.open.get(0)?.values['max.message.bytes']).toBe(77);
    await write({ kind: 'topic-configs', id, configs: {} });
    await write({ kind: 'cluster-configs', configs: { 'message.max.bytes': '66' } });
    expect(host.open.get(0)?.values['max.message.bytes']).toBe(66);
    expect(controller.config.entry('message.max.bytes').source).toBe('dynamic-cluster');
    await write({ kind: 'broker-configs', configs: { 'message.max.bytes': '88' } });
    expect(host.open.get(0)?.values['max.message.bytes']).toBe(88);
    expect(controller.config.entry('message.max.bytes').source).toBe('dynamic');
    await write({ kind: 'broker-configs', configs: { 'producer.id.expiration.ms': '99' } });
    expect(host.config?.values['producer.id.expiration.ms']).toBe(99);
  });

  it('writes the store anew when it has grown long, with what holds then', async () => {
    const { controller, store } = makeRig();
    await controller.start(plainStart);
    const change = (bytes: string) =>
      controller.amend(() => ({
        records: [{ kind: 'broker-configs', configs: { 'message.max.bytes': bytes } }],
        outcome: null,
      }));
    await change('1000');
    store.isLong = true;
    await change('2000');
    expect(store.isLong).toBe(false);
    expect(store.records).toEqual(controller.catalog.toRecords());
    await change('3000');
    expect(store.records).toHaveLength(controller.catalog.toRecords().length + 1);
  });

  it('keeps settings of all kinds and quotas over a restart, and tells observers of each change', async () => {
    const first = makeRig();
    await first.controller.start(plainStart);
    const seen: number[] = [];
    first.controller.observeSettings((catalog) => seen.push(catalog.clientQuotas.size));
    const records: CatalogRecord[] = [
      { kind: 'cluster-configs', configs: { 'message.max.bytes': '66' } },
      { kind: 'group-configs', group: 'g', configs: { 'share.isolation.level': 'read_committed' } },
      { kind: 'group-configs', group: 'gone', configs: { 'share.isolation.level': 'read_committed' } },
      { kind: 'group-configs', group: 'gone', configs: {} },
      { kind: 'client-quota', entity: { user: 'a', 'client-id': null }, values: { producer_byte_rate: 5 } },
      { kind: 'client-quota', entity: { ip: '1.2.3.4' }, values: { connection_creation_rate: 5 } },
      { kind: 'client-quota', entity: { ip: '1.2.3.4' }, values: {} },
    ];
    await first.controller.amend(() => ({ records, outcome: null }));
    expect(seen).toEqual([0, 1]);
    await first.controller.stop();
    const { controller } = makeRig({ store: first.store });
    await controller.start(plainStart);
    expect(controller.config.entry('message.max.bytes')).toMatchObject({ value: 66, source: 'dynamic-cluster' });
    expect([...controller.catalog.groupConfigs]).toEqual([['g', { 'share.isolation.level': 'read_committed' }]]);
    expect([...controller.catalog.clientQuotas.values()]).toEqual([
      { entity: { user: 'a', 'client-id': null }, values: { producer_byte_rate: 5 } },
    ]);
  });

  it('keeps catalog, routes, open partitions and store in step whatever is asked', async () => {
    const step = fc.tuple(fc.constantFrom('create', 'delete', 'grow', 'restart'), fc.integer({ min: 0, max: 4 }));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        let rig = makeRig();
        await rig.controller.start(plainStart);
        let updates: RouteUpdate[] = [];
        rig.controller.subscribe((update) => updates.push(update));
        for (const [kind, number] of steps) {
          const name = `t${number}`;
          const id = idOf(rig.controller, name);
          if (kind === 'create' && id === '') await create(rig.controller, name, number + 1);
          if (kind === 'delete') await rig.controller.deleteTopics(() => [id]);
          if (kind === 'grow' && id !== '') await rig.controller.createPartitions(() => ({ topicId: id, addCount: 2 }));
          if (kind === 'restart') {
            rig = makeRig({ store: rig.store });
            await rig.controller.start(plainStart);
            updates = [];
            rig.controller.subscribe((update) => updates.push(update));
          }
          const { catalog } = rig.controller;
          const routes = follow(updates);
          const told = [...routes].map(([topic, route]) => [topic, route.partitions.length]).sort();
          const known = [...catalog.topicsByName.values()]
            .map((topic) => [topic.name, topic.leaderEpochs.length])
            .sort();
          expect(told).toEqual(known);
          const slots = [...routes.values()].flatMap((topic) => topic.partitions.map((partition) => partition.slot));
          expect(slots.sort()).toEqual([...rig.host.open.keys()].sort());
          expect(Catalog.empty.with(rig.store.records)).toEqual(catalog);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('adoption', () => {
  const kafkaId = 'xtzWWN4bTjitpL3kfd9s5g';
  const folder = (topic: string, partition: number, topicId: string | null, leaderEpoch = 0): FoundFolder => ({
    topic,
    partition,
    topicId,
    leaderEpoch,
  });

  it('takes topics of a folder that Kafka wrote, with their ids, and its offsets topic, but not its metadata', async () => {
    const { controller } = makeRig();
    const report = await controller.start({
      ...plainStart,
      clusterId: 'MkU3OEVBNTcwNTJENDM2Qk',
      found: [
        folder('orders', 1, kafkaId, 4),
        folder('orders', 0, kafkaId, 2),
        folder('__consumer_offsets', 0, null),
        folder('__cluster_metadata', 0, 'AAAAAAAAAAAAAAAAAAAAAQ'),
      ],
    });
    expect(report.adoptedTopics).toEqual(['__consumer_offsets', 'orders']);
    expect(controller.catalog.topicsByName.get('orders')).toMatchObject({ id: kafkaId, leaderEpochs: [2, 4] });
    expect(controller.catalog.clusterId).toBe('MkU3OEVBNTcwNTJENDM2Qk');
    expect(await controller.allocateProducerId()).toBeGreaterThanOrEqual(2 ** 40);
  });

  // An empty folder, say backup-2024, once was a topic with so many partitions.
  it('leaves folders alone that hold no log, unless they are those of a topic that it knows', async () => {
    const first = makeRig();
    await first.controller.start(plainStart);
    await create(first.controller, 'a');
    const second = makeRig({ store: first.store });
    const found = [folder('a', 0, null), folder('backup', 2024, null)].map((one) => ({ ...one, flaw: 'holds no log' }));
    const report = await second.controller.start({ ...plainStart, found });
    expect(report).toMatchObject({ adoptedTopics: [], leftovers: [{ isDeleted: false, folder: found[1] }] });
    expect([...second.controller.catalog.topicsByName.keys()]).toEqual(['a']);
  });

  it('does not bring back a topic that was deleted when the broker died before its folders were gone', async () => {
    const first = makeRig();
    await first.controller.start(plainStart);
    await create(first.controller, 'a');
    const id = idOf(first.controller, 'a');
    first.store.records.push({ kind: 'topic-gone', id });
    const second = makeRig({ store: first.store });
    const report = await second.controller.start({ ...plainStart, found: [folder('a', 0, id)] });
    expect(report.adoptedTopics).toEqual([]);
    expect(report.leftovers).toMatchObject([{ isDeleted: true }]);
    // Once they stayed, and a topic that was made again under the name could not be opened.
    expect(second.host.removed).toEqual(['a-0']);
    expect(second.controller.catalog.leaving.size).toBe(0);
  });

  it('does not bring it back either where a power cut took the file that says whose the folder is', async () => {
    const first = makeRig();
    await first.controller.start(plainStart);
    await create(first.controller, 'a');
    const id = idOf(first.controller, 'a');
    first.store.records.push({ kind: 'topic-gone', id });
    const second = makeRig({ store: first.store });
    const found = [folder('a', 0, id), folder('a', 1, null), folder('b', 0, null)];
    const report = await second.controller.start({ ...plainStart, found });
    expect(report.adoptedTopics).toEqual(['b']);
    expect(report.leftovers).toMatchObject([{ isDeleted: true }, { isDeleted: true }]);
    expect(second.controller.catalog.leaving.size).toBe(0);
  });

  it('leaves folders alone that belong to another topic of the same name', async () => {
    const first = makeRig();
    await first.controller.start(plainStart);
    await create(first.controller, 'a');
    const second = makeRig({ store: first.store });
    const report = await second.controller.start({
      ...plainStart,
      found: [
        folder('a', 0, kafkaId),
        folder('a', 5, null),
        folder('b', 0, kafkaId),
        folder('b', 1, 'ytzWWN4bTjitpL3kfd9s5g'),
      ],
    });
    expect(report.leftovers.map((leftover) => leftover.reason)).toEqual([
      expect.stringContaining('another topic'),
      expect.stringContaining('beyond the 1 partitions'),
      expect.stringContaining('its siblings'),
    ]);
  });
});
