/**
 * Hostile frames against a whole broker in one thread, real workers and control plane included. A witness, an ordinary
 * client beside them, must be answered rightly all the time, nothing may escape as an exception, and when everybody is
 * gone nothing may be held. Everything that happens follows from the seed.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect } from 'vitest';
import { metadata } from '../../src/protocol/schemas/03-metadata.ts';
import { createTopics } from '../../src/protocol/schemas/19-create-topics.ts';
import { deleteTopics } from '../../src/protocol/schemas/20-delete-topics.ts';
import { alterClientQuotas } from '../../src/protocol/schemas/49-alter-client-quotas.ts';
import { BrokerInOneThread } from '../support/broker-in-one-thread.ts';
import type { SimulatedClient } from '../support/simulated-client.ts';
import { batchOf, createTopic, fetchFrom, offsetOf, produceTo, type Topic } from '../support/simulated-deeds.ts';
import { SimulatedWorld } from '../support/simulated-world.ts';
import { HostileRequests } from './hostile-requests.ts';

const CLIENTS_PER_ROUND = 50;
const FRAMES_PER_CLIENT = 3;
const BREATHS = 4;
const TURNS_PER_BREATH = 6;
const WITNESS_EVERY = 20;
/** What may come on top between the first quarter of a run and its end: the disk in memory grows with what is appended. */
const GROWTH_BYTES_MAX = 64 << 20;

/** Who is made to wait for a quota's sake keeps what he sent so far, also when he hung up; all have waited after so long. */
const QUOTA_WAITS_MS = 200_000;

/** Topics that batches go to, each of which treats them in another way. */
const PREY: readonly (readonly [name: string, configs: { readonly [key: string]: string }])[] = [
  ['orders', {}],
  ['packed', { 'compression.type': 'lz4' }],
  ['squeezed', { 'compression.type': 'zstd', 'message.timestamp.type': 'LogAppendTime' }],
  ['compact', { 'cleanup.policy': 'compact', 'segment.bytes': '1048576' }],
];
const PREY_PARTITIONS = 2;
const TOPIC_ALREADY_EXISTS = 36;

export interface FuzzPlan {
  readonly seed: number;
  readonly frames: number;
  readonly timeMsMax: number;
  /** For the canary: breaks the broker of the test after so many frames. */
  readonly sabotage?: { readonly afterFrames: number; readonly harm: (broker: BrokerInOneThread) => void };
}

export interface FuzzReport {
  readonly sent: number;
  readonly answers: number;
  readonly witnessed: number;
  /** Well-formed frames by API and version. */
  readonly made: ReadonlyMap<string, number>;
}

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

export class BrokerFuzz {
  private readonly plan: FuzzPlan;
  private readonly world: SimulatedWorld;
  private readonly broker: BrokerInOneThread;
  private readonly witness: SimulatedClient;
  private readonly own: Topic;
  private readonly hostile: HostileRequests;
  private readonly ids: string[];
  private sent = 0;
  private answers = 0;
  private produced = 0;

  private constructor(plan: FuzzPlan, world: SimulatedWorld, broker: BrokerInOneThread, own: Topic, ids: string[]) {
    this.plan = plan;
    this.world = world;
    this.broker = broker;
    this.own = own;
    this.ids = ids;
    const [witness] = broker.clients;
    if (witness === undefined) throw new Error('the witness is the first client');
    this.witness = witness;
    const names = [...PREY.map(([name]) => name), 'orders', 'fixture', 'g'];
    this.hostile = new HostileRequests(world.random, { names, ids });
  }

  static async start(plan: FuzzPlan): Promise<BrokerFuzz> {
    const world = new SimulatedWorld(plan.seed);
    const broker = await BrokerInOneThread.start(world, {
      slotsMax: 64,
      laneSlots: 32,
      aideSlots: 8,
      shortSend: 0.1,
      limits: { fetchSessionsMax: 50, receiveIdleMs: 200, memoryWaitMs: 200 },
    });
    const witness = broker.connect();
    const own = await createTopic(witness, 'witness-only');
    const ids = ['AAECAwQFBgcICQoLDA0ODw', 'AAAAAAAAAAAAAAAAAAAAAA'];
    for (const [name, configs] of PREY) {
      ids.push((await createTopic(witness, name, { partitions: PREY_PARTITIONS, configs })).id);
    }
    await limitStrangers(witness);
    return new BrokerFuzz(plan, world, broker, own, ids);
  }

