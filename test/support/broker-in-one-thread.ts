/**
 * A whole broker in one thread, from one seed: the real fronts with their data APIs, real partition workers, the disk aide,
 * the control port, desk, controller and worker host, over a fake network, a fake disk and a clock that tests move.
 *
 *   const world = new SimulatedWorld(seed);
 *   const broker = await BrokerInOneThread.start(world);      … clients, requests, await broker.settle() …
 *   await broker.stop()  or  broker.kill()                     and start another over the same world
 *
 * What threads do by themselves happens here in `step`, one turn of every role in a fixed order. Only promises of the
 * control plane run outside of it: `settle` alternates between both until nothing moves.
 */
import { MessageChannel } from 'node:worker_threads';
import { expect } from 'vitest';
import { ControlPlane } from '../../src/apis/control-plane.ts';
import { keepFrontsTold } from '../../src/apis/front-news.ts';
import { Alarms } from '../../src/base/alarms.ts';
import { must } from '../../src/base/assert.ts';
import type { LogFields, Logger } from '../../src/base/logger.ts';
import { Controller, type StartReport } from '../../src/cluster/controller.ts';
import type { BrokerConfig } from '../../src/config/broker-config.ts';
import { listenersOf } from '../../src/config/listeners.ts';
import { loadBrokerConfig } from '../../src/config/load.ts';
import type { BrokerView } from '../../src/http/broker-view.ts';
import type { Front } from '../../src/net/front.ts';
import type { FrontPost } from '../../src/net/front-post.ts';
import { createTallyParts, FrontTallies } from '../../src/net/front-tallies.ts';
import type { FrontLimits } from '../../src/net/limits.ts';
import { memoryOver as batchMemoryOver } from '../../src/protocol/records.ts';
import { produce } from '../../src/protocol/schemas/00-produce.ts';
import { fetch } from '../../src/protocol/schemas/01-fetch.ts';
import { listOffsets } from '../../src/protocol/schemas/02-list-offsets.ts';
import { offsetForLeaderEpoch } from '../../src/protocol/schemas/23-offset-for-leader-epoch.ts';
import { buildMap, type CleaningHelp, cleanGroup } from '../../src/storage/compaction.ts';
import type { Disk } from '../../src/storage/disk.ts';
import { type FoundPartition, findPartitions } from '../../src/storage/found-folders.ts';
import { LogDirectory } from '../../src/storage/log-directory.ts';
import { recoverPartition } from '../../src/storage/recovery.ts';
import { StorageTools } from '../../src/storage/storage-tools.ts';
import { AppendStages } from '../../src/workers/append-stages.ts';
import { Checkpoints } from '../../src/workers/checkpoints.ts';
import { cleanerSettingsOf } from '../../src/workers/cleaner-settings.ts';
import type { WorkerReply } from '../../src/workers/commands.ts';
import { DiskAide } from '../../src/workers/disk-aide.ts';
import { createLaneMemory, frontEnd, type LaneEnd, workerEnd } from '../../src/workers/lane.ts';
import { LogCleaner } from '../../src/workers/log-cleaner.ts';
import { Mailbox, MailSender } from '../../src/workers/mailbox.ts';
import { PartitionPort } from '../../src/workers/partition-port.ts';
import type { TallyParts } from '../../src/workers/shared-parts.ts';
import { type AssembledWorker, assembleWorker } from '../../src/workers/worker-assembly.ts';
import { WorkerHost } from '../../src/workers/worker-host.ts';
import { type RecodeRequest, WorkerPost } from '../../src/workers/worker-post.ts';
import { Bell } from '../../src/zerocopy/bell.ts';
import { Board } from '../../src/zerocopy/board.ts';
import { crc32cInTypeScript } from '../../src/zerocopy/fallback.ts';
import { BELL_BYTES } from '../../src/zerocopy/layout.ts';
import { Slab } from '../../src/zerocopy/slab.ts';
import { StageBoard, WORKER_STAGES } from '../../src/zerocopy/stage-board.ts';
import { DeferredWork, recodedBytes, removeFiles, runMicrotasks } from './deferred-work.ts';
import type { FakeClientOptions } from './fake-client.ts';
import { FakeCrash } from './fake-disk.ts';
import { FakeTransport } from './fake-transport.ts';
import { expectNothingHeldBy, FrontInOneThread, type FrontMemory } from './front-in-one-thread.ts';
import { plainCommons } from './plain-commons.ts';
import { plainMemory } from './plain-memory.ts';
import { Prng } from './prng.ts';
import { SimulatedClient } from './simulated-client.ts';
import { DATA_FOLDER, type SimulatedWorld } from './simulated-world.ts';

