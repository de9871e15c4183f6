/**
 * Transactional producers of both versions against a broker that dies in the middle of anything: random transactions over
 * several partitions, ended, given up, timed out or fenced, each request sent again until its answer is known, as clients do
 * it. In the end a reader of committed records sees the records of committed transactions, each once and in its
 * producer's order, and no other. A failure names its seed; PERFBROKER_FUZZ_SEED runs one.
 */
import { expect, test } from 'vitest';
import { batchIsControl, batchIsTransactional, batchProducerId } from '../../src/protocol/batch.ts';
import { memoryOver } from '../../src/protocol/records.ts';
import { BrokerInOneThread } from '../support/broker-in-one-thread.ts';
import { FakeCrash } from '../support/fake-disk.ts';
import { Prng } from '../support/prng.ts';
import type { SimulatedClient } from '../support/simulated-client.ts';
import { batchesIn, createTopic, fetchFrom, recordsIn, type Topic } from '../support/simulated-deeds.ts';
import { SimulatedWorld } from '../support/simulated-world.ts';
import { TransactionalProducer } from '../support/transactional-producer.ts';

const ONE_SEED = process.env['PERFBROKER_FUZZ_SEED'];
const SEEDS = ONE_SEED === undefined ? Array.from({ length: 40 }, (_, index) => index + 1) : [Number(ONE_SEED)];
const STEPS = 60;
const PARTITIONS = 3;
const PRODUCERS = 3;
const options = { sets: ['transaction.state.log.num.partitions=2'], workers: 2 };
/** Come again: the coordinator or a partition is not ready for this. */
const AGAIN = new Set([14, 15, 16, 19, 51, 56]);
const TRIES_MAX = 200;
const INVALID_TXN_STATE = 48;
const FENCED = new Set([47, 48, 49, 90, 120]);

interface Writer {
  readonly producer: TransactionalProducer;
  /** Of the transaction under way; null: none. */
  open: { readonly partition: number; readonly fill: number }[] | null;
  readonly entered: Set<number>;
}

class Run {
  readonly random: Prng;
  readonly world: SimulatedWorld;
  broker: BrokerInOneThread;
  client: SimulatedClient;
  topic: Topic = { name: '', id: '' };
  readonly writers: Writer[] = [];
  /** By partition: what readers have to see. A record is known by the length of its value. */
  readonly expected: number[][] = Array.from({ length: PARTITIONS }, () => []);
  kills = 0;
  private nextFill = 1;

  private constructor(seed: number, world: SimulatedWorld, broker: BrokerInOneThread) {
    this.random = new Prng(seed);
    this.world = world;
    this.broker = broker;
    this.client = broker.connect();
  }

  static async start(seed: number): Promise<Run> {
    const world = new SimulatedWorld(seed);
    const run = new Run(seed, world, await BrokerInOneThread.start(world, options));
    run.topic = await createTopic(run.client, 'orders', { partitions: PARTITIONS });
    for (let index = 0; index < PRODUCERS; index++) {
      const producer = await TransactionalProducer.begin(run.client, `id-${index}`, index % 2 === 0 ? 2 : 1);
      run.writers.push({ producer, open: null, entered: new Set() });
    }
    return run;
  }