  async run(): Promise<FuzzReport> {
    const { frames, timeMsMax, sabotage } = this.plan;
    const startedMs = performance.now();
    let heapEarly = 0;
    let isHarmed = false;
    for (let round = 0; this.sent < frames && performance.now() - startedMs < timeMsMax; round++) {
      await this.attack();
      if (sabotage !== undefined && !isHarmed && this.sent >= sabotage.afterFrames) {
        isHarmed = true;
        sabotage.harm(this.broker);
      }
      if (round % WITNESS_EVERY === 0) await this.testify(`seed ${this.plan.seed}, round ${round}`);
      if (heapEarly === 0 && this.sent > frames / 4) heapEarly = heapBytes();
    }
    if (heapEarly > 0) expect(heapBytes() - heapEarly).toBeLessThan(GROWTH_BYTES_MAX);
    await this.testify(`seed ${this.plan.seed}, the end`);
    // The fuzzer is worth something only while many frames are answered, and batches among them taken.
    expect(this.answers).toBeGreaterThan(this.sent / 4);
    expect(this.world.disk.counts.write).toBeGreaterThan(this.sent / 100);
    await this.leave();
    return { sent: this.sent, answers: this.answers, witnessed: this.produced, made: this.hostile.made };
  }

  private async attack(): Promise<void> {
    const { broker, hostile } = this;
    const { random } = this.world;
    for (let index = 0; index < CLIENTS_PER_ROUND; index++) {
      const client = broker.connect({
        receiveBytesMax: random.nextInt(4) === 0 ? 1 + random.nextInt(100) : 10_000,
        windowBytes: random.nextInt(10) === 0 ? 100 : Number.POSITIVE_INFINITY,
      });
      for (let count = 0; count < FRAMES_PER_CLIENT; count++) client.socket.write(hostile.next());
      this.sent += FRAMES_PER_CLIENT;
    }
    for (let breath = 0; breath < BREATHS; breath++) {
      for (let turn = 0; turn < TURNS_PER_BREATH; turn++) broker.step();
      await broker.breathe();
    }
    this.world.clock.advance(random.nextInt(40));
    for (const client of broker.clients) if (client !== this.witness) this.answers += client.countFrames();
    broker.hangUp(this.witness);
  }

  /** What the witness sees is right, and nothing is held that nobody asked for. */
  private async testify(where: string): Promise<void> {
    const { broker, witness, own } = this;
    await broker.settle();
    expect((await produceTo(witness, own, batchOf())).baseOffset, where).toBe(this.produced);
    this.produced += 1;
    expect((await fetchFrom(witness, own, this.produced - 1)).highWatermark, where).toBe(this.produced);
    expect(broker.failures, where).toEqual([]);
    const { slab } = broker.front;
    if (slab.usedBytes >= slab.bytesTotal / 8) await broker.pass(QUOTA_WAITS_MS, 5000);
    expect(slab.usedBytes, where).toBeLessThan(slab.bytesTotal / 8);
    expect((await offsetOf(witness, own, -1)).offset, where).toBe(this.produced);
    for (const [name] of PREY) {
      if ((await offsetOf(witness, { name, id: '' }, -1)).errorCode !== 0) return await this.restock();
    }
  }

  /** Somebody deleted one, and perhaps made another, or as many topics as there is room for. */
  private async restock(): Promise<void> {
    const { broker, witness } = this;
    const { topics } = await witness.ask(metadata, 9, { topics: null });
    const names = topics.flatMap(({ name, isInternal }) =>
      name === null || isInternal || name === this.own.name ? [] : [name],
    );
    await witness.ask(deleteTopics, 5, { topicNames: names, timeoutMs: 1000 });
    await broker.pass(11_000, 5500);
    for (const [index, [name, configs]] of PREY.entries()) {
      const entries = Object.entries(configs).map(([key, value]) => ({ name: key, value }));
      const wish = { name, numPartitions: PREY_PARTITIONS, replicationFactor: 1, assignments: [], configs: entries };
      const [made] = (await witness.ask(createTopics, 7, { topics: [wish] })).topics;
      // A request that was made to wait may have been quicker.
      expect([0, TOPIC_ALREADY_EXISTS]).toContain(made?.errorCode);
      if (made?.errorCode === 0) this.ids[index + 2] = made.topicId;
    }
  }

  private async leave(): Promise<void> {
    const { broker } = this;
    broker.hangUp();
    broker.connect();
    await broker.pass(3000, 500);
    broker.hangUp();
    // Who is made to wait is not read from, and so not seen to hang up, until he is found idle.
    await broker.pass(700_000, 50_000);
    broker.expectNothingHeld();
    await broker.stop();
    expect(this.world.disk.openCount).toBe(0);
  }
}
