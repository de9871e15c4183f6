/**
 * kill -9 under load, again and again: idempotent producers write to several partitions in several codecs, the broker dies
 * at a random moment, starts again on the same folder, and every promise is checked: an acknowledged record is readable at
 * the offset that was acknowledged and has its bytes, none is there twice, none moves. Batches whose answer was lost are
 * sent again with their sequence numbers and must be stored once.
 *
 * PERFBROKER_CRASH_CYCLES (50) and PERFBROKER_CRASH_SEED steer it; the seed of a run is printed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { Admin } from '../../src/client/admin.ts';
import { Consumer } from '../../src/client/consumer.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { type PreparedBatch, Producer } from '../../src/client/producer.ts';
import type { BatchRecord } from '../../src/protocol/records.ts';
import { BrokerProcess, freePort } from '../clients/broker-process.ts';
import { AcknowledgedLedger, type SentBatch, valueOfName } from './acknowledged-ledger.ts';

const CYCLES = Number(process.env['PERFBROKER_CRASH_CYCLES'] ?? 50);
const SEED = Number(process.env['PERFBROKER_CRASH_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const MS_MAX = Math.max(240_000, CYCLES * 6000);
const TOPIC = 'crash';
const PARTITIONS = 5;
const RECORDS_PER_BATCH_MAX = 40;
const LOAD_MS_MAX = 700;
const LOAD_MS_MIN = 20;
/** Everything is read back and compared after every so many kills. */
const FULL_CHECK_EVERY = 10;

/** Codec of each partition: none, gzip, snappy, lz4, zstd. */
const codecOfPartition = (partition: number): number => partition % 5;

interface Flight {
  readonly sent: SentBatch;
  readonly batch: PreparedBatch;
}

function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One producer life: its identity survives restarts of the broker, as a real producer's does. */
class Writer {
  readonly #ledger: AcknowledgedLedger;
  readonly #random: () => number;
  readonly #producer: Producer;
  readonly #unsettled: Flight[][] = Array.from({ length: PARTITIONS }, () => []);
  #nextName = 0;
  isStopped = false;

  constructor(cluster: ClusterView, ledger: AcknowledgedLedger, random: () => number) {
    this.#producer = new Producer(cluster, { isIdempotent: true });
    this.#ledger = ledger;
    this.#random = random;
  }

  /** Sends again what was under way when the broker died, in order; the answers say where it is. */
  async settle(partition: number): Promise<void> {
    const flights = this.#unsettled[partition] ?? [];
    while (flights.length > 0) {
      const [flight] = flights;
      if (flight === undefined) return;
      const receipt = await this.#producer.sendBatch(flight.batch);
      flight.sent.baseOffset = receipt.baseOffset;
      flights.shift();
    }
  }

  /** Writes to one partition until stopped or until the connection breaks. */
  async write(partition: number): Promise<void> {
    try {
      await this.settle(partition);
      while (!this.isStopped) {
        const count = 1 + Math.floor(this.#random() * RECORDS_PER_BATCH_MAX);
        const firstName = this.#nextName;
        this.#nextName += count;
        const records = Array.from({ length: count }, (_, at) => ({
          key: Buffer.from(String(firstName + at)),
          value: valueOfName(firstName + at),
          timestamp: Date.now(),
        }));
        const batch = await this.#producer.prepare(TOPIC, partition, records, codecOfPartition(partition));
        this.#unsettled[partition]?.push({ sent: this.#ledger.sent(partition, firstName, count), batch });
        await this.settle(partition);
      }
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'Fault') throw error;
    }
  }
}

async function readPartition(cluster: ClusterView, partition: number): Promise<BatchRecord[]> {
  const consumer = new Consumer(cluster, { maxWaitMs: 0 });
  const records: BatchRecord[] = [];
  for await (const record of consumer.read(TOPIC, partition, 0, Number.MAX_SAFE_INTEGER)) records.push(record);
  return records;
}

async function checkAll(cluster: ClusterView, ledger: AcknowledgedLedger, what: string): Promise<number> {
  let records = 0;
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const found = await readPartition(cluster, partition);
    expect(ledger.check(partition, found).slice(0, 10), `${what}, partition ${partition}, seed ${SEED}`).toEqual([]);
    records += found.length;
  }
  return records;
}

it(
  `keeps every acknowledged record through ${CYCLES} kills`,
  async () => {
    process.stdout.write(`crash test: ${CYCLES} cycles, PERFBROKER_CRASH_SEED=${SEED}\n`);
    const random = randomFrom(SEED);
    const dataFolder = mkdtempSync(join(tmpdir(), 'perfbroker-crash-'));
    const port = await freePort();
    const ledger = new AcknowledgedLedger(PARTITIONS);
    const cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port }] });
    const writer = new Writer(cluster, ledger, random);
    const restartsMs: number[] = [];
    let broker = await BrokerProcess.start({ port, dataFolder, arguments: ['--workers', '2'] });
    try {
      await new Admin(cluster).createTopic({ name: TOPIC, partitions: PARTITIONS, replicationFactor: 1 });
      for (let cycle = 1; cycle <= CYCLES; cycle++) {
        writer.isStopped = false;
        const writing = Array.from({ length: PARTITIONS }, (_, partition) => writer.write(partition));
        const loadMs = LOAD_MS_MIN + random() * (LOAD_MS_MAX - LOAD_MS_MIN);
        await new Promise((resolve) => setTimeout(resolve, loadMs));
        await broker.kill();
        writer.isStopped = true;
        await Promise.all(writing);
        broker = await BrokerProcess.start({ port, dataFolder, arguments: ['--workers', '2'] });
        restartsMs.push(broker.startedAfterMs);
        if (cycle % FULL_CHECK_EVERY === 0 || cycle === CYCLES) await checkAll(cluster, ledger, `cycle ${cycle}`);
      }
      for (let partition = 0; partition < PARTITIONS; partition++) await writer.settle(partition);
      const records = await checkAll(cluster, ledger, 'the end');
      expect(ledger.acknowledgedCount).toBeGreaterThan(CYCLES);
      restartsMs.sort((one, other) => one - other);
      const median = restartsMs[Math.floor(restartsMs.length / 2)] ?? 0;
      process.stdout.write(
        `crash test: ${ledger.acknowledgedCount} batches, ${records} records; restart median ${median.toFixed(0)} ms, worst ${restartsMs.at(-1)?.toFixed(0)} ms\n`,
      );
    } catch (cause) {
      // What the broker said is half of every explanation.
      throw new Error(`cycle failed with seed ${SEED}; the broker said:\n${broker.output.slice(-4000)}`, { cause });
    } finally {
      await cluster.close();
      await broker.kill();
      rmSync(dataFolder, { recursive: true, force: true });
    }
  },
  MS_MAX,
);
