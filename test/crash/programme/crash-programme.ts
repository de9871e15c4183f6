/**
 * The crash programme: a broker that all actors work on is killed with SIGKILL at a random moment, sometimes once more while it
 * starts, sometimes stopped as it should be, and starts again on the same folder. Then every actor compares its ledger
 * with what is there. Everything random comes from one seed; only the threads of the broker have a will of their own.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '../../../src/client/client.ts';
import { BrokerProcess, freePort } from '../../clients/broker-process.ts';
import { Prng } from '../../support/prng.ts';
import type { CuttableDisk } from '../cuttable-disk.ts';
import { type Actor, pick, type Stage } from './actor.ts';
import { CompactingActor } from './compacting-actor.ts';
import { leftoversIn, leftoversThatStay } from './leftovers.ts';
import { DeletingActor, KeepingActor, RetentionActor } from './log-actors.ts';
import { OffsetActor } from './offset-actor.ts';
import { SettingActor } from './setting-actor.ts';
import { ShareActor } from './share-actor.ts';
import { TopicActor } from './topic-actor.ts';
import { TransactionActor } from './transaction-actor.ts';

const LOAD_MS_MIN = 10;
const LOAD_MS_MAX = 300;
/** Where every answer waits for a flush. */
const LOAD_MS_MAX_ON_DISK = 1500;
/** One load of so many goes on until everybody got something done: on a slow machine all others may be too short for some. */
const PATIENT_LOAD_EVERY = 10;
const PATIENT_LOAD_MS_MAX = 10_000;
const LOOK_MS = 20;
const STOP_PROBABILITY = 0.1;
const KILL_STARTING_PROBABILITY = 0.15;
const STARTING_MS_MAX = 400;

/** So that rolls, retention and compaction come often enough to be met. */
const BUSY = [
  ['perfbroker.flush.window.ms', '60'],
  ['log.cleaner.backoff.ms', '15'],
  ['log.retention.check.interval.ms', '40'],
  ['log.flush.offset.checkpoint.interval.ms', '100'],
  ['offsets.topic.num.partitions', '3'],
  ['transaction.state.log.num.partitions', '3'],
  ['share.coordinator.state.topic.num.partitions', '3'],
  ['authorizer.class.name', 'org.apache.kafka.metadata.authorizer.StandardAuthorizer'],
  ['super.users', 'User:ANONYMOUS'],
].flatMap(([name, value]) => ['--set', `${name}=${value}`]);

/** What the broker stands on, and how it is told to. */
export interface Ground {
  /** Its power is cut with every end of the broker; null: a folder of this machine. */
  readonly disk: CuttableDisk | null;
  readonly arguments: readonly string[];
}

export class CrashProgramme {
  readonly actors: readonly Actor[];
  kills = 0;
  killsWhileStarting = 0;
  stops = 0;
  readonly restartsMs: number[] = [];
  readonly #stage: Stage;
  readonly #ground: Ground;
  readonly #random: Prng;
  #broker: BrokerProcess | null = null;
  #loads = 0;

  private constructor(stage: Stage, ground: Ground) {
    this.#stage = stage;
    this.#ground = ground;
    this.#random = stage.random;
    this.actors = [
      new KeepingActor(stage),
      new RetentionActor(stage),
      new DeletingActor(stage),
      new CompactingActor(stage),
      new TransactionActor(stage),
      new OffsetActor(stage),
      new TopicActor(stage),
      new SettingActor(stage),
      new ShareActor(stage),
    ];
  }

  static async begin(seed: number, ground: Ground = { disk: null, arguments: [] }): Promise<CrashProgramme> {
    const dataFolder = ground.disk?.dataFolder ?? mkdtempSync(join(tmpdir(), 'perfbroker-crash-'));
    const port = await freePort();
    const client = createClient({ brokers: `127.0.0.1:${port}` });
    const programme = new CrashProgramme({ port, dataFolder, client, random: new Prng(seed) }, ground);
    await programme.#start();
    for (const actor of programme.actors) await actor.begin();
    return programme;
  }