export interface BrokerOptions {
  readonly fronts?: number;
  readonly workers?: number;
  /** Broker settings, as `key=value`. */
  readonly sets?: readonly string[];
  readonly limits?: Partial<FrontLimits>;
  readonly slabBytes?: number;
  readonly outboxBytes?: number;
  readonly laneSlots?: number;
  readonly aideSlots?: number;
  readonly shortSend?: number;
  readonly slotsMax?: number;
  /** Rows of the board: fewer for brokers that are started by the thousand. */
  readonly boardSlots?: number;
  readonly mainSlabBytes?: number;
  /** Counts for the HTTP side, see `view`. */
  readonly wantsMetrics?: boolean;
  /** The disk as the broker meets it; the world's own unless a test puts something between. */
  readonly disk?: Disk;
  /** Probability that the network keeps a poll waiting for something that is there. */
  readonly delay?: number;
  /** Replies of workers and work of the background pool wait for their turn, see `turns`. */
  readonly isDeferring?: boolean;
}

const BOARD_SLOTS = 4096;
const MAIN_SLOTS = 64;
const MAIN_SLAB_BYTES = 1 << 22;
const FILES_OPEN_MAX = 64;
const REPORT_WAIT_MS = 60_000;
/** As long as a stop waits for a front. */
const STOP_WAIT_MS = 5000;
const STEPS_MAX = 100_000;

export class BrokerInOneThread {
  readonly world: SimulatedWorld;
  readonly fronts: FrontInOneThread[] = [];
  readonly board: Board;
  readonly workers: AssembledWorker[] = [];
  readonly directory: LogDirectory;
  readonly lines: string[] = [];
  /** Errors that came out of control handlers; a bug if there is one. */
  readonly failures: unknown[] = [];
  /** Batches that wait for the background pool, and whether it works. */
  readonly recoding: { readonly post: WorkerPost; readonly request: RecodeRequest }[] = [];
  isBackgroundWorking = true;
  isAideWorking = true;
  /** How long every measured piece of work takes, as the roles see it. */
  busyStepMs = 0;
  private allTurns: (() => boolean)[] | null = null;
  private busyMs = 0;
  report: StartReport | null = null;
  private readonly config: BrokerConfig;
  private readonly aide: DiskAide;
  private readonly flusher: DiskAide;
  private readonly deferred: DeferredWork;
  private readonly disk: Disk;
  private readonly memories: FrontMemory[] = [];
  /** Connected and not hung up. */
  readonly clients: SimulatedClient[] = [];
  /** Main's way to the data of partitions, and its memory. */
  readonly partitions: PartitionPort;
  readonly alarms: Alarms;
  readonly plane: ControlPlane;
  private readonly mainSlab: Slab;
  private readonly mainLanes: LaneEnd[] = [];
  private readonly posts: WorkerPost[] = [];
  private readonly channels: MessageChannel[] = [];
  private readonly host: WorkerHost;
  private readonly controller: Controller;
  readonly cleaner: LogCleaner;
  readonly checkpoints: Checkpoints;
  private readonly logger: Logger;

  static async start(world: SimulatedWorld, options: BrokerOptions = {}): Promise<BrokerInOneThread> {
    const broker = new BrokerInOneThread(world, options);
    const { found } = broker;
    const wasUnclean = !broker.wasClean && found.length > 0;
    const starting = broker.controller.start({ found, wasUnclean, clusterId: null });
    broker.report = await broker.driven(starting);
    keepFrontsTold({ count: 1, post: (post) => broker.post(post) }, broker.controller);
    await broker.driven(broker.plane.start());
    await broker.settle();
    return broker;
  }

  private readonly wasClean: boolean;
  private readonly found: readonly FoundPartition[];
  private readonly tallies: TallyParts | null;

