/**
 * A whole broker in one thread under a seed: clients work, roles take turns in any order, things go wrong, the broker dies
 * and starts again, and after each start everything it has is read and held against what was promised.
 *
 *   const outcome = await simulate(seed);       throws Violation with what was broken
 *
 * Nothing here waits for the outside world: time is the fake clock's, and every choice comes from the seed.
 */
import { Alarms } from '../../src/base/alarms.ts';
import { isFault } from '../../src/base/fault.ts';
import { FileStore } from '../../src/cluster/file-store.ts';
import type { Disk } from '../../src/storage/disk.ts';
import { BrokerInOneThread } from '../support/broker-in-one-thread.ts';
import { runMicrotasks } from '../support/deferred-work.ts';
import type { FakeClientOptions } from '../support/fake-client.ts';
import { FakeCrash, type FakeDisk } from '../support/fake-disk.ts';
import { fakeStoreFiles } from '../support/fake-store-files.ts';
import { Prng } from '../support/prng.ts';
import { DATA_FOLDER, SimulatedWorld } from '../support/simulated-world.ts';
import { History, type LifeEnd } from './history.ts';
import { Mishaps } from './mishaps.ts';
import { type FoundBatch, foundBatches } from './numbered-batches.ts';
import { drawProfile, type Profile } from './profile.ts';
import { RecordBook } from './record-book.ts';
import { LinkBroken, SimulatedLink } from './simulated-link.ts';
import { TopicModels } from './topic-models.ts';
import { verifyTransactions } from './transaction-verification.ts';
import { verifyTopics } from './verification.ts';
import { demand, Excuse, Violation } from './violation.ts';
import { startWorkload } from './workload.ts';

export interface SimulationOptions {
  readonly say?: (line: string) => void;
  /** Puts something between the broker and its disk; for tests of the simulation itself. */
  readonly meddle?: (disk: FakeDisk) => Disk;
  readonly profile?: Partial<Profile>;
  /** Comes between what was fetched and whoever looks at it; for tests of the simulation itself. */
  readonly tamper?: (batches: readonly FoundBatch[], random: Prng) => readonly FoundBatch[];
}

export interface SimulationOutcome {
  readonly hash: string;
  readonly counts: ReadonlyMap<string, number>;
}

/** Of every part that holds bytes: a start costs what its memory costs. */
const MEMORY_BYTES = 1 << 18;
const TURNS_MAX = 12;
const MICROTASKS = 12;
/** A flush takes turns of several roles, and everybody may be late. */
const FLUSH_SLACK_MS = 1500;
const STARTS_MAX = 20;
const TROUBLED_STARTS_MAX = 4;
const DRIVE_TICKS_MAX = 60_000;
const LEAP_STEP_MS = 40;
const LEAP_ROUNDS = 30;

export async function simulate(seed: number, options: SimulationOptions = {}): Promise<SimulationOutcome> {
  const simulation = new Simulation(seed, options);
  try {
    await simulation.run();
  } catch (error) {
    if (!(error instanceof Excuse)) throw error;
    simulation.book.count(`runs that end with ${error.message}`);
  } finally {
    simulation.end();
  }
  return { hash: simulation.book.hash, counts: simulation.book.counts };
}

export class Simulation {
  readonly seed: number;
  readonly random: Prng;
  readonly profile: Profile;
  readonly world: SimulatedWorld;
  readonly book: RecordBook;
  readonly history: History;
  readonly topics: TopicModels;
  /** Clients go on working. */
  isRunning = true;
  broker: BrokerInOneThread | null = null;
  /** Clients come in. */
  isServing = false;
  /** Ticks for which nothing is flushed. */
  flusherStallTicks = 0;
  private readonly mishaps: Mishaps;
  private readonly tamper: SimulationOptions['tamper'];
  private readonly disk: Disk;
  private readonly pauses: Alarms;
  private links: SimulatedLink[] = [];
  private linkCount = 0;

  private readonly waiting: (() => void)[] = [];
  private failure: unknown = null;
  private readonly actors = new Set<string>();
  private shiftMs = 0;
  private shiftedMs = Number.NEGATIVE_INFINITY;
  private latestBeforeMs = 0;

