/**
 * The power goes, again and again: a broker on an ext4 file system is written to and read from, the file system is shut
 * down without flushing its log, the broker killed, the file system mounted anew, and the broker started on what is left.
 *
 *   --durability fsync   no acknowledged record is lost
 *   the default          what is lost was acknowledged within the flush window (and the time a flush takes) before the cut; what was
 *                        served to consumers and is gone is told by a new leader epoch
 *   both                 nothing torn, nothing moved: every record found is at its acknowledged offset with its bytes
 *
 * PERFBROKER_POWER_CYCLES (2 under fsync and half of that by default; `npm run nightly:power-cut`: 700) and PERFBROKER_POWER_SEED
 * steer it.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Admin } from '../../src/client/admin.ts';
import { Consumer, LATEST } from '../../src/client/consumer.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { Producer } from '../../src/client/producer.ts';
import { offsetForLeaderEpoch } from '../../src/protocol/schemas/23-offset-for-leader-epoch.ts';
import { BrokerProcess, freePort } from '../clients/broker-process.ts';
import { Prng } from '../support/prng.ts';
import { valueOfName } from './acknowledged-ledger.ts';
import { CuttableDisk, whyNot } from './cuttable-disk.ts';

const CYCLES = Number(process.env['PERFBROKER_POWER_CYCLES'] ?? 2);
const SEED = Number(process.env['PERFBROKER_POWER_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const MS_MAX = 60_000 + CYCLES * 20_000;
const DISK_BYTES = 512 << 20;
const TOPIC = 'power';
const PARTITIONS = 3;
const SHORT_MS = 900;
const WINDOW_MS = 1000;
/** How much later than the window a flush may be done: a loaded machine, and a loop device on a shared disk. */
const SLACK_MS = 2500;
/** Longer than both, so that a broker which flushed nothing would be found out. */
const LONG_MS = 4200;
const RANDOM_MS = 800;

interface Acknowledged {
  readonly name: number;
  readonly atMs: number;
}

/** What was promised of one partition: offset → record. */
type Promises = Map<number, Acknowledged>;

const reason = whyNot();
const disks: CuttableDisk[] = [];
const brokers: BrokerProcess[] = [];

afterEach(async () => {
  for (const broker of brokers.splice(0)) await broker.kill();
  for (const disk of disks.splice(0)) disk.dispose();
});

class Load {
  readonly promises: readonly Promises[] = Array.from({ length: PARTITIONS }, () => new Map());
  /** Behind the last record that a consumer was given. */
  readonly served: number[] = new Array<number>(PARTITIONS).fill(0);
  isStopped = false;
  private nextName = 0;

  async run(cluster: ClusterView, random: Prng): Promise<void> {
    const work = Array.from({ length: PARTITIONS }, (_, partition) => [
      this.write(cluster, partition, random),
      this.follow(cluster, partition),
    ]);
    await Promise.all(work.flat());
  }

  private async write(cluster: ClusterView, partition: number, random: Prng): Promise<void> {
    const producer = new Producer(cluster);
    await this.untilBroken(async () => {
      const count = 1 + random.nextInt(20);
      const first = this.nextName;
      this.nextName += count;
      const records = Array.from({ length: count }, (_, at) => ({
        key: Buffer.from(String(first + at)),
        value: valueOfName(first + at),
        timestamp: Date.now(),
      }));
      const batch = await producer.prepare(TOPIC, partition, records);
      const { baseOffset } = await producer.sendBatch(batch);
      const atMs = performance.now();
      for (let at = 0; at < count; at++) this.promises[partition]?.set(baseOffset + at, { name: first + at, atMs });
    });
  }

  private async follow(cluster: ClusterView, partition: number): Promise<void> {
    const consumer = new Consumer(cluster, { maxWaitMs: 100 });
    await this.untilBroken(async () => {
      const from = this.served[partition] ?? 0;
      for await (const record of consumer.read(TOPIC, partition, from, from + 500))
        this.served[partition] = record.offset + 1;
    });
  }

  /** The broker's death, or a storage error, ends it. */
  private async untilBroken(step: () => Promise<void>): Promise<void> {
    try {
      while (!this.isStopped) await step();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
    }
  }
}

/** A cut of the power is followed by another boot; this machine only looks so, and the vouchers of a boot must not count. */
function forgetBoot(dataFolder: string): void {
  const path = join(dataFolder, 'written-checkpoint');
  if (!existsSync(path)) return;
  const [, ...rest] = readFileSync(path, 'utf8').split('\n');
  writeFileSync(path, ['another-boot', ...rest].join('\n'));
}

interface Outcome {
  readonly acknowledged: number;
  readonly lost: number;
  /** The oldest acknowledgement among the lost, before the cut. */
  readonly oldestLostMs: number;
  readonly problems: readonly string[];
}