  private constructor(world: SimulatedWorld, options: BrokerOptions) {
    this.world = world;
    this.logger = this.remember();
    this.board = Board.create(options.boardSlots ?? BOARD_SLOTS);
    this.mainSlab = new Slab(plainMemory(options.mainSlabBytes ?? MAIN_SLAB_BYTES));
    const workers = options.workers ?? 2;
    const disk = options.disk ?? world.disk;
    this.disk = disk;
    this.deferred = new DeferredWork(options.isDeferring === true ? new Prng(world.random.nextWord()) : null);
    this.config = loadBrokerConfig({ sets: options.sets ?? [] });
    this.tallies = options.wantsMetrics === true ? createTallyParts(BOARD_SLOTS, options.fronts ?? 1) : null;
    this.directory = new LogDirectory(disk, DATA_FOLDER);
    this.directory.open(world.bootId);
    this.wasClean = this.directory.takeCleanMark();
    this.found = findPartitions(disk, this.directory.list());
    const fronts = options.fronts ?? 1;
    for (let index = 0; index < fronts; index++) {
      this.memories.push({
        transport: new FakeTransport({
          disk,
          seed: world.random.nextWord(),
          shortSend: options.shortSend ?? 0,
          delay: options.delay ?? 0,
        }),
        slab: new Slab(plainMemory(options.slabBytes ?? 1 << 23)),
        outboxSlab: new Slab(plainMemory(options.outboxBytes ?? 1 << 23)),
      });
    }
    this.transport.listen({ host: '127.0.0.1', port: 9092 }, 50);
    const lanes: LaneEnd[][] = this.memories.map(() => []);
    const aideLanes: LaneEnd[] = [];
    const flusherLanes: LaneEnd[] = [];
    for (let index = 0; index < workers; index++) this.addWorker(index, options, lanes, aideLanes, flusherLanes);
    this.aide = new DiskAide(aideLanes, disk);
    this.flusher = new DiskAide(flusherLanes, disk);
    this.cleaner = this.createCleaner();
    this.host = this.createHost();
    this.controller = new Controller({
      store: world.store,
      host: this.host,
      config: this.config,
      workers,
      nowMs: () => world.clock.nowMs(),
      randomBytes: (count) => world.randomBytes(count),
      slotsMax: options.slotsMax ?? options.boardSlots ?? BOARD_SLOTS,
    });
    this.alarms = new Alarms(() => world.clock.nowMs());
    this.partitions = new PartitionPort({
      lanes: this.mainLanes,
      slab: this.mainSlab,
      board: this.board,
      watcher: fronts,
      disk,
    });
    this.checkpoints = new Checkpoints({
      directory: this.directory,
      bootId: world.bootId,
      host: this.host,
      posts: this.posts,
      everyMs: this.config.values['log.flush.offset.checkpoint.interval.ms'],
      nowMs: () => this.nowMs,
      logger: this.logger,
    });
    this.plane = this.createPlane();
    this.createFronts(fronts, lanes, options);
  }

  // ── what a test does ──────────────────────────────────────────────────────────────────────────────────────────────

  connect(options: FakeClientOptions = {}): SimulatedClient {
    const client = new SimulatedClient(this, this.transport.connect(options));
    this.clients.push(client);
    return client;
  }

  /** Of the first front, through which all connections come. */
  get transport(): FakeTransport {
    return must(this.memories[0], 'a broker has a front').transport;
  }

  get front(): Front {
    return must(this.fronts[0], 'a broker has a front').front;
  }

  get nowMs(): number {
    return this.world.clock.nowMs();
  }

  /** All clients are gone at once, but for one. */
  hangUp(except: SimulatedClient | null = null): void {
    for (const client of this.clients.splice(0)) {
      if (client === except) this.clients.push(client);
      else if (!client.isClosed) client.socket.reset();
    }
  }

  /** Promises of the control plane run, turns do not. */
  breathe(): Promise<void> {
    return runMicrotasks();
  }

  /** A batch that no client may send, on the way that coordinators of the broker itself take. */
  async appendAsBroker(topic: string, partition: number, batch: Uint8Array): Promise<void> {
    const place = must(this.controller.placeOf(topic, partition), `${topic}-${partition} is open`);
    const { error } = await this.driven(this.partitions.append(place, batch));
    expect(error, 'what the broker itself appends is taken').toBe(0);
    await this.settle();
  }

  /** One turn of every role. */
  step(): boolean {
    let didWork = false;
    for (const turn of this.turns) if (turn()) didWork = true;
    return didWork;
  }

