/** What goes wrong in a simulation, and when: drawn from its profile, remembered until it is over. */

import { FAILED_FLUSH_FILE } from '../../src/storage/file-names.ts';
import type { FakeErrno, FakeOperation } from '../support/fake-disk.ts';
import { DATA_FOLDER } from '../support/simulated-world.ts';
import { anyOf } from './client-manners.ts';
import type { LifeEnd } from './history.ts';
import { FAULT_KINDS, type FaultKind } from './profile.ts';
import type { Simulation } from './simulation.ts';

const NEVER = -1;
/** Long enough for transactions to take too long, and for retention to look at logs in every life. */
const LONG_LEAP_MS = 40_000;
const LONG_LEAP_STEP_MS = 400;
const LONG_LEAP_ONE_IN = 60;
const FILE_FAULTS = ['open', 'rename', 'remove', 'syncFolder', 'truncate'] as const;
const INNER_FOLDERS = ['__consumer_offsets-0', '__transaction_state-0'];
/** What the disk fails a start in, and how often a start asks it for that, about. */
const START_FAULTS: readonly (readonly [FakeOperation, FakeErrno, number])[] = [
  ['read', 'EIO', 200],
  ['readFile', 'EIO', 50],
  ['look', 'EIO', 300],
  ['open', 'EIO', 150],
  ['open', 'EMFILE', 150],
  ['write', 'EIO', 60],
  ['write', 'ENOSPC', 60],
  ['sync', 'EIO', 40],
  ['syncFolder', 'EIO', 20],
  ['truncate', 'EIO', 60],
  ['rename', 'EIO', 20],
  ['remove', 'EIO', 10],
];
const OF_READING: ReadonlySet<FakeOperation> = new Set(['look', 'read', 'readFile', 'warm']);
const CHANGES_OF_START = 150;

export class Mishaps {
  private readonly simulation: Simulation;
  /** How the process ends when its disk dies under it. */
  private crashEnds: LifeEnd = 'kill';
  private restartInTicks = NEVER;
  private roomInTicks = NEVER;
  private seenSyncFailures = 0;
  private failuresBefore = 0;
  private wasFull = false;
  /** Something was not written in the last start: a log may take no more appends until the next one. */
  private hasStoppedLogs = false;
  /** Somebody sets the wall clock between two lives; while a broker runs its time does not go back. */
  private isClockWrong = false;
  private readonly weightTotal: number;

  constructor(simulation: Simulation) {
    this.simulation = simulation;
    this.weightTotal = FAULT_KINDS.reduce((sum, kind) => sum + simulation.profile.faults[kind], 0);
  }

  get wantsRestart(): boolean {
    return this.restartInTicks !== NEVER || this.hasStoppedLogs;
  }

  /** Somebody looks at the broker before long, and starts it anew. */
  wantRestart(): void {
    if (this.restartInTicks === NEVER) this.restartInTicks = 30 + this.simulation.random.nextInt(200);
  }

  endOfCrash(): LifeEnd {
    return this.crashEnds;
  }

  /** What was ahead does not come: for a new life. */
  forget(): void {
    this.restartInTicks = NEVER;
    this.hasStoppedLogs = false;
    this.roomInTicks = NEVER;
    this.crashEnds = 'kill';
    const { disk } = this.simulation.world;
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    disk.forgive();
    this.simulation.flusherStallTicks = 0;
  }

  setClock(): void {
    if (!this.isClockWrong) return;
    this.isClockWrong = false;
    const { random } = this.simulation;
    this.simulation.shiftClock((random.nextBoolean() ? 1 : -1) * random.nextInt(3_600_000));
  }

  /** Which flushes failed. */
  learn(): void {
    const { world, history, trueMs } = this.simulation;
    const { failedSyncs } = world.disk;
    for (; this.seenSyncFailures < failedSyncs.length; this.seenSyncFailures++) {
      const path = failedSyncs[this.seenSyncFailures] ?? '';
      history.failSync(path.split('/').at(-2) ?? '', trueMs);
    }
  }

  /** And of which nobody will ever know. */
  learnOfDeath(): void {
    const { world, history } = this.simulation;
    this.learn();
    history.dies((folder) => world.disk.stat(`${DATA_FOLDER}/${folder}/${FAILED_FLUSH_FILE}`) !== null);
  }

  async mayHappen(): Promise<void> {
    const { random, profile, world } = this.simulation;
    if (this.roomInTicks > 0 && --this.roomInTicks === 0) world.disk.capacityBytes = Number.POSITIVE_INFINITY;
    if (this.restartInTicks > 0 && --this.restartInTicks === 0) {
      await this.simulation.fall(
        (['kill', 'stop', 'power'] as const)[random.nextInt(profile.faults.power > 0 ? 3 : 2)] ?? 'kill',
      );
      return;
    }
    if (this.simulation.isRunning && random.nextInt(60) === 0) this.keepHouse();
    if (random.nextInt(profile.faultEvery) !== 0) return;
    await this.happen(this.draw());
  }

