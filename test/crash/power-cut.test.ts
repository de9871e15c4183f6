/**
 * The power goes, again and again: a broker on an ext4 file system is written to and read from, the file system is shut
 * down without flushing its log, the broker killed, the file system mounted anew, and the broker started on what is left; then
 * it is written to again.
 *
 *   --durability fsync   no acknowledged record is lost
 *   the default          what is lost was acknowledged within the flush window (and the time a flush takes) before the cut; what was
 *                        served to consumers and is gone is told by a new leader epoch
 *   both                 nothing torn, nothing moved: every record found is at its acknowledged offset with its bytes;
 *                        topics that were created are there
 *
 * And under fsync everything that the crash programme does (`programme/`): transactions, offsets, settings, deletions outlive
 * the power as they outlive the process.
 *
 * PERFBROKER_POWER_CYCLES (100; `npm run nightly:power-cut`: 1,000), shared among the three, and PERFBROKER_POWER_SEED steer it.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { demand } from '../../src/client/admin/admin-requests.ts';
import { Admin } from '../../src/client/admin.ts';
import { Consumer, LATEST } from '../../src/client/consumer.ts';
import { ClusterView } from '../../src/client/metadata.ts';
import { Producer } from '../../src/client/producer.ts';
import { offsetForLeaderEpoch } from '../../src/protocol/schemas/23-offset-for-leader-epoch.ts';
import { BrokerProcess, freePort } from '../clients/broker-process.ts';
import { Prng } from '../support/prng.ts';
import { valueOfName } from './acknowledged-ledger.ts';
import { CuttableDisk, whyNot } from './cuttable-disk.ts';
import { CrashProgramme } from './programme/crash-programme.ts';

const CUTS = Number(process.env['PERFBROKER_POWER_CYCLES'] ?? 100);
const SEED = Number(process.env['PERFBROKER_POWER_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const MS_MAX = 120_000 + CUTS * 20_000;
/** Then on a fresh file system. */
const CUTS_PER_DISK = 25;
const DISK_BYTES = 512 << 20;
const TOPIC = 'power';
const PARTITIONS = 3;
const SHORT_MS_MAX = 500;
const WINDOW_MS = 1000;
/** How much later than the window a flush may be done: a loaded machine, and a loop device on a shared disk. */
const SLACK_MS = 2500;
/** Longer than both, so that a broker which flushed nothing would be found out. */
const LONG_MS = 4200;
const LONG_EVERY = 15;
/** Nobody comes back to answer. */
const HASTY_MS = 300;

interface Acknowledged {
  readonly name: number;
  readonly atMs: number;
}

/** What was promised of one partition: offset → record. */
type Promises = Map<number, Acknowledged>;

const reason = whyNot();
const disks: CuttableDisk[] = [];
const brokers: BrokerProcess[] = [];
let programme: CrashProgramme | null = null;

afterEach(async () => {
  await programme?.end();
  programme = null;
  for (const broker of brokers.splice(0)) await broker.kill();
  for (const disk of disks.splice(0)) disk.dispose();
});

class Load {
  readonly promises: readonly Promises[] = Array.from({ length: PARTITIONS }, () => new Map());
  /** Behind the last record that a consumer was given. */
  readonly served: number[] = new Array<number>(PARTITIONS).fill(0);
  /** Topics that were made. */
  readonly topics: string[] = [];
  isStopped = false;
  private nextName = 0;