  /** Until the answer is known, whatever dies meanwhile. */
  async until(ask: () => Promise<number>): Promise<number> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      try {
        const code = await ask();
        if (!AGAIN.has(code)) return code;
        await this.broker.pass(300, 100);
      } catch (error) {
        if (!(error instanceof FakeCrash)) throw error;
        await this.restart();
      }
    }
    throw new Error('no answer comes');
  }

  async restart(): Promise<void> {
    this.kills += 1;
    this.broker.kill();
    this.broker = await BrokerInOneThread.start(this.world, options);
    this.client = this.broker.connect();
    for (const { producer } of this.writers) producer.client = this.client;
  }

  async write(writer: Writer): Promise<void> {
    const partition = this.random.nextInt(PARTITIONS);
    const { producer } = writer;
    const fill = this.nextFill++;
    if (!writer.entered.has(partition) && producer.version === 1) {
      const added = await this.until(async () => (await producer.add(this.topic, [partition]))[0] ?? -1);
      if (added !== 0) return await this.begin(writer, added);
    }
    writer.entered.add(partition);
    const code = await this.until(
      async () => (await producer.send(this.topic, partition, { valueBytes: fill })).errorCode,
    );
    if (code !== 0) return await this.begin(writer, code);
    writer.open ??= [];
    writer.open.push({ partition, fill });
  }

  async end(writer: Writer): Promise<void> {
    const isCommit = this.random.nextBoolean(0.6);
    const code = await this.until(() => writer.producer.end(isCommit));
    if (code === INVALID_TXN_STATE && writer.open === null) return;
    if (code !== 0) return await this.begin(writer, code);
    if (isCommit) for (const { partition, fill } of writer.open ?? []) this.expected[partition]?.push(fill);
    this.forget(writer);
  }

  /** A producer that was fenced by a timeout, or that starts anew: what it had open is aborted. */
  async begin(writer: Writer, code: number): Promise<void> {
    if (code !== 0) expect(FENCED, `answer ${code}`).toContain(code);
    expect(await this.until(() => writer.producer.init({ timeoutMs: 30_000 }))).toBe(0);
    this.forget(writer);
  }

  private forget(writer: Writer): void {
    writer.open = null;
    writer.entered.clear();
  }

  async step(): Promise<void> {
    if (this.random.nextBoolean(0.15)) this.world.disk.crashAt(1 + this.random.nextInt(9));
    const writer = this.writers[this.random.nextInt(PRODUCERS)];
    if (writer === undefined) return;
    const dice = this.random.nextInt(100);
    if (dice < 60) await this.write(writer);
    else if (dice < 88) await this.end(writer);
    else if (dice < 94) await this.begin(writer, 0);
    else await this.until(() => this.broker.pass(dice === 99 ? 45_000 : 2000, 1000).then(() => 0));
  }
}

/** As consumers do it: batches of transactions in the list of aborted ones are passed over up to their marker. */
async function visible(client: SimulatedClient, topic: Topic, partition: number): Promise<number[]> {
  const fetched = await fetchFrom(client, topic, 0, { partition, isolationLevel: 1 });
  expect(fetched.lastStableOffset).toBe(fetched.highWatermark);
  const waiting = [...(fetched.abortedTransactions ?? [])].sort((one, other) => one.firstOffset - other.firstOffset);
  const aborted = new Set<number>();
  const seen: number[] = [];
  for (const batch of batchesIn(fetched.records)) {
    const { view } = memoryOver(batch);
    const records = recordsIn(batch);
    const baseOffset = records[0]?.offset ?? 0;
    while (waiting[0] !== undefined && waiting[0].firstOffset <= baseOffset)
      aborted.add(waiting.shift()?.producerId ?? -1);
    const producerId = batchProducerId(view, 0);
    if (batchIsControl(view, 0)) aborted.delete(producerId);
    else if (!batchIsTransactional(view, 0) || !aborted.has(producerId)) {
      for (const { value } of records) seen.push(value?.length ?? 0);
    }
  }
  return seen;
}

test.each(SEEDS)('seed %i', { timeout: 60_000 }, async (seed) => {
  const run = await Run.start(seed);
  for (let step = 0; step < STEPS; step++) await run.step();
  for (const writer of run.writers) await run.begin(writer, 0);
  await run.restart();
  await run.broker.pass(1000, 500);
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const seen = await visible(run.client, run.topic, partition);
    const wanted = run.expected[partition] ?? [];
    expect(
      [...seen].sort((a, b) => a - b),
      `seed ${seed}, partition ${partition}`,
    ).toEqual([...wanted].sort((a, b) => a - b));
  }
  run.broker.hangUp();
  await run.broker.settle();
  run.broker.expectNothingHeld();
  run.broker.kill();
});