  /** A start may meet what is wrong with the disk as well; what it met goes when it is through. */
  mayTroubleStart(): void {
    const { simulation } = this;
    const { random, world, profile } = simulation;
    const { disk } = world;
    this.failuresBefore = disk.failures.length;
    this.wasFull = false;
    if (!simulation.isRunning || !random.nextBoolean(profile.startFaults)) return;
    const dice = random.nextInt(START_FAULTS.length + 6);
    const fault = START_FAULTS[dice];
    let kind = 'crash';
    if (fault !== undefined) {
      const [operation, errno, calls] = fault;
      kind = `${operation} ${errno}`;
      disk.failNext(operation, errno, random.nextInt(calls));
    } else if (dice === START_FAULTS.length) {
      kind = 'full disk';
      this.fill(1000);
    } else if (dice < START_FAULTS.length + 3) kind = `no bytes of ${this.ailSome()}`;
    else {
      this.crashEnds = profile.faults.power > 0 && random.nextBoolean() ? 'power' : 'kill';
      disk.crashAt(1 + random.nextInt(CHANGES_OF_START));
    }
    simulation.book.count(`this start meets: ${kind}`);
    simulation.note(`this start meets: ${kind}`);
  }

  endTroubleOfStart(): void {
    const { world, book } = this.simulation;
    const failures = world.disk.failures.slice(this.failuresBefore);
    for (const operation of failures) book.count(`failed in a start that goes on: ${operation}`);
    this.forget();
    this.hasStoppedLogs = failures.some((operation) => !OF_READING.has(operation));
  }

  /** Since the last start began. */
  get isDiskTroubled(): boolean {
    return this.wasFull || this.simulation.world.disk.failures.length > this.failuresBefore;
  }

  private fill(bytesLeftMax: number): void {
    const { random, world } = this.simulation;
    this.wasFull = true;
    world.disk.capacityBytes = world.disk.usedBytesTotal + random.nextInt(bytesLeftMax);
  }

  /** The device does not give a file of one of the partitions. */
  private ailSome(): string {
    const { random, world, topics } = this.simulation;
    const { disk } = world;
    const folders = [...topics.allPartitions.map(({ folder }) => folder), ...INNER_FOLDERS];
    const folder = `${DATA_FOLDER}/${anyOf(random, folders)}`;
    const names = disk.stat(folder) === null ? [] : disk.list(folder);
    if (names.length === 0) return 'nothing';
    const name = anyOf(random, names);
    disk.ail(`${folder}/${name}`);
    return name.replace(/^.*(?=\.)/, '');
  }

  private keepHouse(): void {
    const { broker, random, book } = this.simulation;
    if (broker === null) return;
    // A disk that fails under them is told to the log of the broker, and that is all.
    if (random.nextInt(3) > 0) broker.checkpoints.pass().catch(() => undefined);
    else
      broker.cleaner.pass().then(
        (hasCleaned) => hasCleaned && book.count('logs compacted'),
        () => undefined,
      );
  }

  private draw(): FaultKind {
    let dice = this.simulation.random.nextInt(Math.max(1, this.weightTotal));
    for (const kind of FAULT_KINDS) {
      dice -= this.simulation.profile.faults[kind];
      if (dice < 0) return kind;
    }
    return 'leap';
  }

  private async happen(kind: FaultKind): Promise<void> {
    const { simulation } = this;
    const { random, world } = simulation;
    const { disk } = world;
    simulation.book.count(`fault: ${kind}`);
    simulation.note(`fault: ${kind}`);
    switch (kind) {
      case 'kill':
      case 'power':
      case 'stop':
        return await simulation.fall(kind);
      case 'crash point':
        this.crashEnds = simulation.profile.faults.power > 0 && random.nextBoolean() ? 'power' : 'kill';
        disk.crashAt(1 + random.nextInt(random.nextBoolean() ? 8 : 60));
        // Where the disk is asked for little, a restart brings it to its end.
        if (random.nextBoolean(0.3)) await simulation.fall('stop');
        return;
      case 'reset':
        simulation.anyLink()?.break();
        return;
      case 'leap':
        if (random.nextInt(LONG_LEAP_ONE_IN) > 0) return await simulation.leap(50 + random.nextInt(1200));
        simulation.book.count('long leaps');
        return await simulation.leap(LONG_LEAP_MS + random.nextInt(LONG_LEAP_MS), LONG_LEAP_STEP_MS);
      case 'clock back':
        this.isClockWrong = true;
        return;
      case 'stalled flusher':
        if (simulation.broker !== null) simulation.flusherStallTicks = random.nextInt(20);
        return;
      case 'cold pages':
        for (const model of simulation.topics.allPartitions) this.chill(`${DATA_FOLDER}/${model.folder}`);
        return;
      case 'write error':
        disk.failNext('write', random.nextBoolean() ? 'EIO' : 'ENOSPC');
        return this.wantRestart();
      case 'sync error':
        disk.failNext('sync', 'EIO');
        return this.wantRestart();
      case 'read error':
        disk.failNext(random.nextBoolean() ? 'read' : 'warm', 'EIO');
        return;
      case 'file error':
        disk.failNext(anyOf(random, FILE_FAULTS), random.nextBoolean() ? 'EIO' : 'EMFILE');
        return this.wantRestart();
      case 'full disk':
        this.fill(3000);
        this.roomInTicks = 40 + random.nextInt(200);
        return;
    }
  }

  private chill(folder: string): void {
    const { disk } = this.simulation.world;
    if (disk.stat(folder) === null) return;
    for (const name of disk.list(folder)) if (name.endsWith('.log')) disk.chill(`${folder}/${name}`);
  }
}