  /** What the broker said since its last start. */
  get output(): string {
    return this.#broker?.output ?? '';
  }

  /** Load, the end, a start. */
  async cycle(): Promise<void> {
    const { random } = this.#stage;
    const stop = { isStopped: false };
    const working = Promise.all(this.actors.map((actor) => actor.run(stop)));
    await Promise.race([working, this.#load()]);
    const isStopped = random.nextBoolean(STOP_PROBABILITY);
    if (isStopped) await this.#stopCleanly();
    else await this.#kill();
    stop.isStopped = true;
    while (random.nextBoolean(KILL_STARTING_PROBABILITY)) await this.#killWhileStarting();
    const leftovers = leftoversIn(this.#stage.dataFolder);
    await this.#start();
    await working;
    const stay = await leftoversThatStay(this.#stage.dataFolder, leftovers);
    if (stay.length > 0) throw new Error(stay.join('\n'));
  }

  async #load(): Promise<void> {
    if (this.#loads++ % PATIENT_LOAD_EVERY === 0) {
      const before = this.actors.map(({ doneCount }) => doneCount);
      const isDone = (actor: Actor, index: number): boolean => actor.doneCount > (before[index] ?? 0);
      for (let ms = 0; ms < PATIENT_LOAD_MS_MAX && !this.actors.every(isDone); ms += LOOK_MS) await pause(LOOK_MS);
    }
    const loadMsMax = this.#ground.disk === null ? LOAD_MS_MAX : LOAD_MS_MAX_ON_DISK;
    await pause(LOAD_MS_MIN + this.#stage.random.nextInt(loadMsMax - LOAD_MS_MIN));
  }

  async verify(isFull: boolean): Promise<string[]> {
    const problems = await Promise.all(
      this.actors.map(async (actor) => (await actor.verify(isFull)).map((problem) => `${actor.name}: ${problem}`)),
    );
    return problems.flat();
  }

  counts(): string {
    const sorted = [...this.restartsMs].sort((one, other) => one - other);
    const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
    const what = [
      `${this.kills} kills and ${this.killsWhileStarting} more during the start, ${this.stops} stops`,
      ...this.actors.map((actor) => actor.counts()),
      `restart median ${median.toFixed(0)} ms, worst ${sorted.at(-1)?.toFixed(0)} ms`,
    ];
    return what.join('; ');
  }

  async end(): Promise<void> {
    await this.#broker?.kill();
    for (const actor of this.actors) await actor.close();
    await this.#stage.client.close().catch(() => {});
    if (this.#ground.disk === null) rmSync(this.#stage.dataFolder, { recursive: true, force: true });
  }

  async #start(): Promise<void> {
    this.#broker = await BrokerProcess.start(this.#options());
    this.restartsMs.push(this.#broker.startedAfterMs);
  }

  async #kill(): Promise<void> {
    // Nobody answers without power.
    this.#broker?.freeze();
    this.#ground.disk?.cut();
    await this.#broker?.kill();
    this.#ground.disk?.powerUp();
    this.kills += 1;
  }

  async #stopCleanly(): Promise<void> {
    const code = await this.#broker?.stop();
    if (code !== 0) throw new Error(`the broker was asked to stop and ended with ${code}`);
    this.#ground.disk?.cut();
    this.#ground.disk?.powerUp();
    this.stops += 1;
  }

  async #killWhileStarting(): Promise<void> {
    const { disk } = this.#ground;
    await BrokerProcess.killWhileStarting(this.#options(), this.#random.nextInt(STARTING_MS_MAX), () => disk?.cut());
    disk?.powerUp();
    this.killsWhileStarting += 1;
  }

  /** Another way to the kernel each time, and other threads. */
  #options() {
    const { port, dataFolder } = this.#stage;
    const io = pick(this.#random, [[], [], ['--io', 'epoll'], ['--io', 'node']]);
    const threads = pick(this.#random, [
      ['--workers', '1'],
      ['--workers', '3'],
      ['--workers', '2', '--fronts', '2'],
    ]);
    return { port, dataFolder, arguments: [...io, ...threads, ...BUSY, ...this.#ground.arguments] };
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
