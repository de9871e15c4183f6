/**
 * The broker: builds the control plane, starts the threads, opens the data folder, and takes all of it down again in
 * order. It sequences and knows nobody's insides. `main.ts` runs one for a process; `createBroker` is what a program gets
 * that embeds one.
 */
import { randomBytes } from 'node:crypto';
import { ControlPlane } from './apis/control-plane.ts';
import { keepFrontsTold } from './apis/front-news.ts';
import { DATA_APIS, OpeningDesk } from './apis/opening-desk.ts';
import { AlarmDriver } from './base/alarm-driver.ts';
import { Alarms } from './base/alarms.ts';
import { must } from './base/assert.ts';
import { systemClock } from './base/clock.ts';
import { Fault, isFault } from './base/fault.ts';
import { createLogger, type LogFormat, type Logger, type LogLevel } from './base/logger.ts';
import { Controller, type StartReport } from './cluster/controller.ts';
import { FileStore } from './cluster/file-store.ts';
import type { BrokerConfig } from './config/broker-config.ts';
import { exposureWarnings } from './config/exposure.ts';
import { isTls, type Listener, listenersOf } from './config/listeners.ts';
import { loadBrokerConfig } from './config/load.ts';
import type { BrokerState } from './http/broker-view.ts';
import type { Doorman } from './http/gate.ts';
import type { HttpSide } from './http/http-side.ts';
import { liveView } from './http/live-view.ts';
import { type ChosenIo, chooseIoPath } from './net/choose-io-path.ts';
import { createTallyParts } from './net/front-tallies.ts';
import { type BoundListeners, type StartedFronts, startFronts } from './net/start-fronts.ts';
import type { ListenAddress } from './net/transport.ts';
import type { TlsKeeper } from './security/tls-keeper.ts';
import { FolderLock, readBootId } from './storage/folder-lock.ts';
import { roomOf } from './storage/folder-room.ts';
import { checkFolder, placeOf } from './storage/folder-safety.ts';
import { findPartitions } from './storage/found-folders.ts';
import { LogDirectory } from './storage/log-directory.ts';
import { NodeDisk } from './storage/node-disk.ts';
import { BackgroundPool } from './workers/background-pool.ts';
import { type BrokerSizes, brokerSizes } from './workers/broker-sizes.ts';
import { Checkpoints } from './workers/checkpoints.ts';
import { cleanerBudgetOf, cleanerSettingsOf } from './workers/cleaner-settings.ts';
import { FileRemoval } from './workers/file-removal.ts';
import { LogCleaner } from './workers/log-cleaner.ts';
import type { LogScrubber } from './workers/log-scrubber.ts';
import { startScrubber } from './workers/start-scrubber.ts';
import { type StartedWorkers, startWorkers } from './workers/start-workers.ts';
import { WholeFlush } from './workers/whole-flush.ts';
import { WorkerHost } from './workers/worker-host.ts';
import { createCrc32c } from './zerocopy/crc32c.ts';
import { loadNative, memoryOf, type Native } from './zerocopy/native.ts';
import { FRONT_STAGES, StageBoard, WORKER_STAGES } from './zerocopy/stage-board.ts';

export interface BrokerParts {
  readonly config: BrokerConfig;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
  /** For people who ask over HTTP. */
  readonly version?: string;
  /** A thread died: the broker cannot go on. Without this the process is ended with code 1. */
  readonly onFailure?: (cause: Error) => void;
}

/** A listener as it is open. */
export interface ListeningFacts extends Pick<Listener, 'name' | 'protocol' | 'advertised'> {
  readonly address: ListenAddress;
}

/** What is worth telling a person after the start. */
export interface BrokerFacts {
  /** Of the first listener. */
  readonly listen: ListenAddress;
  readonly listeners: readonly ListeningFacts[];
  /** Where the HTTP side listens; null: there is none. */
  readonly http: ListenAddress | null;
  readonly dataFolder: string;
  readonly io: ChosenIo;
  readonly fronts: number;
  /** Beside them, those of listeners with TLS. */
  readonly tlsFronts: number;
  readonly workers: number;
  readonly topics: number;
  readonly partitions: number;
  /** Access rules are in force. */
  readonly hasRules: boolean;
  /** Doors that others reach and nobody watches. */
  readonly warnings: readonly string[];
  readonly notices: readonly string[];
}