async function check(cluster: ClusterView, load: Load, cutMs: number): Promise<Outcome> {
  const problems: string[] = [];
  let acknowledged = 0;
  let lost = 0;
  let oldestLostMs = 0;
  const consumer = new Consumer(cluster, { maxWaitMs: 0 });
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const promises = load.promises[partition] ?? new Map();
    acknowledged += promises.size;
    const end = await consumer.findOffset(TOPIC, partition, LATEST);
    let next = 0;
    for await (const record of consumer.read(TOPIC, partition, 0, end)) {
      if (record.offset !== next) problems.push(`offset ${record.offset} comes where ${next} is due`);
      next = record.offset + 1;
      const name = Number(Buffer.from(record.key ?? []).toString());
      if (record.value === null || !valueOfName(name).equals(record.value))
        problems.push(`offset ${record.offset} is torn`);
      const promised = promises.get(record.offset);
      if (promised !== undefined && promised.name !== name) problems.push(`offset ${record.offset} has another record`);
    }
    if (next !== end) problems.push(`the log ends at ${next}, not at ${end}`);
    for (const [offset, { atMs }] of promises) {
      if (offset < end) continue;
      lost += 1;
      oldestLostMs = Math.max(oldestLostMs, cutMs - atMs);
    }
    // Whoever read further must be able to find out.
    if ((load.served[partition] ?? 0) > end) {
      const told = await endOfEpoch(cluster, partition, 0);
      if (told > end)
        problems.push(`served up to ${load.served[partition]}, ends at ${end}, but epoch 0 is said to end at ${told}`);
    }
  }
  return { acknowledged, lost, oldestLostMs, problems };
}

async function endOfEpoch(cluster: ClusterView, partition: number, leaderEpoch: number): Promise<number> {
  const connection = await cluster.leaderConnection(TOPIC, partition);
  const answer = await connection.request(offsetForLeaderEpoch, {
    replicaId: -1,
    topics: [{ name: TOPIC, partitions: [{ partitionIndex: partition, currentLeaderEpoch: -1, leaderEpoch }] }],
  });
  return answer.topics[0]?.partitions[0]?.endOffset ?? Number.POSITIVE_INFINITY;
}

async function cycle(random: Prng, loadMs: number, args: readonly string[]): Promise<Outcome> {
  const disk = CuttableDisk.make(DISK_BYTES);
  disks.push(disk);
  const dataFolder = join(disk.mountPoint, 'data');
  const start = async (): Promise<ClusterView> => {
    const broker = await BrokerProcess.start({ port: await freePort(), dataFolder, arguments: args });
    brokers.push(broker);
    return new ClusterView({ brokers: [{ host: '127.0.0.1', port: broker.port }] });
  };
  const cluster = await start();
  await new Admin(cluster).createTopic({ name: TOPIC, partitions: PARTITIONS, replicationFactor: 1 });
  const load = new Load();
  const running = load.run(cluster, random);
  await new Promise((resolve) => setTimeout(resolve, loadMs + random.nextInt(RANDOM_MS)));
  disk.cut();
  const cutMs = performance.now();
  load.isStopped = true;
  await brokers.pop()?.kill();
  await running;
  await cluster.close();
  disk.unmount();
  disk.mount();
  forgetBoot(dataFolder);
  const again = await start();
  const outcome = await check(again, load, cutMs);
  // It goes on where the log ends.
  await new Producer(again).send(TOPIC, 0, [{ key: null, value: Buffer.from('after'), timestamp: Date.now() }]);
  await again.close();
  await brokers.pop()?.kill();
  disks.pop()?.dispose();
  return outcome;
}

interface Programme {
  readonly what: string;
  readonly count: number;
  readonly loadMs: number;
  readonly args: readonly string[];
  readonly judge: (outcome: Outcome) => void;
}

async function cycles({ what, count, loadMs, args, judge }: Programme): Promise<void> {
  const random = new Prng(SEED);
  let acknowledged = 0;
  let lost = 0;
  let worstMs = 0;
  for (let index = 1; index <= count; index++) {
    const outcome = await cycle(random, loadMs, args);
    expect(outcome.problems, `cycle ${index}, PERFBROKER_POWER_SEED=${SEED}`).toEqual([]);
    expect(outcome.acknowledged).toBeGreaterThan(0);
    judge(outcome);
    acknowledged += outcome.acknowledged;
    lost += outcome.lost;
    worstMs = Math.max(worstMs, outcome.oldestLostMs);
  }
  process.stdout.write(
    `power cut, ${what}: ${count} cycles, seed ${SEED}: ${acknowledged} acknowledged, ${lost} lost, the oldest of them ${worstMs.toFixed(0)} ms before the cut\n`,
  );
}

const fsync: Programme = {
  what: '--durability fsync',
  count: CYCLES,
  loadMs: SHORT_MS,
  args: ['--durability', 'fsync'],
  judge: ({ lost }) => expect(lost).toBe(0),
};
const byDefault: Programme = {
  what: 'default',
  count: Math.ceil(CYCLES / 2),
  loadMs: LONG_MS,
  args: [],
  judge: ({ oldestLostMs }) => expect(oldestLostMs).toBeLessThan(WINDOW_MS + SLACK_MS),
};
const NO_FLUSHES = ['--set', 'perfbroker.flush.window.ms=0', '--set', 'perfbroker.write.back.bytes=0'];

describe.skipIf(reason !== null)(`a power cut (${reason ?? 'ext4 on a loop device'})`, () => {
  it('takes nothing that was acknowledged under --durability fsync', () => cycles(fsync), MS_MAX);

  it('takes no more than the flush window by default, and says so by a new epoch', () => cycles(byDefault), MS_MAX);

  it('is noticed by the checker: without flushes more is lost', async () => {
    const outcome = await cycle(new Prng(SEED), LONG_MS, NO_FLUSHES);
    expect(() => byDefault.judge(outcome)).toThrow();
  }, 60_000);
});