  /** Turns of the roles one by one, for whoever wants another order than that of `step`; true: it did something. */
  get turns(): readonly (() => boolean)[] {
    this.allTurns ??= [
      ...this.fronts.map(
        (each) => () => !each.transport.isDestroyed && !each.isStanding && each.front.turn(this.nowMs),
      ),
      ...this.workers.map(
        ({ worker, keeper }) =>
          () =>
            !keeper.hasStopped && worker.turn(this.nowMs),
      ),
      () => this.turnMain(),
      () => this.isAideWorking && this.aide.turn(this.nowMs),
      () => this.isAideWorking && this.flusher.turn(this.nowMs),
      () => this.deferred.deliverOne(),
      () => this.isBackgroundWorking && (this.recodeOne() || this.deferred.workOne()),
    ];
    return this.allTurns;
  }

  private turnMain(): boolean {
    this.partitions.drain();
    this.alarms.run();
    for (const { port } of this.fronts) port.drain();
    return false;
  }

  /** Turns until the data plane rests; promises do not run. */
  rest(): void {
    let quiet = 0;
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      quiet = this.step() ? 0 : quiet + 1;
      if (quiet === 3) return;
    }
    throw new Error(`the broker does not come to rest (seed ${this.world.seed})`);
  }

  /** Until nothing moves any more, data plane or control plane; what waits for time gets so much of it. */
  async settle(patienceMs = 0): Promise<void> {
    for (let round = 0; round < 100; round++) {
      this.rest();
      await runMicrotasks();
      const isQuiet = this.controller.pendingChanges === 0 && this.partitions.pendingCount === 0;
      if (!this.step() && isQuiet && !this.step()) return;
    }
    if (patienceMs <= 0) throw new Error(`the control plane does not come to rest (seed ${this.world.seed})`);
    this.world.clock.advance(50);
    await this.settle(patienceMs - 50);
  }

  /** Time passes in steps, so that timers fire in order. */
  async pass(totalMs: number, stepMs = 50): Promise<void> {
    for (let passed = 0; passed < totalMs; passed += stepMs) {
      this.world.clock.advance(Math.min(stepMs, totalMs - passed));
      await this.settle();
    }
  }

  /** Work that needs turns to come to its end. */
  async driven<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const done = work.finally(() => {
      isDone = true;
    });
    // Whoever gives up waiting has no use for what it comes to.
    done.catch(() => undefined);
    for (let round = 0; round < 10_000 && !isDone; round++) {
      this.step();
      await runMicrotasks();
      if (this.world.disk.isDown) throw new FakeCrash('the process died meanwhile');
    }
    return done;
  }

  /** What the HTTP side sees of it; the broker was started with `wantsMetrics`. */
  get view(): BrokerView {
    const { tallies, plane, controller, host } = this;
    const counted = must(tallies, 'the broker counts for the HTTP side');
    return {
      version: 'test',
      listen: { host: '127.0.0.1', port: 9092 },
      dataFolder: DATA_FOLDER,
      ioPath: 'fake',
      workers: this.workers.length,
      controller,
      coordinator: plane.services.groups.coordinator,
      board: this.board,
      stages: new StageBoard(counted.stages, WORKER_STAGES),
      fronts: this.fronts.map(({ front }) => must(front.tallies, 'the front counts')),
      connections: () => must(this.fronts[0], 'a broker has a front').connectionsByListener(),
      answerErrors: must(plane.services.answerErrors, 'errors are counted'),
      registry: plane.desk.registry,
      openSlots: host.open,
      cleaner: () => this.cleaner.figures,
      scrubber: () => ({ rounds: 0, segments: 0, bytes: 0, findings: 0 }),
      logins: () => plane.loginCounts,
      room: () => ({ totalBytes: 1 << 30, usableBytes: 1 << 29 }),
      logs: () => this.driven(host.standing(() => this.nowMs)),
      nowMs: () => this.nowMs,
    };
  }

  /** As main does every so often: compacts the dirtiest log until none is worth it. Returns how many it took. */
  async compactLogs(): Promise<number> {
    let count = 0;
    while (await this.driven(this.cleaner.pass())) count += 1;
    return count;
  }

  /** As main does every few seconds: how far the logs are written, and now and then how far flushed. */
  writeCheckpoints(): Promise<void> {
    return this.driven(this.checkpoints.pass());
  }

  /** The whole broker stops in order. */
  async stop(): Promise<void> {
    this.checkpoints.stop();
    await this.driven(this.cleaner.stop());
    await this.settle(STOP_WAIT_MS);
    for (const { transport } of this.fronts) transport.destroy();
    await this.driven(this.plane.stop());
    await this.driven(this.controller.stop());
    const stopped = await this.driven(Promise.all(this.posts.map((post) => post.stop(REPORT_WAIT_MS))));
    this.checkpoints.saveLast(stopped.flat());
    this.closeChannels();
  }

  /** The process is gone; what it wrote is in the page cache. */
  kill(): void {
    this.world.disk.crash('kill');
    this.closeChannels();
  }

  /** Nothing is held for anybody: for the end of a test, when all answers are read and all connections closed. */
  expectNothingHeld(): void {
    for (const { leases, gate, reads } of this.workers) {
      expect(leases.count, 'leases held').toBe(0);
      expect(gate.count, 'receipts held').toBe(0);
      expect(reads.coldCount, 'cold reads under way').toBe(0);
    }
    expect(this.partitions.pendingCount, 'jobs of the control plane under way').toBe(0);
    expect(this.mainSlab.usedBytes, 'memory of the control plane held').toBe(0);
    expectNothingHeldBy(this.fronts);
    expect(this.failures, 'failures of control handlers').toEqual([]);
  }

  // ── inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

  private post(message: FrontPost): void {
    for (const { port } of this.fronts) port.post(message);
  }

  private addWorker(
    index: number,
    options: BrokerOptions,
    lanes: LaneEnd[][],
    aideLanes: LaneEnd[],
    flusherLanes: LaneEnd[],
  ): void {
    const memories = lanes.map(() => createLaneMemory(options.laneSlots ?? 256));
    const aideMemory = createLaneMemory(options.aideSlots ?? 32);
    const flusherMemory = createLaneMemory(options.aideSlots ?? 32);
    const channel = new MessageChannel();
    const counter = new SharedArrayBuffer(4);
    this.channels.push(channel);
    const post = new WorkerPost(index, new MailSender(channel.port1, counter, bell()));
    post.onRecode = (request) => this.recoding.push({ post, request });
    post.onRemoveFiles = (paths) => removeFiles(this.disk, this.logger, paths);
    this.posts.push(post);
    const main = createLaneMemory(MAIN_SLOTS);
    this.mainLanes.push(frontEnd(main, bell()));
    for (const [front, memory] of memories.entries()) lanes[front]?.push(frontEnd(memory, bell()));
    aideLanes.push(workerEnd(aideMemory, bell()));
    flusherLanes.push(workerEnd(flusherMemory, bell()));
    this.workers.push(
      assembleWorker({
        lanes: [...memories, main].map((memory) => workerEnd(memory, bell())),
        slabs: [...this.memories.map(({ slab }) => slab.memory), this.mainSlab.memory],
        aide: frontEnd(aideMemory, bell()),
        flusher: frontEnd(flusherMemory, bell()),
        board: this.board,
        disk: this.disk,
        crc: crc32cInTypeScript,
        memoryOf: (bytes) => ({ ...batchMemoryOver(bytes), address: 0 }),
        packLz4: null,
        mailbox: new Mailbox(channel.port2, counter),
        reply: (reply: WorkerReply) => {
          const copy = structuredClone(reply);
          this.deferred.reply(() => post.receive(copy));
        },
        logger: this.logger,
        filesOpenMax: FILES_OPEN_MAX,
        housekeeping: {
          retentionCheckMs: this.config.values['log.retention.check.interval.ms'],
          flushWindowMs: this.config.values['perfbroker.flush.window.ms'],
          writeBackBytes: this.config.values['perfbroker.write.back.bytes'],
          reserve: { folder: DATA_FOLDER, bytes: this.config.values['perfbroker.disk.reserve.bytes'] },
        },
        stages:
          this.tallies === null
            ? null
            : new AppendStages(new StageBoard(this.tallies.stages, WORKER_STAGES), () => this.nowMs),
      }),
    );
  }

  private createCleaner(): LogCleaner {
    const parts = { disk: this.disk, crc: crc32cInTypeScript, logger: this.logger, filesOpenMax: FILES_OPEN_MAX };
    const tools = new StorageTools(parts);
    const help: CleaningHelp = { pace: () => {}, memoryOf: (bytes) => ({ ...batchMemoryOver(bytes), address: 0 }) };
    return new LogCleaner({
      posts: this.posts,
      work: {
        buildMap: (plan, wishes) => this.deferred.inBackground(() => buildMap(tools, plan, wishes, help)),
        cleanGroup: (task) => this.deferred.inBackground(() => cleanGroup(tools, structuredClone(task), help)),
      },
      settings: () => cleanerSettingsOf(this.controller.config.values),
      randomBytes: (count) => this.world.randomBytes(count),
      logger: this.logger,
    });
  }

  private createHost(): WorkerHost {
    const { disk, logger } = this;
    const { values } = this.config;
    const recovery = new StorageTools({ disk, crc: crc32cInTypeScript, logger, filesOpenMax: FILES_OPEN_MAX });
    return new WorkerHost({
      posts: this.posts,
      directory: this.directory,
      isClean: this.wasClean || this.found.length === 0,
      settings: {
        isSyncedBeforeAck: values['perfbroker.durability'] === 'fsync',
        producerExpiryMs: values['producer.id.expiration.ms'],
      },
      flushAll: () => Promise.resolve(false),
      logger,
      recover: (args) => this.deferred.inBackground(() => recoverPartition(recovery, { ...args, nowMs: this.nowMs })),
      uniqueHex: () => Buffer.from(this.world.randomBytes(16)).toString('hex'),
      forgetTallies: (slot) => {
        if (this.tallies !== null) new StageBoard(this.tallies.stages, WORKER_STAGES).clear(slot);
        for (const { front } of this.fronts) front.tallies?.stages.clear(slot);
      },
    });
  }

  private createPlane(): ControlPlane {
    return new ControlPlane({
      dataFolder: { path: '/data', room: () => ({ totalBytes: 1 << 30, usableBytes: 1 << 29 }) },
      controller: this.controller,
      port: this.partitions,
      crc32c: (memory, at, length) => crc32cInTypeScript({ ...memory, address: 0 }, at, length),
      alarms: this.alarms,
      randomBytes: (count) => this.world.randomBytes(count),
      listeners: listenersOf(this.config.values),
      wantsMetrics: this.tallies !== null,
      dataApis: [produce, fetch, listOffsets, offsetForLeaderEpoch],
      log: this.logger,
    });
  }

  private createFronts(count: number, lanes: readonly LaneEnd[][], options: BrokerOptions): void {
    const commons = plainCommons(count);
    for (let index = 0; index < count; index++) {
      const tallies = this.tallies?.fronts[index];
      const front = new FrontInOneThread({
        ...must(this.memories[index], 'every front has its memory'),
        config: this.config,
        index,
        commons,
        lanes: must(lanes[index], 'every front has its lanes'),
        plane: this.plane,
        board: this.board,
        disk: this.disk,
        limits: options.limits ?? {},
        logger: this.logger,
        nowMs: this.nowMs,
        busyClock: () => this.readBusyClock(),
        onFailure: (error) => this.failures.push(error),
        tallies: tallies === undefined ? null : new FrontTallies(tallies, () => this.nowMs),
      });
      this.fronts.push(front);
      this.channels.push(front.mail);
    }
    this.plane.backlogBytes = () => this.fronts.reduce((sum, { port }) => sum + port.waitingBytes, 0);
  }

  private readBusyClock(): number {
    this.busyMs += this.busyStepMs;
    return this.busyMs;
  }

  private recodeOne(): boolean {
    const next = this.recoding.shift();
    if (next === undefined) return false;
    next.post.recoded(next.request.ticket, recodedBytes(next.request));
    return true;
  }

  private closeChannels(): void {
    for (const channel of this.channels) {
      channel.port1.close();
      channel.port2.close();
    }
  }

  private remember(): Logger {
    const say = (message: string, fields: LogFields = {}): void => {
      const shown = Object.entries(fields).map(([key, value]) => ` ${key}=${value}`);
      this.lines.push(message + shown.join(''));
    };
    return { debug: say, info: say, warn: say, error: say };
  }
}

/** Nobody sleeps in one thread, so nobody is rung. */
function bell(): Bell {
  return new Bell(new SharedArrayBuffer(BELL_BYTES), 0, null, -1, null);
}

/** Where a partition's files lie on the world's disk. */
export function partitionFolder(topic: string, partition: number): string {
  return `${DATA_FOLDER}/${topic}-${partition}`;
}