  constructor(seed: number, options: SimulationOptions) {
    this.seed = seed;
    this.random = new Prng(seed);
    this.profile = { ...drawProfile(this.random), ...options.profile };
    this.world = new SimulatedWorld(this.random.nextWord());
    this.book = new RecordBook(options.say ?? null);
    this.history = new History(this.profile.flushWindowMs + FLUSH_SLACK_MS);
    this.topics = new TopicModels(this);
    this.pauses = new Alarms(() => this.trueMs);
    this.mishaps = new Mishaps(this);
    this.tamper = options.tamper;
    this.disk = options.meddle?.(this.world.disk) ?? this.world.disk;
    this.world.disk.faults.forgetsFailedSyncs = this.profile.forgetsFailedSyncs;
  }

  /** What the broker and its clients take for the time. */
  get nowMs(): number {
    return this.world.clock.nowMs();
  }

  /** Never jumps. */
  get trueMs(): number {
    return this.nowMs - this.shiftMs;
  }

  /** That anybody can have taken for the time. */
  get latestMs(): number {
    return Math.max(this.latestBeforeMs, this.nowMs);
  }

  /** Coordinators may have forgotten transactions: what was written of them went with the power. */
  get isExcusedForgotten(): boolean {
    return this.profile.promised === 'window' && this.history.hasPowerCutSince(0);
  }

  /** The disk failed the broker in something since its start began. */
  get isDiskTroubled(): boolean {
    return this.mishaps.isDiskTroubled;
  }

  async run(): Promise<void> {
    this.note(`seed ${this.seed}: ${this.profile.workers} workers, ${this.profile.promised}`);
    await this.start();
    await this.driven(this.topics.create());
    startWorkload(this);
    this.world.disk.faults.shortWrite = this.profile.shortWrite;
    for (let tick = 0; tick < this.profile.ticks; tick++) {
      await this.tick();
      await this.mishaps.mayHappen();
    }
    await this.finish();
  }

  /** Whatever is left of it goes. */
  end(): void {
    for (const link of this.links.splice(0)) link.break();
    this.broker?.kill();
    this.broker = null;
  }

  // ── for clients ───────────────────────────────────────────────────────────────────────────────────────────────────

  /** A connection to whatever broker serves, when one does. */
  async connect(options: FakeClientOptions = {}): Promise<SimulatedLink> {
    while (!this.isServing || this.broker === null) await new Promise<void>((resolve) => this.waiting.push(resolve));
    return this.openLink(this.broker, options);
  }