/** Everything that runs once the broker is started. */
interface Running {
  readonly controller: Controller;
  readonly plane: ControlPlane;
  readonly alarms: AlarmDriver;
  readonly host: WorkerHost;
  readonly workers: StartedWorkers;
  readonly fronts: StartedFronts;
  readonly checkpoints: Checkpoints;
  readonly cleaner: LogCleaner;
  readonly scrubber: LogScrubber;
  readonly background: BackgroundPool;
  readonly facts: BrokerFacts;
}

/** What the start found on disk, opened. */
interface OpenedData {
  readonly controller: Controller;
  readonly host: WorkerHost;
  readonly report: StartReport;
  readonly isClean: boolean;
}

export class Broker {
  private readonly parts: BrokerParts;
  private readonly logger: Logger;
  private readonly directory: LogDirectory;
  private readonly dataFolder: string;
  private readonly bootId = readBootId();
  private folderNotices: readonly string[] = [];
  private lock: FolderLock | null = null;
  private workers: StartedWorkers | null = null;
  private fronts: StartedFronts | null = null;
  private tls: TlsKeeper | null = null;
  private running: Running | null = null;
  private stopping: Promise<void> | null = null;
  private state: BrokerState = 'starting';
  private http: HttpSide | null = null;

  constructor(parts: BrokerParts) {
    this.parts = parts;
    this.logger = createLogger({ level: parts.logLevel, format: parts.logFormat, thread: 'main' });
    this.dataFolder = placeOf(must(parts.config.values['log.dirs'][0], 'the settings name a data folder'));
    this.directory = new LogDirectory(new NodeDisk(), this.dataFolder);
  }

  get facts(): BrokerFacts {
    return must(this.running, 'the broker is running').facts;
  }

  get address(): ListenAddress {
    return this.facts.listen;
  }

  /** Throws Fault with a sentence for people when it cannot start; then nothing of it is left running. */
  async start(): Promise<BrokerFacts> {
    const native = loadNative();
    const io = chooseIoPath(this.parts.config.values['perfbroker.io'], native);
    const lock = FolderLock.take(this.dataFolder, Date.now());
    this.lock = lock;
    lock.keep(() => this.fail(folderLost(this.dataFolder)));
    try {
      this.running = await this.startAll(io);
    } catch (error) {
      lock.giveBack();
      throw error;
    }
    return this.running.facts;
  }

  /** Answers what is under way, writes everything down, ends all threads. A second call waits for the first. */
  stop(): Promise<void> {
    this.state = 'stopping';
    this.http?.hide();
    this.stopping ??= this.stopAll();
    return this.stopping;
  }

  /**
   * To be followed by the end of the process: nothing is answered or written down any more. What was acknowledged is in
   * the files, and the next start finds it.
   */
  abandon(): void {
    this.fronts?.abandon();
    this.workers?.abandon();
  }

  /** The threads start side by side. The data folder is touched only when they are there and have their port. */
  private async startAll(io: ChosenIo): Promise<Running> {
    const { config } = this.parts;
    const listeners = listenersOf(config.values);
    const tls = await this.readCertificates(listeners);
    const sizes = brokerSizes(config.values);
    const background = this.backgroundOf(io);
    const onDeath = (cause: Error): void => this.fail(cause);
    const workers = this.startWorkers(io, sizes, background, onDeath);
    this.workers = workers;
    const desk = new OpeningDesk();
    const fronts = this.startFronts(io, sizes, workers, desk, listeners);
    this.fronts = fronts;
    const http = this.startHttp();
    try {
      const [bound, httpBound] = await Promise.all([fronts.ready(), http, workers.ready()]);
      this.openFolder();
      const opened = await this.openData(sizes, workers, background);
      // Whole milliseconds, as records and answers hold them.
      const alarms = new Alarms(() => Math.floor(systemClock.nowMs()));
      const plane = this.planeOf(opened.controller, workers, alarms, listeners, io.native);
      desk.open(plane);
      const driver = new AlarmDriver(alarms);
      driver.start();
      await plane.start();
      // Before the fronts' first turn, so that no client meets a broker without topics.
      keepFrontsTold(fronts, opened.controller);
      tls?.start((listener, terms) => fronts.renewTls(listener, terms), opened.controller.config);
      opened.controller.observeSettings((_catalog, settings) => tls?.useConfig(settings));
      fronts.openDoors();
      const upkeep = {
        checkpoints: this.startCheckpoints(opened.host, workers),
        cleaner: this.startCleaner(opened.controller, workers, background),
        scrubber: startScrubber({ ...opened, background, logger: this.logger }),
      };
      const doorman = plane.doorman();
      const facts = this.factsOf(io, sizes, { bound, http: httpBound, doorman }, listeners, opened);
      const { version = 'embedded' } = this.parts;
      const connections = () => fronts.connectionsByListener();
      const shown = { version, ...facts, ioPath: io.path, workerCount: facts.workers, connections };
      this.http?.show(liveView({ ...shown, ...opened, ...upkeep, plane, workers }), doorman);
      if (this.state === 'recovering') this.state = 'ready';
      return { ...opened, ...upkeep, plane, alarms: driver, workers, fronts, background, facts };
    } catch (error) {
      await http.catch(() => null);
      await Promise.all([fronts.terminate(), workers.terminate(), background.close(), this.http?.close()]);
      throw error;
    }
  }