  async run(cluster: ClusterView, random: Prng): Promise<void> {
    this.isStopped = false;
    const work = Array.from({ length: PARTITIONS }, (_, partition) => [
      this.write(cluster, partition, random),
      this.follow(cluster, partition),
    ]);
    await Promise.all([...work.flat(), this.create(cluster)]);
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

  /** One in each round. */
  private async create(cluster: ClusterView): Promise<void> {
    const name = `made-${this.topics.length}`;
    try {
      const { topics } = new Admin(cluster, { timeoutMs: HASTY_MS });
      demand(await topics.create([{ name, partitions: 1, replicationFactor: 1 }]));
      this.topics.push(name);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
    }
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

interface Outcome {
  readonly acknowledged: number;
  readonly lost: number;
  /** The oldest acknowledgement among the lost, before the cut. */
  readonly oldestLostMs: number;
  readonly problems: readonly string[];
}

/** A broker on a disk of its own, through one cut after the other. */
class CutRun {
  private readonly disk: CuttableDisk;
  private readonly load = new Load();
  private readonly random: Prng;
  private readonly args: readonly string[];
  private readonly checked: number[] = new Array<number>(PARTITIONS).fill(0);
  private cluster: ClusterView | null = null;
  private epoch = 0;

  constructor(random: Prng, args: readonly string[]) {
    this.random = random;
    this.args = args;
    this.disk = CuttableDisk.make(DISK_BYTES);
    disks.push(this.disk);
  }

  async begin(): Promise<void> {
    const cluster = await this.start();
    await new Admin(cluster).createTopic({ name: TOPIC, partitions: PARTITIONS, replicationFactor: 1 });
  }

  /** Load for a while, the cut, a start, and what is there then. */
  async cut(loadMs: number): Promise<Outcome> {
    const { disk, load } = this;
    const cluster = this.cluster ?? (await this.start());
    this.epoch = (await cluster.partition(TOPIC, 0)).leaderEpoch;
    const running = load.run(cluster, this.random);
    await new Promise((resolve) => setTimeout(resolve, loadMs));
    // Nobody answers without power. A flush that runs while the file system is shut down may succeed and have written nothing.
    brokers.at(-1)?.freeze();
    disk.cut();
    const cutMs = performance.now();
    load.isStopped = true;
    await brokers.pop()?.kill();
    await running;
    await cluster.close();
    disk.powerUp();
    return await this.check(await this.start(), cutMs);
  }

  async end(): Promise<void> {
    await this.cluster?.close();
    await brokers.pop()?.kill();
    disks.splice(disks.indexOf(this.disk), 1);
    this.disk.dispose();
  }

  private async start(): Promise<ClusterView> {
    const dataFolder = this.disk.dataFolder;
    const broker = await BrokerProcess.start({ port: await freePort(), dataFolder, arguments: this.args });
    brokers.push(broker);
    this.cluster = new ClusterView({ brokers: [{ host: '127.0.0.1', port: broker.port }] });
    return this.cluster;
  }

  private async check(cluster: ClusterView, cutMs: number): Promise<Outcome> {
    const problems: string[] = [];
    let acknowledged = 0;
    let lost = 0;
    let oldestLostMs = 0;
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const promises = this.load.promises[partition] ?? new Map<number, Acknowledged>();
      const end = await this.checkRecords(cluster, partition, promises, problems);
      acknowledged += promises.size;
      for (const [offset, { atMs }] of promises) {
        if (offset < end) continue;
        lost += 1;
        oldestLostMs = Math.max(oldestLostMs, cutMs - atMs);
        promises.delete(offset);
      }
      // Whoever read further must be able to find out.
      const served = this.load.served[partition] ?? 0;
      if (served > end) {
        const told = await endOfEpoch(cluster, partition, this.epoch);
        if (told > end)
          problems.push(`served up to ${served}, ends at ${end}, but epoch ${this.epoch} is said to end at ${told}`);
        this.load.served[partition] = end;
      }
    }
    const found = new Set((await cluster.allTopics()).map(({ name }) => name));
    for (const name of this.load.topics) if (!found.has(name)) problems.push(`topic ${name} is gone`);
    return { acknowledged, lost, oldestLostMs, problems };
  }

  /** Reads what was not compared before; returns where the log ends. */
  private async checkRecords(
    cluster: ClusterView,
    partition: number,
    promises: Promises,
    problems: string[],
  ): Promise<number> {
    const consumer = new Consumer(cluster, { maxWaitMs: 0 });
    const end = await consumer.findOffset(TOPIC, partition, LATEST);
    let next = Math.min(end, this.checked[partition] ?? 0);
    for await (const record of consumer.read(TOPIC, partition, next, end)) {
      if (record.offset !== next) problems.push(`offset ${record.offset} comes where ${next} is due`);
      next = record.offset + 1;
      const name = Number(Buffer.from(record.key ?? []).toString());
      if (record.value === null || !valueOfName(name).equals(record.value))
        problems.push(`offset ${record.offset} is torn`);
      const promised = promises.get(record.offset);
      if (promised !== undefined && promised.name !== name) problems.push(`offset ${record.offset} has another record`);
    }
    if (next !== end) problems.push(`the log ends at ${next}, not at ${end}`);
    this.checked[partition] = end;
    return end;
  }
}

async function endOfEpoch(cluster: ClusterView, partition: number, leaderEpoch: number): Promise<number> {
  const connection = await cluster.leaderConnection(TOPIC, partition);
  const answer = await connection.request(offsetForLeaderEpoch, {
    replicaId: -1,
    topics: [{ name: TOPIC, partitions: [{ partitionIndex: partition, currentLeaderEpoch: -1, leaderEpoch }] }],
  });
  return answer.topics[0]?.partitions[0]?.endOffset ?? Number.POSITIVE_INFINITY;
}

interface Cuts {
  readonly what: string;
  readonly count: number;
  /** Then on a fresh file system. */
  readonly perDisk: number;
  readonly loadMs: (index: number, random: Prng) => number;
  readonly args: readonly string[];
  readonly judge: (outcome: Outcome) => void;
}

async function cutAgainAndAgain({ what, count, perDisk, loadMs, args, judge }: Cuts): Promise<void> {
  const random = new Prng(SEED);
  let acknowledged = 0;
  let lost = 0;
  let worstMs = 0;
  let run: CutRun | null = null;
  for (let index = 1; index <= count; index++) {
    if (run === null) {
      run = new CutRun(random, args);
      await run.begin();
    }
    const outcome = await run.cut(loadMs(index, random));
    expect(outcome.problems, `cut ${index}, PERFBROKER_POWER_SEED=${SEED}`).toEqual([]);
    judge(outcome);
    acknowledged = Math.max(acknowledged, outcome.acknowledged);
    lost += outcome.lost;
    worstMs = Math.max(worstMs, outcome.oldestLostMs);
    if (index % perDisk !== 0 && index !== count) continue;
    await run.end();
    run = null;
  }
  expect(acknowledged).toBeGreaterThan(0);
  process.stdout.write(
    `power cut, ${what}: ${count} cuts, PERFBROKER_POWER_SEED=${SEED}: ${acknowledged} records acknowledged on one disk, ${lost} lost in all, the oldest of them ${worstMs.toFixed(0)} ms before the cut\n`,
  );
}

const fsync: Cuts = {
  what: '--durability fsync',
  count: Math.ceil(CUTS * 0.6),
  perDisk: CUTS_PER_DISK,
  loadMs: (_index, random) => random.nextInt(SHORT_MS_MAX),
  args: ['--durability', 'fsync'],
  judge: ({ lost }) => expect(lost).toBe(0),
};
/** Most cuts come early; in some the broker has run for longer than the window. */
const byDefault: Cuts = {
  what: 'default',
  count: Math.ceil(CUTS * 0.3),
  perDisk: CUTS_PER_DISK,
  loadMs: (index, random) => (index % LONG_EVERY === 1 ? LONG_MS : random.nextInt(SHORT_MS_MAX)),
  args: [],
  judge: ({ oldestLostMs }) => expect(oldestLostMs).toBeLessThan(WINDOW_MS + SLACK_MS),
};
const NO_FLUSHES = ['--set', 'perfbroker.flush.window.ms=0', '--set', 'perfbroker.write.back.bytes=0'];

describe.skipIf(reason !== null)(`a power cut (${reason ?? 'ext4 on a loop device'})`, () => {
  it('takes nothing that was acknowledged under --durability fsync', () => cutAgainAndAgain(fsync), MS_MAX);

  it(
    'takes no more than the flush window by default, and says so by a new epoch',
    () => cutAgainAndAgain(byDefault),
    MS_MAX,
  );

  it(
    'takes no transaction, offset, setting or topic under --durability fsync',
    async () => {
      const count = Math.ceil(CUTS * 0.1);
      for (let done = 0; done < count; done += CUTS_PER_DISK) {
        const disk = CuttableDisk.make(DISK_BYTES);
        disks.push(disk);
        programme = await CrashProgramme.begin(SEED + done, { disk, arguments: ['--durability', 'fsync'] });
        for (let index = done; index < Math.min(count, done + CUTS_PER_DISK); index++) {
          await programme.cycle();
          const problems = await programme.verify(index % CUTS_PER_DISK === 0 || index === count - 1);
          expect(problems, `cut ${index}, PERFBROKER_POWER_SEED=${SEED}\n${programme.output}`).toEqual([]);
        }
        process.stdout.write(`power cut, PERFBROKER_POWER_SEED=${SEED + done}: ${programme.counts()}\n`);
        await programme.end();
        disks.pop()?.dispose();
      }
    },
    MS_MAX,
  );

  it('is noticed by the checker: without flushes more is lost', async () => {
    const run = new CutRun(new Prng(SEED), NO_FLUSHES);
    await run.begin();
    const outcome = await run.cut(LONG_MS);
    expect(() => byDefault.judge(outcome)).toThrow();
    await run.end();
  }, 60_000);
});