  /** The batches in fetched bytes. */
  found(bytes: Uint8Array | null, where: string): readonly FoundBatch[] {
    const batches = foundBatches(bytes, where);
    return this.tamper === undefined ? batches : this.tamper(batches, this.random);
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.pauses.set(this.trueMs + ms, resolve));
  }

  /** A client with a life of its own; what it throws ends the simulation. */
  spawn(name: string, work: () => Promise<void>): void {
    this.actors.add(name);
    work()
      .catch((error: unknown) => {
        if (!(error instanceof LinkBroken)) this.failure ??= error;
      })
      .finally(() => {
        this.actors.delete(name);
      });
  }

  fail(error: unknown): void {
    this.failure ??= error;
  }

  /** The wall clock is set: whoever starts from now on takes it for the time. */
  shiftClock(byMs: number): void {
    this.latestBeforeMs = this.latestMs;
    this.world.clock.set(this.nowMs + byMs);
    this.shiftMs += byMs;
    this.shiftedMs = this.trueMs;
  }

  /** The clock was set since then. */
  hasShiftedSince(trueMs: number): boolean {
    return this.shiftedMs >= trueMs;
  }

  note(line: string): void {
    this.book.note(`${Math.round(this.trueMs % 10_000_000)} ${line}`);
  }

  // ── for what goes wrong ───────────────────────────────────────────────────────────────────────────────────────────

  /** One of the connections, or none. */
  anyLink(): SimulatedLink | null {
    return this.links[this.random.nextInt(Math.max(1, this.links.length))] ?? null;
  }

  /** Time passes while everybody has turns enough. */
  async leap(totalMs: number, stepMs = LEAP_STEP_MS): Promise<void> {
    // What was promised within a time is not held up for longer than that.
    this.flusherStallTicks = 0;
    if (this.broker !== null) this.broker.isAideWorking = true;
    for (let passed = 0; passed < totalMs && this.broker !== null; passed += stepMs) {
      this.world.clock.advance(stepMs);
      this.withoutCrash(() => {
        for (let round = 0; round < LEAP_ROUNDS && (this.broker?.step() ?? false); round++);
      });
      await this.afterTurns();
      if (this.world.disk.isDown) await this.fall('kill');
    }
  }

  /** The broker ends so, and another starts over what it left. */
  async fall(how: LifeEnd): Promise<void> {
    const { disk } = this.world;
    for (const link of this.links) link.pump();
    this.checkStrays();
    if (how === 'stop') how = await this.stopInOrder();
    this.isServing = false;
    disk.isDown = true;
    for (const link of this.links.splice(0)) link.break();
    await runMicrotasks(200);
    this.broker?.kill();
    this.broker = null;
    disk.crash('kill');
    this.mishaps.learnOfDeath();
    this.history.end(how, this.trueMs);
    if (how === 'power') this.world.losePower();
    this.mishaps.forget();
    this.book.count(`ends by ${how}`);
    this.note(`the broker ends: ${how}`);
    this.world.clock.advance(this.random.nextInt(50));
    this.mishaps.setClock();
    await this.start();
  }

  // ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

  private async tick(): Promise<void> {
    const { random, broker } = this;
    if (broker === null) throw new Error('a broker runs');
    const { turns } = broker;
    if (this.flusherStallTicks > 0) this.flusherStallTicks -= 1;
    broker.isAideWorking = this.flusherStallTicks === 0;
    this.withoutCrash(() => {
      for (let left = 1 + random.nextInt(TURNS_MAX); left > 0; left--) turns[random.nextInt(turns.length)]?.();
    });
    this.world.clock.advance(random.nextInt(4));
    await this.afterTurns();
    if (this.world.disk.isDown) await this.fall(this.mishaps.endOfCrash());
  }

  private async afterTurns(): Promise<void> {
    for (const link of this.links) if (!this.world.disk.isDown) link.pump();
    this.pauses.run();
    await runMicrotasks(MICROTASKS);
    if (this.links.some(({ isBroken }) => isBroken)) this.links = this.links.filter(({ isBroken }) => !isBroken);
    this.mishaps.learn();
    if (this.failure !== null) throw this.failure;
    const bug = this.broker?.failures.find((error) => !(error instanceof FakeCrash));
    if (bug !== undefined && !this.world.disk.isDown) throw bug;
  }

  private withoutCrash(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof FakeCrash)) throw error;
    }
  }

  private openLink(broker: BrokerInOneThread, options: FakeClientOptions): SimulatedLink {
    this.linkCount += 1;
    const link = new SimulatedLink(this.linkCount, broker.transport.connect(options));
    this.links.push(link);
    return link;
  }

  private async stopInOrder(): Promise<LifeEnd> {
    const { broker } = this;
    if (broker === null) return 'kill';
    this.flusherStallTicks = 0;
    broker.isAideWorking = true;
    try {
      await broker.stop();
      this.broker = null;
      return 'stop';
    } catch (error) {
      if (!(error instanceof FakeCrash) && !isFault(error)) throw error;
      return this.mishaps.endOfCrash();
    }
  }

  /** Until a broker serves, however often it dies on the way; then everything it has is read. */
  private async start(): Promise<void> {
    const { world, profile } = this;
    for (let attempt = 0; attempt < STARTS_MAX; attempt++) {
      this.mishaps.forget();
      if (attempt < TROUBLED_STARTS_MAX) this.mishaps.mayTroubleStart();
      world.store = new FileStore(DATA_FOLDER, fakeStoreFiles(this.disk));
      try {
        this.broker = await BrokerInOneThread.start(world, {
          fronts: profile.fronts,
          workers: profile.workers,
          sets: profile.sets,
          slabBytes: MEMORY_BYTES,
          outboxBytes: MEMORY_BYTES,
          mainSlabBytes: MEMORY_BYTES,
          boardSlots: 256,
          shortSend: profile.shortSend,
          delay: profile.delay,
          disk: this.disk,
          isDeferring: true,
        });
        this.history.begin(this.trueMs);
        this.mishaps.learn();
        this.mishaps.endTroubleOfStart();
        const problems = this.broker.report?.problems ?? [];
        for (const problem of problems) this.note(`problem: ${problem}`);
        if (problems.length > 0) this.mishaps.wantRestart();
        await this.verify();
        this.book.count('starts');
        return;
      } catch (error) {
        if (!(error instanceof FakeCrash) && !isFault(error)) throw error;
        this.note(`the start fails: ${error.message}`);
        this.book.count(error instanceof FakeCrash ? 'deaths while starting' : 'refused starts');
        await this.dieWhileStarting();
      }
    }
    throw new Violation('the broker does not start any more');
  }

  private async dieWhileStarting(): Promise<void> {
    const { disk } = this.world;
    disk.isDown = true;
    for (const link of this.links.splice(0)) link.break();
    await runMicrotasks(200);
    this.broker?.kill();
    this.broker = null;
    disk.crash('kill');
    this.mishaps.learnOfDeath();
    this.history.end('kill', this.trueMs);
    if (this.mishaps.endOfCrash() !== 'power') return;
    this.history.endsInPower(this.trueMs);
    this.world.losePower();
  }

  /** Clients wait until it is through. */
  private async verify(): Promise<void> {
    if (this.broker === null) return;
    await this.driven(verifyTopics(this, this.openLink(this.broker, {})));
    this.isServing = true;
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  /** Nothing goes wrong meanwhile. */
  private async driven<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const done = work.finally(() => {
      isDone = true;
    });
    done.catch(() => undefined);
    for (let ticks = 0; !isDone; ticks++) {
      this.book.count('driven ticks');
      demand(ticks < DRIVE_TICKS_MAX, () => `nothing comes to its end (${[...this.actors].join(', ')})`);
      const { broker } = this;
      if (broker === null) throw new Error('a broker runs');
      broker.isAideWorking = true;
      for (const turn of broker.turns) turn();
      if (ticks % 4 === 0) this.world.clock.advance(1);
      await this.afterTurns();
      if (this.world.disk.isDown) throw new FakeCrash('the process died meanwhile');
    }
    return await done;
  }

  private async finish(): Promise<void> {
    this.world.disk.faults.shortWrite = 0;
    const { wantsRestart } = this.mishaps;
    this.mishaps.forget();
    this.isRunning = false;
    if (wantsRestart) await this.fall('kill');
    this.note('the clients come to their end');
    await this.driven(this.untilActorsEnd());
    await this.checkLeftovers();
    await this.fall(this.random.nextBoolean() ? 'stop' : 'kill');
    if (this.broker !== null) await this.driven(verifyTransactions(this, this.openLink(this.broker, {})));
    this.checkStrays();
    demand(this.topics.areAllVerified, 'a partition could not be read at the end');
    for (const { verified, start } of this.topics.allPartitions) {
      this.book.count('records verified', verified.records);
      if (start.expiryCount > 0) this.book.count('logs with expired records');
    }
    this.book.count('ticks', this.profile.ticks);
  }

  /** Of clients that are gone nothing is held. */
  private async checkLeftovers(): Promise<void> {
    for (const link of this.links.splice(0)) link.break();
    await this.driven(this.pause(100));
    this.broker?.expectNothingHeld();
  }

  /** What nobody coordinates any more is ended at a start, and nothing else is. */
  private checkStrays(): void {
    const told = this.broker?.lines.filter((line) => line.startsWith('a transaction of producer')) ?? [];
    for (const line of told) this.note(line);
    if (told.length === 0) return;
    this.book.count('transactions that nobody knew', told.length);
    demand(this.isExcusedForgotten, `${told[0]}, and no power cut took anything`);
  }

  private async untilActorsEnd(): Promise<void> {
    for (let round = 0; this.actors.size > 0; round++) {
      demand(round < 2000, () => `${[...this.actors].join(', ')} does not come to its end`);
      await this.pause(20);
    }
  }
}