  private startFronts(
    io: ChosenIo,
    sizes: BrokerSizes,
    workers: StartedWorkers,
    desk: OpeningDesk,
    listeners: readonly Listener[],
  ): StartedFronts {
    return startFronts({
      ...this.parts,
      io,
      sizes,
      workers,
      desk,
      listeners,
      tls: this.tls?.terms ?? new Map(),
      logger: this.logger,
      onDeath: (cause) => this.fail(cause),
      randomBytes: (count) => randomBytes(count),
    });
  }

  private openFolder(): void {
    this.state = 'recovering';
    this.folderNotices = checkFolder(this.dataFolder);
    this.directory.open(this.bootId);
    for (const notice of this.directory.notices) this.logger.warn(notice);
  }

  /** Reads the files of listeners with TLS again; new connections get what is in them. */
  reloadCertificates(): void {
    this.tls?.reload('it was asked for');
  }

  /** Loaded only when there are any, as the HTTP side. */
  private async readCertificates(listeners: readonly Listener[]): Promise<TlsKeeper | null> {
    if (!listeners.some(({ protocol }) => isTls(protocol))) return null;
    const { TlsKeeper } = await import('./security/tls-keeper.ts');
    const { config } = this.parts;
    this.tls = new TlsKeeper({ listeners, config, logger: this.logger, nowMs: () => systemClock.nowMs() });
    return this.tls;
  }

  /** Loaded only when it is wanted; it costs a few megabytes. */
  private async startHttp(): Promise<ListenAddress | null> {
    const { 'perfbroker.http.port': port, 'perfbroker.http.host': host } = this.parts.config.values;
    if (port === null) return null;
    const { HttpSide, HTTP_LIMITS } = await import('./http/http-side.ts');
    const http = new HttpSide({ state: () => this.state, limits: HTTP_LIMITS, logger: this.logger });
    this.http = http;
    return http.listen({ host, port });
  }

  private get wantsMetrics(): boolean {
    return this.parts.config.values['perfbroker.http.port'] !== null;
  }

  private backgroundOf(io: ChosenIo): BackgroundPool {
    const { values } = this.parts.config;
    return new BackgroundPool({
      threadsMax: values['num.recovery.threads.per.data.dir'],
      usesNative: io.usesNative,
      logLevel: this.parts.logLevel,
      warn: (message) => this.logger.warn(message),
    });
  }

  private startWorkers(
    io: ChosenIo,
    sizes: BrokerSizes,
    background: BackgroundPool,
    onDeath: (cause: Error) => void,
  ): StartedWorkers {
    const { values } = this.parts.config;
    return startWorkers({
      ...this.parts,
      io,
      sizes,
      fronts: sizes.fronts,
      plainFronts: sizes.plainFronts,
      background,
      removal: new FileRemoval(this.logger),
      tallies: this.wantsMetrics ? createTallyParts(sizes.slotsMax, sizes.fronts) : null,
      housekeeping: {
        retentionCheckMs: values['log.retention.check.interval.ms'],
        flushWindowMs: values['perfbroker.flush.window.ms'],
        writeBackBytes: values['perfbroker.write.back.bytes'],
        reserve: { folder: this.dataFolder, bytes: values['perfbroker.disk.reserve.bytes'] },
      },
      onDeath,
    });
  }

  /** The catalog and every partition in it, put in order first where the last stop was not clean. */
  private async openData(sizes: BrokerSizes, workers: StartedWorkers, background: BackgroundPool): Promise<OpenedData> {
    const { config } = this.parts;
    const isClean = this.directory.takeCleanMark();
    const disk = new NodeDisk();
    const found = findPartitions(disk, this.directory.list());
    const flush = new WholeFlush({
      disk,
      folder: this.dataFolder,
      flushSystem: (fd) => background.flushSystem(fd),
    });
    const host = new WorkerHost({
      posts: workers.posts,
      directory: this.directory,
      isClean: isClean || found.length === 0,
      settings: {
        isSyncedBeforeAck: config.values['perfbroker.durability'] === 'fsync',
        producerExpiryMs: config.values['producer.id.expiration.ms'],
      },
      recover: (args) => background.recover(args),
      flushAll: () => flush.run(),
      forgetTallies: forgetterOf(workers),
      uniqueHex: () => randomBytes(16).toString('hex'),
      pause: () => new Promise((resolve) => setImmediate(resolve)),
      logger: this.logger,
    });
    const controller = new Controller({
      store: new FileStore(this.dataFolder),
      host,
      config,
      workers: sizes.workers,
      nowMs: () => systemClock.nowMs(),
      randomBytes: (count) => randomBytes(count),
      slotsMax: sizes.slotsMax,
      settingsCheck: (next, changed) => this.tls?.problemOf(next, changed) ?? null,
    });
    const report = await controller
      .start({ found, wasUnclean: !isClean && found.length > 0, clusterId: null })
      .finally(() => flush.close());
    for (const problem of report.problems) this.logger.error(problem);
    return { controller, host, report, isClean };
  }

  private startCleaner(controller: Controller, workers: StartedWorkers, background: BackgroundPool): LogCleaner {
    const cleaner = new LogCleaner({
      posts: workers.posts,
      work: background.cleaning(() => cleanerBudgetOf(controller.config.values)),
      settings: () => cleanerSettingsOf(controller.config.values),
      randomBytes: (count) => randomBytes(count),
      logger: this.logger,
    });
    cleaner.start();
    return cleaner;
  }

  /** Tasks are ended where they stand, so that a stop waits for no compaction. */
  private async stopCleaner({ cleaner, scrubber, background }: Running): Promise<void> {
    const stopped = Promise.all([cleaner.stop(), scrubber.stop()]);
    await background.endCleaning();
    await stopped;
  }

  private startCheckpoints(host: WorkerHost, workers: StartedWorkers): Checkpoints {
    const checkpoints = new Checkpoints({
      directory: this.directory,
      bootId: this.bootId,
      host,
      posts: workers.posts,
      everyMs: this.parts.config.values['log.flush.offset.checkpoint.interval.ms'],
      nowMs: () => systemClock.nowMs(),
      logger: this.logger,
    });
    checkpoints.start();
    return checkpoints;
  }

  private planeOf(
    controller: Controller,
    workers: StartedWorkers,
    alarms: Alarms,
    listeners: readonly Listener[],
    native: Native | null,
  ): ControlPlane {
    const crc = createCrc32c(native);
    return new ControlPlane({
      dataFolder: { path: this.dataFolder, room: () => roomOf(this.dataFolder) },
      controller,
      port: workers.port,
      crc32c: (memory, at, length) => crc(memoryOf(memory.bytes, native), at, length),
      alarms,
      randomBytes: (count) => randomBytes(count),
      listeners,
      wantsMetrics: this.wantsMetrics,
      dataApis: DATA_APIS,
      log: this.logger,
    });
  }

  private factsOf(
    io: ChosenIo,
    sizes: BrokerSizes,
    listening: { readonly bound: BoundListeners; readonly http: ListenAddress | null; readonly doorman: Doorman },
    listeners: readonly Listener[],
    opened: OpenedData,
  ): BrokerFacts {
    const { controller, host, report, isClean } = opened;
    const notices = [...this.parts.config.notices, ...this.folderNotices, ...report.notices, ...report.problems];
    for (const leftover of report.leftovers) notices.push(leftover.reason);
    notices.push(...(this.tls?.notices() ?? []));
    if (report.adoptedTopics.length > 0) {
      notices.push(`topics found in the data folder and taken over: ${report.adoptedTopics.join(', ')}`);
    }
    if (!isClean && host.open.size > 0) {
      const mebibytes = Math.ceil(host.bytesScanned / 1_048_576);
      notices.push(`the last stop was not clean: ${mebibytes} MiB of logs were checked, and leader epochs moved on`);
    }
    if (io.notice !== null) notices.push(io.notice);
    const requestBytesMax = sizes.slabBytes / 2;
    if (sizes.fronts > 1 && requestBytesMax < this.parts.config.values['socket.request.max.bytes']) {
      const mebibytes = Math.floor(requestBytesMax / 1_048_576);
      notices.push(`each front takes requests up to ${mebibytes} MiB; for larger ones raise queued.max.request.bytes`);
    }
    const { hasRules, hasUsers } = listening.doorman;
    const terms = this.tls?.terms;
    const open = listeners.map(({ name, protocol, advertised }) => ({
      name,
      knowsClients: terms?.get(name)?.clientAuth === 'required',
      protocol,
      advertised,
      address: must(listening.bound.get(name), 'a broker that is ready listens'),
    }));
    return {
      listen: must(open[0], 'a broker has a listener').address,
      listeners: open,
      http: listening.http,
      dataFolder: this.dataFolder,
      io,
      fronts: sizes.plainFronts,
      tlsFronts: sizes.fronts - sizes.plainFronts,
      workers: sizes.workers,
      topics: controller.catalog.topicsByName.size,
      partitions: host.open.size,
      hasRules,
      warnings: exposureWarnings({
        listeners: open,
        hasRules,
        http: listening.http,
        isHttpGuarded: hasRules || hasUsers,
      }),
      notices,
    };
  }

  private async stopAll(): Promise<void> {
    const running = this.running;
    if (running === null) return this.stopWhileStarting();
    running.host.leaveFolders();
    running.checkpoints.stop();
    this.tls?.stop();
    await this.stopCleaner(running);
    running.plane.release();
    await running.fronts.stop();
    running.alarms.stop();
    await running.plane.stop();
    await running.controller.stop();
    const rows = await running.workers.stop();
    await running.fronts.ended();
    running.checkpoints.saveLast(rows);
    await running.background.close();
    await this.http?.close();
    this.lock?.release();
    this.running = null;
  }

  /** Nobody was served yet, so there is nothing to finish. */
  private async stopWhileStarting(): Promise<void> {
    await Promise.all([this.fronts?.terminate(), this.workers?.terminate(), this.http?.close()]);
    this.lock?.giveBack();
  }

  /** Half a broker must not go on: what was acknowledged is in the files, the next start will find it. */
  fail(cause: Error): void {
    this.logger.error(`the broker stops: ${isFault(cause) ? cause.message : (cause.stack ?? cause.message)}`);
    this.abandon();
    if (this.parts.onFailure !== undefined) this.parts.onFailure(cause);
    else process.exit(1);
  }
}

function folderLost(folder: string): Fault {
  return new Fault(
    'PB_DATA_LOCKED',
    `another process took the data folder ${folder} while this one gave no sign of life; two must not write to it`,
  );
}

/** A new partition does not inherit what was counted in its slot. */
function forgetterOf({ shared: { tallies } }: StartedWorkers): (slot: number) => void {
  if (tallies === null) return () => {};
  const ofWorkers = new StageBoard(tallies.stages, WORKER_STAGES);
  const ofFronts = tallies.fronts.map(({ stages }) => new StageBoard(stages, FRONT_STAGES));
  return (slot) => {
    for (const board of [ofWorkers, ...ofFronts]) board.clear(slot);
  };
}

export interface EmbeddedBrokerOptions {
  /** 0 (the default) asks for a free port; `broker.address` tells which. */
  readonly port?: number;
  readonly host?: string;
  /** Port of the HTTP side; 0 for a free one, `broker.facts.http` tells which. Left out: there is none. */
  readonly httpPort?: number;
  /** The data folder. */
  readonly data: string;
  /** Partitions of topics created without saying how many. */
  readonly partitions?: number;
  /** Any broker setting under Kafka's own key. */
  readonly settings?: { readonly [key: string]: string };
  readonly logLevel?: LogLevel;
  readonly onFailure?: (cause: Error) => void;
}

/** A started broker inside the calling process. */
export async function createBroker(options: EmbeddedBrokerOptions): Promise<Broker> {
  const flags: Record<string, string> = {
    ...options.settings,
    port: String(options.port ?? 0),
    'host.name': options.host ?? '127.0.0.1',
    'log.dirs': options.data,
    ...(options.httpPort === undefined ? {} : { 'perfbroker.http.port': String(options.httpPort) }),
    ...(options.partitions === undefined ? {} : { 'num.partitions': String(options.partitions) }),
  };
  const broker = new Broker({
    config: loadBrokerConfig({ flags }),
    logLevel: options.logLevel ?? 'warn',
    logFormat: 'text',
    ...(options.onFailure === undefined ? {} : { onFailure: options.onFailure }),
  });
  await broker.start();
  return broker;
}
